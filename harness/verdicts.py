"""What the record says of a promise, how a run ended, and the exit code that follows: the one source of both words.

``KEPT < UNKNOWN < BROKEN``: the worst wins, and only KEPT passes. Don't-know never passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum


class Ruling(IntEnum):
    """The value of a verdict, ordered by how bad it is."""

    KEPT = 0
    UNKNOWN = 1
    BROKEN = 2

    @property
    def colour(self) -> str:
        """The one colour of this ruling, as hex, in every report."""
        return {"KEPT": "#2e7d32", "UNKNOWN": "#9a5b00", "BROKEN": "#c62828"}[self.name]

    @property
    def wording(self) -> str:
        """The one phrase of this ruling, in every report."""
        return {"KEPT": "promise kept", "UNKNOWN": "cannot tell", "BROKEN": "promise broken"}[self.name]

    @property
    def sign(self) -> str:
        """The one sign of this ruling, for where colours are not seen."""
        return {"KEPT": "✓", "UNKNOWN": "?", "BROKEN": "✗"}[self.name]


class Outcome(Enum):
    """How a run ended."""

    FINISHED = "finished"
    REFUSED = "refused"
    ABORTED = "aborted"
    UNDO_FAILED = "undo failed"


class Exit(IntEnum):
    """Process exit codes; 5 is the strongest, then 1, 4, 3, 0. 2 is wrong usage, as everywhere."""

    KEPT = 0
    BROKEN = 1
    USAGE = 2
    UNKNOWN = 3
    REFUSED_OR_ABORTED = 4
    UNDO_FAILED = 5


_STRENGTH = (Exit.KEPT, Exit.UNKNOWN, Exit.REFUSED_OR_ABORTED, Exit.BROKEN, Exit.UNDO_FAILED)

Number = float | int | str | bool | None


@dataclass(frozen=True)
class Verdict:
    """One promise, judged. ``reason`` is one sentence; ``figures`` are flat, units in the names (``rto_seconds``).

    ``evidence`` holds rows (dicts of plain JSON values) that a report may print as tables, keyed by table name.
    ``fidelity`` is ``faithful``, ``partial`` or ``twin-only``: a partial run never claims the full promise. It is
    ``observed`` where the fault was somebody else's.
    """

    promise: str
    ruling: Ruling
    reason: str
    figures: Mapping[str, Number] = field(default_factory=dict)
    evidence: Mapping[str, list[dict[str, Number]]] = field(default_factory=dict)
    fidelity: str = "faithful"


def worst(rulings: Iterable[Ruling]) -> Ruling:
    """The worst ruling; UNKNOWN when there is none, since nothing judged proves nothing."""
    return max(rulings, default=Ruling.UNKNOWN)


def exit_code(outcome: Outcome, ruling: Ruling) -> Exit:
    """The exit code of one run."""
    if outcome is Outcome.UNDO_FAILED:
        return Exit.UNDO_FAILED
    if ruling is Ruling.BROKEN:
        return Exit.BROKEN
    if outcome in (Outcome.REFUSED, Outcome.ABORTED):
        return Exit.REFUSED_OR_ABORTED
    return Exit.UNKNOWN if ruling is Ruling.UNKNOWN else Exit.KEPT


def strongest(codes: Iterable[Exit]) -> Exit:
    """The exit code of several runs together; UNKNOWN when there were none."""
    return max(codes, key=_STRENGTH.index, default=Exit.UNKNOWN)
