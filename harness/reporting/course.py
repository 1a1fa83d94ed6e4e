"""The course of events in words: who noticed, who decided, what moved, seconds after the fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.clock import Instant
from harness.events import (
    AlarmChanged,
    AlarmNotified,
    ClockStepped,
    DatabaseEvent,
    Decided,
    DnsAnswered,
    Event,
    FaultInjected,
    FaultNoticed,
    FaultUndone,
    HealthChanged,
    Marked,
    PhaseBegan,
    RoleChanged,
    SightChanged,
    Stalled,
    StepTaken,
    Stopped,
    WorldDiffers,
    WriterSeen,
)
from harness.timeline import of
from harness.verdicts import Number

Row = dict[str, Number]
OBSERVER = "observer"
"""Who tells what our own observers could not see."""


def _fault(event: FaultInjected) -> tuple[str, str]:
    return "fault", f"{event.fault} ({event.fidelity}): {event.proof}"


def _step(event: StepTaken) -> tuple[str, str]:
    sight = f": {event.sight}" if event.sight else ""
    return "runbook", f"{event.runbook}, step {event.number}, {event.step}: {event.state}{sight}"


def _alarm(event: AlarmChanged) -> tuple[str, str]:
    before = event.old or "first seen"
    return "alarm", f"{event.alarm} ({event.region}): {before} → {event.new}: {event.reason}"


def _health(event: HealthChanged) -> tuple[str, str]:
    return "health check", f"check of {event.region} is {'healthy' if event.healthy else 'unhealthy'} ({event.check})"


def _sight(event: SightChanged) -> tuple[str, str]:
    return OBSERVER, f"{event.what} {'can be seen again' if event.seen else f'cannot be seen: {event.why}'}"


def _differs(event: WorldDiffers) -> tuple[str, str]:
    left = " (residue)" if event.residue else ""
    return "world", f"{event.thing} {event.field}: {event.before} before, {event.after} after{left}"


_WORDS: Mapping[type[Event], Callable[..., tuple[str, str]]] = {
    PhaseBegan: lambda one: ("phase", f"{one.phase.replace('_', ' ')} {one.waiting_for}".strip()),
    FaultInjected: _fault,
    FaultNoticed: _fault,
    FaultUndone: lambda one: ("fault", f"{one.fault} undone: {one.proof}"),
    AlarmChanged: _alarm,
    AlarmNotified: lambda one: ("alarm", f"{one.alarm} ({one.region}): the notification of {one.new} arrived"),
    HealthChanged: _health,
    DatabaseEvent: lambda one: ("database", f"{one.source} ({one.region}): {one.message}"),
    RoleChanged: lambda one: ("database", f"{one.region} is {one.role} now"),
    Decided: lambda one: ("decision", f"{one.by}: {one.what}"),
    StepTaken: _step,
    SightChanged: _sight,
    Stalled: lambda one: ("run", one.reason),
    Stopped: lambda one: ("run", f"stop condition {one.condition}: {one.sight}"),
    ClockStepped: lambda one: ("run", f"the machine's clock was set by {one.by_seconds:g} s"),
    Marked: lambda one: ("somebody said", f"{one.meaning}: {one.words}"),
    WorldDiffers: _differs,
}
"""What is told of each kind of event; the others are measurements, and in the interactive page."""


def course(events: Sequence[Event]) -> list[Row]:
    """A row for each thing that happened, oldest first; names' answers and the writer only where they changed."""
    if not events:
        return []
    zero = next((fault.at for fault in of(events, FaultInjected)), events[0].at)
    told = [_row(zero, event, *_WORDS[type(event)](event)) for event in events if type(event) in _WORDS]
    return sorted(told + _moves(events, zero), key=lambda row: float(row["seconds"] or 0))


def _moves(events: Sequence[Event], zero: Instant) -> list[Row]:
    rows: list[Row] = []
    known: dict[str, str] = {}
    for event in events:
        if isinstance(event, DnsAnswered):
            key, value, words = f"dns {event.location}", event.region, f"{event.location} is sent to {event.region}"
            kind = "DNS"
        elif isinstance(event, WriterSeen):
            key, value, words = "writer", event.region, f"the writer is {event.identifier} in {event.region}"
            kind = "database"
        else:
            continue
        if known.get(key) != value:
            known[key] = value
            rows.append(_row(zero, event, kind, words))
    return rows


def _row(zero: Instant, event: Event, kind: str, words: str) -> Row:
    return {"seconds": round((event.at - zero).seconds, 1) or 0.0, "AWS_time": str(event.at)[11:23], "who": kind,
            "what": words}  # fmt: skip
