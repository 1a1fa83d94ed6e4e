"""A small service on loopback whose outages are scheduled to the millisecond.

Whether a request meets an outage is decided by CLOCK_MONOTONIC at the moment in which the service reads it, so no
timer stands between the truth and what a client sees; only connections and listening sockets need one, and their
true times are written down. Each site is an address of its own (127.0.0.1, 127.0.0.2, …) with one port for all.

Talks over its standard streams, one JSON document a line: out comes ``{"port": …}``; in goes the schedule, ``{"zero":
monotonic ns, "deadline": ns, "outages": […]}``; when standard input ends, out comes ``{"moves": […]}`` and it is gone.
"""

from __future__ import annotations

import asyncio
import gc
import json
import selectors
import socket
import struct
import sys
import time
import uuid
from collections import Counter
from typing import Any, cast

from tests.trust.outages import Outage, from_json

_RESET = struct.pack("ii", 1, 0)
_EVENT = b'{"data": [{"id": 7, "created_at": "2026-01-01T00:00:00.5Z"}]}'
_PLAIN = (b'{"data": []}', b'{"data": {"total": 0}}')


def _listening(address: str, port: int) -> socket.socket:
    """Bound, and not yet listening: until it does, connections are refused."""
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    door.bind((address, port))
    return door


class Site:
    """One address: its listening socket, its connections, and the outages it meets."""

    def __init__(self, number: int, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.number = number
        self.address = f"127.0.0.{number + 1}"
        self.visitors: set[Visitor] = set()
        self.moves: list[dict[str, Any]] = []
        self.deadline = 0
        self._loop = loop
        self._zero = 0
        self._outages: list[Outage] = []
        self._met: Counter[int] = Counter()
        self._waiting: list[tuple[Visitor, bytes]] = []
        self._turn = 0
        self._door = _listening(self.address, port)
        self.port: int = self._door.getsockname()[1]
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        self._server = await self._loop.create_server(lambda: Visitor(self), sock=self._door, backlog=1024)

    def follow(self, zero: int, deadline: int, outages: tuple[Outage, ...]) -> None:
        """Meet these outages, counted from ``zero``."""
        self._zero, self.deadline = zero, deadline
        self._outages = [one for one in outages if self.number in one.sites]
        for one in self._outages:
            for began, ended in one.parts:
                if one.manner in ("reset", "refuse"):
                    self._at(began, self._break, one)
                if one.manner == "refuse":
                    self._at(ended, self._listen_again, one)
                if one.manner == "stall":
                    self._at(ended, self._catch_up, one)

    def outage(self, now: int) -> Outage | None:
        """The outage that a request read at ``now`` meets."""
        at = now - self._zero
        while self._outages and self._outages[0].ended <= at:
            self._outages.pop(0)
        if self._outages and any(began <= at < ended for began, ended in self._outages[0].parts):
            self._met[self._outages[0].number] += 1
            return self._outages[0]
        return None

    def told(self) -> list[dict[str, Any]]:
        """What it did by timer, and how many requests it read in each outage."""
        return [*self.moves, *({"outage": number, "site": self.number, "what": "read", "at": count}
                               for number, count in self._met.items())]  # fmt: skip

    def stall(self, visitor: Visitor, reply: bytes) -> None:
        """Keep an answer until the outage ends; then the oldest goes first, as in a queue."""
        self._waiting.append((visitor, reply))

    def every_second(self) -> bool:
        """True every second time."""
        self._turn += 1
        return self._turn % 2 == 0

    def _at(self, moment: int, act: Any, one: Outage) -> None:
        self._loop.call_at((self._zero + moment) / 1e9, act, one)

    def _note(self, one: Outage, what: str) -> None:
        at = time.monotonic_ns() - self._zero
        self.moves.append({"outage": one.number, "site": self.number, "what": what, "at": at})

    def _break(self, one: Outage) -> None:
        if one.manner == "refuse" and self._server is not None:
            self._server.close()
            self._door = _listening(self.address, self.port)
        for visitor in tuple(self.visitors):
            visitor.reset()
        self._note(one, "broken")

    def _listen_again(self, one: Outage) -> None:
        self._door.listen(1024)
        self._note(one, "listens")
        task = self._loop.create_task(self.open())
        task.add_done_callback(lambda done: done.result())

    def _catch_up(self, one: Outage) -> None:
        self._note(one, "caught up")
        for visitor, reply in self._waiting:
            visitor.send(reply)
        self._waiting.clear()


class Visitor(asyncio.Protocol):
    """One connection."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._read = b""
        self._wire: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.Transport, transport)
        self._site.visitors.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._site.visitors.discard(self)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, rest = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        if b"Content-Length: " in head:
            length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._read = rest[length:]
        method, path, _ = head.split(b" ", 2)
        self._meet(method, path, rest[:length])

    def reset(self) -> None:
        """Break the connection with a RST."""
        self._wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._wire.abort()

    def _meet(self, method: bytes, path: bytes, body: bytes) -> None:
        site = self._site
        met = site.outage(time.monotonic_ns())
        manner = met.manner if met else ""
        if manner in ("reset", "refuse"):
            self.reset()
        elif manner == "status" or (manner == "half" and site.every_second()):
            self.send(_reply(500, b'{"error": "down", "message": "down"}'))
        elif manner == "body":
            self.send(_reply(200, b'{"data": []}'))
        elif manner == "slow":
            late = (site.deadline + 200_000_000) / 1e9
            asyncio.get_running_loop().call_later(late, self.send, _answer(method, path, body))
        elif manner == "stall":
            site.stall(self, _answer(method, path, body))
        elif manner != "hang":
            self.send(_answer(method, path, body))

    def send(self, reply: bytes) -> None:
        """Answer, unless the client has left."""
        if not self._wire.is_closing():
            self._wire.write(reply)


def _answer(method: bytes, path: bytes, body: bytes) -> bytes:
    """What the service says when all is well."""
    if path.startswith(b"/api/v1/ponder/events"):
        return _reply(200, _EVENT)
    if method == b"GET":
        return _reply(200, _PLAIN[b"stats" in path])
    if path == b"/api/v1/triggers":
        row = {"id": uuid.uuid4().hex, "name": json.loads(body)["name"]}
        return _reply(201, json.dumps({"data": row}).encode())
    if path == b"/api/v1/auth/login":
        token = {"token": uuid.uuid4().hex, "refresh_token": "r", "expires_in": 3600}
        return _reply(200, json.dumps({"data": token}).encode())
    return _reply(201, b'{"data": {"id": "one"}}')


def _reply(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(sites: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    first = Site(0, 0, loop)
    found = [first, *(Site(number, first.port, loop) for number in range(1, sites))]
    for site in found:
        await site.open()
    _say({"port": first.port})
    commands = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        told = json.loads(line)
        for site in found:
            site.follow(told["zero"], told["deadline"], from_json(told["outages"]))
    _say({"moves": [move for site in found for move in site.told()]})


def _say(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    gc.disable()  # a collection would take longer than what is measured
    # select() waits to the microsecond, epoll_wait() to the millisecond.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve(int(sys.argv[1])))
