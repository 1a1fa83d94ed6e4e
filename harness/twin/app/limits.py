"""How often an anonymous address may ask: counted in Redis, and in memory while Redis is away."""

from __future__ import annotations

from harness.clock import Clock, seconds
from harness.twin.app.cache import Cache

_HOUR = seconds(3600)
ANONYMOUS_PER_HOUR = 10


class Limits:
    """Counts by address and hour of AWS time. Fails open: without Redis each task counts for itself."""

    def __init__(self, clock: Clock, cache: Cache | None) -> None:
        self._clock = clock
        self._cache = cache
        self._hour = 0
        self._counted: dict[str, int] = {}

    async def allow(self, address: str) -> bool:
        """Count one request; whether it is within the limit."""
        hour = self._clock.now().nanoseconds // _HOUR.nanoseconds
        return await self._count(address, hour) <= ANONYMOUS_PER_HOUR

    async def _count(self, address: str, hour: int) -> int:
        if self._cache is not None:
            key = f"rate:{address}:{hour}"
            count = await self._cache.attempt("INCR", key)
            if isinstance(count, int):
                if count == 1:
                    await self._cache.attempt("PEXPIRE", key, self._cache.milliseconds(_HOUR))
                return count
        if hour != self._hour:
            self._hour, self._counted = hour, {}
        self._counted[address] = self._counted.get(address, 0) + 1
        return self._counted[address]
