"""The figures that people ask for first, in words: recovery time, lost writes, the alarm's delay.

Their names are those that the judges give them; a figure that no verdict of a run has is an empty text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.verdicts import Number

NEVER = "never"
"""What is told of a time that never came."""
COUNTS = ("lost", "recovered", "duplicated", "stranded")
"""The classes of writes that every summary counts; a figure is called ``lost_writes`` and so on."""
TRENDS = {
    "rto_seconds": ("Recovery time", "s"),
    "lost_writes": ("Acknowledged writes lost", "writes"),
    "alarm_delay_seconds": ("Delay of the lag alarm", "s"),
}
"""The figures that are followed from night to night, with their title and unit; less is better in each."""


def merged(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Number]:
    """The figures of all of a run's verdicts in one table; where two have the same, the first one's stands."""
    found: dict[str, Number] = {}
    for verdict in verdicts:
        for name, value in verdict["figures"].items():
            found.setdefault(name, value)
    return found


def recovery(figures: Mapping[str, Number]) -> str:
    """``43.8 s (−2.0 s)``: the longest that the outage can have been, and by how much the truth may be shorter.

    ``> 100.0 s`` when the service never came back while it was watched.
    """
    if "rto_seconds" not in figures:
        return ""
    took, error = figures["rto_seconds"], figures.get("rto_error_seconds")
    if not isinstance(took, int | float):
        down = figures.get("down_seconds")
        return f"> {down:.1f} s" if isinstance(down, int | float) else NEVER
    return f"{took:.1f} s (−{error:.1f} s)" if isinstance(error, int | float) and error else f"{took:.1f} s"


def others(figures: Mapping[str, Number], rows: Sequence[Mapping[str, Number]]) -> list[Mapping[str, Number]]:
    """Of the rows of a recovery, the worst for each objective other than that of the verdict's own figures.

    Writes may have an objective of their own; the verdict's figures are those of one stream only.
    """
    found: dict[Number, Mapping[str, Number]] = {}
    for row in rows:
        goal = row.get("objective_seconds")
        if goal != figures.get("objective_seconds") and (goal not in found or _down(row) > _down(found[goal])):
            found[goal] = {**row, "worst_location": row["location"], "worst_operation": row["operation"]}
    return list(found.values())


def streams(verdicts: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Number]]:
    """The rows of a run's recovery, one for each stream and fault; empty where none was judged."""
    return next((one["evidence"]["recovery"] for one in verdicts if "recovery" in one["evidence"]), ())


def recoveries(verdicts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Number]]:
    """The worst recovery of a run, and the worst for each other objective; empty where none was measured."""
    own = next((one["figures"] for one in verdicts if "rto_seconds" in one["figures"]), None)
    return [] if own is None else [own, *others(own, streams(verdicts))]


def _down(row: Mapping[str, Number]) -> float:
    took = row.get("rto_seconds")
    return float(took) if isinstance(took, int | float) else float("inf")


def count(figures: Mapping[str, Number], kind: str) -> str:
    """How many writes of a kind there are, e.g. ``lost``."""
    value = figures.get(f"{kind}_writes")
    return "" if value is None else str(value)


def alarm(figures: Mapping[str, Number]) -> str:
    """From the lag crossing its threshold to ALARM; ``never`` when it did not ring."""
    if "alarm_delay_seconds" not in figures:
        return ""
    value = figures["alarm_delay_seconds"]
    return f"{value:.1f} s" if isinstance(value, int | float) else NEVER
