"""The harness sabotaged: each way in which it could deceive itself, and the guard that must not let it.

A sabotage is a run in which every promise seems kept, and would be called so if the guard were not there. `make trust`
prints the table: what the harness says, and what it would say without the guard.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import numpy as np

from harness import record as run_record
from harness.clock import Anchor, Clock, seconds
from harness.cloud import undoing
from harness.cloud.carriers.carrier import Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import Ineffective
from harness.events import FaultInjected, FaultUndone, Stalled
from harness.faults import Fidelity, Pause
from harness.judges import bench, loss, sanity
from harness.judges.bench import judge
from harness.ledger import ReadBack
from harness.probes.observers import Observers
from harness.record import Record
from harness.requests import Outcome
from harness.safety.injection import Injection
from harness.timeline import Timeline
from harness.topology import Cache, Region
from harness.undo import Act, Journal
from harness.verdicts import Ruling, worst
from tests.unit.judges.scripted import DARK, HOME, acknowledged, at, home, run, story, view

PAUSE = f"Pause cache of {HOME}"
PROMISED = ("recovery", "no_lost_writes")

Guard = Callable[[], contextlib.AbstractContextManager[object]]


@dataclass(frozen=True)
class Sabotage:
    """One way to be deceived. ``play`` makes the run with the guard as it is now; ``removed`` takes the guard away."""

    name: str
    guard: str
    play: Callable[[Path], Record]
    removed: Guard

    def ruling(self, folder: Path) -> Ruling:
        """What the harness says of the whole run."""
        return worst(verdict.ruling for verdict in judge(self.play(folder)))


def _kept(**changes: Any) -> Record:
    """A run in which nothing was disturbed and nothing is missing."""
    plain = run(where=home, **({"events": story(fault=PAUSE), "promises": PROMISED} | changes))
    return replace(plain, readback=ReadBack(True, (), (view(acknowledged(plain)),)))


def _without(module: Any, name: str, instead: Callable[..., Any]) -> Guard:
    return lambda: mock.patch.object(module, name, instead)


def _nothing(*_: object) -> list[str]:
    return []


class _Idle(Carrier):
    """A fault that is called and does nothing."""

    fidelity = Fidelity.FAITHFUL
    left_out = ""
    regions = (HOME,)
    patience = seconds(1)

    def __init__(self) -> None:
        self.lit = False

    def __enter__(self) -> _Idle:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def prepare(self, arm: Callable[[Act], object]) -> None:
        return None

    def change(self, arm: Callable[[Act], object]) -> None:
        arm(Act("idle", HOME, "Nothing", {}))

    def bites(self, since: object) -> Proof | None:
        return None

    def healed(self, since: object) -> Proof | None:
        return Proof(at(150), "as before")

    def sight(self) -> str:
        return "as before"


def _idle_fault(folder: Path) -> Record:
    """The injection itself, as a scenario uses it; the run's times are those of the script."""
    timeline, estate = Timeline(folder / "timeline.jsonl"), SimpleNamespace(clock=Clock.start(50))
    journal = Journal(folder / "undo.jsonl")
    idle = Injection(
        Pause(Cache(Region(HOME)), seconds(60)),
        _Idle(),
        cast(Estate, estate),
        journal,
        timeline,
        lambda *_: None,
        lambda: None,
    )
    told: list[Any] = []
    with mock.patch.dict(undoing._INTERPRETERS, {("idle", "Nothing"): lambda estate, act: None}):
        try:
            with idle:
                told = [event for event in story(fault=PAUSE) if isinstance(event, FaultInjected | FaultUndone)]
        except Ineffective as error:
            told = [Stalled(at(31), str(error))]
    timeline.close()
    journal.close()
    calm = [event for event in story(fault=PAUSE) if not isinstance(event, FaultInjected | FaultUndone)]
    return _kept(events=[*calm, *told])


@contextmanager
def _believing() -> Iterator[None]:
    """Without proof: a call that returned is a fault that bites."""
    with mock.patch.object(Injection, "_await", lambda self, look, since: Proof(since, "the call returned")):
        yield


def _stalled(folder: Path) -> Record:
    return _kept(events=[*story(fault=PAUSE), Stalled(at(100), "the alarm never rang")])


def _unproven(folder: Path) -> Record:
    events = [replace(event, bites_at=0) if isinstance(event, FaultInjected) else event for event in story(fault=PAUSE)]
    return _kept(events=events)


def _lying_probe(folder: Path) -> Record:
    return _kept(events=story(fault=DARK))


def _thinned(folder: Path) -> Record:
    """Half of all requests fail for six seconds, and of those that fail there is no record."""
    record = _kept()
    times, numbers = record.traffic["intended"], np.arange(len(record.traffic))
    lost = (times >= at(40).nanoseconds) & (times < at(46).nanoseconds) & (numbers % 4 >= 2)
    return replace(record, traffic=record.traffic[~lost])


def _until(record: Record, second: float, location: int) -> Record:
    traffic = record.traffic
    return replace(
        record, traffic=traffic[(traffic["location"] != location) | (traffic["intended"] < at(second).nanoseconds)]
    )


