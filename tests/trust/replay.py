"""Scheduled outages, met by the harness's own traffic, recorded by its own recorder, judged by its own judge.

What is known beforehand is only what an experiment knows too: when the fault began and when it was undone. The rest
is measured, and held against the truth.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from harness import record as run_record
from harness.clock import Clock, Instant, monotonic_nanoseconds, real_sleep, seconds
from harness.events import FaultInjected, FaultUndone, PhaseBegan
from harness.generators import LoadPlace
from harness.header import Header
from harness.judges.outage import Recovery, recoveries
from harness.load import Load, LoadPlan
from harness.objectives import Objectives
from harness.record import HEADER_FILE, TIMELINE_FILE, Record, write_header
from harness.requests import OPERATIONS
from harness.timeline import Timeline
from harness.verdicts import Outcome as Ended
from tests.trust.outages import MILLISECOND, Outage, schedule, to_json

HOME = Path(__file__).resolve().parents[2]
PLACES = ("america", "europe")
OPERATION = "ponder_events"
RATE = 200.0
DEADLINE = 500 * MILLISECOND
CALM = 1_000 * MILLISECOND
"""Good service between two outages, in which the recovery must be seen to last."""
_LEAD = 1_500 * MILLISECOND


@dataclass(frozen=True)
class Measured:
    """One outage at one place, measured, beside the truth. Milliseconds."""

    outage: Outage
    place: str
    truth: float
    rto: float | None
    """What the judge says; ``None``: never back."""
    least: float
    most: float
    """The ends of the error bar that the judge states."""

    @property
    def error(self) -> float:
        """Measured less true; infinite when it never came back."""
        return float("inf") if self.rto is None else self.rto - self.truth

    @property
    def held(self) -> bool:
        """Whether the truth lies within the stated error bar, which is stated to the microsecond."""
        return self.least - 0.001 <= self.truth <= self.most + 0.001


class Service:
    """The running server."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.port = int(self._hear()["port"])

    def follow(self, zero: int, outages: Sequence[Outage], deadline: int) -> None:
        """Begin the schedule at ``zero`` (monotonic ns)."""
        assert self._child.stdin is not None
        told = {"zero": zero, "deadline": deadline, "outages": to_json(outages)}
        self._child.stdin.write(json.dumps(told) + "\n")
        self._child.stdin.flush()

    def end(self) -> list[dict[str, Any]]:
        """End it; what it did by timer, and when."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        moves: list[dict[str, Any]] = self._hear()["moves"]
        return moves

    def _hear(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        heard: dict[str, Any] = json.loads(self._child.stdout.readline())
        return heard


@cache
def ahead() -> tuple[str, ...]:
    """What runs a command before everything else on the machine, where that is allowed; else nothing.

    A neighbour that takes the processor for 30 ms makes the service itself late: that is the machine's error.
    """
    command = ("chrt", "--rr", "1")
    allowed = shutil.which("chrt") and subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if allowed and allowed.returncode == 0 else ()


@contextmanager
def service(sites: int) -> Iterator[Service]:
    """A server with so many sites; gone on exit."""
    command = [*ahead(), sys.executable, "-m", "tests.trust.server", str(sites)]
    child = subprocess.Popen(command, cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Service(child)
    finally:
        child.kill()
        child.wait()


@dataclass(frozen=True)
class Stage:
    """Where outages are played: who the clients are and how long they wait."""

    places: tuple[str, ...] = PLACES
    deadline: int = DEADLINE
    calm: int = CALM
    in_flight: int = 400
    enter: tuple[str, ...] = ()
    """What runs the Locust of the first place, beside :func:`ahead`."""
    others: int = 0
    """Sites for clients other than the harness's own."""


@dataclass(frozen=True)
class Replay:
    """What was played: the record, the outages as they really were, and what the server tells of itself."""

    record: Record
    outages: tuple[Outage, ...]
    moves: tuple[Mapping[str, Any], ...]
    zero: Instant
    """The beginning of the schedule."""

    def read(self, outage: int, site: int) -> int:
        """How many requests the server read at a site while the outage lasted."""
        return sum(
            move["at"] for move in self.moves if (move["outage"], move["site"], move["what"]) == (outage, site, "read")
        )


Beside = Callable[[int], AbstractContextManager[object]]
"""Given the server's port: other clients, there while the outages are played."""


