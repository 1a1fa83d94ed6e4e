"""Real traffic: one Locust process per client location, started, watched through its record, and stopped.

Never inside this process: gevent would patch its sockets, and a busy harness would delay arrivals by 200 ms without
anyone seeing it. What a location meets is read from the tail of its own binary record, the same file that the judges
read later.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np

from harness.clock import Clock, Duration, Instant, minutes, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import HarnessFault
from harness.requests import RECORD, SIZE, Outcome, Rows, address_text, decode
from loadtests.settings import FILE, MIX, TOKEN, LoadSettings, checked

_ROOT = Path(__file__).resolve().parent.parent
_LOCUSTFILE = _ROOT / "loadtests" / "locustfile.py"
_PATIENCE_REAL_SECONDS = 30.0
_STOP_REAL_SECONDS = 10.0
_STEP = 0.05
_TAIL_LINES = 15
GLANCE = seconds(5)
"""The span that a glance covers unless told otherwise."""
LONGEST_GLANCE = minutes(2)
"""The longest span that a glance can cover."""


@dataclass(frozen=True)
class LoadPlace:
    """A place where clients are. ``enter`` is the command that runs another command there; empty: right here."""

    name: str
    index: int
    enter: tuple[str, ...] = ()
    nameserver: str = ""
    """``ip:port`` of the place's resolver; empty: what ``/etc/resolv.conf`` says there."""


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


class Tail:
    """The growing end of one location's record; reads each byte once and keeps the last ``span`` (real ns)."""

    def __init__(self, path: Path, span: int) -> None:
        self._path = path
        self._span = span
        self._at = SIZE
        self._recent: Rows = np.empty(0, RECORD)
        self.last_good = 0
        """Monotonic ns at which the latest good request ended; 0: none did."""

    def read_on(self) -> None:
        """Take in what was written since the last time. Raises ``Unreadable`` at a damaged record."""
        new = self._read()
        if len(new):
            good = new["done"][new["outcome"] == Outcome.GOOD]
            self.last_good = max(self.last_good, int(good.max()) if len(good) else 0)
            recent = np.concatenate((self._recent, new))
            self._recent = recent[recent["done"] + self._span >= recent["done"].max()]

    def window(self, since: int) -> Rows:
        """The records that ended at ``since`` (monotonic ns) or later, as far as they are kept."""
        return self._recent[self._recent["done"] >= since]

    def _read(self) -> Rows:
        try:
            with self._path.open("rb") as record:
                record.seek(self._at)
                data = record.read()
        except FileNotFoundError:
            return np.empty(0, RECORD)  # its process has not come that far
        rows = decode(data, self._path, (self._at - SIZE) // SIZE)
        self._at += len(rows) * SIZE
        return rows


class _Process:
    """One location's Locust process, in a session of its own."""

    def __init__(self, place: LoadPlace, folder: Path, clock: Clock) -> None:
        self.place = place
        self.record = folder / f"requests-{place.name}.bin"
        self.ready = folder / f"load-{place.name}.ready"
        self.log = folder / f"load-{place.name}.log"
        self.settings = folder / f"load-{place.name}.json"
        self.tail = Tail(self.record, round(clock.real_seconds(LONGEST_GLANCE) * 1e9))
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it."""
        locust = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--headless", "--users", "1"]
        command = [*self.place.enter, *locust, "--only-summary", "--exit-code-on-error", "0"]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                env={**environment, FILE: str(self.settings)},
                cwd=_ROOT,
                stdin=subprocess.PIPE,  # held open while the run lives: its end tells the process that the run is gone
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Its id; 0 before it was started."""
        return self._child.pid if self._child is not None else 0

    def signal(self, number: int) -> bool:
        """Signal its session (``enter`` may have put a process between); false when nobody is left in it."""
        if self._child is None:
            return False
        self._child.poll()
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            return False
        return True

    def last_words(self) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-_TAIL_LINES:])


