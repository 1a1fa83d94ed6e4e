"""ponder-indexer: the chain's events, one a second, into the writer.

The chain has one history, so one indexer at a time: the primary region's (as written), or whichever holds a lock on
the writer (hardened), which moves with a failover and is let go when its holder falls silent.
"""

from __future__ import annotations

import asyncio
import logging

from harness.clock import Clock, seconds
from harness.twin.app.database import DatabaseDown, Pool, Session
from harness.twin.app.settings import Settings

_LOG = logging.getLogger("app.indexer")
CHAIN = 8453
REGISTRY = "identity"
MOST_PER_REAL_SECOND = 5.0
_LOCK = 8453
_PAUSE = seconds(1)
_SILENCE = seconds(10)
_COURTESY = seconds(5)
_BLOCK = seconds(2)
_INSERT = "insert into events (chain_id, registry, block) values (%s, %s, %s)"


class Indexer:
    """Runs until it is cancelled; survives the loss of the writer."""

    def __init__(self, settings: Settings, clock: Clock, writer: Pool) -> None:
        self._settings = settings
        self._clock = clock
        self._writer = writer
        fastest = settings.speed / MOST_PER_REAL_SECOND
        self._period = seconds(max(1 / settings.events_per_second, fastest))

    async def run(self) -> None:
        """Index for as long as it is our turn."""
        if self._settings.indexer == "never":
            await asyncio.Event().wait()
        if not self._settings.preferred:
            await asyncio.sleep(self._clock.real_seconds(_COURTESY))
        while True:
            try:
                async with self._writer.reserved() as session:
                    if await self._elected(session):
                        _LOG.info("indexing")
                        await self._index(session)
            except DatabaseDown as error:
                _LOG.warning("not indexing: %s", error)
            await asyncio.sleep(self._clock.real_seconds(_PAUSE))

    async def _elected(self, session: Session) -> bool:
        """Whether it is our turn; asked on one connection until it is, and held by that connection."""
        if self._settings.indexer == "always":
            return True
        silence = str(max(100, round(self._clock.real_seconds(_SILENCE + self._period) * 1000)))
        await session.execute("select set_config('idle_session_timeout', %s, false)", (silence,), self._deadline())
        while not (await session.execute("select pg_try_advisory_lock(%s)", (_LOCK,), self._deadline()))[0][0]:
            await asyncio.sleep(self._clock.real_seconds(_PAUSE))
        return True

    async def _index(self, session: Session) -> None:
        due = self._clock.now()
        while True:
            block = 20_000_000 + due.nanoseconds // _BLOCK.nanoseconds % 10_000_000
            await session.execute(_INSERT, (CHAIN, REGISTRY, block), self._deadline())
            due = max(due + self._period, self._clock.now().back(self._period))
            await asyncio.sleep(max(0.0, self._clock.real_seconds(due - self._clock.now())))

    def _deadline(self) -> float:
        return self._writer.deadline()
