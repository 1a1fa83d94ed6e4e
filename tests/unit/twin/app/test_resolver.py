from __future__ import annotations

import asyncio
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
import pytest

from harness.clock import Clock, real_sleep
from harness.twin.app.resolver import NameFault, Resolver

NAME = "db.example"


class Server(asyncio.DatagramProtocol):
    """Answers NAME through a CNAME with a TTL of 5; ``address`` None: NXDOMAIN; ``silent``: nothing."""

    address: str | None = "10.1.12.101"
    silent = False
    asked = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        if self.address is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            answer.answer.append(dns.rrset.from_text(NAME + ".", 5, "IN", "CNAME", "node." + NAME + "."))
            answer.answer.append(dns.rrset.from_text("node." + NAME + ".", 60, "IN", "A", self.address))
        if not self.silent:
            self.transport.sendto(answer.to_wire(), addr)


async def serve() -> tuple[Server, Resolver, asyncio.BaseTransport]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    return server, Resolver(Clock.start(50), "127.0.0.1", port), transport


def test_the_shortest_ttl_of_the_chain_counts_in_aws_time() -> None:
    async def scene() -> None:
        server, resolver, transport = await serve()
        assert await resolver.lookup(NAME) == "10.1.12.101"
        server.address = "10.1.22.102"
        assert await resolver.lookup(NAME) == "10.1.12.101"
        assert server.asked == 1
        real_sleep(0.12)
        assert await resolver.lookup(NAME) == "10.1.22.102"
        server.address = "10.1.12.101"
        resolver.forget(NAME)
        assert await resolver.lookup(NAME) == "10.1.12.101"
        transport.close()

    asyncio.run(scene())


def test_no_name_and_no_answer_are_faults_and_addresses_are_their_own() -> None:
    async def scene() -> None:
        server, resolver, transport = await serve()
        assert await resolver.lookup("10.9.9.9") == "10.9.9.9"
        server.address = None
        with pytest.raises(NameFault, match="NXDOMAIN"):
            await resolver.lookup(NAME)
        server.silent = True
        with pytest.raises(NameFault):
            await resolver.lookup(NAME)
        assert server.asked == 1 + 2 + 1
        transport.close()

    asyncio.run(scene())
