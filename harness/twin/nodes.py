"""A process that AWS has a name for, as acts of nature reach it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Engine(Protocol):
    """What can be done to a process (every engine of the twin has it)."""

    def kill(self) -> None:
        """End it at once, as when its machine dies."""

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay and nothing is answered."""

    def thaw(self) -> None:
        """Let it go on."""


@dataclass(frozen=True)
class Node:
    """A DB instance, a cache node, a task. ``identifier`` is AWS's name for it, unique in its region."""

    region: str
    zone: str
    identifier: str
    engine: Engine
    runs: Callable[[], bool]
    """Whether its process exists, frozen or not."""
    frozen: Callable[[], bool]
