"""How a fault is carried out on AWS: arm the way back, change, prove that it bites, prove that it healed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from harness.clock import Duration, Instant
from harness.faults import Fidelity
from harness.undo import Act

Arm = Callable[[Act], object]
"""Puts the way back on disk; must return before the change is made."""


@dataclass(frozen=True)
class Proof:
    """When something was seen to be so, and what was seen, in words."""

    at: Instant
    sight: str


class Carrier(AbstractContextManager["Carrier"], Protocol):
    """One fault on one target. As a context it holds the probes that prove it."""

    fidelity: Fidelity = Fidelity.FAITHFUL
    left_out: str = ""
    """What a partial injection leaves out, in words; empty when faithful."""
    regions: tuple[str, ...] = ()
    """The regions that go dark for clients because of it; empty when none does."""
    patience: Duration
    """Within which the fault must bite, and must have healed after its undo."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to let go of, unless a carrier holds something."""
        return

    def prepare(self, arm: Arm) -> None:
        """Make ready what does no harm yet, so that the fault's own instant is sharp; arms as ``change`` does."""
        return

    def change(self, arm: Arm) -> None:
        """Make the change, arming the way back of each step before it."""

    def bites(self, since: Instant) -> Proof | None:
        """Proof that it bites, from observations begun after ``since``; ``None``: not yet."""

    def healed(self, since: Instant) -> Proof | None:
        """Proof that the world is back, likewise."""

    def sight(self) -> str:
        """What was seen last, in words."""
