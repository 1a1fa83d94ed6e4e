"""Time as values, and the only place that reads a clock.

Three times meet in a game day. *Real* time is the kernel's CLOCK_MONOTONIC, shared by every process on the
machine. *AWS* (virtual) time is what the platform and every report speak: on AWS it is real time, on the twin it
runs ``speed`` times faster. ``Instant`` and ``Duration`` are always AWS time; a bare number of seconds is only ever
handed to the operating system, by :meth:`Clock.real_seconds`.
"""

from __future__ import annotations

import datetime as _datetime
import time
from collections.abc import Iterator
from dataclasses import dataclass

_NANO = 1_000_000_000


@dataclass(frozen=True, order=True, slots=True)
class Duration:
    """A span of AWS time; may be negative. Unit: nanoseconds, exact."""

    nanoseconds: int

    @property
    def seconds(self) -> float:
        """The span as seconds."""
        return self.nanoseconds / _NANO

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.nanoseconds + other.nanoseconds)

    def __sub__(self, other: Duration) -> Duration:
        return Duration(self.nanoseconds - other.nanoseconds)

    def __mul__(self, factor: float) -> Duration:
        return Duration(round(self.nanoseconds * factor))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Duration:
        return Duration(round(self.nanoseconds / divisor))

    def __neg__(self) -> Duration:
        return Duration(-self.nanoseconds)

    def __str__(self) -> str:
        size = abs(self.seconds)
        if size < 1:
            return f"{self.seconds * 1000:.0f} ms"
        if size < 120:
            return f"{self.seconds:.1f} s"
        return f"{self.seconds / 60:.1f} min"


def milliseconds(count: float) -> Duration:
    """``count`` milliseconds of AWS time."""
    return Duration(round(count * 1_000_000))


def seconds(count: float) -> Duration:
    """``count`` seconds of AWS time."""
    return Duration(round(count * _NANO))


def minutes(count: float) -> Duration:
    """``count`` minutes of AWS time."""
    return Duration(round(count * 60 * _NANO))


ZERO = Duration(0)


@dataclass(frozen=True, order=True, slots=True)
class Instant:
    """A point in AWS time. Unit: nanoseconds since the Unix epoch."""

    nanoseconds: int

    def __add__(self, span: Duration) -> Instant:
        return Instant(self.nanoseconds + span.nanoseconds)

    def __sub__(self, other: Instant) -> Duration:
        return Duration(self.nanoseconds - other.nanoseconds)

    def back(self, span: Duration) -> Instant:
        """The instant ``span`` earlier."""
        return Instant(self.nanoseconds - span.nanoseconds)

    @property
    def epoch_seconds(self) -> float:
        """Seconds since the Unix epoch, as AWS's APIs count."""
        return self.nanoseconds / _NANO

    @property
    def datetime(self) -> _datetime.datetime:
        """The instant as an aware UTC datetime (microseconds)."""
        return _datetime.datetime.fromtimestamp(self.epoch_seconds, _datetime.UTC)

    @classmethod
    def of(cls, moment: _datetime.datetime) -> Instant:
        """The instant of an aware datetime; a naive one is read as UTC."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=_datetime.UTC)
        whole = int(aware.replace(microsecond=0).timestamp())
        return cls(whole * _NANO + aware.microsecond * 1000)

    def __str__(self) -> str:
        return self.datetime.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Anchor:
    """The one moment at which both clocks were read; every process of a run shares it."""

    monotonic_nanoseconds: int
    epoch_nanoseconds: int

    @classmethod
    def now(cls) -> Anchor:
        """An anchor at this very moment."""
        return cls(time.monotonic_ns(), time.time_ns())


@dataclass(frozen=True, slots=True)
class Clock:
    """AWS time at ``speed`` times real time, counted from ``anchor``.

    ``speed`` must be positive; 1 on AWS. Two processes with equal clocks agree to the resolution of CLOCK_MONOTONIC.
    """

    speed: float
    anchor: Anchor

    @classmethod
    def start(cls, speed: float = 1.0) -> Clock:
        """A clock anchored now."""
        return cls(speed, Anchor.now())

    def now(self) -> Instant:
        """The current AWS time."""
        return self.at(time.monotonic_ns())

    def at(self, monotonic_nanoseconds: int) -> Instant:
        """AWS time of a reading of CLOCK_MONOTONIC."""
        elapsed = monotonic_nanoseconds - self.anchor.monotonic_nanoseconds
        return Instant(self.anchor.epoch_nanoseconds + round(elapsed * self.speed))

    def monotonic(self, instant: Instant) -> int:
        """The CLOCK_MONOTONIC reading, in nanoseconds, at which AWS time is ``instant``."""
        elapsed = instant.nanoseconds - self.anchor.epoch_nanoseconds
        return self.anchor.monotonic_nanoseconds + round(elapsed / self.speed)

    def of_wall(self, epoch_nanoseconds: int) -> Instant:
        """AWS time of a moment that somebody's wall clock told, such as a database's ``clock_timestamp()``.

        Wall clocks run in real time; the two meet at the anchor.
        """
        elapsed = epoch_nanoseconds - self.anchor.epoch_nanoseconds
        return Instant(self.anchor.epoch_nanoseconds + round(elapsed * self.speed))

    def wall(self, instant: Instant) -> int:
        """What a wall clock, in nanoseconds since the epoch, says at an instant of AWS time."""
        elapsed = instant.nanoseconds - self.anchor.epoch_nanoseconds
        return self.anchor.epoch_nanoseconds + round(elapsed / self.speed)

    def wall_apart(self) -> float:
        """By how many real seconds the machine's wall clock is ahead of the anchor's by now; 0 when nobody set it."""
        now = Anchor.now()
        gone = now.monotonic_nanoseconds - self.anchor.monotonic_nanoseconds
        return (now.epoch_nanoseconds - self.anchor.epoch_nanoseconds - gone) / _NANO

    def real_seconds(self, span: Duration) -> float:
        """How long ``span`` of AWS time takes, in real seconds: for time-outs handed to the operating system."""
        return span.seconds / self.speed

    def sleep(self, span: Duration) -> None:
        """Block this thread for ``span`` of AWS time; returns at once when it is not positive."""
        if span.nanoseconds > 0:
            time.sleep(self.real_seconds(span))

    def sleep_until(self, instant: Instant) -> None:
        """Block this thread until AWS time is ``instant``."""
        self.sleep(instant - self.now())

    def every(self, period: Duration, patience: Duration) -> Iterator[Instant]:
        """Yield now and then once a ``period`` until ``patience`` has passed, without drift; late ticks are skipped."""
        began = self.now()
        tick = began
        while tick - began <= patience:
            yield self.now()
            tick = tick + period
            while tick < self.now():
                tick = tick + period
            self.sleep_until(tick)


def monotonic_nanoseconds() -> int:
    """CLOCK_MONOTONIC, in nanoseconds; comparable between processes of one machine."""
    return time.monotonic_ns()


def real_sleep(real_seconds: float) -> None:
    """Block this thread for real seconds: for waiting on processes, which no speed makes faster."""
    time.sleep(real_seconds)


def wall_seconds() -> int:
    """The wall clock, in whole seconds since the Unix epoch: for leases that several machines keep."""
    return time.time_ns() // _NANO


def wall_stamp() -> str:
    """The real time of day as a sortable stamp for file names, e.g. ``20261123T190019``."""
    return _datetime.datetime.now(_datetime.UTC).strftime("%Y%m%dT%H%M%S")
