"""Which of the checker's failures a fault of a game day is."""

from __future__ import annotations

from harness.judges.feasibility.platform import Fault

_KINDS = {
    "load balancer of ": "front dark",
    "database of ": "database dark",
    "read replica of ": "replica stopped",
    "cache of ": "cache lost",
}
_LAGS = ("Lag", "Promote")


def failure_of(title: str) -> str:
    """The failure of a fault's title (``harness.faults.title``): the ``failure`` of the rows that foresee it; the title
    itself where none does."""
    kind, _, target = title.partition(" ")
    if target == "database writer":
        return str(Fault("writer stopped"))
    if target == "automation":
        return str(Fault("automation silenced"))
    if target.startswith("control plane"):
        return str(Fault("control plane lost"))
    if target.startswith("link "):
        return str(Fault("link cut", target.removeprefix("link ")))
    if target.startswith("tasks of ") and " of " in target.removeprefix("tasks of "):
        return str(Fault("tasks stopped", target.rsplit(" of ", 1)[1]))
    for words, known in _KINDS.items():
        if target.startswith(words) and kind not in _LAGS:
            return str(Fault(known, target.removeprefix(words)))  # type: ignore[arg-type]
    if kind in ("Blackhole", "Lose") and " " not in target and target[-1:].isdigit():
        return str(Fault("region lost", target))
    return title
