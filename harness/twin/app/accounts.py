"""Who somebody is: register, log in, refresh, me. A database error here is a 401."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.twin.app import tokens
from harness.twin.app.answers import Refusal, body, data, stamp, text
from harness.twin.app.database import Row
from harness.twin.app.gateway import Gateway, unauthorized_when_down
from harness.twin.app.tokens import ACCESS_LIFE, BadToken, Bearer

_REGISTER = """
insert into users (username, email, password_hash) values (%s, %s, %s) returning id, username, email, created_at
"""
_BY_NAME = "select id, username, email, created_at, password_hash from users where username = %s or email = %s"
_BY_ID = "select id, username, email, created_at from users where id = %s"


class Accounts:
    """The routes below ``/api/v1/auth``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """What is offered."""
        return [
            Route("/api/v1/auth/register", self.register, methods=["POST"]),
            Route("/api/v1/auth/login", self.login, methods=["POST"]),
            Route("/api/v1/auth/refresh", self.refresh, methods=["POST"]),
            Route("/api/v1/auth/me", self.me, methods=["GET"]),
        ]

    async def register(self, request: Request) -> Response:
        """A new user; 409 when the name or the address is taken."""
        values = await body(request)
        username, email, password = (text(values, name) for name in ("username", "email", "password"))
        kept = tokens.hash_password(password)
        with unauthorized_when_down():
            rows = await self._gateway.writer.fetch(_REGISTER, (username, email, kept))
        return data(self._session(rows[0]), 201)

    async def login(self, request: Request) -> Response:
        """A session for a name and its password."""
        values = await body(request)
        name, password = text(values, "username_or_email"), text(values, "password")
        with unauthorized_when_down():
            rows = await self._gateway.writer.fetch(_BY_NAME, (name, name))
        if not rows or not tokens.password_matches(password, rows[0][4]):
            raise Refusal(401, "unauthorized", "wrong name or password")
        return data(self._session(rows[0]))

    async def refresh(self, request: Request) -> Response:
        """A new session for a refresh token whose user still exists."""
        try:
            bearer = self._gateway.tokens.read(text(await body(request), "refresh_token"), "refresh")
        except BadToken as error:
            raise Refusal(401, "unauthorized", str(error)) from error
        return data(self._session(await self._user(bearer)))

    async def me(self, request: Request) -> Response:
        """The bearer."""
        return data(self._shape(await self._user(self._gateway.bearer(request))))

    async def _user(self, bearer: Bearer) -> Row:
        with unauthorized_when_down():
            rows = await self._gateway.primary_reads.fetch(_BY_ID, (bearer.user,))
        if not rows:
            raise Refusal(401, "unauthorized", "no such user")
        return rows[0]

    def _session(self, row: Row) -> dict[str, object]:
        bearer = Bearer(str(row[0]), row[1])
        return {
            "token": self._gateway.tokens.sign(bearer),
            "refresh_token": self._gateway.tokens.sign(bearer, "refresh"),
            "expires_in": int(ACCESS_LIFE.seconds),
            "user": self._shape(row),
        }

    def _shape(self, row: Row) -> dict[str, object]:
        return {
            "id": row[0],
            "username": row[1],
            "email": row[2],
            "created_at": stamp(self._gateway.clock, row[3]),
        }
