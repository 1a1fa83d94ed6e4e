"""Where clients are served: records of two locations that move from region to region, and back."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from harness.events import Event
from harness.objectives import Objectives
from harness.record import Record
from tests.unit.judges.scripted import DARK, HOME, NEXT, Bad, Where, never, run, story


@cache
def clients(where: Where, bad: Bad = never) -> Record:
    """Two arrivals a second from each place, the first at 0.25 s, the last at 239.75 s."""
    return run(bad, where=where, events=[], rate=2)


def seen(where: Where, *events: Event, bad: Bad = never, fault: str = DARK, undone: float = 150, **changes) -> Record:
    told = sorted([*story(fault=fault, undone=undone), *events], key=lambda event: event.at)
    plain = clients(where, bad)
    return replace(plain, header=replace(plain.header, **changes), events=tuple(told))


@cache
def away(*spans: tuple[float, float], place: str = "") -> Where:
    """Within each span the next region serves, one location or all."""
    return lambda location, second: NEXT if place in (location, "") and any(a <= second < b for a, b in spans) else HOME


MOVED = away((60, 170))


def objective(**changes) -> dict[str, Objectives]:
    return {"objectives": Objectives(**changes)}
