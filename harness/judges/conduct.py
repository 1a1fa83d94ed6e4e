"""Did the experiment itself go as planned? Added to every run: what stalled cannot be a pass."""

from __future__ import annotations

from harness.record import Record
from harness.timeline import Stalled, of
from harness.verdicts import Ruling, Verdict


def conduct(record: Record) -> list[Verdict]:
    """UNKNOWN when a fault did not bite or something awaited never came; nothing at all when all went as planned.

    What the record proves broken stays broken: this verdict only keeps such a run from passing.
    """
    reasons = [event.reason for event in of(record.events, Stalled)]
    return [Verdict("conduct", Ruling.UNKNOWN, "; ".join(reasons))] if reasons else []
