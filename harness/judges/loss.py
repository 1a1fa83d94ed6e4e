"""Is anything missing? Acknowledged writes against what the databases hold once the dust has settled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness.clock import Duration, Instant, seconds
from harness.judges import windows
from harness.judges.once import once
from harness.ledger import Ledger, ReadBack, Standing
from harness.record import Record
from harness.requests import address_text
from harness.verdicts import Number, Ruling, Verdict

ROWS = 200
"""So many rows of evidence at most for each table."""
FRESH = seconds(10)
"""A write must have been acknowledged so shortly before the fault, or its loss could not have been seen."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Losses:
    """Every write, classified. Present means: a view of the writer holds it; all else is somewhere else or nowhere."""

    ledger: Ledger
    readback: ReadBack

    @cached_property
    def rows(self) -> npt.NDArray[np.int32]:
        """How many rows of each write the writer holds."""
        return self.ledger.most("writer")

    @cached_property
    def elsewhere(self) -> npt.NDArray[np.int32]:
        """How many rows of each write any other view holds."""
        return self.ledger.most("old_writer", "snapshot", "replica")

    @cached_property
    def acknowledged(self) -> Mask:
        """Which writes the service said it took."""
        return self.ledger.standing(Standing.ACKNOWLEDGED)

    @cached_property
    def lost(self) -> Mask:
        """Acknowledged, and absent from the writer."""
        absent: Mask = self.rows == 0
        return self.acknowledged & absent

    @cached_property
    def split(self) -> Mask:
        """Sent after the promotion, acknowledged, and absent from the new writer: another node must have taken it."""
        promoted = self.readback.promoted_at
        if promoted is None:
            return np.zeros(len(self.lost), np.bool_)
        split: Mask = self.lost & (self.ledger.writes["sent_at"] > promoted)
        return split

    @cached_property
    def kinds(self) -> dict[str, Mask]:
        """The classes that a report prints; ``stranded`` and ``split_brain`` overlap with ``lost``."""
        present = self.rows > 0
        return {
            "lost": self.lost,
            "recovered": self.ledger.standing(Standing.UNKNOWN) & present,
            "unexpected": self.ledger.standing(Standing.REFUSED) & present,
            "duplicated": self.rows > 1,
            "stranded": ~present & (self.elsewhere > 0),
            "split_brain": self.split,
        }

    @property
    def disagreeing(self) -> int:
        """How many writes one view of the writer holds and another does not."""
        columns = self.ledger.role("writer")
        found = self.ledger.found[:, columns] > 0
        return int((found.any(axis=1) & ~found.all(axis=1)).sum()) if columns else 0

    @property
    def proven(self) -> Mask:
        """The lost writes that the read-back proves: all of a complete one, else those that another node still has."""
        return self.lost if self.readback.complete else self.lost & (self.elsewhere > 0)

    def span(self, mask: Mask) -> Duration:
        """From the first to the last of these writes, by the time they were answered."""
        times = self.ledger.writes["done_at"][mask]
        return Duration(int(times.max() - times.min())) if len(times) else Duration(0)


@once
def losses(record: Record) -> Losses | None:
    """The classified writes; ``None`` when nothing was read back, or no view of the writer was."""
    ledger = record.ledger
    if ledger is None or record.readback is None or not ledger.role("writer"):
        return None
    return Losses(ledger, record.readback)


def no_lost_writes(record: Record) -> Verdict:
    """Every acknowledged write is found afterwards, but for ``lost_writes`` rows (0 where replication is synchronous).

    Acknowledged: 201 seen by the client. Refused: turned away or never sent. Unknown: timed out, reset or a server's
    error; such a write may be there or not. Lost: acknowledged, and no view of the writer holds it. UNKNOWN when the
    read-back is incomplete, when its views disagree or when no write was acknowledged. Units: rows; AWS seconds from
    the first to the last lost write. Source: DESIGN.md, section 5 (RPO).
    """
    return _judge(record, "no_lost_writes")