class Load:
    """The traffic of a run. Leaving the ``with`` stops it, however the body ended.

    ``folder`` receives ``requests-<place>.bin``, and for each place a log, the settings and a ready marker.
    """

    def __init__(self, clock: Clock, folder: Path, places: Sequence[LoadPlace], plan: LoadPlan) -> None:
        missing = [place.name for place in places if place.name not in plan.rates]
        if missing:
            raise HarnessFault(f"the load plan has no rate for {', '.join(missing)}")
        self._clock = clock
        self._plan = plan
        self._folder = folder.resolve()
        self._processes = [_Process(place, self._folder, clock) for place in places]

    @property
    def records(self) -> Mapping[str, Path]:
        """Each place's record of requests."""
        return {process.place.name: process.record for process in self._processes}

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
        environment = {**os.environ, TOKEN: self._plan.monitoring_token, "OPENBLAS_NUM_THREADS": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling Locust anew takes a second of every start
        began = monotonic_nanoseconds()
        try:
            for process in self._processes:
                self._settings(process, began).save(process.settings)
                process.start(environment)
            self._await_good_answers()
        except BaseException:
            self.stop()
            raise

    def glance(self, window: Duration = GLANCE) -> Mapping[str, Glance]:
        """What each place met in the last ``window``; cheap enough (0.3 ms a place) to ask many times a second.

        Raises ``HarnessFault`` when ``window`` is longer than :data:`LONGEST_GLANCE`.
        """
        if window > LONGEST_GLANCE:
            raise HarnessFault(f"a glance covers at most {LONGEST_GLANCE}, not {window}")
        now = monotonic_nanoseconds()
        since = now - round(self._clock.real_seconds(window) * 1e9)
        return {process.place.name: self._glance(process.tail, now, since, window) for process in self._processes}

    def alive(self) -> bool:
        """Whether every place's process runs."""
        return all(process.running for process in self._processes)

    def dead(self) -> list[str]:
        """The places whose process has ended: their silence is not the service's."""
        return [process.place.name for process in self._processes if not process.running]

    def processes(self) -> list[int]:
        """The ids of the places' processes that run."""
        return [process.pid for process in self._processes if process.running]

    def stop(self) -> None:
        """End the traffic: requests under way finish and are recorded. Safe to call twice."""
        for process in self._processes:
            if process.running:
                process.signal(signal.SIGTERM)
        patience = _STOP_REAL_SECONDS + self._clock.real_seconds(self._plan.deadline)
        give_up = monotonic_nanoseconds() + round(patience * 1e9)
        left = list(self._processes)
        while left and monotonic_nanoseconds() < give_up:
            left = [process for process in left if process.signal(0)]
            real_sleep(_STEP if left else 0)
        for process in left:
            process.signal(signal.SIGKILL)

    def _settings(self, process: _Process, began: int) -> LoadSettings:
        plan, place, anchor = self._plan, process.place, self._clock.anchor
        values = {
            "host": plan.host,
            "location": place.name,
            "location_index": place.index,
            "record": str(process.record),
            "ready": str(process.ready),
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
            "in_flight": plan.in_flight,
            "setup_seconds": plan.setup.seconds,
        }
        return checked(values, "load plan")

    def _await_good_answers(self) -> None:
        patience = _PATIENCE_REAL_SECONDS + self._clock.real_seconds(self._plan.setup)
        give_up = monotonic_nanoseconds() + round(patience * 1e9)
        waiting = list(self._processes)
        while waiting:
            for process in waiting:
                if not process.running:
                    raise HarnessFault(f"the traffic of {process.place.name} ended at once:\n{process.last_words()}")
            waiting = [process for process in waiting if not _answered(process)]
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


def _answered(process: _Process) -> bool:
    if not process.ready.exists():
        return False
    process.tail.read_on()
    return process.tail.last_good > 0
