"""Is there only ever one writer, and did the platform choose it by itself?"""

from __future__ import annotations

from collections.abc import Iterable

from harness.clock import Instant
from harness.events import DatabaseEvent, Decided, WriterSeen
from harness.judges import windows
from harness.judges.loss import ROWS, losses, rows_after_promotion, rows_beside_the_writer
from harness.judges.outage import recoveries
from harness.judges.windows import Window
from harness.ledger import ReadBack
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Number, Ruling, Verdict

Rows = list[dict[str, Number]]
_PROMISE = "single_writer"


def single_writer(record: Record) -> Verdict:
    """No node takes a write beside the writer, or after its successor was promoted (no split brain).

    Broken by a row on the old writer (or in the snapshot of its volume) that was created after ``promoted_at``, by a
    write that was sent after it, acknowledged, and is not on the new writer, and by a row that a replica holds and the
    writer does not, whoever was promoted. UNKNOWN when the writer moved and the old one could not be read.
    Units: rows. Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/
    aurora-global-database-disaster-recovery.html (the old writer is fenced by best effort)
    """
    readback = record.readback
    if readback is None:
        return Verdict(_PROMISE, Ruling.UNKNOWN, "nothing was read back")
    if readback.promoted_at is None:
        return _undivided(record, readback)
    promoted = Instant(readback.promoted_at)
    late = _rows({*rows_after_promotion(readback), *rows_beside_the_writer(readback)})
    found = losses(record)
    astray = int(found.astray.sum()) if found and readback.complete else 0
    figures: dict[str, Number] = {
        "late_rows_elsewhere": len(late),
        "acknowledged_elsewhere": astray,
        "promoted_at": str(promoted),
    }
    evidence = {"split_brain": late[:ROWS]}
    if late or astray:
        nodes = _nodes(late) or "another node"
        reason = f"after the promotion at {promoted} {nodes} took {len(late)} rows that could be read"
        reason += f", and {astray} acknowledged writes are not on the new writer" if astray else ""
        return Verdict(_PROMISE, Ruling.BROKEN, reason, figures, evidence)
    if not any(view.role in ("old_writer", "snapshot") for view in readback.views):
        return Verdict(_PROMISE, Ruling.UNKNOWN, "the old writer could not be read after the promotion", figures)
    if not readback.complete:
        return Verdict(_PROMISE, Ruling.UNKNOWN, "the read-back is incomplete", figures)
    return Verdict(_PROMISE, Ruling.KEPT, f"the old writer took no row after the promotion at {promoted}", figures)


def _undivided(record: Record, readback: ReadBack) -> Verdict:
    """The same, where nobody is known to have been promoted: a node may take writes all the same."""
    late = _rows(set(rows_beside_the_writer(readback)))
    if late:
        reason = f"{_nodes(late)} took {len(late)} rows that the writer does not have, though nobody was promoted"
        figures: dict[str, Number] = {"late_rows_elsewhere": len(late)}
        return Verdict(_PROMISE, Ruling.BROKEN, reason, figures, {"split_brain": late[:ROWS]})
    if moved(record, None):
        return Verdict(_PROMISE, Ruling.UNKNOWN, "the writer moved, but nobody saw when it was promoted")
    return Verdict(_PROMISE, Ruling.KEPT, "no other node was promoted: there was one writer throughout")


def _rows(found: Iterable[tuple[str, int, str, str]]) -> Rows:
    return [
        {"write_id": write_id, "created_at": str(Instant(at)), "service_region": region, "node": node}
        for write_id, at, region, node in sorted(found, key=lambda row: (row[1], row[0]))
    ]


def _nodes(rows: Rows) -> str:
    return ", ".join(sorted({str(row["node"]) for row in rows}))


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
