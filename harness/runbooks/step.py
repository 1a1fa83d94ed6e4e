"""A runbook as data: steps in words, the orders that each gives, and how it is seen that it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from harness.clock import Duration
from harness.cloud.orders import Order
from harness.procedures import Procedure, title


class State(Enum):
    """What a step has come to in the world, whoever did it."""

    TO_DO = "to do"
    UNDER_WAY = "under way"
    DONE = "done"


@dataclass(frozen=True)
class Look:
    """A step's state now, and what was seen, in words."""

    state: State
    sight: str

    @classmethod
    def of(cls, done: bool, sight: str, *, under_way: bool = False) -> Look:
        """Done, or under way, or neither."""
        return cls(State.DONE if done else State.UNDER_WAY if under_way else State.TO_DO, sight)


def _no_orders() -> tuple[Order, ...]:
    return ()


@dataclass(frozen=True)
class Step:
    """``look`` sees the world and changes nothing; ``orders``, asked when it is the step's turn, is what it has to call
    (nothing: it only waits). Both may raise ``CloudFault``.

    ``patience`` is how long it may take. ``beyond_recall`` says what cannot be undone. ``interrupts``: writes fail
    meanwhile, as planned.
    """

    words: str
    look: Callable[[], Look]
    patience: Duration
    orders: Callable[[], tuple[Order, ...]] = _no_orders
    beyond_recall: str = ""
    interrupts: bool = False


@dataclass(frozen=True)
class Runbook:
    """The steps of a procedure, in their order."""

    procedure: Procedure
    steps: tuple[Step, ...]

    @property
    def title(self) -> str:
        """The procedure in words."""
        return title(self.procedure)
