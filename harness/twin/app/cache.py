"""Redis over its own protocol: one deadline a command, nothing sent twice.

A client library that repeats a command after a time-out queues a job twice (measured with redis-py's defaults after a
freeze of two seconds); here a failed command has failed.
"""

from __future__ import annotations

import asyncio
import logging

from harness.clock import Clock, Duration, Instant, seconds
from harness.twin.app.resolver import Resolver

_LOG = logging.getLogger("app.cache")
_REST = seconds(1)
Word = str | bytes | int | float
Reply = bytes | int | list["Reply"] | None


class CacheDown(Exception):
    """Redis could not be used: no name, no connection, no answer in time, read-only, or a command refused."""


class Wire:
    """One connection; one command at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def call(self, words: tuple[Word, ...]) -> Reply:
        """Send a command and read its reply. Raises ``OSError``, ``EOFError`` or ``CacheDown`` (a refusal)."""
        texts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(texts), *(b"$%d\r\n%b\r\n" % (len(text), text) for text in texts)]
        self._writer.write(b"".join(parts))
        return await self._reply()

    def close(self) -> None:
        """Hang up at once."""
        self._writer.transport.abort()

    async def _reply(self) -> Reply:
        line = await self._reader.readuntil(b"\r\n")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else (await self._reader.readexactly(int(rest) + 2))[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [await self._reply() for _ in range(int(rest))]
        raise CacheDown(rest.decode(errors="replace"))


class Cache:
    """A cache endpoint. ``reconnects`` False: after the first lost connection every command fails, as MISSION.md's
    workers do."""

    def __init__(
        self, clock: Clock, resolver: Resolver, name: str, port: int, timeout: Duration, *, reconnects: bool = True
    ) -> None:
        self._clock = clock
        self._resolver = resolver
        self._name = name
        self._port = port
        self._timeout = timeout
        self._reconnects = reconnects
        self._lost = False
        self._idle: list[Wire] = []
        self._rest_until: Instant | None = None

    async def call(self, *words: Word, waits: Duration | None = None) -> Reply:
        """The reply to one command; ``waits`` is how long the command itself may block. Raises ``CacheDown``."""
        if self._lost:
            raise CacheDown(f"{self._name}: the connection was lost and is not made again")
        limit = self._clock.real_seconds(self._timeout + (waits or seconds(0)))
        wire: Wire | None = None
        try:
            async with asyncio.timeout(limit):
                wire = self._idle.pop() if self._idle else await self._connect()
                reply = await wire.call(words)
        except (OSError, EOFError, CacheDown) as error:
            self._fail(wire)
            raise CacheDown(f"{self._name}: {str(error).strip() or type(error).__name__}") from error
        except asyncio.CancelledError:
            if wire is not None:
                wire.close()
            raise
        self._idle.append(wire)
        return reply

    async def attempt(self, *words: Word) -> Reply:
        """As :meth:`call`, for what works without Redis too: ``None`` when it is down, which is then left alone for a
        second."""
        now = self._clock.now()
        if self._rest_until is not None and now < self._rest_until:
            return None
        try:
            return await self.call(*words)
        except CacheDown as error:
            _LOG.warning("%s", error)
            self._rest_until = self._clock.now() + _REST
            return None

    def milliseconds(self, span: Duration) -> int:
        """Real milliseconds of a span of AWS time, for Redis's own expiry."""
        return max(1, round(self._clock.real_seconds(span) * 1000))

    def close(self) -> None:
        """Hang up everywhere."""
        while self._idle:
            self._idle.pop().close()

    async def _connect(self) -> Wire:
        address = await self._resolver.lookup(self._name)
        return Wire(*await asyncio.open_connection(address, self._port))

    def _fail(self, wire: Wire | None) -> None:
        if wire is not None:
            wire.close()
            self._lost = not self._reconnects
        self.close()
        self._resolver.forget(self._name)
