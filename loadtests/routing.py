"""A client that goes where DNS sends it, and says honestly where it went.

It does what a well-behaved client does and nothing more: names are asked again when their TTL is over, connections
have a maximum age, one request is one attempt at one address. There are no hidden re-sends (geventhttpclient's own
client makes up to 12 attempts out of one GET), no second address tried in silence, no answer kept beyond its life.
Only IPv4, as the record holds four bytes of address.
"""

from __future__ import annotations

import ipaddress
import random
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import dns.exception
import gevent
import gevent.socket
import gevent.ssl
from gevent import monkey
from geventhttpclient.response import HTTPParseError, HTTPResponse

from harness.clock import monotonic_nanoseconds
from harness.requests import NO_ADDRESS, Outcome
from loadtests.lookup import AsThere, Look, by_resolver, servers

_NANO = 1_000_000_000
_CHUNK = 65536
_RESOLVER_DEADLINE = 0.5
_poll: Callable[[], select.poll] = monkey.get_original("select", "poll")


class NameFailed(Exception):
    """The name has no usable answer now."""


class Names(Protocol):
    """Where a host is."""

    def fresh(self) -> tuple[str, ...]:
        """Addresses that are valid now, asked for if need be. Raises ``NameFailed``."""

    def latest(self) -> tuple[str, ...]:
        """The last answer, without waiting; when its life is over it is asked anew in the background."""


class FixedNames:
    """A host that is written as an address."""

    def __init__(self, address: str) -> None:
        self._answer = (address,)

    def fresh(self) -> tuple[str, ...]:
        """The address."""
        return self._answer

    def latest(self) -> tuple[str, ...]:
        """The address."""
        return self._answer


class ResolvedNames:
    """A host name's A records, kept for the least TTL on the way there (CNAMEs included), divided by ``speed``.

    However many ask at once, one question is sent. With ``forever`` the first answer is never asked again.
    """

    def __init__(self, host: str, look: Look, speed: float, *, forever: bool) -> None:
        self._host = f"{host.rstrip('.')}."
        self._look = look
        self._speed = speed
        self._forever = forever
        self._answer: tuple[str, ...] = ()
        self._expires = 0
        self._question: gevent.Greenlet | None = None

    def fresh(self) -> tuple[str, ...]:
        """Addresses within their life. Raises ``NameFailed``."""
        if not self._alive():
            problem = self._ask().get()
            if problem:
                raise NameFailed(problem)
        return self._answer

    def latest(self) -> tuple[str, ...]:
        """The last answer; a client with a connection in hand does not wait for a name server."""
        if not self._alive():
            self._ask()
        return self._answer

    def _alive(self) -> bool:
        if self._forever and self._answer:
            return True
        return monotonic_nanoseconds() < self._expires

    def _ask(self) -> gevent.Greenlet:
        # A greenlet of its own: the deadline of the request that happened to ask must not end it for the others.
        if self._question is None or self._question.dead:
            self._question = gevent.spawn(self._learn)
        return self._question

    def _learn(self) -> str:
        try:
            self._answer, ttl = self._look(self._host)
        except dns.exception.DNSException as error:
            return f"{self._host}: {error}"
        except OSError as error:
            return f"{self._host}: {error.strerror}"
        self._expires = monotonic_nanoseconds() + round(ttl / self._speed * _NANO)
        return ""


def names(host: str, nameserver: str, speed: float, deadline: float, *, forever: bool, subnet: str = "") -> Names:
    """How to find ``host``: an address, ``localhost`` (RFC 6761: never asked), or a name by the location's resolver.

    With ``subnet`` it is looked up as by a client there, from the servers of ``nameserver``. The deadline of a look-up
    stays below ``deadline`` (real seconds), so that a dead resolver is told from a dead host.
    """
    if host == "localhost":
        return FixedNames("127.0.0.1")
    try:
        return FixedNames(str(ipaddress.IPv4Address(host)))
    except ValueError:
        pass  # a name then
    limit = min(_RESOLVER_DEADLINE, deadline * 0.8)
    if not subnet:
        return ResolvedNames(host, by_resolver(nameserver, limit), speed, forever=forever)
    look = AsThere(servers(nameserver), subnet, limit, lambda other: by_resolver("", limit)(other))
    return ResolvedNames(host, look, speed, forever=forever)


class Answer(HTTPResponse):
    """geventhttpclient's parser, keeping the body."""

    def __init__(self, method: str) -> None:
        super().__init__(method=method)
        self.body = bytearray()

    def _on_body(self, buf: bytearray) -> None:
        self.body += buf

    @property
    def whole(self) -> bool:
        """Whether the final response is complete; interim ones (1xx) do not count."""
        return bool(self.message_complete) and int(self.get_code()) >= 200


