"""The arithmetic of good and bad arrivals, vectorised: when did it work again, and for how long did it not?

A *stream* is one operation from one location, by intended time. An arrival is good when the client called it good
(right status and right body) and the answer came within the deadline, counted from the intended time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.clock import ZERO, Duration, Instant
from harness.record import Record, Traffic
from harness.requests import Outcome
from harness.verdicts import Number

Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]

BLIP_SECONDS = 0.5
BLIP_ARRIVALS = 2
"""So many bad arrivals beyond the ratio are noise, or as many as arrive in half a second where that is more."""
LATELY = 20
"""The share of good arrivals within an outage is that among so many before its last bad one."""
UNMEASURED = "not measured from there"
"""Instead of a latency from a location that load was only routed as."""
LUCK_ARRIVALS = 10
"""No longer a row of good arrivals is luck: where so many succeed, it is the objective that tells up from down."""
BY_LUCK = 0.01
"""Good arrivals in a row that an outage's own share of good ones explains this seldom are no luck, but the service."""


@dataclass(frozen=True, eq=False)
class Stream:
    """The arrivals of one operation from one location within a span."""

    location: str
    operation: str
    rows: Traffic
    good: Flags
    measured: bool = True
    """Whether its latencies are its location's own."""

    @property
    def times(self) -> Times:
        """The intended times, AWS ns, ascending."""
        times: Times = self.rows["intended"]
        return times

    def ratio(self) -> float:
        """The share of good arrivals; 1 when there were none."""
        return float(self.good.mean()) if len(self.good) else 1.0

    def latencies(self) -> tuple[Number, Number, Number]:
        """p50, p95 and p99 as :func:`percentiles` gives them; in words where another place's were measured."""
        return percentiles(self.rows) if self.measured else (UNMEASURED, UNMEASURED, UNMEASURED)


@dataclass(frozen=True)
class Turn:
    """The arrival from which a stream works for good, and the last bad one before it (``None``: none was)."""

    index: int
    at: Instant
    last_bad: Instant | None


def good(record: Record, rows: Traffic) -> Flags:
    """Which arrivals are good."""
    in_time = rows["done"] - rows["intended"] <= record.header.deadline.nanoseconds
    flags: Flags = (rows["outcome"] == Outcome.GOOD) & in_time
    return flags


def between(rows: Traffic, began: Instant, ended: Instant) -> Traffic:
    """The arrivals whose intended time lies in [began, ended)."""
    low, high = np.searchsorted(rows["intended"], [began.nanoseconds, ended.nanoseconds])
    part: Traffic = rows[low:high]
    return part


def answered(rows: Traffic, began: Instant, ended: Instant) -> Traffic:
    """Of the arrivals :func:`between`, those that were answered in it, too.

    A good answer after the end may be the healing's doing and a bad one the undo's: neither says anything of the span.
    """
    part = between(rows, began, ended)
    inside: Traffic = part[part["done"] < ended.nanoseconds]
    return inside


def streams(record: Record, began: Instant, ended: Instant) -> Iterator[Stream]:
    """Every stream of the header's locations and mix within a span, empty ones too: what was :func:`answered` in it."""
    nothing = record.traffic[:0]
    for location_code, location in enumerate(record.header.locations):
        for operation_code, operation in enumerate(record.header.operations):
            if record.header.mix and not record.header.mix.get(operation):
                continue
            rows = answered(record.streams.get((location_code, operation_code), nothing), began, ended)
            yield Stream(location, operation, rows, good(record, rows), location not in record.header.unmeasured)


def clock_error(record: Record, location: str | None = None) -> Duration:
    """How far the times of a location's arrivals may be off, either way; without one, those of any location."""
    errors = record.header.clock_error
    return errors.get(location, ZERO) if location is not None else max(errors.values(), default=ZERO)


def measured(record: Record, rows: Traffic) -> Traffic:
    """The arrivals from the locations whose latencies are their own."""
    strange = [code for code, place in enumerate(record.header.locations) if place in record.header.unmeasured]
    part: Traffic = rows[~np.isin(rows["location"], strange)] if strange else rows
    return part


