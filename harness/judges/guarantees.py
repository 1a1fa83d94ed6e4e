"""What one customer may expect of its own reads: never back in time, and never without its own writes.

The session guarantees of Terry et al. 1994, https://jepsen.io/consistency/models/monotonic-reads and
https://jepsen.io/consistency/models/read-your-writes. A location is one customer, so one session.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.clock import ZERO, Duration, Instant
from harness.judges.loss import losses
from harness.judges.streams import good
from harness.record import Record, Traffic

EVENTS = "ponder_events"
"""The read of what others write, on a replica."""
OWN = "list_triggers"
"""The read of what the customer itself writes."""
CREATED = "create_trigger"
"""The write that it shows."""
DATED = 10**14
"""An ``observed`` from here on is microseconds since the epoch (1973 and later); below, it is an event's id."""


@dataclass(frozen=True)
class Backward:
    """The reads of one location that showed an older event than one which was answered before they were sent."""

    reads: int
    furthest: Duration | None
    """By how much at most, from one event's date to the other's; ``None`` when reads carry no dates."""


@dataclass(frozen=True)
class Missed:
    """A read that did not show a write of its own customer which had been acknowledged before it was sent."""

    location: str
    at: Instant
    """When the read was sent."""
    since: Duration
    """For how long, then, the oldest such write had been acknowledged."""


def of_operation(record: Record, operation: str) -> Traffic:
    """The good arrivals of one operation, by intended time."""
    if operation not in record.header.operations:
        return record.traffic[:0]
    rows = record.traffic[record.traffic["operation"] == record.header.operations.index(operation)]
    found: Traffic = rows[good(record, rows)]
    return found


def backward(record: Record) -> dict[str, Backward]:
    """For each location, how often and how far its reads of events went back in time (monotonic reads)."""
    rows = of_operation(record, EVENTS)
    rows = rows[rows["observed"] > 0]
    found = {}
    for code, location in enumerate(record.header.locations):
        own = rows[rows["location"] == code]
        shown = own["observed"].astype(np.int64)
        before = newest_before(own["done"], shown, own["sent"]) - shown
        back = before[before > 0]
        dated = not len(own) or bool((shown >= DATED).all())
        furthest = Duration(int(back.max(initial=0)) * 1000) if dated else None
        found[location] = Backward(len(back), furthest)
    return found


def newest_before(
    answered: npt.NDArray[np.int64], shown: npt.NDArray[np.int64], sent: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """For each of the ``sent`` times, the highest ``shown`` of what had been answered by then; 0 where nothing had."""
    order = np.argsort(answered)
    newest = np.concatenate(([0], np.maximum.accumulate(shown[order])))
    found: npt.NDArray[np.int64] = newest[np.searchsorted(answered[order], sent, side="right")]
    return found


def own_writes_missed(record: Record) -> list[Missed] | None:
    """The reads that did not show an own write (read-your-writes); ``None`` when the record does not tell.

    Older records do not: there, writes and the reads of them carry no date. A write that the ledger calls lost is the
    loss judges' business and is left out.
    """
    reads = of_operation(record, OWN)
    writes = of_operation(record, CREATED)
    writes = writes[writes["observed"] >= DATED]
    if not len(writes) or not (reads["observed"] >= DATED).any():
        return None
    found: list[Missed] = []
    for code, location in enumerate(record.header.locations):
        mine = writes[writes["location"] == code]
        kept = mine[~np.isin(mine["done"], _lost(record, code))]
        found += _missed(location, reads[reads["location"] == code], kept)
    return found


def _missed(location: str, reads: Traffic, writes: Traffic) -> list[Missed]:
    order = np.argsort(writes["observed"])
    dates, answered = writes["observed"][order].astype(np.int64), writes["done"][order]
    newest = newest_before(answered, dates, reads["sent"])
    shown = reads["observed"].astype(np.int64)
    found = []
    for number in np.flatnonzero(shown < newest).tolist():
        later = answered[np.searchsorted(dates, shown[number], side="right") :]
        sent = int(reads["sent"][number])
        found.append(Missed(location, Instant(sent), Duration(sent - int(later.min()))))
    return found


def _lost(record: Record, code: int) -> list[int]:
    """When the writes of one location that are lost were answered, AWS ns."""
    found = losses(record)
    if found is None:
        return []
    times: list[int] = found.answered(found.lost & (found.ledger.writes["location"] == code)).tolist()
    return times


def longest(missed: list[Missed]) -> Duration:
    """The longest that an own write had been acknowledged and was not shown."""
    return max((one.since for one in missed), default=ZERO)
