"""Scripted runs: records made of plain functions of location, operation and second, with exact ground truth."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.clock import Anchor, Clock, Instant, seconds
from harness.events import AddressesSeen, DnsAnswered, Event, FaultInjected, FaultUndone, PhaseBegan
from harness.header import ClientPolicy, Header
from harness.ledger import ReadBack, View
from harness.objectives import Objectives
from harness.record import Record, traffic
from harness.requests import NO_WRITE, OPERATIONS, RECORD, Outcome, Requests, address_number
from harness.verdicts import Outcome as Ended

EPOCH = 1_700_000_000 * 10**9
START = 10**12
ANCHOR = Anchor(START, EPOCH)
HOME, NEXT = "us-east-1", "eu-west-1"
ADDRESS = {HOME: "10.1.10.80", NEXT: "10.2.10.80"}
PEER = {region: address_number(text) for region, text in ADDRESS.items()}
LOCATIONS = ("america", "europe")
JOURNEYS = OPERATIONS[:4]
"""The usual mix: what scripted clients ask for, in turn."""
DARK = f"Blackhole load balancer of {HOME}"

Bad = Callable[[str, str, float], bool]
Where = Callable[[str, float], str]


def at(second: float) -> Instant:
    """An instant of a scripted run."""
    return Instant(EPOCH + round(second * 1e9))


def header(**changes: Any) -> Header:
    plain = Header(
        scenario="active_passive/scripted",
        phase="active_passive",
        title="A scripted run",
        story="",
        design="active_passive",
        design_version="hardened",
        target="twin",
        speed=1.0,
        anchor=ANCHOR,
        promises=("recovery",),
        objectives=Objectives(),
        locations=LOCATIONS,
        nearest=dict.fromkeys(LOCATIONS, (HOME, NEXT)),
        regions=(HOME, NEXT),
        operations=JOURNEYS,
        writes=("create_trigger",),
        deadline=seconds(5),
        rate_per_second=dict.fromkeys(LOCATIONS, 8.0),
        client=ClientPolicy("honoured", seconds(20)),
        outcome=Ended.FINISHED,
    )
    return replace(plain, **changes)


def never(location: str, operation: str, second: float) -> bool:
    return False


def home(location: str, second: float) -> str:
    return HOME


def refuge(location: str, second: float) -> str:
    """While :func:`story`'s fault keeps the home region dark, the next one serves."""
    return NEXT if 30 <= second < 150 else HOME


def story(
    fault: str = DARK, struck: float = 30, undone: float = 150, end: float = 240, fidelity: str = "faithful"
) -> list[Event]:
    """Phases, one fault and its undo."""
    return [
        PhaseBegan(at(0), "steady"),
        *(AddressesSeen(at(0), region, (ADDRESS[region],)) for region in (HOME, NEXT)),
        *(DnsAnswered(at(0), location, HOME, (ADDRESS[HOME],), 10) for location in LOCATIONS),
        PhaseBegan(at(struck), "inject"),
        FaultInjected(at(struck), fault, at(struck + 0.1).nanoseconds, at(struck + 0.5).nanoseconds, fidelity, "seen",
                      (HOME,)),
        FaultUndone(at(undone), fault, at(undone + 0.5).nanoseconds, "seen"),
        PhaseBegan(at(end), "read_back"),
    ]  # fmt: skip