def bounded_loss(record: Record) -> Verdict:
    """The acknowledged writes that are missing were all answered within a span of at most ``loss_span``.

    For asynchronous replication, where losing the writer's region may lose the last moments. Classes and doubts are
    those of :func:`no_lost_writes`; with a span of zero a single lost write breaks the promise. Units: AWS seconds.
    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
    """
    return _judge(record, "bounded_loss")


def _judge(record: Record, promise: str) -> Verdict:
    found = losses(record)
    if found is None:
        return Verdict(promise, Ruling.UNKNOWN, "no view of the writer was read back: nothing can be called lost")
    objectives = record.header.objectives
    proven = found.proven
    lost, span = int(proven.sum()), found.span(proven)
    if promise == "no_lost_writes":
        broken, allowed = lost > objectives.lost_writes, f"{objectives.lost_writes} rows"
    else:
        broken = span > objectives.loss_span or (lost > 0 and not objectives.loss_span.nanoseconds)
        allowed = str(objectives.loss_span)
    doubt = _doubt(record, found)
    told = f"{lost} of {int(found.acknowledged.sum())} acknowledged writes are lost, over {span}; allowed: {allowed}"
    if broken:
        ruling, reason = Ruling.BROKEN, told
    elif doubt:
        ruling, reason = Ruling.UNKNOWN, doubt
    else:
        ruling, reason = Ruling.KEPT, told
    return Verdict(promise, ruling, reason, _figures(record, found), _evidence(record, found))


def _doubt(record: Record, found: Losses) -> str:
    readback = found.readback
    if not readback.complete or readback.missing_views:
        missing = ", ".join(readback.missing_views) or "a part of a view"
        return f"the read-back is incomplete ({missing}): {int(found.lost.sum())} writes were not found"
    if found.disagreeing:
        return f"the views of the writer disagree about {found.disagreeing} writes"
    if not found.acknowledged.any():
        return "no write was acknowledged: none could be lost"
    answered = found.ledger.writes["done_at"][found.acknowledged]
    for window in windows.windows(record):
        before = window.began.nanoseconds - answered
        if not np.any((before >= 0) & (before <= FRESH.nanoseconds)):
            return f"no write was acknowledged in the {FRESH} before the fault: a loss could not have been seen"
    return ""


def _figures(record: Record, found: Losses) -> dict[str, Number]:
    counts = {f"{name}_writes": int(mask.sum()) for name, mask in found.kinds.items()}
    return {
        "acknowledged_writes": int(found.acknowledged.sum()),
        "refused_writes": int(found.ledger.standing(Standing.REFUSED).sum()),
        "unknown_writes": int(found.ledger.standing(Standing.UNKNOWN).sum()),
        **counts,
        "lost_seconds": round(found.span(found.lost).seconds, 3),
        "disagreeing_writes": found.disagreeing,
        "allowed_lost_writes": record.header.objectives.lost_writes,
        "allowed_lost_seconds": record.header.objectives.loss_span.seconds,
    }


def _evidence(record: Record, found: Losses) -> dict[str, list[dict[str, Number]]]:
    tables = {name: _table(record, found, mask) for name, mask in found.kinds.items() if mask.any()}
    tables["views"] = [
        {
            "source": view.source,
            "region": view.region,
            "identifier": view.identifier,
            "role": view.role,
            "read_at": str(Instant(view.read_at)),
            "writes": len(view.counts),
            "strangers": len(strangers),
        }
        for view, strangers in zip(found.ledger.views, found.ledger.strangers, strict=True)
    ]
    return tables


def _table(record: Record, found: Losses, mask: Mask) -> list[dict[str, Number]]:
    rows: list[dict[str, Number]] = []
    for number in np.flatnonzero(mask)[:ROWS].tolist():
        write = found.ledger.writes[number]
        rows.append({
            "write_id": found.ledger.ids[number],
            "at": str(Instant(int(write["done_at"]))),
            "location": record.header.locations[int(write["location"])],
            "address": address_text(write["address"]),
            "standing": Standing(int(write["standing"])).name.lower(),
            "status": int(write["status"]),
            "rows_on_writer": int(found.rows[number]),
            "rows_elsewhere": int(found.elsewhere[number]),
        })  # fmt: skip
    return rows
