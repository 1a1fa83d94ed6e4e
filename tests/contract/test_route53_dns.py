"""What Route 53's name servers and the VPC resolvers answer, over real load balancers and the twin's network."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import pytest

from harness.clock import real_sleep, seconds
from harness.twin import names
from harness.twin.api.route53.records import LOAD_BALANCER_ZONES
from harness.twin.designs.catalogue import design
from harness.twin.names import health_check_id
from harness.twin.network.network import AclRule
from tests.contract.route53_platform import ALLOW, RESOLVERS, Platform, platform
from tests.twin.stage import needs_root

pytestmark = needs_root
SPEED = 40
ZONE = names.HOSTED_ZONE_ID
CHECK = health_check_id("api-us-east-1")
ALB = {region: names.load_balancer_dns("agentauri-alb", region) for region in ("us-east-1", "eu-west-1")}
NODES = {"us-east-1": {"10.1.10.80", "10.1.20.80"}, "eu-west-1": {"10.2.10.80", "10.2.20.80"}}
AMERICA, EUROPE, ASIA = "10.101.0.0", "10.102.0.0", "10.103.0.0"
SWITCHES = ("primary", "secondary", "us", "eu", "heavy", "light", "inner")


@dataclass
class World:
    platform: Platform
    client: Any
    checks: dict[str, str]
    target: subprocess.Popen[bytes]

    def health(self, **well: bool) -> None:
        """Turn checks at once: a disabled check is healthy, and an inverted disabled one is not."""
        for name, good in well.items():
            self.client.update_health_check(HealthCheckId=self.checks[name], Inverted=not good)


def host(name: str) -> str:
    return f"{name}.{names.ZONE_NAME}"


def record(name: str, value: str, identifier: str | None = None, check: str | None = None, **fields: Any) -> Any:
    optional = {"SetIdentifier": identifier, "HealthCheckId": check}
    told = {"Name": host(name), "Type": "A", "TTL": 1, "ResourceRecords": [{"Value": value}], **fields}
    return told | {key: value for key, value in optional.items() if value is not None}


def alias(name: str, zone: str, target: str, evaluate: bool, **fields: Any) -> Any:
    where = {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": evaluate}
    return {"Name": host(name), "Type": "A", "AliasTarget": where, **fields}


def records(checks: dict[str, str]) -> list[Any]:
    us, eu = (LOAD_BALANCER_ZONES[region] for region in ALB)
    return [
        record("failover", "10.9.0.1", "p", checks["primary"], Failover="PRIMARY"),
        record("failover", "10.9.0.2", "s", checks["secondary"], Failover="SECONDARY"),
        record("latency", "10.9.1.1", "us", checks["us"], Region="us-east-1"),
        record("latency", "10.9.1.2", "eu", checks["eu"], Region="eu-west-1"),
        record("geo", "10.9.2.1", "continent", GeoLocation={"ContinentCode": "EU"}),
        record("geo", "10.9.2.2", "country", GeoLocation={"CountryCode": "US"}),
        record("geo", "10.9.2.3", "default", GeoLocation={"CountryCode": "*"}),
        record("nodefault", "10.9.2.1", "continent", GeoLocation={"ContinentCode": "EU"}),
        record("weighted", "10.9.3.1", "a", checks["heavy"], Weight=3),
        record("weighted", "10.9.3.2", "b", checks["light"], Weight=1),
        record("weighted", "10.9.3.3", "c", Weight=0),
        alias("alias", us, f"dualstack.{ALB['us-east-1']}", True, SetIdentifier="p", Failover="PRIMARY"),
        alias("alias", eu, ALB["eu-west-1"], False, SetIdentifier="s", Failover="SECONDARY"),
        alias("blind", us, ALB["us-east-1"], False, SetIdentifier="p", Failover="PRIMARY"),
        alias("blind", eu, ALB["eu-west-1"], False, SetIdentifier="s", Failover="SECONDARY"),
        record("inner", "10.9.4.1", "x", checks["inner"], Failover="PRIMARY", TTL=7),
        alias("outer", ZONE, host("inner"), True, SetIdentifier="p", Failover="PRIMARY"),
        record("outer", "10.9.4.2", "s", Failover="SECONDARY"),
        record("lasting", "10.9.5.1", TTL=30),
    ]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    base = design("active_passive", "hardened")
    quick = [replace(plan, interval=seconds(5), timeout=seconds(4)) for plan in base.load_balancers]
    with platform(replace(base, load_balancers=tuple(quick), alarms=()), SPEED) as built:
        address, place = "10.1.11.20", "us-east-1a-app"
        built.stage.network.address(place, address)
        script = Path(__file__).with_name("route53_endpoint.py")
        target = built.stage.network.spawn("target", place, [sys.executable, str(script), address, "8080"])
        built.elb.register("us-east-1", "agentauri-alb", address)
        client = built.client()
        config = {"Type": "TCP", "IPAddress": "10.1.10.80", "Port": 443, "Disabled": True}
        checks = {
            name: client.create_health_check(CallerReference=name, HealthCheckConfig=config)["HealthCheck"]["Id"]
            for name in SWITCHES
        }
        built.change(*records(checks))
        built.stage.until(lambda: built.elb.target_health(ALB["us-east-1"]), seconds(120))
        built.stage.until(lambda: built.route53.health.healthy(CHECK), seconds(120))
        yield World(built, client, checks, target)


def test_a_resolver_stands_in_every_place_and_follows_the_chain_to_addresses(world: World) -> None:
    for place in RESOLVERS:
        answer = world.platform.ask(place, names.API_HOST)
        assert [rrset.rdtype.name for rrset in answer.answer] == ["CNAME", "A"]
        assert {each.address for each in answer.answer[1]} == NODES["us-east-1"]


def test_failover_routing_answers_with_the_secondary_while_the_primary_is_unhealthy(world: World) -> None:
    assert world.platform.addresses(host("failover")) == {"10.9.0.1"}
    world.health(primary=False)
    assert world.platform.addresses(host("failover")) == {"10.9.0.2"}
    world.health(primary=True)
    assert world.platform.addresses(host("failover")) == {"10.9.0.1"}


def test_latency_routing_answers_with_the_nearest_healthy_region(world: World) -> None:
    def served() -> list[set[str]]:
        return [world.platform.addresses(host("latency"), subnet) for subnet in (AMERICA, EUROPE, ASIA)]

    assert served() == [{"10.9.1.1"}, {"10.9.1.2"}, {"10.9.1.2"}]
    world.health(eu=False)
    assert served() == [{"10.9.1.1"}] * 3
    world.health(eu=True)


def test_when_no_record_is_healthy_all_count_as_healthy(world: World) -> None:
    world.health(primary=False, secondary=False, us=False, eu=False)
    assert world.platform.addresses(host("failover")) == {"10.9.0.1"}
    assert world.platform.addresses(host("latency"), ASIA) == {"10.9.1.2"}
    world.health(primary=True, secondary=True, us=True, eu=True)


def test_geolocation_answers_with_the_closest_fit(world: World) -> None:
    for subnet, value in ((AMERICA, "10.9.2.2"), (EUROPE, "10.9.2.1"), (ASIA, "10.9.2.3")):
        assert world.platform.addresses(host("geo"), subnet) == {value}
    nobody = world.platform.authority(host("nodefault"), ASIA)
    assert (nobody.rcode(), nobody.answer) == (dns.rcode.NOERROR, [])


def test_weights_are_shares_and_a_weight_of_zero_waits_for_the_others_to_fail(world: World) -> None:
    drawn = Counter(next(iter(world.platform.addresses(host("weighted")))) for _ in range(200))
    assert set(drawn) == {"10.9.3.1", "10.9.3.2"}
    assert 110 <= drawn["10.9.3.1"] <= 190
    world.health(heavy=False)
    assert world.platform.addresses(host("weighted")) == {"10.9.3.2"}
    world.health(light=False)
    assert world.platform.addresses(host("weighted")) == {"10.9.3.3"}
    world.health(heavy=True, light=True)


def test_the_client_subnet_is_honoured_and_echoed_and_resolvers_stand_for_their_clients(world: World) -> None:
    answer = world.platform.authority(host("latency"), ASIA)
    assert [(option.address, option.srclen, option.scopelen) for option in answer.options] == [(ASIA, 24, 24)]  # type: ignore[attr-defined]
    for place, value in (("america", "10.9.1.1"), ("asia", "10.9.1.2")):
        assert world.platform.ask(place, host("latency")).answer[0][0].address == value


def test_an_alias_within_the_zone_takes_over_the_targets_health_and_ttl(world: World) -> None:
    assert world.platform.authority(host("outer")).answer[0].ttl == 7
    assert world.platform.addresses(host("outer")) == {"10.9.4.1"}
    world.health(inner=False)
    assert world.platform.addresses(host("outer")) == {"10.9.4.2"}
    world.health(inner=True)


def test_a_dark_load_balancer_is_detected_and_dns_moves_within_the_ttl_and_back(world: World) -> None:
    built, clock = world.platform, world.platform.stage.clock

    def led_to(region: str) -> bool:
        answer = built.ask("asia", names.API_HOST).answer
        return answer[0].ttl <= 10 and {each.address for each in answer[1]} == NODES[region]

    assert led_to("us-east-1")
    for zone in "ab":
        rules = [AclRule(1, "6", "0.0.0.0/0", (443, 443), False), ALLOW]
        built.stage.network.apply_acl(f"us-east-1{zone}-public", rules, [ALLOW])
    dark = clock.now()
    built.stage.until(lambda: built.turned(CHECK, dark), seconds(60))
    moved = built.stage.until(lambda: led_to("eu-west-1"))
    assert moved <= seconds(11)  # the TTL, and a second more: 25 ms of a machine that others use too
    healed = clock.now()
    for zone in "ab":
        built.stage.network.apply_acl(f"us-east-1{zone}-public", [ALLOW], [ALLOW])
    built.stage.until(lambda: built.turned(CHECK, healed), seconds(60))
    assert built.stage.until(lambda: led_to("us-east-1")) <= seconds(11)


def test_dns_answers_and_fails_over_when_the_control_plane_is_gone(world: World) -> None:
    world.platform.door.darken("us-east-1")
    try:
        check = world.platform.route53.health.update(world.checks["primary"], {"Inverted": True})
        assert not world.platform.route53.health.healthy(check.identifier)
        assert world.platform.addresses(host("failover")) == {"10.9.0.2"}
        assert world.platform.ask("asia", names.API_HOST).rcode() == dns.rcode.NOERROR
    finally:
        world.platform.door.lighten("us-east-1")
    world.health(primary=True)


def test_a_resolver_keeps_an_answer_for_its_ttl_and_hands_out_what_remains(world: World) -> None:
    def asked() -> tuple[int, str]:
        (rrset,) = world.platform.ask("europe", host("lasting")).answer
        return rrset.ttl, rrset[0].address

    assert asked() == (30, "10.9.5.1")
    world.platform.stage.clock.sleep(seconds(6))
    left, address = asked()
    assert 20 <= left <= 24
    assert address == "10.9.5.1"


def test_a_change_is_pending_then_in_sync_and_only_then_in_force(world: World) -> None:
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record("later", "10.9.6.1")}]}
    info = world.client.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=batch)["ChangeInfo"]
    assert info["Status"] == "PENDING"
    assert world.platform.authority(host("later")).rcode() == dns.rcode.NXDOMAIN

    def in_sync() -> bool:
        return bool(world.client.get_change(Id=info["Id"])["ChangeInfo"]["Status"] == "INSYNC")

    assert world.platform.stage.until(in_sync, seconds(61)) >= seconds(4)
    world.platform.stage.until(lambda: world.platform.addresses(host("later")) == {"10.9.6.1"}, seconds(5))


def test_nothing_is_met_with_silence(world: World) -> None:
    built = world.platform
    assert built.ask("asia", host("lasting"), "AAAA").rcode() == dns.rcode.NOERROR
    assert built.ask("asia", host("nobody")).rcode() == dns.rcode.NXDOMAIN
    built.stage.names.point("broken.rds.amazonaws.com", names.Pointer(("no address",)))
    failed = built.ask("asia", "broken.rds.amazonaws.com")
    assert (failed.rcode(), len(failed.question)) == (dns.rcode.SERVFAIL, 1)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.settimeout(2)
        sock.sendto(b"\x12\x34" + b"\x01\x00" + b"\xff" * 20, built.host)
        reply = sock.recv(512)
    assert (reply[:2], reply[3] & 15) == (b"\x12\x34", dns.rcode.FORMERR)


def test_an_alias_of_a_load_balancer_has_a_ttl_of_sixty_and_its_targets_health_if_it_evaluates(world: World) -> None:
    built = world.platform
    for name in ("alias", "blind"):
        (answer,) = built.authority(host(name)).answer
        assert answer.ttl == 60
        assert {each.address for each in answer} == NODES["us-east-1"]
    world.target.terminate()
    built.stage.until(lambda: built.addresses(host("alias")) == NODES["eu-west-1"], seconds(60))
    real_sleep(0.05)
    assert built.addresses(host("blind")) == NODES["us-east-1"]
