"""Is the service back in time? The recovery time objective, per client location and operation."""

from __future__ import annotations

import numpy as np

from harness.clock import Instant
from harness.judges import anatomy, windows
from harness.judges.outage import Recovery, recoveries, worst
from harness.judges.streams import UNMEASURED, answered, good, measured, percentiles, streams
from harness.record import Record
from harness.verdicts import Number, Ruling, Verdict

PROMISE = "recovery"


def recovery(record: Record) -> Verdict:
    """Every operation at every location is back within its objective while the fault still stands.

    Definition: from the fault to the intended time of the first good arrival from which the success ratio, counted
    forward, stays at ``success_ratio`` until the fault is undone. Where service lasted half a minute in between, that
    time is not counted: a platform has one minute for all that a fault brings (:mod:`harness.judges.spells`).
    Writes are held against ``write_recovery_time``, all else against ``recovery_time``. The scenario's figure is the
    worst of all locations and operations. UNKNOWN when the error bar straddles the objective.
    Units: AWS seconds; latencies in ms from the intended time, of the locations that were really measured from.

    Source: DESIGN.md, section 5; the stages against https://docs.aws.amazon.com/whitepapers/latest/
    disaster-recovery-workloads-on-aws/disaster-recovery-options-in-the-cloud.html
    """
    found = recoveries(record)
    if not found:
        return Verdict(PROMISE, Ruling.UNKNOWN, "no arrival in the fault window: nothing was measured")
    worst_one = worst(found)
    parts = anatomy.anatomies(record)
    reason = worst_one.sentence() if worst_one.seen_down.nanoseconds else _undisturbed(worst_one)
    if worst_one.ruling is Ruling.BROKEN and worst_one.seen_down.nanoseconds:
        reason = f"{reason}; {anatomy.sentence(parts[0].stages)}"
    evidence = {
        "recovery": [one.row() for one in found],
        "anatomy": [row for part in parts for row in part.rows()],
        "availability": availability(record),
    }
    return Verdict(PROMISE, worst_one.ruling, reason, _figures(record, worst_one), evidence)


def _undisturbed(one: Recovery) -> str:
    if one.ruling is Ruling.KEPT:
        return "no operation was disturbed at any location"
    return f"{one.where} was not disturbed, but seen for too short a time before the fault was undone"


def _figures(record: Record, one: Recovery) -> dict[str, Number]:
    figures: dict[str, Number] = {
        "rto_seconds": None if one.time is None else round(one.time.seconds, 3),
        "rto_error_seconds": None if one.error is None else round(one.error.seconds, 3),
        "rto_more_seconds": None if one.more is None else round(one.more.seconds, 3),
        "objective_seconds": one.objective.seconds,
        "down_seconds": round(one.seen_down.seconds, 3),
        "worst_location": one.stream.location,
        "worst_operation": one.stream.operation,
        "speed": record.header.speed,
    }
    for name, began, ended in _spans(record):
        rows = answered(record.traffic, began, ended)
        flags, own = good(record, rows), measured(record, rows)
        p50, p95, p99 = percentiles(own) if len(own) or not len(rows) else (UNMEASURED,) * 3
        figures[f"availability_{name}"] = round(float(flags.mean()), 6) if len(rows) else None
        figures |= {f"p50_{name}_ms": p50, f"p95_{name}_ms": p95, f"p99_{name}_ms": p99}
    return figures if one.time is not None else {**figures, "healed_seconds": _healed(record)}


def _healed(record: Record) -> Number:
    """From the last undo to the first arrival from which every stream stays good; ``None`` when that was not seen."""
    after = windows.aftermath(record)
    if after is None:
        return None
    firsts = []
    for stream in streams(record, *after):
        bad = np.flatnonzero(~stream.good)
        place = int(bad[-1]) + 1 if len(bad) else 0
        if place >= len(stream.good):
            return None
        firsts.append(int(stream.times[place]))
    return windows.span_seconds(after[0], Instant(max(firsts))) if firsts else None


def _spans(record: Record) -> list[tuple[str, Instant, Instant]]:
    found = windows.windows(record)
    began, calm_end = windows.calm(record)
    spans = [("before", began, calm_end), ("during", found[0].began, found[-1].ended)]
    after = windows.aftermath(record)
    return [*spans, ("after", *after)] if after else spans


def availability(record: Record) -> list[dict[str, Number]]:
    """Success ratio and latency of each stream before, during and after the faults."""
    rows: list[dict[str, Number]] = []
    for name, began, ended in _spans(record):
        for stream in streams(record, began, ended):
            if len(stream.good):
                p50, p95, p99 = stream.latencies()
                rows.append({
                    "when": name, "location": stream.location, "operation": stream.operation,
                    "arrivals": len(stream.good), "success_ratio": round(stream.ratio(), 6),
                    "p50_ms": p50, "p95_ms": p95, "p99_ms": p99,
                })  # fmt: skip
    return rows
