"""What the strategy says that each phase costs, and what is wrong with that: data, never measured."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import BadInput

TODAY = "today"
"""The platform before any of the phases."""


@dataclass(frozen=True)
class Price:
    """A price in USD a month, and our notes on it."""

    usd_a_month: float
    notes: tuple[str, ...] = ()


def parse(text: str, where: str) -> Mapping[str, Price]:
    """Prices by phase from TOML. Raises ``BadInput`` that names ``where`` and the field."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(where, "TOML", str(error)) from error
    return {phase: _price(table, where, phase) for phase, table in document.items()}


def _price(table: object, where: str, phase: str) -> Price:
    if not isinstance(table, dict):
        raise BadInput(where, phase, "must be a table")
    for name in table:
        if name not in ("usd_a_month", "notes"):
            raise BadInput(where, f"{phase}.{name}", "unknown; one of usd_a_month, notes")
    amount = table.get("usd_a_month")
    if isinstance(amount, bool) or not isinstance(amount, int | float) or amount < 0:
        raise BadInput(where, f"{phase}.usd_a_month", f"must be a number, 0 or more, not {amount!r}")
    notes = table.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) and note for note in notes):
        raise BadInput(where, f"{phase}.notes", "must be a list of sentences")
    return Price(amount, tuple(notes))
