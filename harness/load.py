"""Real traffic: one Locust process per client location, started, watched through its record, and stopped.

Never inside this process: gevent would patch its sockets, and a busy harness would delay arrivals by 200 ms without
anyone seeing it. What a location meets is read from the tail of its own binary record, the same file that the judges
read later.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np

from harness.clock import Clock, Duration, Instant, minutes, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import HarnessFault
from harness.following import Tail
from harness.generators import Generator, LoadPlace
from harness.requests import OPERATIONS, Outcome, address_text
from harness.reserve import Reserve
from loadtests.settings import MIX, LoadSettings, checked

_PATIENCE_REAL_SECONDS = 30.0
_STOP_REAL_SECONDS = 10.0
_STEP = 0.05
GLANCE = seconds(5)
"""The span that a glance covers unless told otherwise."""
LONGEST_GLANCE = minutes(2)
"""The longest span that a glance can cover."""


@dataclass(frozen=True)
class LoadPlan:
    """The traffic of all places. Rates are per AWS second."""

    host: str
    """The service's URL."""
    rates: Mapping[str, float]
    """For each place."""
    mix: Mapping[str, int] = field(default_factory=lambda: dict(MIX))
    deadline: Duration = seconds(5)
    connection_age: Duration = seconds(20)
    ttl_policy: str = "honour"
    monitoring_token: str = ""
    """Handed on in the environment only; no file of the run holds it."""
    in_flight: int = 400
    setup: Duration = seconds(15)


@dataclass(frozen=True)
class Glance:
    """What one location met lately; rates are per AWS second, over what *ended* in the window."""

    at: Instant
    arrivals_per_second: float
    bad_per_second: float
    latency_median: Duration | None
    """From the due time, of good requests; ``None`` without any."""
    addresses: Mapping[str, int]
    """How many good requests each address answered."""
    last_good: Instant | None
    """When the latest good request of the whole run ended."""


class _Flow:
    """One place's traffic: its generator, once there is one, and its growing record."""

    def __init__(self, place: LoadPlace, folder: Path, clock: Clock) -> None:
        self.place = place
        self.record = folder / f"requests-{place.name}.bin"
        self.ready = folder / f"load-{place.name}.ready"
        self.tail = Tail(self.record, round(clock.real_seconds(LONGEST_GLANCE) * 1e9))
        self.generator: Generator | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.generator is not None and self.generator.running

    def signal(self, number: int) -> bool:
        """Signal its generator; false when there is none, or nobody is left of it."""
        return self.generator is not None and self.generator.signal(number)

    def last_words(self) -> str:
        """The end of its generator's log."""
        return self.generator.last_words() if self.generator else ""


