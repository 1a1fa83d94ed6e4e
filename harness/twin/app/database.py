"""A bounded pool of PostgreSQL connections to one endpoint, with real deadlines and without a single retry.

psycopg cannot be cancelled while its server is dark (it would try to cancel the query there, for seconds): a deadline
shuts the socket down instead, and the waiting statement fails at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from harness.clock import Clock, Duration, Instant
from harness.twin.app.resolver import Resolver

_LOG = logging.getLogger("app.database")
ROLE = "agentauri"
DATABASE = "agentauri"
Row = tuple[Any, ...]
_DOWN = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction, OSError)


class DatabaseDown(Exception):
    """The database could not be used: no name, no connection, no answer in time, read-only, or no free connection."""


class Promoted(ConnectionError):
    """The server follows no other any more: what it told may be older than what there is."""


@dataclass(frozen=True)
class Endpoint:
    """Where a pool leads: a DNS name that may move, and how long one use may take."""

    name: str
    port: int
    timeout: Duration
    connection_age: Duration | None = None
    must_follow: bool = False
    """Only a server that follows another is meant: one that was promoted holds data of its own from then on."""


class Session:
    """One connection, in autocommit. ``until`` arguments are readings of the event loop's clock."""

    def __init__(self, connection: psycopg.AsyncConnection[Row], born: Instant) -> None:
        self.born = born
        self._connection = connection
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))

    @property
    def fresh(self) -> bool:
        """Whether the connection is open and silent: an idle server that speaks says goodbye."""
        if self._connection.closed:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @property
    def follows(self) -> bool:
        """Whether the server followed another one when it last answered; it tells so with each answer (libpq 14)."""
        return self._connection.info.parameter_status("in_hot_standby") == "on"

    async def execute(self, sql: LiteralString, parameters: Sequence[Any], until: float) -> list[Row]:
        """The rows of one statement. After a missed deadline the connection is dead and ``psycopg`` raises."""
        timer = asyncio.get_running_loop().call_at(until, self.abort)
        try:
            cursor = await self._connection.execute(sql, parameters)
            return await cursor.fetchall() if cursor.description else []
        finally:
            timer.cancel()

    async def notifications(self, span: float) -> int:
        """How many notifications came within ``span`` real seconds; returns with the first."""
        return len([each async for each in self._connection.notifies(timeout=span, stop_after=1)])

    def abort(self) -> None:
        """End the connection under whoever waits for it."""
        with suppress(OSError):  # it may be gone already, which is what we want
            self._socket.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """End the connection; never waits for the server."""
        self._socket.close()
        await self._connection.close()


class Pool:
    """At most ``size`` connections to an endpoint. Every failure of the server's drops them all and asks DNS anew.

    Raises ``DatabaseDown``; errors of the statement itself (``psycopg.IntegrityError``, ``DataError``) pass through.
    """

    def __init__(self, clock: Clock, resolver: Resolver, endpoint: Endpoint, size: int) -> None:
        self._clock = clock
        self._resolver = resolver
        self._endpoint = endpoint
        self._seats = asyncio.Semaphore(size)
        self._idle: list[Session] = []
        self._taken: set[Session] = set()
        self._generation = 0
        self.works: bool | None = None
        """Whether the last use succeeded; ``None`` before the first."""

    async def fetch(self, sql: LiteralString, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of one statement, committed when this returns. Never sent twice."""
        until = self.deadline()
        async with self._borrowed(until) as session:
            rows = await session.execute(sql, parameters, until)
            if self._endpoint.must_follow and not session.follows:
                raise Promoted(f"{self._endpoint.name} was promoted")
            return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A session in a transaction: committed at the end, rolled back (by hanging up) when the block raises."""
        async with self._borrowed(self.deadline()) as session:
            await session.execute("begin", (), self.deadline())
            try:
                yield session
                await session.execute("commit", (), self.deadline())
            except BaseException:
                session.abort()
                raise

    @asynccontextmanager
    async def reserved(self) -> AsyncIterator[Session]:
        """A session for a long time, outside the bound: for LISTEN, or a lock that lives as long as its connection."""
        session = None
        with self._telling():
            session = await self._connect(self.deadline())
        try:
            with self._telling():
                yield session
        finally:
            await self._discard(session)

    def deadline(self) -> float:
        """The event loop's time at which a statement that starts now must have ended."""
        return asyncio.get_running_loop().time() + self._clock.real_seconds(self._endpoint.timeout)

    async def close(self) -> None:
        """Hang up everywhere; who waits is told."""
        for session in self._taken:
            session.abort()
        await self._drop()

    @asynccontextmanager
    async def _borrowed(self, until: float) -> AsyncIterator[Session]:
        with self._telling():
            async with asyncio.timeout_at(until):
                await self._seats.acquire()
        generation = self._generation
        session = None
        try:
            with self._telling():
                session = await self._take(until)
                yield session
                self.works = True
        except DatabaseDown:
            # One that was lent before the last failure says nothing of the connections that were made since.
            if generation == self._generation:
                await self._drop()
            raise
        finally:
            self._seats.release()
            if session is not None:
                await self._give_back(session, generation)

    async def _take(self, until: float) -> Session:
        while self._idle:
            session = self._idle.pop()
            if session.fresh and not self._old(session):
                self._taken.add(session)
                return session
            await self._discard(session)
        return await self._connect(until)

    async def _connect(self, until: float) -> Session:
        endpoint = self._endpoint
        milliseconds = max(1, round(self._clock.real_seconds(endpoint.timeout) * 1000))
        async with asyncio.timeout_at(until):
            address = await self._resolver.lookup(endpoint.name)
            connection = await psycopg.AsyncConnection.connect(
                hostaddr=address,
                host=endpoint.name,
                port=endpoint.port,
                user=ROLE,
                dbname=DATABASE,
                autocommit=True,
                sslmode="disable",
                gssencmode="disable",
                connect_timeout=60,  # libpq counts whole seconds, from two on: the deadline above decides
                tcp_user_timeout=milliseconds,
                target_session_attrs="standby" if endpoint.must_follow else "any",
                options=f"-c statement_timeout={milliseconds}",
            )
        session = Session(connection, self._clock.now())
        self._taken.add(session)
        return session

    async def _give_back(self, session: Session, generation: int) -> None:
        self._taken.discard(session)
        if generation == self._generation and session.fresh:
            self._idle.append(session)
        else:
            await self._discard(session)

    async def _drop(self) -> None:
        self._generation += 1
        self._resolver.forget(self._endpoint.name)
        idle, self._idle = self._idle, []
        for session in idle:
            await self._discard(session)

    async def _discard(self, session: Session) -> None:
        self._taken.discard(session)
        await session.close()

    def _old(self, session: Session) -> bool:
        limit = self._endpoint.connection_age
        return limit is not None and self._clock.now() - session.born > limit

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn the server's failures into ``DatabaseDown``, and remember them."""
        try:
            yield
        except _DOWN as error:
            self.works = False
            told = f"{self._endpoint.name}: {str(error).strip() or type(error).__name__}"
            _LOG.warning("%s", told)
            raise DatabaseDown(told) from error