def _died(folder: Path) -> Record:
    return _until(_kept(), 100, 1)


def _never_came(folder: Path) -> Record:
    return _until(_kept(), -1, 1)


def _torn(folder: Path) -> Record:
    """The disk was full when the last event was written: half of its line is there, the rest of the run is whole."""
    timeline = Timeline(folder / "timeline.jsonl")
    for event in story(fault=PAUSE):
        timeline.add(event)
    timeline.close()
    with (folder / "timeline.jsonl").open("ab") as file:
        file.write(b'{"at": 1700000')
    damage: list[str] = []
    events = run_record._events(folder / "timeline.jsonl", damage)
    return replace(_kept(events=events), damage=tuple(damage))


def _killed(folder: Path) -> Record:
    record = _kept()
    return replace(record, header=replace(record.header, outcome=None))


def _stepped(folder: Path) -> Record:
    """Somebody sets the wall clock two seconds back while the observers look."""
    timeline = Timeline(folder / "timeline.jsonl")
    clock = Clock.start()
    observers = Observers.__new__(Observers)
    observers._estate, observers._timeline = cast(Estate, SimpleNamespace(clock=clock)), timeline
    observers._wall_apart = clock.wall_apart()
    now = Anchor.now()
    set_back = Anchor(now.monotonic_nanoseconds, now.epoch_nanoseconds - 2 * 10**9)
    with mock.patch.object(Anchor, "now", return_value=set_back):
        observers._look_at_the_clock()
    timeline.close()
    return _kept(events=[*story(fault=PAUSE), *(replace(event, at=at(60)) for event in timeline.events())])


def _backwards(folder: Path) -> Record:
    record = _kept()
    traffic = record.traffic.copy()
    late = traffic["intended"] > at(60).nanoseconds
    traffic["done"][late] = traffic["intended"][late] - 10**6
    return replace(record, traffic=traffic)


def _busy(folder: Path) -> Record:
    record = _kept()
    traffic = record.traffic.copy()
    early = traffic["intended"] < at(30).nanoseconds
    traffic["sent"][early] += 3 * 10**9
    traffic["done"][early] += 3 * 10**9
    return replace(record, traffic=traffic)


def _overrun(folder: Path) -> Record:
    record = _kept()
    traffic = record.traffic.copy()
    traffic["outcome"][10] = Outcome.DROPPED
    return replace(record, traffic=traffic)


def _half_read(folder: Path) -> Record:
    record = _kept()
    assert record.readback is not None
    return replace(record, readback=replace(record.readback, complete=False, missing_views=("agentauri-2",)))


_RUN = _without(sanity, "of_the_run", _nothing)
_ARRIVALS = _without(sanity, "_of_arrivals", _nothing)
_CALM = _without(sanity, "_of_the_calm", _nothing)

SABOTAGES = (
    Sabotage("a fault that does nothing", "injection: proof", _idle_fault, _believing),
    Sabotage("a fault nobody proved", "sanity: bites", _unproven, _without(sanity, "_of_the_fault", _nothing)),
    Sabotage("a probe that lies", "sanity: contradicted", _lying_probe, _without(sanity, "_contradicted", _nothing)),
    Sabotage("what was awaited never came", "conduct", _stalled, _without(bench, "conduct", _nothing)),
    Sabotage("a recorder that drops failures", "sanity: missing", _thinned, _without(sanity, "_missing", lambda *_: 0)),
    Sabotage("a Locust that died", "sanity: arrivals", _died, _ARRIVALS),
    Sabotage("a Locust that never came", "sanity: traffic", _never_came, _without(sanity, "of_the_traffic", _nothing)),
    Sabotage("a Locust that is late itself", "sanity: calm", _busy, _CALM),
    Sabotage("a Locust that drops arrivals", "sanity: calm", _overrun, _CALM),
    Sabotage("a wall clock that is set", "observers, sanity", _stepped, _RUN),
    Sabotage("a clock that runs back", "sanity: backwards", _backwards, _without(sanity, "_backwards", _nothing)),
    Sabotage("a full disk", "record: damage", _torn, _RUN),
    Sabotage("a run that was killed", "sanity: the end", _killed, _RUN),
    Sabotage("a database nobody read", "loss: doubt", _half_read, _without(loss, "_doubt", lambda *_: "")),
)


def main() -> int:
    """Print the table; exits 1 when the harness was deceived, or when a guard turns out to be none."""
    failed = 0
    print(f"{'sabotage':<34}{'guard':<24}{'verdict':<10}without it")
    for one in SABOTAGES:
        with tempfile.TemporaryDirectory() as with_guard, tempfile.TemporaryDirectory() as without:
            guarded = one.ruling(Path(with_guard))
            with one.removed():
                bare = one.ruling(Path(without))
        wrong = guarded is Ruling.KEPT or bare is not Ruling.KEPT
        failed += wrong
        print(f"{one.name:<34}{one.guard:<24}{guarded.name:<10}{bare.name}{'  MISSED' if wrong else ''}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
