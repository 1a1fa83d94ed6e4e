from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.clock import Clock
from harness.errors import TwinFault
from harness.twin import names
from harness.twin.automation import SETTLING, RegionSwitch, resolve
from harness.twin.calls import AwsError
from harness.twin.designs.catalogue import design
from harness.twin.names import Names, Pointer

DESIGN = design("active_active", "hardened")
US, EU, AP = (plan.name for plan in DESIGN.regions)


class Cloud:
    """The AWS API as far as the region switch uses it."""

    def __init__(self) -> None:
        self.writer = US
        self.status = "available"
        self.ringing: set[str] = set()
        self.silent: set[str] = set()
        self.dark = False
        self.up = {US, EU, AP}
        self.failovers: list[Mapping[str, Any]] = []

    def call(self, service: str, operation: str, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if region not in self.up:
            raise AwsError("EndpointUnreachable", region, 503)
        if operation == "DescribeAlarms":
            state, acts = "ALARM" if region in self.ringing else "OK", region not in self.silent
            return {"MetricAlarms": [{"AlarmName": "writer-unreachable", "StateValue": state, "ActionsEnabled": acts}]}
        if operation == "GetHealthCheckStatus":
            status = "Failure: no answer" if self.dark else "Success: HTTP Status Code 200, OK"
            return {"HealthCheckObservations": [{"StatusReport": {"Status": status}}] * 16}
        if operation == "DescribeGlobalClusters":
            members = [
                {
                    "DBClusterArn": names.arn("rds", cluster.region, f"cluster:{cluster.identifier}"),
                    "IsWriter": cluster.region == self.writer,
                }
                for cluster in DESIGN.clusters
            ]
            return {"GlobalClusters": [{"Status": self.status, "GlobalClusterMembers": members}]}
        assert operation == "FailoverGlobalCluster"
        self.failovers.append({**parameters, "region": region})
        return {}


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def switch(cloud: Cloud) -> RegionSwitch:
    return RegionSwitch(Clock.start(10), DESIGN, cloud.call, lambda region: region in cloud.up)


def test_it_fails_over_once_to_the_first_secondary_that_rings(cloud: Cloud, switch: RegionSwitch) -> None:
    switch.look()
    assert not cloud.failovers
    cloud.up.remove(US)
    cloud.ringing = {EU, AP}
    switch.look()
    cloud.status = "failing-over"
    switch.look()
    cloud.status, cloud.writer = "available", EU
    switch.look()
    (failover,) = cloud.failovers
    assert failover["region"] == EU
    assert failover["TargetDbClusterIdentifier"].endswith(":cluster:agentauri-eu")
    assert failover["AllowDataLoss"] is True
    assert len(switch.decisions) == 1


def test_it_is_armed_again_when_no_alarm_rings(cloud: Cloud, switch: RegionSwitch) -> None:
    cloud.ringing = {EU, US}
    switch.look()
    cloud.writer, cloud.ringing = EU, set()
    switch.look()
    cloud.ringing = {US, EU}
    switch.look()
    assert [failover["region"] for failover in cloud.failovers] == [EU, US]


def test_an_alarm_that_a_switchover_made_ring_moves_nothing_unless_it_rings_on(cloud: Cloud) -> None:
    clock = Clock.start(2000)
    switch = RegionSwitch(clock, DESIGN, cloud.call, lambda region: region in cloud.up)
    cloud.up.remove(US)
    cloud.ringing, cloud.status = {EU}, "switching-over"
    switch.look()
    cloud.status = "available"
    switch.look()
    assert not cloud.failovers
    clock.sleep(SETTLING)
    switch.look()
    assert len(cloud.failovers) == 1


def test_the_alarm_of_the_writers_own_region_moves_nothing(cloud: Cloud, switch: RegionSwitch) -> None:
    cloud.ringing = {US}
    switch.look()
    assert not cloud.failovers


def test_a_link_that_is_cut_moves_nothing_while_the_writers_region_is_well(cloud: Cloud, switch: RegionSwitch) -> None:
    cloud.ringing = {EU}
    switch.look()
    assert not cloud.failovers
    cloud.ringing = {EU, US}
    switch.look()
    assert len(cloud.failovers) == 1


def test_a_region_that_serves_nobody_is_not_well_whatever_it_says_of_itself(cloud: Cloud, switch: RegionSwitch) -> None:
    cloud.ringing, cloud.dark = {EU}, True
    switch.look()
    assert len(cloud.failovers) == 1


def test_an_alarm_whose_actions_are_off_tells_it_nothing(cloud: Cloud, switch: RegionSwitch) -> None:
    cloud.up.remove(US)
    cloud.ringing, cloud.silent = {EU, AP}, {EU}
    switch.look()
    assert [failover["region"] for failover in cloud.failovers] == [AP]


def test_a_refused_failover_is_told_and_tried_again(cloud: Cloud, switch: RegionSwitch) -> None:
    def refusing(service: str, operation: str, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if operation == "FailoverGlobalCluster" and not cloud.failovers:
            cloud.failovers.append({})
            raise AwsError("InvalidGlobalClusterStateFault", "busy")
        return cloud.call(service, operation, region, parameters)

    cloud.ringing = {AP, US}
    switch = RegionSwitch(Clock.start(10), DESIGN, refusing, lambda region: True)
    switch.look()
    switch.look()
    assert ["refused" in decision.what for decision in switch.decisions] == [True, False]


def test_names_are_followed_to_an_address() -> None:
    registry = Names()
    registry.point("global", Pointer(cname="cluster"))
    registry.point("cluster", Pointer(addresses=("10.1.12.101",)))
    assert resolve(registry, "global") == "10.1.12.101"
    registry.point("cluster", Pointer(cname="global"))
    for name in ("global", "nowhere"):
        with pytest.raises(TwinFault, match="leads nowhere"):
            resolve(registry, name)
