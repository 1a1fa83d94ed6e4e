"""``/api/v1/health``: shallow (this task answers), or ``SELECT 1`` as the strategy has it.

``SELECT 1`` passes on a read-only replica and never looks at Redis; with the database dark it blocks until it
times out.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.twin.app.answers import plain
from harness.twin.app.database import DatabaseDown
from harness.twin.app.gateway import HEALTH, Gateway
from harness.twin.app.settings import VERSION


class Health:
    """The health route."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """What is offered."""
        shallow = self._gateway.settings.health == "shallow"
        return [Route(HEALTH, self.shallow if shallow else self.select_1, methods=["GET"])]

    async def shallow(self, request: Request) -> Response:  # noqa: ARG002 - starlette's signature
        """Always 200; ``database`` tells how its last use went, without another one."""
        known = self._gateway.writer.works
        return _answer(healthy=True, connected=known is not False)

    async def select_1(self, request: Request) -> Response:  # noqa: ARG002 - starlette's signature
        """200 when the writer endpoint answers ``SELECT 1``, else 503."""
        try:
            await self._gateway.writer.fetch("select 1")
        except DatabaseDown:
            return _answer(healthy=False, connected=False)
        return _answer(healthy=True, connected=True)


def _answer(*, healthy: bool, connected: bool) -> Response:
    return plain(
        {
            "status": "healthy" if healthy else "unhealthy",
            "database": "connected" if connected else "disconnected",
            "version": VERSION,
        },
        200 if healthy else 503,
    )
