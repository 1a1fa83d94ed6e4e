"""Reads from the store that a route prefers and, where the design says so, from the other one while that is down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from harness.clock import Clock, Instant, seconds
from harness.twin.app.database import DatabaseDown, Pool, Row

_SHUN = seconds(5)
"""So long a store that failed is not asked first: a hanging one would use up every request's time."""


class Reads:
    """Reads only, so that asking twice does no harm. What the other store tells may be older: better than nothing."""

    def __init__(self, clock: Clock, preferred: Pool, other: Pool | None) -> None:
        self._clock = clock
        self._preferred = preferred
        self._other = other
        self._shunned_until: Instant | None = None

    async def fetch(self, sql: LiteralString, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of one statement; raises ``DatabaseDown`` when no store answers."""
        if self._other is None:
            return await self._preferred.fetch(sql, parameters)
        if self._asks_preferred():
            try:
                rows = await self._preferred.fetch(sql, parameters)
            except DatabaseDown:
                self._shunned_until = self._clock.now() + _SHUN
            else:
                self._shunned_until = None
                return rows
        return await self._other.fetch(sql, parameters)

    def _asks_preferred(self) -> bool:
        """Whether this read asks the preferred store first; of a store that failed, one at a time tries it again."""
        if self._shunned_until is None:
            return True
        if self._clock.now() <= self._shunned_until:
            return False
        self._shunned_until = self._clock.now() + _SHUN
        return True
