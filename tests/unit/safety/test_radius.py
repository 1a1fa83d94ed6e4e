"""How much stands broken at once: what a fault touches, and what is too much."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.clock import minutes, seconds
from harness.cloud.discovery import Platform
from harness.errors import CloudFault, Refused
from harness.faults import Blackhole, Fault, Lag, Lose, Pause, Silence, Stop, Switchover
from harness.safety.radius import Radius, check, touched
from harness.target import Limits
from harness.topology import (
    Automation,
    Cache,
    Database,
    GlobalCluster,
    LoadBalancer,
    Region,
    Replica,
    Service,
    Tasks,
    Writer,
    Zone,
)

US, EU = Region("us-east-1"), Region("eu-west-1")
ZONES = ("us-east-1a", "us-east-1a", "us-east-1b")
GATEWAY = Service(US, "api-gateway")


class Cloud:
    """Three subnets of ours in two zones, and two databases."""

    def pages(self, service: str, region: str, operation: str, key: str, /, **asked: Any) -> list[dict[str, Any]]:
        if region == "lost":
            raise CloudFault(f"{service}.{operation}", "Unreachable", "no answer")
        if key == "Subnets":
            assert {one["Name"]: one["Values"] for one in asked["Filters"]} == {
                "tag:Project": ["agentauri"],
                "tag:Environment": ["twin"],
            }
            return [{"AvailabilityZone": zone} for zone in ZONES]
        return [{"DBInstanceIdentifier": name, "DBInstanceStatus": "available"} for name in ("db-1", "db-2")]

    def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"DBClusters": []}


def estate(**limits: int) -> Any:
    platform = Platform((US, EU), "Z1", {}, {}, {US.name: "us", EU.name: "eu"}, "global", {})
    identity = SimpleNamespace(project="agentauri", environment="twin")
    return SimpleNamespace(
        cloud=Cloud(), platform=platform, target=SimpleNamespace(target=identity, limits=Limits(**limits))
    )


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        (Blackhole(LoadBalancer(US)), 1),
        (Stop(Writer()), 1),
        (Lag(Replica(US), minutes(2)), 1),
        (Pause(Cache(US), seconds(30)), 1),
        (Stop(GATEWAY), 1),
        (Blackhole(Database(US)), 2),
        (Lose(Zone("us-east-1a")), 1),
        (Blackhole(US), 2),
        (Switchover(GlobalCluster(), EU), 2),
        (Silence(Automation()), 2),
    ],
    ids=str,
)
def test_what_a_fault_touches_is_counted_by_what_discovery_knows(fault: Fault, count: int) -> None:
    assert len(touched(estate(), fault)) == count


def test_two_faults_on_one_resource_count_it_once():
    both = touched(estate(), Stop(GATEWAY)) | touched(estate(), Stop(Tasks(GATEWAY)))
    assert len(both) == 1


def test_up_to_the_limits_and_no_further():
    one = (Blackhole(LoadBalancer(US)), frozenset({"a"}))
    other = (Blackhole(LoadBalancer(EU)), frozenset({"b", "c"}))
    check(Limits(regions_at_once=2, resources_at_once=3), [one, other])
    with pytest.raises(Refused, match=r"2 regions at once \(eu-west-1, us-east-1\), the target file allows 1"):
        check(Limits(regions_at_once=1, resources_at_once=3), [one, other])
    with pytest.raises(Refused, match=r"3 resources at once \(a, b, c\), the target file allows 2"):
        check(Limits(regions_at_once=2, resources_at_once=2), [one, other])


def test_what_is_undone_counts_no_more():
    radius = Radius(estate(resources_at_once=1))
    with radius.holding(Stop(Writer())):
        with pytest.raises(Refused), radius.holding(Pause(Cache(US), seconds(1))):
            pytest.fail("two stand at once")
        with radius.holding(Stop(Writer())):
            pass
    with radius.holding(Pause(Cache(US), seconds(1))):
        pass


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(Refused, match="cannot be told"), Radius(estate()).holding(Lose(Region("lost"))):
        pytest.fail("nobody knows how much that is")
