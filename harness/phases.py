"""The strategy's three phases, in its order and with its own numbers."""

from __future__ import annotations

from collections.abc import Iterable

PHASES = {"read_replicas": "7.1", "active_passive": "7.2", "active_active": "7.3"}
"""The folder of each phase's scenarios, which is also the name of its design, and its number in the strategy."""


def title(phase: str) -> str:
    """A phase as people call it, ``7.1 read replicas``; one that is none of the strategy's has no number."""
    return f"{PHASES.get(phase, '')} {phase.replace('_', ' ')}".lstrip()


def ordered(found: Iterable[str]) -> list[str]:
    """Each phase once, in the strategy's order."""
    return sorted(set(found), key=lambda phase: (rank(phase), phase))


def rank(phase: str) -> int:
    """Where a phase stands among the others; whatever is none of the strategy's comes after them."""
    return list(PHASES).index(phase) if phase in PHASES else len(PHASES)
