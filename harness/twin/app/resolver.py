"""Names to addresses through the VPC's resolver, without glibc, which blocks, caches nothing and waits in seconds.

TTLs come in AWS seconds and are kept for as long in AWS time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections.abc import Sequence

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from harness.clock import Clock, Instant, seconds

_PATIENCE = seconds(1)
_TRIES = 2


class NameFault(OSError):
    """A name did not lead to an address: no answer, an error, or no such name."""


class _Exchange(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - the socket is connected
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


class Resolver:
    """Asks one server; keeps answers for their TTL. Not for several event loops."""

    def __init__(self, clock: Clock, server: str, port: int = 53) -> None:
        self._clock = clock
        self._server = (server, port)
        self._kept: dict[str, tuple[Instant, Sequence[str]]] = {}

    async def lookup(self, name: str) -> str:
        """One of the name's IPv4 addresses; a literal address is its own. Raises ``NameFault``."""
        if _literal(name):
            return name
        now = self._clock.now()
        kept = self._kept.get(name)
        if kept is None or kept[0] <= now:
            addresses, ttl = await self._ask(name)
            kept = (now + seconds(ttl), addresses)
            self._kept[name] = kept
        return random.choice(kept[1])

    def forget(self, name: str) -> None:
        """Ask anew at the next lookup."""
        self._kept.pop(name, None)

    async def _ask(self, name: str) -> tuple[Sequence[str], int]:
        question = dns.message.make_query(name, dns.rdatatype.A)
        problem: Exception = NameFault(f"{name}: not asked")
        for _ in range(_TRIES):
            try:
                return _addresses(name, await self._exchange(question))
            except (TimeoutError, OSError, dns.exception.DNSException) as error:
                problem = error
        raise NameFault(f"{name}: {problem or type(problem).__name__}") from problem

    async def _exchange(self, question: dns.message.Message) -> dns.message.Message:
        loop = asyncio.get_running_loop()
        transport, exchange = await loop.create_datagram_endpoint(_Exchange, remote_addr=self._server)
        try:
            transport.sendto(question.to_wire())
            async with asyncio.timeout(self._clock.real_seconds(_PATIENCE)):
                answer = dns.message.from_wire(await exchange.answer)
        finally:
            transport.close()
        if not question.is_response(answer):
            raise NameFault("the answer belongs to another question")
        return answer


def _literal(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def _addresses(name: str, answer: dns.message.Message) -> tuple[Sequence[str], int]:
    if answer.rcode() != dns.rcode.NOERROR:
        raise NameFault(f"{name}: {dns.rcode.to_text(answer.rcode())}")
    addresses = [item.address for rrset in answer.answer if rrset.rdtype == dns.rdatatype.A for item in rrset]
    if not addresses:
        raise NameFault(f"{name}: no address")
    return addresses, min(rrset.ttl for rrset in answer.answer)
