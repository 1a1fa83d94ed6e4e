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
from harness.judges.streams import good
from harness.record import Record, Traffic
from harness.verdicts import Number, Ruling, Verdict

PROMISE = "bounded_staleness"
OPERATION = "ponder_events"
_ROUNDING = milliseconds(1)
"""So far apart the API and the database may tell of one event."""
DATED = 10**14
"""An ``observed`` from here on is microseconds since the epoch (1973 and later); below, it is an event's id."""


@dataclass(frozen=True, eq=False)
class Reads:
    """The good reads of the newest event, by intended time. Times and ages in AWS ns."""

    rows: Traffic
    missed_for: npt.NDArray[np.int64]
    """For how long, when the read was sent, an event had existed that it did not show; 0: it was fresh."""
    age: npt.NDArray[np.int64]
    """From the newest event that it showed to the answer: an upper bound, which also counts that nothing happened."""
    resolution: Duration
    """So old an event can be without any read having shown it: the p99 gap between reads of one location."""


def reads(record: Record) -> Reads | None:
    """The dated reads; ``None`` when there are none."""
    header = record.header
    if OPERATION not in header.operations:
        return None
    rows = record.traffic[record.traffic["operation"] == header.operations.index(OPERATION)]
    rows = rows[good(record, rows) & (rows["observed"] >= DATED)]
    if not len(rows):
        return None
    shown = rows["observed"].astype(np.int64) * 1000
    known = np.unique(np.concatenate((shown, _happened(record))))
    following = np.searchsorted(known, shown + _ROUNDING.nanoseconds, side="right")
    newer = np.where(following < len(known), known[np.minimum(following, len(known) - 1)], np.iinfo(np.int64).max)
    missed = np.maximum(0, rows["sent"] - np.minimum(newer, rows["sent"]))
    return Reads(rows, missed, rows["done"] - shown, _resolution(rows))


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
    apart = int(np.diff(known).max(initial=0))
    silence = int(found.rows["done"].max()) - int(known[-1])
    if silence <= apart + record.header.objectives.staleness.nanoseconds:
        return ""
    told = f"no read showed anything new in the last {Duration(silence)}, though events were {Duration(apart)} apart"
    return f"{told} at most, and the writer's were not read back"


def _resolution(rows: Traffic) -> Duration:
    gaps = [np.diff(rows["intended"][rows["location"] == code]) for code in np.unique(rows["location"])]
    together = np.concatenate(gaps)
    return Duration(int(np.percentile(together, 99))) if len(together) else Duration(0)


def regressions(record: Record) -> dict[str, int]:
    """For each location, the reads that showed an older event than one which was answered before they were sent."""
    header = record.header
    if OPERATION not in header.operations:
        return {}
    rows = record.traffic[record.traffic["operation"] == header.operations.index(OPERATION)]
    rows = rows[good(record, rows) & (rows["observed"] > 0)]
    found = {}
    for code, location in enumerate(header.locations):
        own = rows[rows["location"] == code]
        order = np.argsort(own["done"], kind="stable")
        newest = np.concatenate(([0], np.maximum.accumulate(own["observed"][order].astype(np.int64))))
        answered = np.searchsorted(own["done"][order], own["sent"], side="right")
        found[location] = int((own["observed"].astype(np.int64) < newest[answered]).sum())
    return found


def bounded_staleness(record: Record) -> Verdict:
    """Replica reads are at most ``staleness`` old, and in a window of declared lag at most that much older.

    Staleness of a read: how long, when it was sent, the oldest event had existed that it did not show; known to one
    resolution (the gap between reads), which is added before a promise is called kept. The window lasts until the
    replica was proven healed and had ``staleness`` to catch up. Reads that go back in time at one location are
    counted in the figures. UNKNOWN when reads carry no dates, no event happened, or nobody can say whether one did.
    Units: AWS seconds. Source: DESIGN.md, section 5.
    """
    found = reads(record)
    back = regressions(record)
    counts: dict[str, Number] = {f"regressions_{location}": count for location, count in back.items()}
    if found is None:
        return Verdict(PROMISE, Ruling.UNKNOWN, "no read carries the date of what it showed", counts)
    if len(np.unique(found.rows["observed"])) < 2:
        return Verdict(PROMISE, Ruling.UNKNOWN, "no event happened: nothing could be stale", counts)
    objectives = record.header.objectives
    inside = _inside(record, found)
    limits = np.where(inside, (objectives.staleness + record.header.declared_lag).nanoseconds,
                      objectives.staleness.nanoseconds)  # fmt: skip
    over = found.missed_for - limits
    worst = int(np.argmax(over))
    figures = counts | _figures(record, found, inside)
    evidence = {"stale_reads": _rows(record, found, np.flatnonzero(over > 0))}
    stale, limit = Duration(int(found.missed_for[worst])), Duration(int(limits[worst]))
    where = f"from {record.header.locations[int(found.rows['location'][worst])]}"
    if over[worst] > 0:
        reason = f"a read {where} missed an event that was {stale} old (allowed: {limit})"
        return Verdict(PROMISE, Ruling.BROKEN, reason, figures, evidence)
    blind = _blind(record, found)
    if blind:
        return Verdict(PROMISE, Ruling.UNKNOWN, blind, figures, evidence)
    if over[worst] + found.resolution.nanoseconds > 0:
        reason = f"the stalest read {where} missed {stale} ± {found.resolution}: the error bar straddles {limit}"
        return Verdict(PROMISE, Ruling.UNKNOWN, reason, figures, evidence)
    reason = f"no read missed an event older than {stale} ± {found.resolution} (allowed: {limit})"
    return Verdict(PROMISE, Ruling.KEPT, reason, figures, evidence)


def _inside(record: Record, found: Reads) -> npt.NDArray[np.bool_]:
    sent = found.rows["sent"]
    inside = np.zeros(len(sent), np.bool_)
    for window in windows.windows(record):
        ended = window.healed + record.header.objectives.staleness
        inside |= (sent >= window.began.nanoseconds) & (sent <= ended.nanoseconds)
    return inside


def _figures(record: Record, found: Reads, inside: npt.NDArray[np.bool_]) -> dict[str, Number]:
    def largest(values: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> float:
        return round(int(values[mask].max(initial=0)) / 1e9, 3)

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
            "missed_seconds": round(int(found.missed_for[number]) / 1e9, 3),
        }
        for number in numbers[:200].tolist()
    ]
