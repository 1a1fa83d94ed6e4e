"""A load generator on another machine: its record is brought home, and its clock held against ours.

Its clock is measured as NTP does it, over the same pipe: a question leaves here, the other machine writes its time on
it, the answer comes back. The other clock was read in between, so that how far it is ahead is known to half of what
the round trip took; of several the shortest counts. It is measured before the traffic and after it. Records are turned
into this machine's time as they arrive, by the first measurement; what the second differs by is part of the error.
Source: https://www.rfc-editor.org/rfc/rfc5905 (section 8, the on-wire protocol)
"""

from __future__ import annotations

import base64
import contextlib
import logging
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from harness.clock import monotonic_nanoseconds
from harness.errors import GamedayError, HarnessFault
from harness.generators import ROOT, Generator, LoadPlace
from harness.requests import SIZE, RequestWriter, moved
from loadtests.courier import MARK
from loadtests.settings import LoadSettings, order

_LOG = logging.getLogger("gameday.load")
ROUND_TRIPS = 10
FASTEST_DRIFT = 500e-6
"""No clock is slewed by more than so many seconds a second: the kernel's limit, see ``man 2 adjtimex``."""


@dataclass(frozen=True)
class Offset:
    """How far another machine's CLOCK_MONOTONIC is ahead of ours, and by how much that may be wrong; real ns."""

    ahead: int
    error: int
    at: int
    """When that was so, by our clock."""

    @classmethod
    def of(cls, left: int, read: int, came: int) -> Offset:
        """From one round trip: when the question left and the answer came by our clock, and what the other read."""
        middle = (left + came) // 2
        return cls(read - middle, (came - left + 1) // 2, came)


class Outpost(Generator):
    """One place's Locust process on another machine, behind ``enter``. Its record is written here as it arrives.

    Used as a :class:`Generator` is; TERM asks the other machine to end, and what it still had to tell is waited for
    while it can be signalled.
    """

    def __init__(self, place: LoadPlace, log: Path) -> None:
        super().__init__(place, log)
        self._orders: SimpleQueue[tuple[LoadSettings, str] | None] = SimpleQueue()
        self._writing = threading.Lock()
        self._before: Offset | None = None
        self._after: Offset | None = None
        self._tending = threading.Thread(target=self._tend, name=f"outpost-{place.name}", daemon=True)
        self._tending.start()

    def _start(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        place = self.place
        return subprocess.Popen(
            [*place.enter, "env", "-C", place.folder, place.python, "-m", "loadtests.courier"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )

    def _send(self, settings: LoadSettings, monitoring_token: str) -> None:
        self._orders.put((settings, monitoring_token))

    def _write(self, line: str) -> bool:
        with self._writing:
            return super()._write(line)

    @property
    def clock_error(self) -> int:
        """How far its record's times may be off either way, real nanoseconds.

        Until its clock is measured a second time it may have drifted as fast as a clock is ever slewed.
        """
        if self._before is None:
            return 0
        if self._after is None:
            drift = (monotonic_nanoseconds() - self._before.at) * FASTEST_DRIFT
            return self._before.error + round(drift)
        return max(self._before.error, abs(self._after.ahead - self._before.ahead) + self._after.error)

    def signal(self, number: int) -> bool:
        """As a generator's; TERM is asked for over there, and 0 is told as long as its record is not whole here."""
        if number == signal.SIGTERM:
            return self._write("stop")
        alive = super().signal(number)
        return alive or self._tending.is_alive()

    def dismiss(self) -> None:
        """End one that never began."""
        self._orders.put(None)
        super().signal(signal.SIGKILL)
        self._tending.join()
        super().dismiss()

    def _tend(self) -> None:
        """From its first word to its last, by a thread of its own."""
        lines = self._lines()
        try:
            if next(lines, "") != "hello":
                return  # it never came so far; its log tells why
            ordered = self._orders.get()
            if ordered is not None:
                self._follow(lines, *ordered)
        except (GamedayError, OSError, ValueError) as error:
            _LOG.error("%s: %s", self.place.name, error)
            self._note(f"{error}\n")
            super().signal(signal.SIGKILL)
        finally:
            self._take_leave(lines)

    def _take_leave(self, lines: Iterator[str]) -> None:
        """Close the way there: its end is the end for whoever is still at work over there."""
        assert self._child.stdin is not None
        with self._writing, contextlib.suppress(BrokenPipeError):  # nobody may be there any more
            self._child.stdin.close()
        for told in lines:
            self._note(f"{told}\n")

    def _follow(self, lines: Iterator[str], settings: LoadSettings, token: str) -> None:
        self._before = before = self._measured(lines)
        there = replace(
            settings,
            record="there",
            ready="there",
            anchor_monotonic_nanoseconds=settings.anchor_monotonic_nanoseconds + before.ahead,
            start_monotonic_nanoseconds=settings.start_monotonic_nanoseconds + before.ahead,
        )
        self._write(f"order {order(there, token)}")
        record = Path(settings.record)
        with RequestWriter(record, settings.clock, settings.location_index) as writer:
            arrived = 0
            for line in lines:
                word, _, rest = line.partition(" ")
                if word == "rows":
                    data = base64.b64decode(rest, validate=True)
                    writer.append(moved(data, -before.ahead, record, arrived))
                    arrived += len(data) // SIZE
                elif word == "ready":
                    Path(settings.ready).touch()
                elif word == "ended":
                    break
        self._after = self._measured(lines)

    def _measured(self, lines: Iterator[str]) -> Offset:
        """How far the other clock is ahead now, by the shortest of some round trips. Raises ``HarnessFault``."""
        return min((self._round_trip(lines, number) for number in range(ROUND_TRIPS)), key=lambda one: one.error)

    def _round_trip(self, lines: Iterator[str], number: int) -> Offset:
        left = monotonic_nanoseconds()
        self._write(f"ping {number}")
        for line in lines:
            came = monotonic_nanoseconds()
            match line.split():
                case ["pong", answered, read] if answered == str(number):
                    return Offset.of(left, int(read), came)
        raise HarnessFault(f"{self.place.name} is cut off: its clock cannot be measured.")

    def _lines(self) -> Iterator[str]:
        """What the courier says; whatever else comes through goes to the log."""
        assert self._child.stdout is not None
        for raw in self._child.stdout:
            line = raw.decode(errors="replace").strip()
            marked, _, told = line.partition(f"{MARK} ")
            if told and not marked:
                yield told
            elif line:
                self._note(f"{line}\n")

    def _note(self, text: str) -> None:
        with self._log.open("a") as log:
            log.write(text)
