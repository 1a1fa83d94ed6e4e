"""What a scenario says of itself above its test function: how long, how often, in the gate, destructive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.clock import ZERO, Duration
from harness.errors import BadInput

CADENCES = ("nightly", "weekly", "monthly")
"""How often a scenario is played; a rarer night plays everything of the more frequent ones too."""
WHERE = "@scenario"
_ATTRIBUTE = "gameday_card"

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Card:
    """A scenario's card. Raises ``BadInput`` that names the field."""

    lasts: Duration
    """AWS time that it takes on a hardened design, all its runs (one for each region, perhaps) together."""
    cadence: str = "nightly"
    gate: bool = False
    """Part of the pre-promotion gate."""
    destructive: bool = False
    """It changes the topology for good: what it breaks must be built anew. Played monthly."""

    def __post_init__(self) -> None:
        if not isinstance(self.lasts, Duration) or self.lasts <= ZERO:
            raise BadInput(WHERE, "lasts", f"must be a span above 0, as in lasts=minutes(3), not {self.lasts!r}")
        for name in ("gate", "destructive"):
            if not isinstance(getattr(self, name), bool):
                raise BadInput(WHERE, name, f"must be True or False, not {getattr(self, name)!r}")
        if self.cadence not in CADENCES:
            raise BadInput(WHERE, "cadence", f"must be one of {', '.join(CADENCES)}, not {self.cadence!r}")
        if self.destructive and self.cadence != "monthly":
            raise BadInput(WHERE, "cadence", "what is destructive is played monthly", "Leave the cadence out.")

    @property
    def plays_on(self) -> tuple[str, ...]:
        """The cadences of a night on which it is played: its own and every rarer one."""
        return CADENCES[CADENCES.index(self.cadence) :]


def card(*, lasts: Duration, cadence: str = "", gate: bool = False, destructive: bool = False) -> Card:
    """A card; without a cadence it is nightly, monthly when destructive. Raises ``BadInput``."""
    return Card(lasts, cadence or ("monthly" if destructive else "nightly"), gate, destructive)


def scenario(
    *, lasts: Duration, cadence: str = "", gate: bool = False, destructive: bool = False
) -> Callable[[Function], Function]:
    """Put a card on a scenario's test function, which stays the function that it was. Raises ``BadInput``."""
    made = card(lasts=lasts, cadence=cadence, gate=gate, destructive=destructive)

    def put(function: Function) -> Function:
        setattr(function, _ATTRIBUTE, made)
        return function

    return put


def card_of(function: Callable[..., Any]) -> Card | None:
    """The card on a function; ``None`` without one."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Card) else None
