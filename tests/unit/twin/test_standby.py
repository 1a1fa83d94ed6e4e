"""The standby grows to full size when the primary is not served, and only then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.clock import Clock
from harness.twin.calls import AwsError
from harness.twin.designs.catalogue import design
from harness.twin.standby import StandbyScaling

DESIGN = design("active_passive", "hardened")
US, EU = (plan.name for plan in DESIGN.regions)


class Cloud:
    """The AWS API as far as the scaling uses it: the standby's services, and what the checkers saw."""

    def __init__(self, **desired: int) -> None:
        self.desired = {plan.name: desired.get(plan.name.replace("-", "_"), plan.desired_count)
                        for plan in DESIGN.services}  # fmt: skip
        self.good = 16
        self.away: set[str] = set()
        self.grown: list[tuple[str, str, int]] = []

    def call(self, service: str, operation: str, region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if operation in self.away:
            raise AwsError("EndpointUnreachable", region, 503)
        if operation == "GetHealthCheckStatus":
            said = ["Success: HTTP Status Code 200, OK"] * self.good + ["Failure: no answer"] * (16 - self.good)
            return {"HealthCheckObservations": [{"StatusReport": {"Status": status}} for status in said]}
        if operation == "DescribeServices":
            return {"services": [{"desiredCount": self.desired[name]} for name in parameters["services"]]}
        assert (service, operation) == ("ecs", "UpdateService")
        self.desired[parameters["service"]] = parameters["desiredCount"]
        self.grown.append((region, parameters["service"], parameters["desiredCount"]))
        return {}


def scaling(cloud: Cloud, *up: str) -> StandbyScaling:
    return StandbyScaling(Clock.start(10), DESIGN, cloud.call, lambda region: region in (up or (US, EU)))


def test_a_standby_that_is_too_small_grows_once_when_the_primary_is_dark() -> None:
    cloud = Cloud(api_gateway=1)
    switch = scaling(cloud)
    switch.look()
    assert not cloud.grown
    cloud.good = 0
    switch.look()
    switch.look()
    assert cloud.grown == [(EU, "api-gateway", 2)]
    assert [decision.what for decision in switch.decisions] == [
        "us-east-1 is not served: api-gateway of eu-west-1 grows from 1 to 2"
    ]


@pytest.mark.parametrize(("good", "grows"), [(2, True), (3, False)])
def test_the_checkers_decide_as_route_53_does(good: int, grows: bool) -> None:
    cloud = Cloud(api_gateway=1)
    cloud.good = good
    scaling(cloud).look()
    assert bool(cloud.grown) is grows


def test_a_standby_of_full_size_or_more_is_left_alone() -> None:
    for count in (2, 5):
        cloud = Cloud(api_gateway=count)
        cloud.good = 0
        scaling(cloud).look()
        assert not cloud.grown


def test_a_control_plane_that_is_away_is_taken_for_a_primary_that_is() -> None:
    cloud = Cloud(api_gateway=1)
    cloud.away = {"GetHealthCheckStatus"}
    scaling(cloud).look()
    assert cloud.grown


def test_what_is_refused_or_lost_is_tried_again_later() -> None:
    cloud = Cloud(api_gateway=1)
    cloud.good, cloud.away = 0, {"UpdateService"}
    switch = scaling(cloud)
    switch.look()
    assert not switch.decisions
    cloud.away = set()
    scaling(cloud, US).look()
    assert not cloud.grown
    switch.look()
    assert cloud.grown
