"""The name servers over loopback sockets: rotation, failures that are told, and addresses over CNAME chains."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import dns.message
import dns.query
import dns.rcode
import pytest

from harness.clock import Clock
from harness.twin import names
from harness.twin.api.route53.answers import Answer, Link
from harness.twin.designs.catalogue import design
from harness.twin.engines.dns import Dns

DATABASE = names.instance_endpoint("agentauri-db", "us-east-1")


class Loopback:
    def __init__(self) -> None:
        self.resolvers: dict[str, tuple[str, int]] = {}

    def listen_udp(self, place: str, address: tuple[str, int]) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        self.resolvers[place] = sock.getsockname()
        return sock


class Zone:
    zone_name = names.ZONE_NAME

    def answer(self, name: str, kind: str, client: str) -> Answer:
        if name.startswith("broken"):
            raise RuntimeError("a bug")
        return Answer("NOERROR", Link(name, "CNAME", 10, (DATABASE,)))


@pytest.fixture
def network() -> Iterator[Loopback]:
    registry, loopback = names.Names(), Loopback()
    registry.point(DATABASE, names.Pointer(cname="ec2-1.example", ttl=5))
    registry.point("ec2-1.example", names.Pointer(("10.0.0.1", "10.0.0.2"), ttl=60))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.bind(("127.0.0.1", 0))
        loopback.resolvers["host"] = host.getsockname()
        server = Dns(Clock.start(10), loopback, registry, Zone(), design("active_active", "hardened"), host)
        server.start()
        yield loopback
        server.stop()


def ask(network: Loopback, place: str, name: str, kind: str = "A") -> dns.message.Message:
    address, port = network.resolvers[place]
    return dns.query.udp(dns.message.make_query(name, kind), address, port=port, timeout=2)


def test_there_is_a_resolver_for_every_region_and_location(network: Loopback) -> None:
    places = {"host", "us-east-1", "eu-west-1", "ap-south-1", "america", "europe", "asia"}
    assert set(network.resolvers) == places


@pytest.mark.parametrize("place", ["host", "asia"])
def test_a_chain_is_one_answer_whose_addresses_rotate(network: Loopback, place: str) -> None:
    answers = [ask(network, place, names.API_HOST).answer for _ in range(2)]
    assert [(rrset.rdtype.name, rrset.ttl) for rrset in answers[0]] == [("CNAME", 10), ("CNAME", 5), ("A", 60)]
    assert [answer[2][0].address for answer in answers] == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize("place", ["host", "asia"])
def test_a_failure_is_told_with_its_question(network: Loopback, place: str) -> None:
    answer = ask(network, place, "broken.agentauri.example")
    assert answer.rcode() == dns.rcode.SERVFAIL
    assert len(answer.question) == 1


def test_an_empty_answer_carries_the_soa_that_says_how_long_it_holds(network: Loopback) -> None:
    answer = ask(network, "host", DATABASE, "AAAA")
    assert answer.rcode() == dns.rcode.NOERROR
    assert [(rrset.rdtype.name, rrset.ttl) for rrset in answer.authority] == [("SOA", 5)]
    assert ask(network, "host", "nobody.amazonaws.com").rcode() == dns.rcode.NXDOMAIN


def test_case_does_not_matter(network: Loopback) -> None:
    assert len(ask(network, "asia", names.API_HOST.upper()).answer) == 3
