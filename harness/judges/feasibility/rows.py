"""What can be expected of one failure, as one location sees one kind of operation: its way back, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from harness.clock import ZERO, Duration
from harness.timings import Range
from harness.verdicts import Ruling

Kind = Literal["reads", "replica reads", "writes"]
KINDS: tuple[Kind, ...] = ("reads", "replica reads", "writes")
"""Reads of the writer's store (triggers, auth), reads of a replica (events, statistics), writes."""


@dataclass(frozen=True)
class Budget:
    """One stage of a recovery as the configuration makes it."""

    name: str
    range: Range


@dataclass(frozen=True)
class Path:
    """A way back: the stages of the worst one, one after the other; ``never`` says why there is none.

    ``span``: best, typical and worst of all ways there are, where the sums of the stages are not those.
    """

    stages: tuple[Budget, ...] = ()
    never: str = ""
    span: tuple[Duration, Duration, Duration] | None = None
    trace: tuple[str, ...] = ()
    """What happens, in order, in the worst case; in words."""

    def total(self) -> tuple[Duration, Duration, Duration]:
        """Best, typical and worst of the whole path."""
        if self.span is not None:
            return self.span
        ranges = [stage.range for stage in self.stages]
        return (
            sum((one.best for one in ranges), ZERO),
            sum((one.typical for one in ranges), ZERO),
            sum((one.worst for one in ranges), ZERO),
        )


@dataclass(frozen=True)
class Row:
    """One failure as one location sees it. ``owed``: somebody promised that it is survived."""

    location: str
    kind: Kind
    failure: str
    path: Path
    objective: Duration
    owed: bool = True

    @property
    def ruling(self) -> Ruling:
        """KEPT when even the worst case is in time, BROKEN when not even the typical one is."""
        _, typical, worst = self.path.total()
        if self.path.never or typical > self.objective:
            return Ruling.BROKEN
        return Ruling.KEPT if worst <= self.objective else Ruling.UNKNOWN

    @property
    def touched(self) -> bool:
        """Whether the failure is noticed here at all."""
        return bool(self.path.never) or self.path.total()[2] > ZERO

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; spans in seconds, ``None`` where there is no way back."""
        totals = [None] * 3 if self.path.never else [span.seconds for span in self.path.total()]
        return {
            "location": self.location,
            "kind": self.kind,
            "failure": self.failure,
            **dict(zip(("best_seconds", "typical_seconds", "worst_seconds"), totals, strict=True)),
            "objective_seconds": self.objective.seconds,
            "owed": self.owed,
            "ruling": self.ruling.name,
            "reason": self.path.never,
            "stages": [{"name": stage.name, **range_json(stage.range)} for stage in self.path.stages],
            "trace": list(self.path.trace),
        }


def range_json(one: Range) -> dict[str, Any]:
    """A range as plain JSON values in seconds."""
    spans = {"best_seconds": one.best, "typical_seconds": one.typical, "worst_seconds": one.worst}
    return {**{name: span.seconds for name, span in spans.items()}, "source": one.source}
