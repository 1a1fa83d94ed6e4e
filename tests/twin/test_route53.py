"""Route 53 and the name servers over the twin's real network: probes, detection, failover, caching."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.edns
import dns.message
import dns.query
import dns.rcode
import pytest

from harness.clock import Clock, Instant, monotonic_nanoseconds, real_sleep, seconds
from harness.twin import names
from harness.twin.api.route53.health_checks import health_check_id
from harness.twin.api.route53.service import Route53
from harness.twin.calls import Call
from harness.twin.designs.catalogue import design
from harness.twin.engines.dns import Dns
from harness.twin.network.network import AclRule, Network
from harness.twin.schedule import Scheduler

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the twin's network needs root here")

SPEED = 20
DESIGN = design("active_passive", "hardened")
CHECK = health_check_id("api-us-east-1")
ALLOW = AclRule(100, "-1", "0.0.0.0/0", None, True)
DENY = AclRule(1, "6", "0.0.0.0/0", (443, 443), False)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass
class Platform:
    clock: Clock
    network: Network
    registry: names.Names
    route53: Route53
    dns: Dns
    host: tuple[str, int]

    def call(self, operation: str, **parameters: Any) -> Any:
        call = Call("route53", operation, "us-east-1", "test", parameters, self.clock.now())
        return self.route53.handlers()[operation](call)

    def ask(self, place: str, server: str, name: str = names.API_HOST, kind: str = "A") -> dns.message.Message:
        with self.network.inside(place):
            return dns.query.udp(dns.message.make_query(name, kind), server, timeout=2)

    def target(self, place: str, server: str) -> str:
        return self.ask(place, server).answer[0][0].to_text().split(".")[1]

    def darken(self, *rules: AclRule) -> None:
        for zone in "ab":
            self.network.apply_acl(f"us-east-1{zone}-public", [*rules, ALLOW], [ALLOW])

    def turned(self, *, healthy: bool, since: Instant, patience: float) -> float:
        """AWS seconds from ``since`` until the check turned; fails after ``patience`` AWS seconds."""
        for _ in self.clock.every(seconds(0.2), seconds(patience)):
            turns = [t for t in self.route53.transitions if t.at > since and t.healthy is healthy]
            if turns:
                return (turns[0].at - since).seconds
        raise AssertionError(f"no turn within {patience} s")


class NoMetrics:
    def publish(self, *point: Any, **options: Any) -> None:
        return


def serve(listener: socket.socket) -> None:
    """A load balancer's node that is always well."""

    def loop() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(1)
                try:
                    client.recv(4096)
                    client.sendall(ANSWER)
                except OSError:
                    continue

    threading.Thread(target=loop, daemon=True).start()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    clock, registry = Clock.start(SPEED), names.Names()
    network = Network(clock, DESIGN, Path(tmp_path_factory.mktemp("twin")))
    network.up()
    scheduler, listeners = Scheduler(clock, 2), []
    try:
        for region in DESIGN.regions:
            nodes = [
                (f"{region.name}{zone}-public", f"{names.subnet(region.octet, zone, 'public')}.80") for zone in "ab"
            ]
            for place, ip in nodes:
                network.address(place, ip)
                listeners.append(network.listen_tcp(place, (ip, 443)))
                serve(listeners[-1])
            pointer = names.Pointer(tuple(ip for _, ip in nodes), ttl=60)
            registry.point(names.load_balancer_dns("agentauri-alb", region.name), pointer)
        route53 = Route53(clock, scheduler, network, registry, NoMetrics(), DESIGN, lambda _: True, lambda *_: None)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as host:
            host.bind(("127.0.0.1", 0))
            server = Dns(clock, network, registry, route53, DESIGN, host)
            server.start()
            route53.start()
            yield Platform(clock, network, registry, route53, server, host.getsockname())
            route53.stop()
            server.stop()
    finally:
        scheduler.close()
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        network.down()


def test_every_place_has_a_resolver_that_leads_to_the_primary(platform: Platform) -> None:
    for place, octet in (("america", 101), ("europe", 102), ("asia", 103), ("eu-west-1a-app", 2)):
        answer = platform.ask(place, f"10.{octet}.0.2")
        assert [rrset.rdtype.name for rrset in answer.answer] == ["CNAME", "A"]
        assert platform.target(place, f"10.{octet}.0.2") == "us-east-1"
        assert {record.address for record in answer.answer[1]} == {"10.1.10.80", "10.1.20.80"}


def test_the_host_socket_honours_and_echoes_the_client_subnet(platform: Platform) -> None:
    query = dns.message.make_query(names.API_HOST, "A", use_edns=0, options=[dns.edns.ECSOption("10.103.0.0", 24)])
    answer = dns.query.udp(query, platform.host[0], port=platform.host[1], timeout=2)
    assert [(option.address, option.srclen, option.scopelen) for option in answer.options] == [("10.103.0.0", 24, 24)]  # type: ignore[attr-defined]
    assert answer.answer[0].ttl == 10