def replay(
    folder: Path, planned: Sequence[Outage], stage: Stage = Stage(), beside: Beside = lambda port: nullcontext()
) -> Replay:
    """Play the outages against the harness's traffic; the record is read back from its files."""
    clock = Clock.start()
    with service(len(stage.places) + stage.others) as server, ExitStack() as clients:
        for index, place in enumerate(stage.places):
            host = f"http://127.0.0.{index + 1}:{server.port}"
            clients.enter_context(
                Load(
                    clock,
                    folder,
                    [LoadPlace(place, index, (*ahead(), *(() if index else stage.enter)))],
                    _plan(host, place, stage),
                )
            ).start()
        clients.enter_context(beside(server.port))
        zero = monotonic_nanoseconds() + _LEAD
        server.follow(zero, planned, stage.deadline)
        real_sleep((_LEAD + planned[-1].ended + stage.calm + stage.deadline) / 1e9)
        clients.close()
        moves = server.end()
    outages = as_they_were(planned, moves)
    _write(folder, clock, zero, outages, stage)
    return Replay(run_record.load(folder), outages, tuple(moves), clock.at(zero))


def _plan(host: str, place: str, stage: Stage) -> LoadPlan:
    return LoadPlan(
        host, {place: RATE}, {OPERATION: 1}, seconds(stage.deadline / 1e9), connection_age=seconds(600),
        in_flight=stage.in_flight,
    )  # fmt: skip


def as_they_were(planned: Sequence[Outage], moves: Sequence[Mapping[str, Any]]) -> tuple[Outage, ...]:
    """The outages with their true ends, where the end is the act of a timer: it listened again, or caught up."""
    ends = {move["outage"]: move["at"] for move in moves if move["what"] in ("listens", "caught up")}
    return tuple(
        replace(one, parts=(*one.parts[:-1], (one.parts[-1][0], ends.get(one.number, one.ended)))) for one in planned
    )


def _write(folder: Path, clock: Clock, zero: int, outages: Sequence[Outage], stage: Stage) -> None:
    def at(offset: int) -> Instant:
        return clock.at(zero + offset)

    header = Header(
        scenario="active_passive/ground_truth", phase="active_passive", title="Outages known beforehand", story="",
        design="active_passive", design_version="hardened", target="twin", speed=1.0, anchor=clock.anchor,
        promises=("recovery",), objectives=Objectives(), locations=stage.places,
        nearest=dict.fromkeys(stage.places, ("us-east-1",)), regions=("us-east-1",), operations=OPERATIONS,
        writes=("create_trigger",), deadline=seconds(stage.deadline / 1e9), mix={OPERATION: 1},
        rate_per_second=dict.fromkeys(stage.places, RATE), outcome=Ended.FINISHED,
    )  # fmt: skip
    write_header(folder / HEADER_FILE, header)
    timeline = Timeline(folder / TIMELINE_FILE)
    timeline.add(PhaseBegan(at(-_LEAD // 2), "steady"))
    for one in outages:
        name = f"Outage {one.number} ({one.kind})"
        began, undone = at(one.began), at(one.ended + stage.calm)
        timeline.add(FaultInjected(began, name, began.nanoseconds, began.nanoseconds, "faithful", "scheduled"))
        timeline.add(FaultUndone(undone, name, undone.nanoseconds, "scheduled"))
    timeline.close()


def measure(played: Replay, stage: Stage = Stage()) -> list[Measured]:
    """Every outage at every place, as judged."""
    by_name = {f"Outage {one.number} ({one.kind})": one for one in played.outages}
    found = [_measured(by_name[one.window.fault.fault], one, stage) for one in recoveries(played.record)]
    owed = len(played.outages) * len(stage.places)
    assert len(found) == owed, f"{len(found)} of {owed} were judged"
    return found


def _measured(outage: Outage, one: Recovery, stage: Stage) -> Measured:
    truth = outage.truth(stage.places.index(one.stream.location), stage.deadline) / 1e6
    rto = None if one.time is None else one.time.nanoseconds / 1e6
    least, most = one.surely_down.nanoseconds / 1e6, one.down.nanoseconds / 1e6
    return Measured(outage, one.stream.location, truth, rto, least, most)


def played(folder: Path, count: int, seed: int) -> list[Measured]:
    """``count`` outages in one run of the load, measured."""
    folder.mkdir(parents=True, exist_ok=True)
    return measure(replay(folder, schedule(count, seed, len(PLACES), DEADLINE, CALM)))
