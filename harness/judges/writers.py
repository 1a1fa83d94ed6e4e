"""Is there only ever one writer, and did the platform choose it by itself?"""

from __future__ import annotations

from harness.clock import Instant
from harness.judges import windows
from harness.judges.loss import ROWS, losses, rows_after_promotion
from harness.judges.outage import recoveries
from harness.judges.windows import Window
from harness.record import Record
from harness.timeline import DatabaseEvent, Decided, WriterSeen, of
from harness.verdicts import Number, Ruling, Verdict

Rows = list[dict[str, Number]]


def single_writer(record: Record) -> Verdict:
    """No node takes a write after its successor was promoted (no split brain).

    Broken by a row on the old writer (or in the snapshot of its volume) that was created after ``promoted_at``, or by
    a write that was sent after it, acknowledged, and is not on the new writer. UNKNOWN when the writer moved and the
    old one could not be read. Units: rows. Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/
    aurora-global-database-disaster-recovery.html (the old writer is fenced by best effort)
    """
    promise = "single_writer"
    readback = record.readback
    if readback is None:
        return Verdict(promise, Ruling.UNKNOWN, "nothing was read back")
    if readback.promoted_at is None:
        if moved(record, None):
            return Verdict(promise, Ruling.UNKNOWN, "the writer moved, but nobody saw when it was promoted")
        return Verdict(promise, Ruling.KEPT, "no other node was promoted: there was one writer throughout")
    promoted = Instant(readback.promoted_at)
    late: Rows = [
        {"write_id": write_id, "created_at": str(Instant(at)), "service_region": region, "node": node}
        for write_id, at, region, node in rows_after_promotion(readback)
    ]
    found = losses(record)
    astray = int(found.astray.sum()) if found and readback.complete else 0
    figures: dict[str, Number] = {
        "late_rows_on_old_writer": len(late),
        "acknowledged_elsewhere": astray,
        "promoted_at": str(promoted),
    }
    evidence = {"split_brain": late[:ROWS]}
    if late or astray:
        reason = f"after the promotion at {promoted} the old writer took {len(late)} rows that could be read"
        reason += f", and {astray} acknowledged writes are not on the new one" if astray else ""
        return Verdict(promise, Ruling.BROKEN, reason, figures, evidence)
    if not any(view.role in ("old_writer", "snapshot") for view in readback.views):
        return Verdict(promise, Ruling.UNKNOWN, "the old writer could not be read after the promotion", figures)
    if not readback.complete:
        return Verdict(promise, Ruling.UNKNOWN, "the read-back is incomplete", figures)
    return Verdict(promise, Ruling.KEPT, f"the old writer took no row after the promotion at {promoted}", figures)


def automatic(record: Record) -> Verdict:
    """Nobody but the platform decided on the recovery.

    Every decision in the fault window is by ``platform``; one by ``operator`` or ``harness`` breaks the promise. No
    decision at all is fine when the writer did not move and writes came back, or when AWS's own events tell of the
    failover. Units: none. Source: https://docs.aws.amazon.com/r53recovery/latest/dg/region-switch.html
    """
    promise = "automatic"
    rows: Rows = [
        {"at": str(event.at), "by": event.by, "what": event.what, "after_seconds": after}
        for window in windows.windows(record)
        for event in of(record.events, Decided)
        if window.began <= event.at <= window.ended
        for after in [windows.span_seconds(window.began, event.at)]
    ]
    figures: dict[str, Number] = {"decisions": len(rows), "by_platform": sum(row["by"] == "platform" for row in rows)}
    evidence = {"decisions": rows}
    others = [row for row in rows if row["by"] != "platform"]
    if others:
        reason = f"{others[0]['by']} decided: {others[0]['what']}"
        return Verdict(promise, Ruling.BROKEN, reason, figures, evidence)
    down = [one for one in recoveries(record) if one.time is None and one.stream.operation in record.header.writes]
    overdue = [one for one in down if one.ruling is Ruling.BROKEN]
    if overdue and not rows:
        reason = f"nobody decided, and {overdue[0].sentence()}"
        return Verdict(promise, Ruling.BROKEN, reason, figures, evidence)
    if rows:
        return Verdict(promise, Ruling.KEPT, f"the platform decided by itself: {rows[0]['what']}", figures, evidence)
    found = windows.windows(record)
    unexplained = any(moved(record, window) and not _aws_did(record, window) for window in found)
    if unexplained or down:
        reason = "the writer moved and nobody is on record as having decided it" if unexplained else down[0].sentence()
        return Verdict(promise, Ruling.UNKNOWN, reason, figures, evidence)
    return Verdict(promise, Ruling.KEPT, "no decision was needed: AWS itself or no change of roles", figures, evidence)


def moved(record: Record, window: Window | None) -> bool:
    """Whether another writer than before was seen, within a window or at all."""
    writers = list(of(record.events, WriterSeen))
    return any(window is None or window.began < event.at <= window.ended for event in writers[1:])


def _aws_did(record: Record, window: Window) -> bool:
    told = (e for e in of(record.events, DatabaseEvent) if window.began <= e.at <= window.ended)
    return any("failover" in words.lower() for event in told for words in (event.message, *event.categories))
