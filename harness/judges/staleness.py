"""How old is what a replica read shows?

A read that shows the newest event there is, is fresh however long ago that event was. So staleness is counted from the
oldest event that the read should have shown and did not: the next newer one that any read of the run ever showed, or
that the writer was read back to hold. Reads alone would not do: when all of them come from one database that learns
nothing any more, none shows what is missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.clock import Duration, Instant, milliseconds
from harness.judges import windows
from harness.judges.guarantees import DATED, EVENTS, Missed, backward, longest, of_operation, own_writes_missed
from harness.judges.streams import clock_error
from harness.record import Record, Traffic
from harness.verdicts import Number, Ruling, Verdict

PROMISE = "bounded_staleness"
ROWS = 200
"""So many rows of evidence at most."""

Evidence = dict[str, list[dict[str, Number]]]
_ROUNDING = milliseconds(1)
"""So far apart the API and the database may tell of one event."""
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Reads:
    """The good reads of the newest event, by intended time. Times and ages in AWS ns."""

    rows: Traffic
    missed_for: npt.NDArray[np.int64]
    """For how long, when the read was sent, an event had existed that it did not show; 0: it was fresh."""
    age: npt.NDArray[np.int64]
    """From the newest event that it showed to the answer: an upper bound, which also counts that nothing happened."""
    resolution: Duration
    """So old an event can be without any read having shown it: the p99 gap between reads of one location, and what
    another machine's clock may be off."""


def reads(record: Record) -> Reads | None:
    """The dated reads; ``None`` when there are none."""
    rows = of_operation(record, EVENTS)
    rows = rows[rows["observed"] >= DATED]
    if not len(rows):
        return None
    shown = rows["observed"].astype(np.int64) * 1000
    known = np.unique(np.concatenate((shown, _happened(record), [_NEVER])))
    newer = known[np.searchsorted(known, shown + _ROUNDING.nanoseconds, side="right")]
    missed = rows["sent"] - np.minimum(newer, rows["sent"])
    return Reads(rows, missed, rows["done"] - shown, _resolution(rows) + clock_error(record))


def _happened(record: Record) -> npt.NDArray[np.int64]:
    moments = record.readback.happened if record.readback else ()
    return np.array(moments, np.int64) * 1000


def _blind(record: Record, found: Reads) -> str:
    """Why nobody can say what the reads missed: they stand still and only they tell of events; empty when it is not so.

    Events that are rare are no reason to doubt, a silence far longer than any before it is.
    """
    if len(_happened(record)):
        return ""
    known = np.unique(found.rows["observed"].astype(np.int64) * 1000)
    apart = int(np.diff(known).max())
    silence = int(found.rows["done"].max()) - int(known[-1])
    if silence <= apart + record.header.objectives.staleness.nanoseconds:
        return ""
    told = f"no read showed anything new in the last {Duration(silence)}, though events were {Duration(apart)} apart"
    return f"{told} at most, and the writer's were not read back"


def _resolution(rows: Traffic) -> Duration:
    gaps = [np.diff(rows["intended"][rows["location"] == code]) for code in np.unique(rows["location"])]
    together = np.concatenate(gaps)
    return Duration(int(np.percentile(together, 99))) if len(together) else Duration(0)


def bounded_staleness(record: Record) -> Verdict:
    """Replica reads are at most ``staleness`` old, and in a window of declared lag at most that much older.

    Staleness of a read: how long, when it was sent, the oldest event had existed that it did not show; known to one
    resolution (the gap between reads), which is added before a promise is called kept. The window lasts until the
    replica was proven healed and had ``staleness`` to catch up. An own write that the customer's own read does not
    show may have been acknowledged for as long, and no longer (read-your-writes). Reads that go back in time at one
    location (monotonic reads) are counted: by how much they may is bounded by the staleness itself. UNKNOWN when reads
    carry no dates, no event happened, or nobody can say whether one did. Units: AWS seconds; reads. Source: DESIGN.md,
    section 5; https://jepsen.io/consistency/models/read-your-writes (session guarantees)
    """
    found, missed = reads(record), own_writes_missed(record)
    figures, evidence = _guarantees(record, missed)
    late = _own_write_late(record, missed or [])
    ruling, reason = Ruling.UNKNOWN, "no read carries the date of what it showed"
    if found is not None:
        limits = _limits(record, found.rows["sent"])
        over = found.missed_for - limits
        figures |= _figures(record, found)
        evidence["stale_reads"] = _rows(record, found, np.flatnonzero(over > 0))
        ruling, reason = _judge(record, found, limits)
    if late:
        ruling, reason = Ruling.BROKEN, f"{late}; {reason}" if ruling is Ruling.BROKEN else late
    return Verdict(PROMISE, ruling, reason, figures, evidence)


