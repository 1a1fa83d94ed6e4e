"""Is anything missing? Acknowledged writes against what the databases hold once the dust has settled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness.clock import ZERO, Duration, Instant, seconds
from harness.events import AddressesSeen
from harness.judges import lapses, windows
from harness.judges.lapses import Lapse
from harness.judges.once import once
from harness.judges.streams import clock_error
from harness.ledger import Ledger, ReadBack, Standing
from harness.record import Record
from harness.requests import address_text
from harness.timeline import of
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
    began: Instant
    """When the steady state began; rows from before are another run's."""
    clock_error: Duration = ZERO
    """How far the times of the writes may be off, as other machines' clocks told them."""

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
    def astray(self) -> Mask:
        """Sent after the promotion, acknowledged, and absent from the new writer: another node must have taken it."""
        promoted = self.readback.promoted_at
        if promoted is None:
            return np.zeros(len(self.lost), np.bool_)
        astray: Mask = self.lost & (self.ledger.writes["sent_at"] > promoted + self.clock_error.nanoseconds)
        return astray

    @cached_property
    def split(self) -> Mask:
        """Those, and what the old writer or a replica is seen to have taken itself, whatever its client was told."""
        seen = (*rows_after_promotion(self.readback), *rows_beside_the_writer(self.readback))
        late = {write_id for write_id, *_ in seen}
        if not late:
            return self.astray
        split: Mask = self.astray | np.fromiter(
            (one in late for one in self.ledger.ids), np.bool_, len(self.ledger.ids)
        )
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

    @property
    def unrecorded(self) -> frozenset[str]:
        """The ids of rows that the writer holds from this run, though no request of its record carried them."""
        found: set[str] = set()
        for column in self.ledger.role("writer"):
            view = self.ledger.views[column]
            for write_id in self.ledger.strangers[column]:
                if any(at * 1000 >= self.began.nanoseconds for at, _ in view.created.get(write_id, ())):
                    found.add(write_id)
        return frozenset(found)

    def answered(self, mask: Mask) -> npt.NDArray[np.int64]:
        """When these writes were answered, AWS ns."""
        times: npt.NDArray[np.int64] = self.ledger.writes["done_at"][mask]
        return times


def rows_after_promotion(readback: ReadBack) -> list[tuple[str, int, str, str]]:
    """Rows that the old writer (or its kept volume) took after its successor was promoted.

    Each with its write id, when it was created (AWS ns), the region whose service wrote it and the node that has it.
    """
    promoted = readback.promoted_at
    if promoted is None:
        return []
    return [
        (write_id, at * 1000, region, view.identifier)
        for view in readback.views
        if view.role in ("old_writer", "snapshot")
        for write_id, rows in view.created.items()
        for at, region in rows
        if at * 1000 > promoted
    ]


def rows_beside_the_writer(readback: ReadBack) -> list[tuple[str, int, str, str]]:
    """Rows that a replica holds and the writer does not, of the time after the promotion, if there was one.

    Replication only ever leads away from the writer: whatever a node has beyond it, that node took itself. As
    ``rows_after_promotion`` tells them; none when the writer was not read.
    """
    written = [view.counts for view in readback.views if view.role == "writer"]
    return [
        (write_id, at * 1000, region, view.identifier)
        for view in readback.views
        if written and view.role == "replica"
        for write_id, rows in view.created.items()
        if not any(write_id in counts for counts in written)
        for at, region in rows
        if readback.promoted_at is None or at * 1000 > readback.promoted_at
    ]


@once
def losses(record: Record) -> Losses | None:
    """The classified writes; ``None`` when nothing was read back, or no view of the writer was."""
    ledger = record.ledger
    if ledger is None or record.readback is None or not ledger.role("writer"):
        return None
    return Losses(ledger, record.readback, windows.begin(record), clock_error(record))


def no_lost_writes(record: Record) -> Verdict:
    """Every acknowledged write is there afterwards, once, but for ``lost_writes`` rows; no refused write is there.

    Acknowledged: 201 seen by the client. Refused: turned away or never sent. Unknown: timed out, reset or a server's
    error; such a write may be there or not (*recovered* when it is). Lost: acknowledged, and no view of the writer
    holds it. Duplicated: there more than once. Unexpected: refused, and there all the same. Stranded: another node
    holds it and the writer does not. Split-brain: taken by a node whose successor had been promoted. UNKNOWN when the
    read-back is incomplete, when its views disagree, when the writer holds rows of this run that no request carried
    (records are missing), or when no write was acknowledged shortly before a fault. Units: rows; AWS seconds from the
    first lost write's acknowledgement to the last one's or to the fault, whichever is later; bytes of WAL that only
    the old writer has. Source: Jepsen's set-full, https://github.com/jepsen-io/jepsen/blob/main/jepsen/src/jepsen/
    checker.clj, where a lost element and a duplicated one each make a history invalid
    """
    return _judge(record, "no_lost_writes")


