"""How a session used its wall time: what of it was spent on the experiments themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.events import Event, PhaseBegan
from harness.timeline import of

LIVE = ("settle", "steady", "inject", "takeover", "hold", "undo", "catch_up")
"""The phases in which something is waited for or measured; all else (boot, reading back, judging) is dead time."""


@dataclass(frozen=True)
class Pace:
    """Real seconds: of the whole session, and of the experiments in it."""

    wall_seconds: float
    live_seconds: float

    @property
    def dead_ratio(self) -> float:
        """The share of the session outside steady state, fault, hold and catch-up, 0 to 1."""
        return max(0.0, 1 - self.live_seconds / self.wall_seconds) if self.wall_seconds else 0.0

    def sentence(self) -> str:
        """The session's length and its dead time, in words."""
        return (
            f"Took {self.wall_seconds / 60:.1f} min, {self.dead_ratio:.0%} of it dead time: "
            "outside steady state, fault, hold and catch-up."
        )


def live_seconds(events: Sequence[Event], speed: float) -> float:
    """Real seconds that a run spent in its live phases; a last phase without an end counts nothing."""
    spans = [after.at - before.at for before, after in pairwise(of(events, PhaseBegan)) if before.phase in LIVE]
    return sum(span.seconds for span in spans) / speed
