"""Runs that only watched, scripted: what failed, what was said, and the faults that were noticed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.events import FAULT, OVER, AddressesSeen, DnsAnswered, Event, Marked, PhaseBegan
from harness.judges.notice import noticed
from harness.ledger import ReadBack
from harness.objectives import PROMISES
from harness.record import Record
from tests.unit.judges.scripted import ADDRESS, HOME, LOCATIONS, NEXT, acknowledged, at, never, run, view

WATCHED = (
    PhaseBegan(at(0), "observe"),
    PhaseBegan(at(0), "steady"),
    *(AddressesSeen(at(0), region, (ADDRESS[region],)) for region in (HOME, NEXT)),
    *(DnsAnswered(at(0), location, HOME, (ADDRESS[HOME],), 10) for location in LOCATIONS),
)
BEGAN, ENDED = Marked(at(29), FAULT, "FIS"), Marked(at(150), OVER, "FIS ended")


def watched(*said: Event, down: tuple[float, float] | None = None, **changes: Any) -> Record:
    """A finished run that only watched, as it is judged."""
    bad = never if down is None else lambda location, operation, second: down[0] <= second < down[1]
    plain = run(bad, events=[*WATCHED, *said], promises=PROMISES, lag_alarm="lag", **changes)
    plain = replace(plain, readback=ReadBack(True, (), (view(acknowledged(plain)),)))
    return replace(plain, events=_ordered(*plain.events, *noticed(plain)))


def silent(*events: Event) -> Record:
    """A run without clients: only what AWS says."""
    plain = watched()
    found = (*WATCHED, *events, PhaseBegan(at(200), "verdict"))
    header = replace(plain.header, rate_per_second={}, mix={})
    quiet = replace(plain, events=_ordered(*found), traffic=plain.traffic[:0], parts=(), readback=None, header=header)
    return replace(quiet, events=_ordered(*found, *noticed(quiet)))


def _ordered(*events: Event) -> tuple[Event, ...]:
    return tuple(sorted(events, key=lambda event: event.at))
