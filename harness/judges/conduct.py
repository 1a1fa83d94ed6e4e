"""Did the experiment itself go as planned? Added to every run: what stalled cannot be a pass."""

from __future__ import annotations

from harness.events import Stalled, Stopped
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Ruling, Verdict


def conduct(record: Record) -> list[Verdict]:
    """UNKNOWN when a fault did not bite, something awaited never came or a stop condition ended the run; else nothing.

    What the record proves broken stays broken: this verdict only keeps such a run from passing.
    """
    reasons = [event.reason for event in of(record.events, Stalled)]
    reasons += [f"stopped by {event.condition}: {event.sight}" for event in of(record.events, Stopped)]
    return [Verdict("conduct", Ruling.UNKNOWN, "; ".join(reasons))] if reasons else []