class Load:
    """The traffic of a run. Leaving the ``with`` stops it, however the body ended.

    ``folder`` receives ``requests-<place>.bin``, and for each place a log, the settings and a ready marker. Generators
    that wait in ``reserve`` are used.
    """

    def __init__(
        self,
        clock: Clock,
        folder: Path,
        places: Sequence[LoadPlace],
        plan: LoadPlan,
        reserve: Reserve | None = None,
    ) -> None:
        missing = [place.name for place in places if place.name not in plan.rates]
        if missing:
            raise HarnessFault(f"the load plan has no rate for {', '.join(missing)}")
        self._clock = clock
        self._plan = plan
        self._folder = folder.resolve()
        self._reserve = reserve or Reserve(self._folder)
        self._flows = [_Flow(place, self._folder, clock) for place in places]

    @property
    def records(self) -> Mapping[str, Path]:
        """Each place's record of requests."""
        return {flow.place.name: flow.record for flow in self._flows}

    def __enter__(self) -> Load:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the traffic and return when every place has had a good answer.

        Raises ``HarnessFault`` with the end of a log when a place does not get there; all are stopped then. Raises
        ``BadInput`` when the plan cannot be carried out.
        """
        began = monotonic_nanoseconds()
        settings = {flow.place: self._settings(flow, began) for flow in self._flows}
        try:
            for flow in self._flows:
                flow.generator = self._reserve.take(flow.place)
                flow.generator.begin(settings[flow.place], self._folder, self._plan.monitoring_token)
            self._await_good_answers()
        except BaseException:
            self.stop()
            raise

    def glance(self, window: Duration = GLANCE) -> Mapping[str, Glance]:
        """What each place met in the last ``window``; cheap enough (0.3 ms a place) to ask many times a second.

        Raises ``HarnessFault`` when ``window`` is longer than :data:`LONGEST_GLANCE`.
        """
        now = monotonic_nanoseconds()
        since = self._since(window, now)
        return {flow.place.name: self._glance(flow.tail, now, since, window) for flow in self._flows}

    def counted(self, window: Duration, wanted: Callable[[str, str], bool]) -> tuple[int, int]:
        """How many requests ended in the last ``window``, and how many of them badly.

        Of those that are ``wanted``, by location and operation. Raises ``HarnessFault`` as :meth:`glance` does.
        """
        ended = bad = 0
        since = self._since(window, monotonic_nanoseconds())
        for flow in self._flows:
            flow.tail.read_on()
            rows = flow.tail.window(since)
            meant = [index for index, name in enumerate(OPERATIONS) if wanted(flow.place.name, name)]
            rows = rows[np.isin(rows["operation"], meant)]
            ended += len(rows)
            bad += int((rows["outcome"] != Outcome.GOOD).sum())
        return ended, bad

    def _since(self, window: Duration, now: int) -> int:
        if window > LONGEST_GLANCE:
            raise HarnessFault(f"a glance covers at most {LONGEST_GLANCE}, not {window}")
        return now - round(self._clock.real_seconds(window) * 1e9)

    def alive(self) -> bool:
        """Whether every place's process runs."""
        return all(flow.running for flow in self._flows)

    def dead(self) -> list[str]:
        """The places whose process has ended: their silence is not the service's."""
        return [flow.place.name for flow in self._flows if not flow.running]

    def processes(self) -> list[int]:
        """The ids of the generators that run on this machine; of one elsewhere only its errand boy would be here."""
        here = [flow for flow in self._flows if not flow.place.python]
        return [flow.generator.pid for flow in here if flow.generator and flow.running]

    def clock_errors(self) -> Mapping[str, Duration]:
        """Of the places on other machines: how far their records' times may be off, either way; known at the end."""
        errors = {flow.place.name: flow.generator.clock_error for flow in self._flows if flow.generator}
        return {place: Duration(round(error * self._clock.speed)) for place, error in errors.items() if error}

    def stop(self) -> None:
        """End the traffic: requests under way finish and are recorded. Safe to call twice."""
        for flow in self._flows:
            if flow.running:
                flow.signal(signal.SIGTERM)
        patience = _STOP_REAL_SECONDS + self._clock.real_seconds(self._plan.deadline)
        give_up = monotonic_nanoseconds() + round(patience * 1e9)
        left = list(self._flows)
        while left and monotonic_nanoseconds() < give_up:
            left = [flow for flow in left if flow.signal(0)]
            real_sleep(_STEP if left else 0)
        for flow in left:
            flow.signal(signal.SIGKILL)

    def _settings(self, flow: _Flow, began: int) -> LoadSettings:
        plan, place, anchor = self._plan, flow.place, self._clock.anchor
        values = {
            "host": plan.host,
            "location": place.name,
            "location_index": place.index,
            "record": str(flow.record),
            "ready": str(flow.ready),
            "speed": self._clock.speed,
            "anchor_monotonic_nanoseconds": anchor.monotonic_nanoseconds,
            "anchor_epoch_nanoseconds": anchor.epoch_nanoseconds,
            "start_monotonic_nanoseconds": began,
            "rate_per_second": plan.rates[place.name],
            "mix": dict(plan.mix),
            "deadline_seconds": plan.deadline.seconds,
            "connection_age_seconds": plan.connection_age.seconds,
            "ttl_policy": plan.ttl_policy,
            "nameserver": place.nameserver,
            "subnet": place.subnet,
            "in_flight": plan.in_flight,
            "setup_seconds": plan.setup.seconds,
        }
        return checked(values, "load plan")

    def _await_good_answers(self) -> None:
        patience = _PATIENCE_REAL_SECONDS + self._clock.real_seconds(self._plan.setup)
        give_up = monotonic_nanoseconds() + round(patience * 1e9)
        waiting = list(self._flows)
        while waiting:
            for flow in waiting:
                if not flow.running:
                    raise HarnessFault(f"the traffic of {flow.place.name} ended at once:\n{flow.last_words()}")
            waiting = [flow for flow in waiting if not _answered(flow)]
            if waiting and monotonic_nanoseconds() > give_up:
                silent = waiting[0]
                stage = "has no good answer" if silent.ready.exists() else "is not signed up"
                raise HarnessFault(f"{silent.place.name} {stage} after {patience:.0f} s:\n{silent.last_words()}")
            real_sleep(_STEP if waiting else 0)

    def _glance(self, tail: Tail, now: int, since: int, window: Duration) -> Glance:
        tail.read_on()
        rows = tail.window(since)
        good = rows[rows["outcome"] == Outcome.GOOD]
        median = None
        if len(good):
            real = np.median((good["done"] - good["intended"]).astype(np.float64))
            median = Duration(round(float(real) * self._clock.speed))
        numbers, counts = np.unique(good["address"], return_counts=True)
        return Glance(
            at=self._clock.at(now),
            arrivals_per_second=len(rows) / window.seconds,
            bad_per_second=(len(rows) - len(good)) / window.seconds,
            latency_median=median,
            addresses={address_text(int(number)): int(count) for number, count in zip(numbers, counts, strict=True)},
            last_good=self._clock.at(tail.last_good) if tail.last_good else None,
        )


def _answered(flow: _Flow) -> bool:
    if not flow.ready.exists():
        return False
    flow.tail.read_on()
    return flow.tail.last_good > 0