@dataclass
class Connection:
    """An established connection, the address at its other end, and when it was made (monotonic ns)."""

    socket: socket.socket
    address: str
    made: int

    def quiet(self) -> bool:
        """Whether nothing arrived while it was idle: neither a farewell nor a stray byte."""
        poll = _poll()
        poll.register(self.socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Close it."""
        self.socket.close()


@dataclass
class Reply:
    """What became of one attempt. ``outcome`` is GOOD when an answer came, whatever it says."""

    outcome: Outcome = Outcome.GOOD
    status: int = 0
    body: bytes = b""
    sent: int = 0
    """Monotonic ns just before the first byte left; 0: none did."""
    done: int = 0
    address: bytes = NO_ADDRESS
    """The peer of the connection used, or the one that was tried in vain."""
    problem: str = ""


@dataclass
class Client:
    """Requests to one host, on connections that are kept, aged and dropped as DNS and ``ttl_policy`` demand."""

    host: str
    names: Names
    deadline: float
    """Of one request, in real seconds, from name to last byte."""
    connection_age: float
    """In real seconds."""
    ttl_policy: str = "honour"
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        url = urlsplit(self.host)
        self._name = url.hostname or ""
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._tls = gevent.ssl.create_default_context() if url.scheme == "https" else None
        self._age = round(self.connection_age * _NANO)
        self._idle: deque[Connection] = deque()
        self._authority = url.netloc.rpartition("@")[2]

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        """One attempt, within the deadline; every way to fail is told in the reply."""
        reply = Reply()
        limit = gevent.Timeout(self.deadline)
        limit.start()
        try:
            self._attempt(reply, method, path, headers, body)
        except gevent.Timeout as timeout:
            if timeout is not limit:
                raise
            reply.outcome = Outcome.TIMED_OUT
        except NameFailed as error:
            reply.outcome, reply.problem = Outcome.NAME_FAILED, str(error)
        except OSError as error:
            reply.outcome, reply.problem = _outcome(error, reply), str(error)
        except HTTPParseError as error:
            reply.outcome, reply.problem = Outcome.RESET, str(error)
        finally:
            limit.close()
        reply.done = monotonic_nanoseconds()
        return reply

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _attempt(self, reply: Reply, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        connection = self._take() or self._connect(reply)
        reply.address = socket.inet_aton(connection.address)
        keep = False
        try:
            answer = Answer(method)
            reply.sent = monotonic_nanoseconds()
            connection.socket.sendall(self._head(method, path, headers, len(body)) + body)
            while not answer.whole:
                data = connection.socket.recv(_CHUNK)
                answer.feed(data)
                if not data and not answer.whole:
                    raise ConnectionResetError(104, "closed before the end of the answer")
            reply.status, reply.body = int(answer.get_code()), bytes(answer.body)
            keep = not answer.should_close() and self.ttl_policy != "close"
        finally:
            if keep:
                self._idle.append(connection)
            else:
                connection.close()

    def _head(self, method: str, path: str, headers: dict[str, str], length: int) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in (self.headers | headers).items()]
        if length:
            lines += ["Content-Type: application/json", f"Content-Length: {length}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _take(self) -> Connection | None:
        """The connection used last that is young, undisturbed and, unless the TTL is ignored, still in the answer."""
        oldest = monotonic_nanoseconds() - self._age
        while self._idle and self._idle[0].made < oldest:
            self._idle.popleft().close()
        answer = self.names.latest() if self._idle else ()
        while self._idle:
            connection = self._idle.pop()
            if connection.made >= oldest and connection.address in answer and connection.quiet():
                return connection
            connection.close()
        return None

    def _connect(self, reply: Reply) -> Connection:
        address = random.choice(self.names.fresh())
        reply.address = socket.inet_aton(address)
        plain = gevent.socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        wire = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.connect((address, self._port))
            if self._tls is not None:
                wire = self._tls.wrap_socket(plain, server_hostname=self._name)
            return Connection(wire, wire.getpeername()[0], monotonic_nanoseconds())
        except BaseException:  # the deadline, too, must not leak a socket
            wire.close()
            raise


def _outcome(error: OSError, reply: Reply) -> Outcome:
    if reply.sent or isinstance(error, ConnectionResetError | ssl.SSLError):
        return Outcome.RESET
    return Outcome.TIMED_OUT if isinstance(error, TimeoutError) else Outcome.REFUSED