def _judge(record: Record, found: Reads, limits: npt.NDArray[np.int64]) -> tuple[Ruling, str]:
    over = found.missed_for - limits
    worst = int(np.argmax(over))
    stale, limit = Duration(int(found.missed_for[worst])), Duration(int(limits[worst]))
    where = f"from {record.header.locations[int(found.rows['location'][worst])]}"
    if over[worst] > 0:
        return Ruling.BROKEN, f"a read {where} missed an event that was {stale} old (allowed: {limit})"
    if len(np.unique(found.rows["observed"])) < 2:
        return Ruling.UNKNOWN, "no event happened: nothing could be stale"
    blind = _blind(record, found)
    if blind:
        return Ruling.UNKNOWN, blind
    if over[worst] + found.resolution.nanoseconds > 0:
        reason = f"the stalest read {where} missed {stale} ± {found.resolution}: the error bar straddles {limit}"
        return Ruling.UNKNOWN, reason
    return Ruling.KEPT, f"no read missed an event older than {stale} ± {found.resolution} (allowed: {limit})"


def _guarantees(record: Record, missed: list[Missed] | None) -> tuple[dict[str, Number], Evidence]:
    back = backward(record)
    far = [one.furthest for one in back.values()]
    figures: dict[str, Number] = {f"regressions_{location}": one.reads for location, one in back.items()}
    figures["furthest_regression_seconds"] = max((one.seconds for one in far if one is not None), default=None)
    figures["own_writes_missed"] = None if missed is None else len(missed)
    figures["own_write_missed_seconds"] = None if missed is None else round(longest(missed).seconds, 3)
    rows: Evidence = {"own_writes_missed": [
        {"at": str(one.at), "location": one.location, "missed_seconds": round(one.since.seconds, 3)}
        for one in (missed or [])[:ROWS]
    ]}  # fmt: skip
    return figures, rows


def _own_write_late(record: Record, missed: list[Missed]) -> str:
    """In words, the first own write that was not shown for longer than it may; empty when there is none."""
    limits = _limits(record, np.array([one.at.nanoseconds for one in missed]))
    late = np.flatnonzero(np.array([one.since.nanoseconds for one in missed]) > limits)
    if not len(late):
        return ""
    one, allowed = missed[late[0]], Duration(int(limits[late[0]]))
    told = f"a read from {one.location} did not show an own write acknowledged {one.since} before"
    return f"{told} (allowed: {allowed})"


def _limits(record: Record, sent: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How old what a read shows may be, in AWS ns, by when it was sent."""
    objectives = record.header.objectives
    inside = (objectives.staleness + record.header.declared_lag).nanoseconds
    return np.where(_inside(record, sent), inside, objectives.staleness.nanoseconds)


def _inside(record: Record, sent: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    inside = np.zeros(len(sent), np.bool_)
    for window in windows.windows(record):
        ended = window.healed + record.header.objectives.staleness
        inside |= (sent >= window.began.nanoseconds) & (sent <= ended.nanoseconds)
    return inside


def _figures(record: Record, found: Reads) -> dict[str, Number]:
    inside = _inside(record, found.rows["sent"])

    def largest(values: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> float:
        return round(Duration(int(values[mask].max(initial=0))).seconds, 3)

    return {
        "staleness_outside_fault_seconds": largest(found.missed_for, ~inside),
        "staleness_in_fault_seconds": largest(found.missed_for, inside),
        "age_outside_fault_seconds": largest(found.age, ~inside),
        "age_in_fault_seconds": largest(found.age, inside),
        "resolution_seconds": round(found.resolution.seconds, 3),
        "dated_reads": len(found.rows),
        "allowed_seconds": record.header.objectives.staleness.seconds,
        "declared_lag_seconds": record.header.declared_lag.seconds,
    }


def _rows(record: Record, found: Reads, numbers: npt.NDArray[np.intp]) -> list[dict[str, Number]]:
    return [
        {
            "at": str(Instant(int(found.rows["sent"][number]))),
            "location": record.header.locations[int(found.rows["location"][number])],
            "newest_shown": str(Instant(int(found.rows["observed"][number]) * 1000)),
            "missed_seconds": round(Duration(int(found.missed_for[number])).seconds, 3),
        }
        for number in numbers[:ROWS].tolist()
    ]