def tolerance(times: Times) -> float:
    """How many bad arrivals beyond the ratio count as noise."""
    if len(times) < 2:
        return BLIP_ARRIVALS
    rate = (len(times) - 1) / max(1e-9, (int(times[-1]) - int(times[0])) / 1e9)
    return max(BLIP_ARRIVALS, BLIP_SECONDS * rate)


def excess(flags: Flags, objective: float) -> npt.NDArray[np.float64]:
    """For each arrival, the worst excess of bad ones over any stretch that begins there or later.

    A stretch of n arrivals may hold (1 − objective) × n bad ones; what is beyond is its excess. Without this a long
    calm would dilute any outage below the objective.
    """
    steps = np.where(flags, 0.0, 1.0) - (1.0 - objective)
    total = np.cumsum(steps)
    highest_later = np.maximum.accumulate(total[::-1])[::-1]
    from_here = highest_later - (total - steps)
    worst: npt.NDArray[np.float64] = np.maximum.accumulate(from_here[::-1])[::-1]
    return worst


def turn(times: Times, flags: Flags, objective: float) -> Turn | None:
    """The first good arrival from which the success ratio, counted forward to the end, stays at the objective.

    *Stays*: the ratio of everything from there on is at least the objective, and no stretch in it is dense enough with
    bad arrivals to be an outage of its own (:func:`excess`). ``None``: there is no such arrival.
    """
    if not len(flags):
        return None
    count = np.arange(len(flags), 0, -1)
    forward = np.cumsum(flags[::-1])[::-1] / count
    holds = flags & (forward >= objective) & (excess(flags, objective) <= tolerance(times) + 1e-9)
    if not holds.any():
        return None
    index = int(np.argmax(holds))
    bad_before = np.flatnonzero(~flags[:index])
    last_bad = Instant(int(times[bad_before[-1]])) if len(bad_before) else None
    return Turn(index, Instant(int(times[index])), last_bad)


def lucky(flags: Flags, last_bad: int) -> int:
    """How many good arrivals in a row say nothing yet, right after the bad one at the index ``last_bad``.

    Where all failed it is none. Where half of them did, every seventh series of good ones is as long as three, and
    only one in a hundred as long as seven.
    """
    share = float(flags[max(0, last_bad - LATELY) : last_bad].mean()) if last_bad else 0.0
    return min(LUCK_ARRIVALS, math.ceil(math.log(BY_LUCK) / math.log(share))) if 0 < share < 1 else 0


def settled(times: Times, flags: Flags, found: Turn) -> Turn:
    """The turn, moved behind those bad arrivals that still belong to the outage before it.

    The objective allows a few bad arrivals at any time, and so it would forgive the end of an outage in which only
    some arrivals fail. Bad ones that follow no later than luck explains are that outage's, not noise.
    """
    bad = np.flatnonzero(~flags)
    behind = int(np.searchsorted(bad, found.index))
    while 0 < behind < len(bad) and bad[behind] - bad[behind - 1] - 1 <= lucky(flags, int(bad[behind - 1])):
        behind += 1
    last = int(bad[behind - 1]) if behind else -1
    if last < found.index or last + 1 >= len(flags):
        return found
    return Turn(last + 1, Instant(int(times[last + 1])), Instant(int(times[last])))


def outages(flags: Flags) -> int:
    """How often good turned to bad; a stream that begins bad counts that too."""
    if not len(flags):
        return 0
    return int(np.count_nonzero(flags[:-1] & ~flags[1:])) + int(not flags[0])


def longest_gap(times: Times, flags: Flags, began: Instant, ended: Instant) -> Duration:
    """The longest span of [began, ended) without a good arrival."""
    edges = np.concatenate(([began.nanoseconds], times[flags], [ended.nanoseconds]))
    return Duration(int(np.diff(edges).max(initial=0)))


def percentiles(rows: Traffic) -> tuple[float, float, float]:
    """p50, p95 and p99 in milliseconds from the intended time, of everything that ended, failures too."""
    if not len(rows):
        return (0.0, 0.0, 0.0)
    latency = (rows["done"] - rows["intended"]) / 1e6
    p50, p95, p99 = np.percentile(latency, [50, 95, 99])
    return round(float(p50), 3), round(float(p95), 3), round(float(p99), 3)
