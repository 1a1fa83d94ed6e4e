"""Organizations and their API keys; the statistics of keys come from the replica."""

from __future__ import annotations

import hashlib
import secrets
import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.twin.app.answers import Refusal, body, data, identifier, stamp, text
from harness.twin.app.database import Row
from harness.twin.app.gateway import EDITORS, Gateway

_CREATE = """
with made as (insert into organizations (name, slug, owner_id) values (%s, %s, %s) returning *),
     joined as (insert into memberships (organization_id, user_id, role) select id, owner_id, 'owner' from made)
select id, name, slug, created_at from made
"""
_MINE = """
select o.id, o.name, o.slug, o.created_at from memberships m join organizations o on o.id = m.organization_id
where m.user_id = %s order by o.created_at desc
"""
_KEYS = """
select id, name, prefix, revoked, created_at from api_keys where organization_id = %s
order by created_at desc limit 1000
"""
_NEW_KEY = """
insert into api_keys (organization_id, name, prefix, key_hash) values (%s, %s, %s, %s)
returning id, name, prefix, revoked, created_at
"""
_STATS = """
select count(*), count(*) filter (where not revoked), max(created_at) from api_keys where organization_id = %s
"""
_SET_ROLE = """
insert into memberships (organization_id, user_id, role) values (%s, %s, %s)
on conflict (user_id, organization_id) do update set role = excluded.role
"""
ROLES = ("admin", "member", "viewer")


class Organizations:
    """The routes below ``/api/v1/organizations``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """What is offered."""
        keys = "/api/v1/organizations/{organization}/api-keys"
        return [
            Route("/api/v1/organizations", self.create, methods=["POST"]),
            Route("/api/v1/organizations", self.mine, methods=["GET"]),
            Route(keys, self.create_key, methods=["POST"]),
            Route(keys, self.keys, methods=["GET"]),
            Route("/api/v1/organizations/{organization}/membership", self.membership, methods=["GET"]),
            Route("/api/v1/organizations/{organization}/members/{user}", self.set_role, methods=["PUT"]),
            Route(keys + "/stats", self.stats, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """A new organization, owned by the bearer; 409 when the slug is taken."""
        bearer = self._gateway.bearer(request)
        values = await body(request)
        rows = await self._gateway.writer.fetch(_CREATE, (text(values, "name"), text(values, "slug"), bearer.user))
        return data(self._shape(rows[0]), 201)

    async def mine(self, request: Request) -> Response:
        """The bearer's organizations."""
        rows = await self._gateway.primary_reads.fetch(_MINE, (self._gateway.bearer(request).user,))
        return data([self._shape(row) for row in rows])

    async def keys(self, request: Request) -> Response:
        """The organization's keys, without their secrets."""
        organization = await self._organization(request)
        rows = await self._gateway.primary_reads.fetch(_KEYS, (organization,))
        return data([self._key(row) for row in rows])

    async def create_key(self, request: Request) -> Response:
        """A new key; its secret is shown this once."""
        organization = await self._organization(request, edits=True)
        name = text(await body(request), "name")
        secret = f"ak_{secrets.token_urlsafe(24)}"
        kept = hashlib.sha256(secret.encode()).hexdigest()
        rows = await self._gateway.writer.fetch(_NEW_KEY, (organization, name, secret[:8], kept))
        return data({**self._key(rows[0]), "key": secret}, 201)

    async def stats(self, request: Request) -> Response:
        """Counts of the organization's keys, from the replica: eventually consistent."""
        organization = await self._organization(request, replica=True)
        total, active, newest = (await self._gateway.replica_reads.fetch(_STATS, (organization,)))[0]
        return data(
            {
                "organization_id": organization,
                "total": total,
                "active": active,
                "newest": stamp(self._gateway.clock, newest) if newest else None,
            }
        )

    async def membership(self, request: Request) -> Response:
        """The role on which this region acts for the bearer, from its cache where it has one."""
        bearer = self._gateway.bearer(request)
        role = await self._gateway.role(bearer, identifier(request.path_params["organization"]))
        return data({"role": role})

    async def set_role(self, request: Request) -> Response:
        """Give a user a role, or another one; owners only. Written through to this region's cache, and no other's."""
        bearer = self._gateway.bearer(request)
        organization, user = (identifier(request.path_params[name]) for name in ("organization", "user"))
        if await self._gateway.role(bearer, organization) != "owner" or str(user) == bearer.user:
            raise Refusal(403, "forbidden", "only an owner may do this, and to others")
        role = text(await body(request), "role")
        if role not in ROLES:
            raise Refusal(400, "validation_error", f"role must be one of {', '.join(ROLES)}")
        await self._gateway.writer.fetch(_SET_ROLE, (organization, user, role))
        await self._gateway.remember_role(organization, user, role)
        return data({"user_id": user, "role": role})

    async def _organization(self, request: Request, *, edits: bool = False, replica: bool = False) -> uuid.UUID:
        bearer = self._gateway.bearer(request)
        organization = identifier(request.path_params["organization"])
        role = await self._gateway.role(bearer, organization, replica=replica)
        if edits and role not in EDITORS:
            raise Refusal(403, "forbidden", f"a {role} may not do this")
        return organization

    def _shape(self, row: Row) -> dict[str, object]:
        return {"id": row[0], "name": row[1], "slug": row[2], "created_at": stamp(self._gateway.clock, row[3])}

    def _key(self, row: Row) -> dict[str, object]:
        return {
            "id": row[0],
            "name": row[1],
            "prefix": row[2],
            "revoked": row[3],
            "created_at": stamp(self._gateway.clock, row[4]),
        }
