"""Somebody else's faults, as a run that only watched can tell them: by what people said, and by what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.clock import Instant, minutes, seconds
from harness.events import (
    FAULT,
    OVER,
    AlarmChanged,
    DatabaseEvent,
    Event,
    FaultNoticed,
    FaultUndone,
    HealthChanged,
    Marked,
)
from harness.judges import windows
from harness.judges.spells import LASTING
from harness.judges.streams import Flags, Times, streams, tolerance
from harness.record import Record
from harness.timeline import of

NAME = "somebody else's fault"
APART = minutes(5)
"""Where nobody says otherwise, what fails so long after everything had been well again is another fault's doing."""
FIRST_BAD = "the first bad arrival"
_SIGNS = {"failover", "global-failover", "failure", "availability", "recovery"}
"""The categories of RDS's events that tell of trouble; backups and the like do not."""


@dataclass(frozen=True)
class Outage:
    """A span in which something failed: from the due time of its first bad arrival to that of its last."""

    began: Instant
    last: Instant


@dataclass(frozen=True)
class _Start:
    at: Instant
    words: str
    told: bool


def noticed(record: Record) -> list[FaultNoticed | FaultUndone]:
    """The faults of a run that only watched, and their ends, for its timeline; from its requests and events alone.

    A fault begins when a person said so (:data:`harness.events.FAULT`), but no later than the first bad arrival of an
    outage that was under way by then: whoever speaks while things fail speaks late. An outage that nobody's fault
    explains is one of its own, and counts from its first bad arrival. It ends only where a person said so. Empty when
    nobody said anything and nothing failed longer than noise.
    """
    found = outages(record)
    said = list(of(record.events, Marked))
    starts = _starts(found, said)
    edges = [*(start.at for start in starts), Instant(windows.end(record).nanoseconds + 1)]
    faults = [
        _fault(record, start, edge, number, found)
        for number, (start, edge) in enumerate(zip(starts, edges[1:], strict=True), 1)
    ]
    return [*faults, *_ends(faults, said)]


def outages(record: Record) -> list[Outage]:
    """Where more failed than the objective and noise allow, over all locations and operations, oldest first.

    What failed at several places, or again before all had been well for long (``LASTING``), is one.
    """
    objective = record.header.objectives.success_ratio
    began, ended = windows.begin(record), windows.end(record) + seconds(1)
    spans = [
        (int(stream.times[low]), int(stream.times[high]))
        for stream in streams(record, began, ended)
        for low, high in _dense(stream.times, stream.good, objective)
    ]
    merged: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if merged and low - merged[-1][1] <= LASTING.nanoseconds:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return [Outage(Instant(low), Instant(high)) for low, high in merged]


def _dense(times: Times, flags: Flags, objective: float) -> Iterator[tuple[int, int]]:
    """The first and the last index of each stretch of bad arrivals that is no noise; lasting calm parts two."""
    bad = np.flatnonzero(~flags)
    parted = np.flatnonzero(np.diff(times[bad]) >= LASTING.nanoseconds) + 1
    for group in np.split(bad, parted):
        if len(group):
            low, high = int(group[0]), int(group[-1])
            begin, end, excess = _worst(flags[low : high + 1], objective)
            if excess > tolerance(times):
                yield low + begin, low + end


def _worst(flags: Flags, objective: float) -> tuple[int, int, float]:
    """The stretch with the most bad arrivals beyond the objective's ratio: its first and last index, and how many."""
    total = np.concatenate(([0.0], np.cumsum(np.where(flags, objective - 1.0, objective))))
    gains = total[1:] - np.minimum.accumulate(total)[:-1]
    end = int(np.argmax(gains))
    return int(np.argmin(total[: end + 1])), end, float(gains[end])


def _starts(found: Sequence[Outage], said: Sequence[Marked]) -> list[_Start]:
    overs = [one.at for one in said if one.meaning == OVER]
    starts: list[_Start] = []
    for one in said:
        if one.meaning == FAULT:
            under_way = next((each for each in found if each.began < one.at <= each.last), None)
            late = under_way is not None and not _explained(under_way, starts, overs)
            starts.append(_Start(under_way.began, one.words, told=False) if under_way and late
                          else _Start(one.at, one.words, told=True))  # fmt: skip
    untold = [
        _Start(each.began, "", told=False)
        for before, each in zip([None, *found], found, strict=False)
        if not _explained(each, starts, overs) and (before is None or each.began > before.last + APART)
    ]
    return sorted([*starts, *untold], key=lambda start: start.at)


def _explained(outage: Outage, starts: Sequence[_Start], overs: Sequence[Instant]) -> bool:
    """Whether a fault that somebody spoke of brought the outage: it stood then, or had not been over for long."""
    for start in starts:
        over = next((at for at in overs if at >= start.at), None)
        if start.at <= outage.began and (over is None or outage.began <= over + APART):
            return True
    return False


def _fault(record: Record, start: _Start, until: Instant, number: int, found: Sequence[Outage]) -> FaultNoticed:
    first_bad = (each.began for each in found if start.at <= each.began < until)
    signs = [(at, FIRST_BAD) for at in first_bad]
    signs += [(event.at, sign) for event in record.events if start.at < event.at < until and (sign := _sign(event))]
    bites, proof = min(signs, default=(Instant(0), "nothing was seen of it"), key=lambda sign: sign[0])
    name = NAME + (f" {number}" if number > 1 else "") + (f": {start.words}" if start.words else "")
    return FaultNoticed(start.at, name, start.at.nanoseconds, bites.nanoseconds, "observed", proof, (), start.told)


def _sign(event: Event) -> str:
    """In words, what an event tells of a fault; empty when nothing."""
    if isinstance(event, AlarmChanged) and event.new == "ALARM" and event.old:
        return f"alarm {event.alarm} of {event.region}"
    if isinstance(event, HealthChanged) and not event.healthy:
        return f"health check {event.check} of {event.region}"
    if isinstance(event, DatabaseEvent) and _SIGNS & set(event.categories):
        return f"{event.source}: {event.message}"
    return ""


def _ends(faults: Sequence[FaultNoticed], said: Sequence[Marked]) -> Iterator[FaultUndone]:
    """The ends that were told, each of the last fault before it, and only the first one of each."""
    overs = [one for one in said if one.meaning == OVER]
    far = Instant(max([one.at.nanoseconds for one in [*faults, *overs]], default=0) + 1)
    for fault, edge in pairwise([*faults, None]):
        assert fault is not None
        until = edge.at if edge else far
        over = next((one for one in overs if fault.at <= one.at < until), None)
        if over:
            yield FaultUndone(over.at, fault.fault, 0, f"told: {over.words}")