def test_nothing_is_met_with_silence(platform: Platform) -> None:
    assert platform.ask("asia", "10.103.0.2", kind="AAAA").rcode() == dns.rcode.NOERROR
    assert platform.ask("asia", "10.103.0.2", "nobody.example").rcode() == dns.rcode.NXDOMAIN
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.settimeout(2)
        sock.sendto(b"\x12\x34" + b"\x01\x00" + b"\xff" * 20, platform.host)
        reply = sock.recv(512)
    assert reply[:2] == b"\x12\x34"
    assert reply[3] & 15 == dns.rcode.FORMERR


def test_checkers_see_the_endpoint_from_every_location(platform: Platform) -> None:
    platform.clock.sleep(seconds(14))
    seen = platform.call("GetHealthCheckStatus", HealthCheckId=CHECK)["HealthCheckObservations"]
    assert {each["IPAddress"] for each in seen} == {"10.101.0.10", "10.102.0.10", "10.103.0.10"}
    assert len(seen) == 16
    assert {each["StatusReport"]["Status"] for each in seen} == {"Success: HTTP Status Code 200, OK"}
    assert platform.route53.transitions == ()


def test_a_dark_load_balancer_is_detected_in_time_and_dns_moves_within_the_ttl_and_back(platform: Platform) -> None:
    assert platform.target("asia", "10.103.0.2") == "us-east-1"
    platform.darken(DENY)
    dark = platform.clock.now()
    detected = platform.turned(healthy=False, since=dark, patience=40)
    # 10 s x 2 detects in up to 28 s (4 s of connecting each time; 3 s here are 0.15 s of a busy machine), and a second
    # failure cannot come before 4 + 10 + 4 s.
    assert 17 <= detected <= 31
    for _ in platform.clock.every(seconds(0.5), seconds(12)):
        if platform.target("asia", "10.103.0.2") == "eu-west-1":
            break
    assert platform.target("asia", "10.103.0.2") == "eu-west-1"
    seen = platform.call("GetHealthCheckStatus", HealthCheckId=CHECK)["HealthCheckObservations"]
    assert any("could not establish a connection" in each["StatusReport"]["Status"] for each in seen)
    platform.darken()
    healed = platform.clock.now()
    assert platform.turned(healthy=True, since=healed, patience=40) <= 25
    platform.clock.sleep(seconds(11))
    assert platform.target("asia", "10.103.0.2") == "us-east-1"


def test_resolvers_hand_out_the_remaining_ttl(platform: Platform) -> None:
    platform.clock.sleep(seconds(11))
    first = platform.ask("europe", "10.102.0.2").answer[0].ttl
    platform.clock.sleep(seconds(4))
    second = platform.ask("europe", "10.102.0.2").answer[0].ttl
    assert first in (9, 10)
    assert 3 <= first - second <= 6


def test_a_change_is_pending_then_in_sync_and_only_then_in_force(platform: Platform) -> None:
    name = "new.agentauri.example"
    record = {"Name": name, "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "10.9.9.9"}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    info = platform.call("ChangeResourceRecordSets", HostedZoneId=names.HOSTED_ZONE_ID, ChangeBatch=batch)["ChangeInfo"]
    assert info["Status"] == "PENDING"
    assert platform.route53.answer(name, "A", "10.101.0.0").rcode == "NXDOMAIN"
    for _ in platform.clock.every(seconds(1), seconds(61)):
        if platform.call("GetChange", Id=info["Id"])["ChangeInfo"]["Status"] == "INSYNC":
            break
    platform.clock.sleep(seconds(1))
    tested = platform.call("TestDNSAnswer", HostedZoneId=names.HOSTED_ZONE_ID, RecordName=name, RecordType="A")
    assert tested["RecordData"] == ["10.9.9.9"]


def test_three_thousand_answers_a_second(platform: Platform) -> None:
    query = dns.message.make_query(names.API_HOST, "A").to_wire()
    with platform.network.inside("america"):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with closing(client):
        client.settimeout(2)
        client.connect(("10.101.0.2", 53))
        began, rounds, burst = monotonic_nanoseconds(), 100, 20
        for _ in range(rounds):
            for _ in range(burst):
                client.send(query)
            for _ in range(burst):
                client.recv(4096)
        rate = rounds * burst / (monotonic_nanoseconds() - began) * 1e9
    assert rate >= 3000


def test_probing_costs_little(platform: Platform) -> None:
    before, probes = os.times(), platform.route53.checkers.probes
    real_sleep(1.0)
    after = os.times()
    assert platform.route53.checkers.probes > probes
    # The servers, the clients and the WAN's threads of this process are in the sum too.
    assert (after.user - before.user) + (after.system - before.system) < 0.3
