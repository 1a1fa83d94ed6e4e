"""api-gateway: what its routes share, and the application around them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.clock import Clock, seconds
from harness.twin.app.answers import Refusal, identifier
from harness.twin.app.cache import Cache
from harness.twin.app.database import DatabaseDown, Pool
from harness.twin.app.limits import Limits
from harness.twin.app.pace import Pace
from harness.twin.app.reads import Reads
from harness.twin.app.settings import Settings
from harness.twin.app.tokens import BadToken, Bearer, Tokens

_LOG = logging.getLogger("app.gateway")
HEALTH = "/api/v1/health"
_ROLE = "select role from memberships where user_id = %s and organization_id = %s"
EDITORS = frozenset({"owner", "admin", "member"})


def _role_key(organization: uuid.UUID, user: uuid.UUID | str) -> str:
    return f"role:{organization}:{user}"


Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Gateway:
    """The stores and manners of one task. ``reader`` may be behind ``writer``."""

    settings: Settings
    clock: Clock
    writer: Pool
    reader: Pool
    cache: Cache | None
    tokens: Tokens
    limits: Limits
    pace: Pace
    primary_reads: Reads
    """Reads that want the newest data."""
    replica_reads: Reads
    """Reads that the strategy sends to the replica."""

    def bearer(self, request: Request) -> Bearer:
        """Whom the request speaks for; 401 without a valid token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(401, "unauthorized", "a bearer token is required")
        try:
            return self.tokens.read(token)
        except BadToken as error:
            raise Refusal(401, "unauthorized", str(error)) from error

    async def role(self, bearer: Bearer, organization: uuid.UUID, *, replica: bool = False) -> str:
        """The bearer's role in an organization, from the cache or a database; 403 when there is none.

        ``replica``: ask the reader first, so that a replica's reads do not depend on the writer. A database error is a
        401 here, as everywhere in authentication.
        """
        key = _role_key(organization, bearer.user)
        cached = await self.cache.attempt("GET", key) if self.cache else None
        if isinstance(cached, bytes):
            return cached.decode()
        fresh, cheap = self.primary_reads, self.replica_reads
        role = await self._stored_role(bearer, organization, (cheap, fresh) if replica else (fresh,))
        if role is None:
            raise Refusal(403, "forbidden", "not a member of this organization")
        await self.remember_role(organization, bearer.user, role)
        return role

    async def remember_role(self, organization: uuid.UUID, user: uuid.UUID | str, role: str) -> None:
        """Put a role into this region's cache, where it lives for so long; other regions' caches are not told."""
        if self.cache:
            life = self.cache.milliseconds(seconds(self.settings.role_life_seconds))
            await self.cache.attempt("SET", _role_key(organization, user), role, "PX", life)

    async def _stored_role(self, bearer: Bearer, organization: uuid.UUID, stores: tuple[Reads, ...]) -> str | None:
        for store in stores:
            with unauthorized_when_down():
                rows = await store.fetch(_ROLE, (bearer.user, organization))
            if rows:
                return str(rows[0][0])
        return None

    async def acting(self, request: Request, *, edits: bool = False) -> tuple[Bearer, uuid.UUID]:
        """The bearer and the organization of ``X-Organization-ID``, membership checked; ``edits``: 403 for viewers."""
        bearer = self.bearer(request)
        chosen = request.headers.get("x-organization-id")
        if not chosen:
            raise Refusal(400, "bad_request", "the header X-Organization-ID is required")
        organization = identifier(chosen)
        role = await self.role(bearer, organization)
        if edits and role not in EDITORS:
            raise Refusal(403, "forbidden", f"a {role} may not do this")
        return bearer, organization


class unauthorized_when_down:  # noqa: N801 - reads as the statement that it is
    """Turns a database error into 401: what the strategy's authentication does, and clients see as an outage."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DatabaseDown):
            raise Refusal(401, "unauthorized", "authentication failed") from error


def application(gateway: Gateway, routes: list[Route]) -> ASGIApp:
    """The ASGI application: rate limit and region header around the routes, and errors in the API's words."""
    inner = Starlette(
        routes=routes,
        exception_handlers={
            Refusal: _refuse,
            DatabaseDown: _down,
            psycopg.IntegrityError: _conflict,
            psycopg.DataError: _nonsense,
            404: _missing,
            405: _missing,
        },
    )
    return _Doorman(gateway, inner)


class _Doorman:
    """Lets in what the task can do, counts anonymous callers, and names the region in every answer.

    A health check is so cheap that it is let in always: an overloaded task looks well.
    """

    def __init__(self, gateway: Gateway, inner: ASGIApp) -> None:
        self._gateway = gateway
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-AgentAuri-Region"] = self._gateway.settings.region
            await send(message)

        if scope["path"] != HEALTH and not await self._gateway.pace.turn():
            await Refusal(503, "overloaded", "too many requests for this task").response()(scope, receive, named)
        elif await self._welcome(scope):
            await self._inner(scope, receive, named)
        else:
            refusal = Refusal(429, "rate_limited", "10 requests an hour; sign in")
            await refusal.response()(scope, receive, named)

    async def _welcome(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if scope["path"] == HEALTH or "authorization" in headers or headers.get("x-monitoring-token"):
            return True
        forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        peer = scope.get("client")
        return await self._gateway.limits.allow(forwarded or (peer[0] if peer else "unknown"))


async def _refuse(request: Request, error: Exception) -> Response:  # noqa: ARG001 - starlette's signature
    assert isinstance(error, Refusal)
    return error.response()


async def _down(request: Request, error: Exception) -> Response:  # noqa: ARG001 - starlette's signature
    return Refusal(503, "database_unavailable", str(error)).response()


async def _conflict(request: Request, error: Exception) -> Response:  # noqa: ARG001 - starlette's signature
    missing = isinstance(error, psycopg.errors.ForeignKeyViolation)
    status, name = (404, "not_found") if missing else (409, "conflict")
    return Refusal(status, name, str(error).splitlines()[0]).response()


async def _nonsense(request: Request, error: Exception) -> Response:  # noqa: ARG001 - starlette's signature
    return Refusal(400, "validation_error", str(error).splitlines()[0]).response()


async def _missing(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return Refusal(status, "not_found", f"{request.method} {request.url.path} is not offered").response()