def run(
    bad: Bad = never,
    *,
    where: Where | None = None,
    events: Sequence[Event] | None = None,
    end: float = 240,
    rate: float = 8,
    observed: Callable[[str, float], int] | None = None,
    readback: ReadBack | None = None,
    outcome: Outcome = Outcome.TIMED_OUT,
    slow: float = 0.05,
    **changes: Any,
) -> Record:
    """A record with evenly spaced arrivals, operations in turn; a bad arrival takes the whole deadline.

    Unless ``where`` says otherwise the next region serves while the story's own fault keeps the home region dark.
    """
    where = where or (refuge if events is None else home)
    told = header(rate_per_second=dict.fromkeys(LOCATIONS, rate), **changes)
    parts = []
    for code, location in enumerate(told.locations):
        table = []
        for number in range(round(end * rate)):
            second = (number + 0.5) / rate
            operation = JOURNEYS[number % len(JOURNEYS)]
            broken = bad(location, operation, second)
            intended = START + round(second * 1e9)
            done = intended + round((5 if broken else slow) * 1e9)
            shown = observed(location, second) if operation == "ponder_events" and observed else 0
            told_as = outcome if broken else Outcome.GOOD
            row_id = write_id(code, number) if operation == "create_trigger" else NO_WRITE
            table.append((intended, intended + 1000, done, number % len(JOURNEYS), told_as, 0, code,
                          PEER[where(location, second)], row_id, shown, 0))  # fmt: skip
        rows = np.array(table, RECORD)
        parts.append(Requests(Path(f"requests-{location}.bin"), code, Clock(1.0, ANCHOR), rows, 0))
    found = sorted(story(end=end) if events is None else events, key=lambda event: event.at)
    return Record(told, tuple(found), traffic(parts), tuple(parts), readback)


@dataclass(frozen=True)
class Arrival:
    """One request, in seconds of the run; sent when it was due and answered 50 ms later where it says no other."""

    second: float
    operation: str = "ponder_events"
    location: str = "america"
    outcome: Outcome = Outcome.GOOD
    address: str = ADDRESS[HOME]
    observed: int = 0
    sent: float | None = None
    done: float | None = None

    def row(self, number: int) -> tuple[Any, ...]:
        """The row of its file; the ``number``-th there."""
        sent = self.second if self.sent is None else self.sent
        done = self.second + 0.05 if self.done is None else self.done
        code = LOCATIONS.index(self.location)
        times = (START + round(one * 1e9) for one in (self.second, sent, done))
        row_id = write_id(code, number) if self.operation == "create_trigger" else NO_WRITE
        peer = address_number(self.address) if self.address else 0
        return (*times, OPERATIONS.index(self.operation), self.outcome, 0, code, peer, row_id, self.observed, 0)


def arrivals(*rows: Arrival, events: Sequence[Event] = (), readback: ReadBack | None = None, **changes: Any) -> Record:
    """A record of just these arrivals."""
    parts = []
    for code, location in enumerate(LOCATIONS):
        own = [one for one in rows if one.location == location]
        table = np.array([one.row(number) for number, one in enumerate(own)], RECORD)
        parts.append(Requests(Path(f"requests-{location}.bin"), code, Clock(1.0, ANCHOR), table, 0))
    found = tuple(sorted(events, key=lambda event: event.at))
    return Record(header(**changes), found, traffic(parts), tuple(parts), readback)


@cache
def _hardly_any(end: float) -> Record:
    return run(events=[], end=end, rate=0.5)


def told(*events: Event, end: float = 240, readback: ReadBack | None = None, **changes: Any) -> Record:
    """A record whose events tell everything: hardly any traffic, the last arrival a second before its end."""
    plain = _hardly_any(end)
    found = tuple(sorted(events, key=lambda event: event.at))
    return replace(plain, header=replace(plain.header, **changes), events=found, readback=readback)


def write_id(location: int, number: int) -> bytes:
    return uuid.UUID(int=(location + 1) << 64 | number).bytes


def acknowledged(record: Record) -> dict[str, float]:
    """The acknowledged writes and when they were answered, in seconds of the run."""
    found = {}
    for part in record.parts:
        rows = part.rows[(part.rows["operation"] == 0) & (part.rows["outcome"] == Outcome.GOOD)]
        for row in rows:
            found[row["write_id"].tobytes().hex()] = (int(row["done"]) - START) / 1e9
    return found


def view(
    ids: Iterable[str],
    role: str = "writer",
    created: Mapping[str, float] | None = None,
    source: str = "sql",
    rows: int = 1,
) -> View:
    """What one reader found; ``created`` in seconds of the run."""
    dated = {key: ((round(EPOCH / 1000 + second * 1e6), HOME),) for key, second in (created or {}).items()}
    return View(source, HOME, f"db-{role}", role, EPOCH, dict.fromkeys(ids, rows), dated)
