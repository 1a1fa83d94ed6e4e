"""Triggers: what an organization wants to happen when an event of a registry comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.twin.app.answers import Refusal, body, data, identifier, number, stamp, text
from harness.twin.app.database import Row
from harness.twin.app.gateway import Gateway

_CREATE = """
insert into triggers (organization_id, name, description, chain_id, registry, enabled, region)
values (%s, %s, %s, %s, %s, %s, %s)
returning id, organization_id, name, description, chain_id, registry, enabled, created_at, region
"""
_LIST = """
select id, organization_id, name, description, chain_id, registry, enabled, created_at, region
from triggers where organization_id = %s order by created_at desc limit %s offset %s
"""
_ONE = """
select id, organization_id, name, description, chain_id, registry, enabled, created_at, region
from triggers where id = %s and organization_id = %s
"""
_CHANGE = """
update triggers set name = %s, description = %s, chain_id = %s, registry = %s, enabled = %s
where id = %s and organization_id = %s
returning id, organization_id, name, description, chain_id, registry, enabled, created_at, region
"""
_DELETE = "delete from triggers where id = %s and organization_id = %s returning id"
_COLUMNS = ("id", "organization_id", "name", "description", "chain_id", "registry", "enabled")
MOST = 10_000


class Triggers:
    """The routes below ``/api/v1/triggers``; the organization is named by ``X-Organization-ID``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """What is offered."""
        one = "/api/v1/triggers/{trigger}"
        return [
            Route("/api/v1/triggers", self.create, methods=["POST"]),
            Route("/api/v1/triggers", self.all, methods=["GET"]),
            Route(one, self.one, methods=["GET"]),
            Route(one, self.change, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
        ]

    async def create(self, request: Request) -> Response:
        """A new trigger: 201 once it is committed. The same request twice makes two."""
        _, organization = await self._gateway.acting(request, edits=True)
        fields = _fields(await body(request))
        parameters = (organization, *fields, self._gateway.settings.region)
        return data(self._shape((await self._gateway.writer.fetch(_CREATE, parameters))[0]), 201)

    async def all(self, request: Request) -> Response:
        """The organization's triggers, newest first; ``limit`` (20, at most 10000) and ``offset``."""
        _, organization = await self._gateway.acting(request)
        limit, offset = number(request, "limit", 20, MOST), number(request, "offset", 0, 1 << 31)
        rows = await self._gateway.primary_reads.fetch(_LIST, (organization, limit, offset))
        return data([self._shape(row) for row in rows])

    async def one(self, request: Request) -> Response:
        """One trigger."""
        _, organization = await self._gateway.acting(request)
        return data(self._shape(_found(await self._gateway.primary_reads.fetch(_ONE, (_id(request), organization)))))

    async def change(self, request: Request) -> Response:
        """Replace what a trigger says."""
        _, organization = await self._gateway.acting(request, edits=True)
        parameters = (*_fields(await body(request)), _id(request), organization)
        return data(self._shape(_found(await self._gateway.writer.fetch(_CHANGE, parameters))))

    async def delete(self, request: Request) -> Response:
        """Remove a trigger."""
        _, organization = await self._gateway.acting(request, edits=True)
        row = _found(await self._gateway.writer.fetch(_DELETE, (_id(request), organization)))
        return data({"id": row[0]})

    def _shape(self, row: Row) -> dict[str, object]:
        shape = dict(zip(_COLUMNS, row, strict=False))
        return {**shape, "created_at": stamp(self._gateway.clock, row[7]), "region": row[8]}


def _id(request: Request) -> object:
    return identifier(request.path_params["trigger"])


def _found(rows: list[Row]) -> Row:
    if not rows:
        raise Refusal(404, "not_found", "there is no such trigger")
    return rows[0]


def _fields(values: Mapping[str, Any]) -> tuple[str, str | None, int, str, bool]:
    description, chain, enabled = values.get("description"), values.get("chain_id"), values.get("enabled", True)
    if description is not None:
        description = text(values, "description")
    if not isinstance(chain, int) or isinstance(chain, bool):
        raise Refusal(400, "validation_error", "chain_id must be a number")
    if not isinstance(enabled, bool):
        raise Refusal(400, "validation_error", "enabled must be true or false")
    return text(values, "name"), description, chain, text(values, "registry"), enabled
