"""Is the world as it was? Added to every run: what was not put back cannot be a pass."""

from __future__ import annotations

from typing import Any

from harness.events import WorldCompared, WorldDiffers
from harness.inventory import Difference
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Number, Ruling, Verdict


def world(record: Record) -> list[Verdict]:
    """UNKNOWN when a thing is not as it was before the scenario; nothing at all when all of it is.

    Roles may have moved, and residue (snapshots; after a destructive scenario the topology) is listed, not judged.
    Source: DESIGN.md, section 7.
    """
    wrong = [one for one in _differences(record) if not one.residue]
    if not wrong:
        return []
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    reason = f"the world is not as it was: {'; '.join(map(str, wrong[:3]))}{more}"
    rows: list[dict[str, Number]] = [
        {"thing": one.thing, "field": one.field, "before": one.before, "after": one.after} for one in wrong
    ]
    return [Verdict("world", Ruling.UNKNOWN, reason, {"differences": len(wrong)}, {"differences": rows})]


def to_json(record: Record) -> dict[str, Any] | None:
    """What was compared and what differs, as plain JSON values; ``None`` when nothing was compared."""
    told = next(of(record.events, WorldCompared), None)
    if told is None:
        return None
    found = _differences(record)
    return {
        "compared": told.compared,
        "differences": [str(one) for one in found if not one.residue],
        "residue": [str(one) for one in found if one.residue],
        "moved": list(told.moved),
    }


def _differences(record: Record) -> list[Difference]:
    return [
        Difference(one.thing, one.field, one.before, one.after, one.residue) for one in of(record.events, WorldDiffers)
    ]
