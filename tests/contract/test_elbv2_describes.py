"""What Elastic Load Balancing tells about itself: describes, tags, pages, metrics, and its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.door import code
from tests.contract.elbv2_rig import DNS, FIRST, NAME, NODES, SECOND, Rig, delay, rig
from tests.twin.stage import needs_root

pytestmark = needs_root
ACCOUNT = "arn:aws:elasticloadbalancing:us-east-1:123456789012"


@pytest.fixture(scope="module")
def world() -> Iterator[Rig]:
    with rig(speed=10) as built:
        yield built


def test_a_load_balancer_is_found_by_name_by_arn_and_by_a_waiter(world: Rig) -> None:
    (found,) = world.api.describe_load_balancers()["LoadBalancers"]
    assert (found["DNSName"], found["State"]["Code"], found["Type"]) == (DNS, "active", "application")
    assert [zone["SubnetId"] for zone in found["AvailabilityZones"]] == ["subnet-use1apublic", "subnet-use1bpublic"]
    for query in ({"Names": [NAME]}, {"LoadBalancerArns": [found["LoadBalancerArn"]]}):
        assert world.api.describe_load_balancers(**query)["LoadBalancers"] == [found]
    world.api.get_waiter("load_balancer_available").wait(Names=[NAME])


def test_attributes_tell_the_time_outs_that_hold(world: Rig) -> None:
    told = world.api.describe_load_balancer_attributes(LoadBalancerArn=world.arn)["Attributes"]
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "60"} in told
    assert {"Key": "load_balancing.cross_zone.enabled", "Value": "true"} in told
    listener = world.api.describe_listeners(LoadBalancerArn=world.arn)["Listeners"][0]["ListenerArn"]
    assert world.api.describe_listener_attributes(ListenerArn=listener)["Attributes"]


def test_listeners_and_their_default_rules_forward_to_the_target_group(world: Rig) -> None:
    listeners = world.api.describe_listeners(LoadBalancerArn=world.arn)["Listeners"]
    assert [(one["Port"], one["Protocol"]) for one in listeners] == [(80, "HTTP"), (443, "HTTPS")]
    second = listeners[1]["ListenerArn"]
    assert world.api.describe_listeners(ListenerArns=[second])["Listeners"] == [listeners[1]]
    (rule,) = world.api.describe_rules(ListenerArn=second)["Rules"]
    assert (rule["Priority"], rule["IsDefault"]) == ("default", True)
    assert rule["Actions"] == [{"Type": "forward", "TargetGroupArn": world.group}]
    assert world.api.describe_rules(RuleArns=[rule["RuleArn"]])["Rules"] == [rule]


def test_lists_come_in_pages(world: Rig) -> None:
    pages = world.api.get_paginator("describe_listeners").paginate(
        LoadBalancerArn=world.arn, PaginationConfig={"PageSize": 1}
    )
    assert [[one["Port"] for one in page["Listeners"]] for page in pages] == [[80], [443]]
    with pytest.raises(ClientError) as refusal:
        world.api.describe_listeners(LoadBalancerArn=world.arn, Marker="nobody gave it")
    assert code(refusal.value) == "ValidationError"


def test_a_target_group_tells_its_health_check_and_attributes(world: Rig) -> None:
    (group,) = world.api.describe_target_groups(LoadBalancerArn=world.arn)["TargetGroups"]
    assert (group["TargetType"], group["Port"], group["LoadBalancerArns"]) == ("ip", 8080, [world.arn])
    assert (group["HealthCheckIntervalSeconds"], group["UnhealthyThresholdCount"]) == (5, 2)
    for query in ({"Names": [group["TargetGroupName"]]}, {"TargetGroupArns": [world.group]}):
        assert world.api.describe_target_groups(**query)["TargetGroups"] == [group]
    attributes = world.api.describe_target_group_attributes(TargetGroupArn=world.group)["Attributes"]
    assert delay(6)[0] in attributes


def test_tags_can_be_added_read_and_removed(world: Rig) -> None:
    def tags(arn: str) -> dict[str, str]:
        (told,) = world.api.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        return {tag["Key"]: tag["Value"] for tag in told["Tags"]}

    assert tags(world.arn)["gameday:allowed"] == "true"
    world.api.add_tags(ResourceArns=[world.arn, world.group], Tags=[{"Key": "night", "Value": "7"}])
    assert tags(world.group)["night"] == "7"
    assert ("night", "7") in dict(world.elb.tagged("us-east-1"))[world.arn].items(), "the tagging API sees it"
    world.api.remove_tags(ResourceArns=[world.arn], TagKeys=["night"])
    assert ("night" in tags(world.arn), "night" in tags(world.group)) == (False, True)


@pytest.mark.parametrize(
    ("operation", "parameters", "wanted"),
    [
        ("describe_load_balancers", {"Names": ["other"]}, "LoadBalancerNotFound"),
        ("describe_load_balancers", {"LoadBalancerArns": [f"{ACCOUNT}:loadbalancer/app/x/1"]}, "LoadBalancerNotFound"),
        ("describe_load_balancers", {"LoadBalancerArns": ["nonsense"]}, "ValidationError"),
        ("describe_load_balancers", {"PageSize": 401}, "ValidationError"),
        ("describe_load_balancer_attributes", {"LoadBalancerArn": "nonsense"}, "ValidationError"),
        ("describe_load_balancer_attributes", {}, "ValidationError"),
        ("describe_target_groups", {"Names": ["other"]}, "TargetGroupNotFound"),
        ("describe_target_group_attributes", {"TargetGroupArn": f"{ACCOUNT}:targetgroup/x/1"}, "TargetGroupNotFound"),
        ("describe_target_health", {"TargetGroupArn": f"{ACCOUNT}:targetgroup/x/1"}, "TargetGroupNotFound"),
        ("describe_target_health", {"TargetGroupArn": "nonsense"}, "ValidationError"),
        ("modify_target_group", {"TargetGroupArn": f"{ACCOUNT}:targetgroup/x/1"}, "TargetGroupNotFound"),
        ("describe_listeners", {}, "ValidationError"),
        ("describe_listeners", {"ListenerArns": [f"{ACCOUNT}:listener/app/x/1/2"]}, "ListenerNotFound"),
        ("describe_rules", {}, "ValidationError"),
        ("describe_rules", {"RuleArns": [f"{ACCOUNT}:listener-rule/app/x/1/2/3"]}, "RuleNotFound"),
        ("describe_tags", {"ResourceArns": [f"{ACCOUNT}:loadbalancer/app/x/1"]}, "LoadBalancerNotFound"),
        ("create_target_group", {"Name": "another"}, "NotImplementedByTwin"),
    ],
)
def test_unknown_and_malformed_names_get_awss_codes(
    world: Rig, operation: str, parameters: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(ClientError) as refusal:
        getattr(world.api, operation)(**parameters)
    assert code(refusal.value) == wanted


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ({"Id": "10.2.11.20"}, "InvalidTarget"),
        ({"Id": "10.1.99.20"}, "InvalidTarget"),
        ({"Id": "i-0123456789abcdef0"}, "ValidationError"),
        ({"Id": FIRST, "Port": 9090}, "NotImplementedByTwin"),
    ],
    ids=str,
)
def test_a_target_outside_the_vpc_is_refused_and_none_of_its_call_registers(
    world: Rig, target: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(ClientError) as refusal:
        world.api.register_targets(TargetGroupArn=world.group, Targets=[{"Id": SECOND}, target])
    assert code(refusal.value) == wanted
    assert world.health(SECOND)["State"] == "unused"


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("deregistration_delay.timeout_seconds", "3601", "ValidationError"),
        ("deregistration_delay.timeout_seconds", "soon", "ValidationError"),
        ("no.such.key", "1", "InvalidConfigurationRequest"),
        ("stickiness.enabled", "true", "NotImplementedByTwin"),
    ],
)
def test_target_group_attributes_that_aws_refuses(world: Rig, key: str, value: str, wanted: str) -> None:
    wrong = {"Key": key, "Value": value}
    attributes = [wrong] if key == delay(0)[0]["Key"] else [*delay(99), wrong]
    with pytest.raises(ClientError) as refusal:
        world.api.modify_target_group_attributes(TargetGroupArn=world.group, Attributes=attributes)
    assert code(refusal.value) == wanted
    told = world.api.describe_target_group_attributes(TargetGroupArn=world.group)["Attributes"]
    assert delay(6)[0] in told, "a refused call changes nothing"


def test_metrics_count_what_really_happened(world: Rig) -> None:
    world.serve(FIRST, SECOND)
    world.elb._publish()
    world.stage.metrics.last.clear()
    world.stage.metrics.all.clear()
    for path in ("/", "/", "/status/302", "/status/404", "/status/500", "/reset"):
        world.stage.get(NODES[0], path)
    world.elb._publish()
    last = world.stage.metrics.last
    assert (last["HealthyHostCount"], last["UnHealthyHostCount"]) == (2, 0)
    assert {f"HTTPCode_Target_{kind}XX_Count": last[f"HTTPCode_Target_{kind}XX_Count"] for kind in (2, 3, 4, 5)} == {
        "HTTPCode_Target_2XX_Count": 2,
        "HTTPCode_Target_3XX_Count": 1,
        "HTTPCode_Target_4XX_Count": 1,
        "HTTPCode_Target_5XX_Count": 1,
    }
    assert (last["RequestCount"], last["HTTPCode_ELB_502_Count"], last["HTTPCode_ELB_5XX_Count"]) == (6, 1, 1)
    times = [point for point in world.stage.metrics.all if point[0] == "TargetResponseTime"]
    whole = [value for _, dimensions, value in times if set(dimensions) == {"LoadBalancer"}]
    assert len(whole) == 5, "one for each answer of a target"
    assert all(0 < value < 5 for value in whole)
    zones = {
        dimensions.get("AvailabilityZone") for metric, dimensions, _ in world.stage.metrics.all if "Host" in metric
    }
    assert zones == {None, "us-east-1a", "us-east-1b"}
    for address in (FIRST, SECOND):
        world.kill(address)
    assert world.stage.get(NODES[0])[0] == 502
    world.elb._publish()
    assert last["TargetConnectionErrorCount"] == 1
    world.deregister(FIRST, SECOND)
    world.stage.until(lambda: world.stage.get(NODES[1])[0] == 503)
    world.elb._publish()
    assert last["HTTPCode_ELB_503_Count"] >= 1
