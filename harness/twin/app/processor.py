"""event-processor: matches events with triggers and queues a job for each match.

Hardened (``queue_before_mark``): claim the events, queue their jobs, commit; when Redis or the writer fails in between,
the claim is undone and the events come again, with the same job ids. Several regions may do this at once: a claim has
one winner. As written: look, mark, queue; what Redis does not take is lost, and regions that look at the same moment
all queue the same event.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Sequence

from harness.clock import Clock, seconds
from harness.twin.app.cache import Cache, CacheDown
from harness.twin.app.database import DatabaseDown, Pool, Row, Session
from harness.twin.app.settings import Settings

_LOG = logging.getLogger("app.processor")
QUEUE = "action_jobs"
BATCH = 100
FAN_OUT = 20
"""At most so many triggers (the oldest) act on one event: a load of thousands of matching triggers is no pipeline."""
_SLACK = 64
"""Ids may be committed out of order: so far behind the highest finished one we still look."""
_PAUSE = seconds(2)
_JOBS = uuid.UUID("6d1d5a5e-3f1b-4c0a-9a55-a6e17a0a0001")

_PENDING = """
select e.id, e.chain_id, e.registry from events e left join processed_events p on p.event_id = e.id
where e.id > %s and p.event_id is null order by e.id limit %s
"""
_CLAIM = """
insert into processed_events (event_id, region)
select unnest(%s::bigint[]), %s on conflict do nothing returning event_id
"""
_MATCHES = """
select e.id, t.id from events e cross join lateral (
    select id from triggers where enabled and chain_id = e.chain_id and registry = e.registry
    order by created_at limit %s
) t where e.id = any(%s)
"""


class Processor:
    """Runs until it is cancelled; survives the loss of the writer and of Redis."""

    def __init__(self, settings: Settings, clock: Clock, writer: Pool, cache: Cache | None) -> None:
        self._settings = settings
        self._clock = clock
        self._writer = writer
        self._cache = cache
        self._wake = asyncio.Event()
        self._floor = 0

    async def run(self) -> None:
        """Listen, and look at every notification and every poll."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._poll())
            group.create_task(self._work())

    async def _listen(self) -> None:
        """LISTEN on the writer; on a standby it is refused, and only the poll is left."""
        while True:
            try:
                async with self._writer.reserved() as session:
                    await session.execute("listen events", (), self._writer.deadline())
                    self._wake.set()
                    await self._hear(session)
            except DatabaseDown as error:
                _LOG.warning("not listening: %s", error)
            await asyncio.sleep(self._clock.real_seconds(_PAUSE))

    async def _hear(self, session: Session) -> None:
        """Wake at each notification; a silent connection is asked whether it lives, for a dark server says nothing."""
        while True:
            if await session.notifications(self._clock.real_seconds(5 * _PAUSE)):
                self._wake.set()
            else:
                await session.execute("select 1", (), self._writer.deadline())

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._clock.real_seconds(seconds(self._settings.poll_seconds)))
            self._floor = 0
            self._wake.set()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while await self._process():
                    pass
            except (DatabaseDown, CacheDown) as error:
                _LOG.warning("events wait: %s", error)
                self._floor = 0  # another writer may have lost events and given their ids anew
                await asyncio.sleep(self._clock.real_seconds(_PAUSE))
                self._wake.set()

    async def _process(self) -> bool:
        """Handle one batch; whether there may be more."""
        events = await self._writer.fetch(_PENDING, (self._floor, BATCH))
        if not events:
            return False
        identifiers = [row[0] for row in events]
        if self._settings.queue_before_mark:
            await self._claim_and_queue(identifiers)
        else:
            await self._mark_then_queue(identifiers)
        self._floor = max(self._floor, identifiers[-1] - _SLACK)
        return len(events) == BATCH

    async def _claim_and_queue(self, events: Sequence[int]) -> None:
        writer = self._writer
        async with writer.transaction() as session:
            claimed = await session.execute(_CLAIM, (list(events), self._settings.region), writer.deadline())
            if claimed:
                matches = await session.execute(_MATCHES, (FAN_OUT, [row[0] for row in claimed]), writer.deadline())
                await self._queue(matches)

    async def _mark_then_queue(self, events: Sequence[int]) -> None:
        matches = await self._writer.fetch(_MATCHES, (FAN_OUT, list(events)))
        await self._writer.fetch(_CLAIM, (list(events), self._settings.region))
        try:
            await self._queue(matches)
        except CacheDown as error:
            _LOG.error("%d jobs are lost: %s", len(matches), error)

    async def _queue(self, matches: Sequence[Row]) -> None:
        if not matches:
            return
        if self._cache is None:
            raise CacheDown("this region has no queue")
        await self._cache.call("LPUSH", QUEUE, *(job(event, trigger) for event, trigger in matches))


def job(event: int, trigger: uuid.UUID) -> str:
    """The job of an event and a trigger; the same one every time it is made."""
    identifier = uuid.uuid5(_JOBS, f"{event}:{trigger}")
    return json.dumps({"job_id": str(identifier), "event_id": event, "trigger_id": str(trigger)})
