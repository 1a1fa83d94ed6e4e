"""The twin's name servers: one authoritative on the host's loopback, a caching VPC resolver in every place.

One thread serves every socket. The resolver of a region is ``10.R.0.2``, of a client location ``10.L.0.2``; its own
place, not EDNS, says where its clients are, as with the resolvers of a VPC or of an internet provider.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import dns.exception

from harness.clock import Clock
from harness.errors import TwinFault
from harness.twin.api.route53.answers import Chain
from harness.twin.api.route53.authority import Answerer, Authority
from harness.twin.designs.model import Design
from harness.twin.engines import dns_wire
from harness.twin.engines.resolver_cache import ResolverCache
from harness.twin.names import Names

_LOG = logging.getLogger("twin.dns")
_PORT = 53
_BATCH = 64
_LARGEST = 4096


class Listens(Protocol):
    """The part of the network that name servers need."""

    def listen_udp(self, place: str, address: tuple[str, int]) -> socket.socket:
        """A bound UDP socket inside a place."""


@dataclass
class _Server:
    """One socket and how its questions are answered."""

    place: str
    socket: socket.socket
    lookup: Callable[[dns_wire.Question], Chain]
    writer: dns_wire.Writer


class Dns:
    """Every name server of the twin. ``host_socket`` is a bound UDP socket on the host's loopback; it is not closed.

    There a question's EDNS client subnet says where the client is; without it the client counts as one of the primary
    region. An error answers SERVFAIL, a message that is no question FORMERR; never silence.
    """

    def __init__(
        self,
        clock: Clock,
        network: Listens,
        names: Names,
        answerer: Answerer,
        design: Design,
        host_socket: socket.socket,
    ) -> None:
        self._clock = clock
        self._network = network
        self._authority = Authority(names, answerer)
        self._zone = answerer.zone_name
        self._design = design
        self._host_socket = host_socket
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._servers: list[_Server] = []
        self._thread: threading.Thread | None = None
        self.answered = 0

    def start(self) -> None:
        """Bind the resolvers and serve; raises ``OSError`` when an address is taken."""
        self._servers = [self._authoritative()]
        places = [(region.name, region.octet) for region in self._design.regions]
        places += [(location.name, location.octet) for location in self._design.locations]
        for place, octet in places:
            self._servers.append(self._resolver(place, f"10.{octet}.0.2"))
        for server in self._servers:
            server.socket.setblocking(False)
            self._selector.register(server.socket, selectors.EVENT_READ, server)
        self._selector.register(self._ear, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="twin-dns", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer nothing more and close the resolvers; raises ``TwinFault`` when the thread does not end."""
        self._bell.send(b"!")
        if self._thread is not None:
            self._thread.join(5)
            if self._thread.is_alive():
                raise TwinFault("the name servers did not stop within 5 s")
        self._selector.close()
        for server in self._servers[1:]:
            server.socket.close()
        self._bell.close()
        self._ear.close()

    def _authoritative(self) -> _Server:
        home = f"10.{self._design.primary.octet}.0.2"

        def lookup(question: dns_wire.Question) -> Chain:
            return self._authority.chain(question.name, question.kind, question.subnet or home)

        return _Server("host", self._host_socket, lookup, dns_wire.Writer(authoritative=True))

    def _resolver(self, place: str, address: str) -> _Server:
        cache = ResolverCache(self._clock, lambda name, kind: self._authority.step(name, kind, address))
        sock = self._network.listen_udp(place, (address, _PORT))
        return _Server(
            place,
            sock,
            lambda question: cache.chain(question.name, question.kind),
            dns_wire.Writer(authoritative=False),
        )

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                self._serve(key.data)

    def _serve(self, server: _Server) -> None:
        for _ in range(_BATCH):
            try:
                data, client = server.socket.recvfrom(_LARGEST)
            except BlockingIOError:
                return
            except OSError as error:  # e.g. an ICMP error of an earlier answer: the next datagram is fine
                _LOG.warning("%s: %s", server.place, error)
                return
            answer = self._reply(server, data)
            if answer is None:
                continue
            try:
                server.socket.sendto(answer, client)
            except OSError as error:
                _LOG.warning("%s cannot answer %s: %s", server.place, client, error)

    def _reply(self, server: _Server, data: bytes) -> bytes | None:
        self.answered += 1
        try:
            question = dns_wire.parse(data)
        except (dns.exception.DNSException, ValueError):
            return dns_wire.format_error(data)
        try:
            chain = server.lookup(question)
            return server.writer.encode(data, question, chain, self._zone_of(chain, question))
        except Exception:  # noqa: BLE001 - a client must get SERVFAIL, never silence, whatever went wrong
            _LOG.exception("%s cannot answer %s %s", server.place, question.name, question.kind)
            return dns_wire.server_failure(data, question)

    def _zone_of(self, chain: Chain, question: dns_wire.Question) -> str:
        last = chain.links[-1].values[0].rstrip(".") if chain.links else question.name
        if last == self._zone or last.endswith(f".{self._zone}"):
            return self._zone
        return ".".join(last.split(".")[-2:])
