"""action-workers: take jobs from the region's queue and run them; to run is to leave a row in ``action_results``.

Hardened (``acknowledge_after_run``): a job stays in a list of its worker until it ran, orphaned lists go back to the
queue, and a job that comes twice runs once. As written: ``BRPOP``, so a job in flight dies with its worker; and the
connection to Redis is never made again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg

from harness.clock import Clock, seconds
from harness.twin.app.cache import Cache, CacheDown
from harness.twin.app.database import DatabaseDown, Pool
from harness.twin.app.processor import QUEUE
from harness.twin.app.settings import Settings

_LOG = logging.getLogger("app.workers")
_AT_ONCE = 2
_WAIT = seconds(5)
_PAUSE = seconds(1)
_ALIVE = seconds(30)
_OWNERS = "action_jobs:owners"

_RUN = "insert into action_results (job_id, event_id, trigger_id, region) values (%s, %s, %s, %s)"
_RUN_ONCE = """
with claimed as (insert into executed_jobs values (%s) on conflict do nothing returning job_id)
insert into action_results (job_id, event_id, trigger_id, region) select job_id, %s, %s, %s from claimed
"""
_BURY = "insert into dead_letters (job_id, event_id, trigger_id, reason, region) values (%s, %s, %s, %s, %s)"


@dataclass(frozen=True)
class Job:
    """One action to run."""

    job_id: uuid.UUID
    event_id: int
    trigger_id: uuid.UUID

    @classmethod
    def read(cls, payload: bytes) -> Job:
        """The job in a queue's entry. Raises ``ValueError`` when it is none."""
        try:
            values = json.loads(payload)
            return cls(uuid.UUID(values["job_id"]), int(values["event_id"]), uuid.UUID(values["trigger_id"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a job: {error!r}") from error


class Workers:
    """Runs until it is cancelled; a queue per region."""

    def __init__(self, settings: Settings, clock: Clock, writer: Pool, cache: Cache) -> None:
        self._settings = settings
        self._clock = clock
        self._writer = writer
        self._cache = cache
        self._own = f"{QUEUE}:taken:{settings.task}"

    async def run(self) -> None:
        """Work, and (hardened) say that we live and look after the dead."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._forever(self._work))
            if self._settings.acknowledge_after_run:
                group.create_task(self._forever(self._look_after))

    async def _forever(self, action: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await action()
            except (CacheDown, DatabaseDown) as error:
                _LOG.warning("%s", error)
                await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(self._clock.real_seconds(_PAUSE))

    async def _work(self) -> None:
        if self._settings.acknowledge_after_run:
            await self._take_and_acknowledge()
        else:
            await self._pop()

    async def _pop(self) -> None:
        taken = await self._cache.call("BRPOP", QUEUE, self._patience(), waits=_WAIT)
        if not isinstance(taken, list) or not isinstance(taken[1], bytes):
            return
        try:
            await self._run(taken[1])
        except DatabaseDown as error:
            _LOG.error("a job is lost: %s", error)
            await self._bury(taken[1], str(error))

    async def _take_and_acknowledge(self) -> None:
        taken = await self._cache.call("BLMOVE", QUEUE, self._own, "RIGHT", "LEFT", self._patience(), waits=_WAIT)
        if not isinstance(taken, bytes):
            return
        while True:
            try:
                await self._run(taken)
                break
            except DatabaseDown as error:
                _LOG.warning("a job waits: %s", error)
                await self._pause()
        await self._cache.call("LREM", self._own, 1, taken)

    async def _run(self, payload: bytes) -> None:
        """Run one job; what can never run goes to the dead letters."""
        try:
            job = Job.read(payload)
            once = self._settings.acknowledge_after_run
            parameters = (job.job_id, job.event_id, job.trigger_id, self._settings.region)
            await self._writer.fetch(_RUN_ONCE if once else _RUN, parameters)
        except (ValueError, psycopg.DataError, psycopg.IntegrityError) as error:
            await self._bury(payload, str(error))

    async def _bury(self, payload: bytes, reason: str) -> None:
        try:
            job = Job.read(payload)
        except ValueError:
            job = Job(uuid.uuid5(uuid.NAMESPACE_OID, payload.decode(errors="replace")), 0, uuid.UUID(int=0))
        parameters = (job.job_id, job.event_id, job.trigger_id, reason, self._settings.region)
        await self._writer.fetch(_BURY, parameters)

    async def _look_after(self) -> None:
        """Say that we live; give back what workers that do not had taken; then wait a third of a life."""
        task = self._settings.task
        await self._cache.call("SADD", _OWNERS, task)
        await self._cache.call("SET", f"{_OWNERS}:{task}", 1, "PX", self._cache.milliseconds(_ALIVE))
        owners = await self._cache.call("SMEMBERS", _OWNERS)
        for owner in owners if isinstance(owners, list) else []:
            if isinstance(owner, bytes) and not await self._cache.call("EXISTS", f"{_OWNERS}:{owner.decode()}"):
                await self._give_back(owner.decode())
        await asyncio.sleep(self._clock.real_seconds(_ALIVE / 3))

    async def _give_back(self, owner: str) -> None:
        taken = f"{QUEUE}:taken:{owner}"
        while await self._cache.call("LMOVE", taken, QUEUE, "LEFT", "RIGHT") is not None:
            _LOG.info("a job of %s goes back to the queue", owner)
        await self._cache.call("SREM", _OWNERS, owner)

    def _patience(self) -> float:
        """How long Redis lets us wait for a job, in its real seconds (0 would be for ever)."""
        return max(0.01, self._clock.real_seconds(_WAIT))
