"""The servers of a zone are asked as from a client's network, and a resolver for what they leave to other zones."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rrset
import pytest

from harness.errors import CloudFault
from harness.probes.names import Answer, NameServer, ask


class Zone:
    """Answers by the subnet that it is told; ``beyond`` is the name that it leaves to others."""

    def __init__(self, answers: dict[str, str], beyond: str = "") -> None:
        self.answers, self.beyond = answers, beyond
        self.asked: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.server = NameServer(*self.socket.getsockname())
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            wire, peer = self.socket.recvfrom(4096)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            subnet = next((option.address for option in query.options if option.otype == 8), "")
            self.asked.append(subnet)
            reply, name = dns.message.make_response(query), query.question[0].name
            if self.beyond:
                reply.answer.append(dns.rrset.from_text(name, 10, "IN", "CNAME", self.beyond))
            elif subnet in self.answers:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", self.answers[subnet]))
            self.socket.sendto(reply.to_wire(), peer)


@contextmanager
def zone(answers: dict[str, str], beyond: str = "") -> Iterator[Zone]:
    made = Zone(answers, beyond)
    try:
        yield made
    finally:
        made.socket.sendto(b"", made.socket.getsockname())


def silent() -> NameServer:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return NameServer(*free.getsockname())


def test_a_resolver_with_authorities_is_only_asked_what_is_no_clients_question():
    with zone({"203.0.113.0": "10.0.0.1"}) as own, zone({"": "10.0.0.9"}) as other:
        resolver = NameServer(other.server.address, other.server.port, (own.server,))
        assert ask(resolver, "api.test", "203.0.113.0/24").addresses == ("10.0.0.1",)
        assert ask(resolver, "lb.test").addresses == ("10.0.0.9",)
        assert (own.asked, other.asked) == (["203.0.113.0"], [""])


def test_what_leads_out_of_the_zone_is_followed_by_the_resolver():
    with zone({}, "lb.test.") as own, zone({"": "10.0.0.9"}) as other:
        resolver = NameServer(other.server.address, other.server.port, (own.server,))
        assert ask(resolver, "api.test", "203.0.113.0/24") == Answer(("10.0.0.9",), ("lb.test",), 10)


def test_one_silent_server_of_a_zone_is_no_outage_and_all_of_them_are(monkeypatch):
    monkeypatch.setattr("harness.probes.names._LIMIT_SECONDS", 0.2)
    with zone({"203.0.113.0": "10.0.0.1"}) as own:
        resolver = NameServer("127.0.0.1", 1, (silent(), own.server))
        assert ask(resolver, "api.test", "203.0.113.0/24").addresses == ("10.0.0.1",)
    with pytest.raises(CloudFault, match="Unreachable"):
        ask(NameServer("127.0.0.1", 1, (silent(), silent())), "api.test", "203.0.113.0/24")


def test_a_server_is_written_as_it_is_read():
    assert NameServer.of("192.0.2.1:5353") == NameServer("192.0.2.1", 5353)
    assert str(NameServer("192.0.2.1", 5353)) == "192.0.2.1:5353"
