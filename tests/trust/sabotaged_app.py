"""An application that is worse than any design may ask for: each function changes the one that tasks are forked from.

Run in the zygote, before it serves (see ``tests.trust.sabotaged_twin``); nothing of the real application knows of it.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from typing import Any, LiteralString

from starlette.requests import Request
from starlette.responses import Response

from harness.clock import milliseconds, seconds
from harness.twin.app import gateway, triggers
from harness.twin.app.answers import body, data
from harness.twin.app.database import Pool, Row
from harness.twin.app.triggers import Triggers

_LOG = logging.getLogger("app.sabotaged")
IMPATIENCE = milliseconds(50)
"""Enough within a region; across the Atlantic an answer takes 80 ms."""
MEMORY = seconds(10)
"""How long a write that was acknowledged early is in memory only."""
_COMMITS = "insert into triggers"

_under_way: set[asyncio.Future[Any]] = set()
"""Nobody waits for these any more, and the event loop keeps none alive by itself."""


def swallow_errors() -> None:
    """What the database did not do is told as if it were done: 201 with an id for a write, an empty list for a read."""

    async def well(request: Request, error: Exception) -> Response:
        if request.method == "GET":
            return data([])
        return data({**await body(request), "id": uuid.uuid4()}, 201)

    gateway._down = well


def retry_blindly() -> None:
    """A write that is not answered within ``IMPATIENCE`` is sent again, though nobody can take the first one back."""
    once = Pool.fetch

    async def twice(self: Pool, sql: LiteralString, parameters: Sequence[Any] = ()) -> list[Row]:
        if _COMMITS not in sql:
            return await once(self, sql, parameters)
        first = _left_alone(asyncio.ensure_future(once(self, sql, parameters)))
        answered, _ = await asyncio.wait({first}, timeout=self._clock.real_seconds(IMPATIENCE))
        return first.result() if answered else await once(self, sql, parameters)

    Pool.fetch = twice  # type: ignore[method-assign]


def acknowledge_early() -> None:
    """201 at once; the row is committed ``MEMORY`` later, by a task that may be gone or without a database by then."""

    async def create(self: Triggers, request: Request) -> Response:
        shared = self._gateway
        _, organization = await shared.acting(request, edits=True)
        name, description, chain, registry, enabled = triggers._fields(await body(request))
        parameters = (organization, name, description, chain, registry, enabled, shared.settings.region)

        async def later() -> None:
            await asyncio.sleep(shared.clock.real_seconds(MEMORY))
            await shared.writer.fetch(triggers._CREATE, parameters)

        _left_alone(asyncio.ensure_future(later()))
        shown = {"id": uuid.uuid4(), "name": name, "chain_id": chain, "registry": registry, "enabled": enabled}
        return data({**shown, "created_at": shared.clock.now().datetime.isoformat()}, 201)

    Triggers.create = create  # type: ignore[method-assign]


def _left_alone(work: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """Work that goes on although nobody waits for it; when it fails, only the log is told."""
    _under_way.add(work)
    work.add_done_callback(_forget)
    return work


def _forget(work: asyncio.Future[Any]) -> None:
    _under_way.discard(work)
    if not work.cancelled() and work.exception() is not None:
        _LOG.warning("nobody heard of it: %r", work.exception())
