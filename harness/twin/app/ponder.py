"""The indexer's events, public and from the replica. With the database away the list is empty and the status 200."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.twin.app.answers import data, number, stamp
from harness.twin.app.database import DatabaseDown
from harness.twin.app.gateway import Gateway

_EVENTS = "select id, chain_id, registry, block, created_at from events order by id desc limit %s"
_STATUS = "select block, created_at from events order by id desc limit 1"


class Ponder:
    """The routes below ``/api/v1/ponder``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """What is offered."""
        return [
            Route("/api/v1/ponder/events", self.events, methods=["GET"]),
            Route("/api/v1/ponder/status", self.status, methods=["GET"]),
        ]

    async def events(self, request: Request) -> Response:
        """The newest events; ``limit`` 20, at most 1000. A database error is told by nothing but emptiness."""
        try:
            rows = await self._gateway.replica_reads.fetch(_EVENTS, (number(request, "limit", 20, 1000),))
        except DatabaseDown:
            rows = []
        return data(
            [
                {
                    "id": row[0],
                    "chain_id": row[1],
                    "registry": row[2],
                    "block": row[3],
                    "created_at": stamp(self._gateway.clock, row[4]),
                }
                for row in rows
            ]
        )

    async def status(self, request: Request) -> Response:  # noqa: ARG002 - starlette's signature
        """How far the indexer is, as the replica knows it."""
        rows = await self._gateway.replica_reads.fetch(_STATUS)
        newest = rows[0] if rows else None
        return data(
            {
                "synced": newest is not None,
                "block": newest[0] if newest else None,
                "indexed_at": stamp(self._gateway.clock, newest[1]) if newest else None,
            }
        )