def bounded_loss(record: Record) -> Verdict:
    """What a fault loses reaches back at most ``loss_span``, and no further than the replica's lag when it struck.

    For asynchronous replication, where losing the writer's region may lose the last moments. Classes and doubts are
    those of :func:`no_lost_writes`; with a span of zero a single lost write breaks the promise. A lost write that was
    acknowledged earlier than the promoted replica can have been behind (:func:`harness.judges.lapses.lag_at`) had been
    replicated: it breaks the promise however short the span, for whatever lost it knows no bound. Units: AWS seconds.
    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
    (RPO: the time since the last recoverable moment)
    """
    return _judge(record, "bounded_loss")


def _judge(record: Record, promise: str) -> Verdict:
    found = losses(record)
    if found is None:
        return Verdict(promise, Ruling.UNKNOWN, "no view of the writer was read back: nothing can be called lost")
    objectives = record.header.objectives
    proven = found.proven
    lost, lapsed = int(proven.sum()), lapses.lapses(record, found.answered(proven))
    span = lapses.worst(lapsed)
    if promise == "no_lost_writes":
        broken, allowed = lost > objectives.lost_writes, f"{objectives.lost_writes} rows"
    else:
        broken = span > objectives.loss_span or (lost > 0 and not objectives.loss_span.nanoseconds)
        allowed = str(objectives.loss_span)
    told = f"{lost} of {int(found.acknowledged.sum())} acknowledged writes are lost, over {span}; allowed: {allowed}"
    wrong = [told] if broken else []
    wrong += _beyond_the_lag(lapsed) if promise == "bounded_loss" else []
    wrong += _not_as_told(found)
    doubt = _doubt(record, found)
    if wrong:
        ruling, reason = Ruling.BROKEN, "; ".join(wrong)
    elif doubt:
        ruling, reason = Ruling.UNKNOWN, doubt
    else:
        ruling, reason = Ruling.KEPT, told
    return Verdict(promise, ruling, reason, _figures(record, found), _evidence(record, found))


def _beyond_the_lag(lapsed: list[Lapse]) -> list[str]:
    return [
        f"{one.unexplained} lost writes were acknowledged more than {one.behind} before {one.window.fault.fault},"
        " and the promoted replica was not further behind"
        for one in lapsed
        if one.unexplained
    ]


def _not_as_told(found: Losses) -> list[str]:
    """What is on the writer and must not be; being found is proof, however incomplete the read-back."""
    doubled, unexpected = (int(found.kinds[name].sum()) for name in ("duplicated", "unexpected"))
    told = [f"{doubled} writes are there more than once"] if doubled else []
    return told + ([f"{unexpected} writes that were refused are there all the same"] if unexpected else [])


def _doubt(record: Record, found: Losses) -> str:
    readback = found.readback
    if not readback.complete or readback.missing_views:
        missing = ", ".join(readback.missing_views) or "a part of a view"
        return f"the read-back is incomplete ({missing}): {int(found.lost.sum())} writes were not found"
    if found.disagreeing:
        return f"the views of the writer disagree about {found.disagreeing} writes"
    if found.unrecorded:
        return f"the writer holds {len(found.unrecorded)} rows of this run that no request carried: records are missing"
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
    lapsed = lapses.lapses(record, found.answered(found.lost))
    behind = [one.behind.seconds for one in lapsed if one.behind is not None]
    return {
        "acknowledged_writes": int(found.acknowledged.sum()),
        "refused_writes": int(found.ledger.standing(Standing.REFUSED).sum()),
        "unknown_writes": int(found.ledger.standing(Standing.UNKNOWN).sum()),
        **counts,
        "lost_seconds": round(lapses.worst(lapsed).seconds, 3),
        "lost_wal_bytes": lapses.wal_bytes(found.readback),
        "lag_at_fault_seconds": round(max(behind), 3) if behind else None,
        "beyond_lag_writes": sum(one.unexplained for one in lapsed) if behind else None,
        "disagreeing_writes": found.disagreeing,
        "unrecorded_writes": len(found.unrecorded),
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
    regions = {address: seen.region for seen in of(record.events, AddressesSeen) for address in seen.addresses}
    for number in np.flatnonzero(mask)[:ROWS].tolist():
        write = found.ledger.writes[number]
        address = address_text(write["address"])
        rows.append({
            "write_id": found.ledger.ids[number],
            "at": str(Instant(int(write["done_at"]))),
            "location": record.header.locations[int(write["location"])],
            "region": regions.get(address, ""),
            "address": address,
            "standing": Standing(int(write["standing"])).name.lower(),
            "status": int(write["status"]),
            "rows_on_writer": int(found.rows[number]),
            "rows_elsewhere": int(found.elsewhere[number]),
        })  # fmt: skip
    return rows
