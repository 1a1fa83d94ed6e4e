"""The inventory of a whole twin: what somebody changes is named, what is put back is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.clock import minutes, seconds
from harness.cloud import inventory as live
from harness.cloud.estate import Estate
from harness.cloud.levers import replace_association
from harness.inventory import compare

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)
US, EU = "us-east-1", "eu-west-1"


def change(passive: Estate, *, back: bool) -> None:
    """Touch one thing of each kind, or put it back."""
    call, name = passive.cloud.call, passive.platform.clusters[US]
    on = "enable" if back else "disable"
    call("cloudwatch", EU, f"{on}_alarm_actions", AlarmNames=["writer-unreachable"])
    cluster = call("ecs", US, "list_clusters")["clusterArns"][0]
    call("ecs", US, "update_service", cluster=cluster, service="ponder-indexer", desiredCount=1 if back else 0)
    check = call("route53", US, "list_health_checks")["HealthChecks"][0]["Id"]
    call("route53", US, "update_health_check", HealthCheckId=check, Inverted=not back)
    group = call("rds", US, "describe_db_clusters", DBClusterIdentifier=name)["DBClusters"][0][
        "DBClusterParameterGroup"
    ]
    asked = {"DBClusterParameterGroupName": group}
    parameter = {"ParameterName": "log_min_duration_statement", "ApplyMethod": "immediate"}
    if back:
        call("rds", US, "reset_db_cluster_parameter_group", **asked, Parameters=[parameter])
    else:
        values = [{**parameter, "ParameterValue": "500"}]
        call("rds", US, "modify_db_cluster_parameter_group", **asked, Parameters=values)


def test_a_change_of_each_kind_is_named_and_none_once_it_is_put_back(passive: Estate) -> None:
    before = live.take(passive)
    assert compare(before, live.take(passive)).differences == ()
    change(passive, back=False)
    found = compare(before, live.take(passive))
    assert {(one.thing.partition(" in ")[0].rpartition(" ")[0] or one.thing, one.field) for one in found.wrong} == {
        ("alarm", "ActionsEnabled"),
        ("ECS service", "desiredCount"),
        ("health check", "Inverted"),
        ("DB cluster parameter group", "log_min_duration_statement"),
    }
    change(passive, back=True)
    assert compare(before, live.take(passive)).differences == ()


def test_a_clone_of_a_network_acl_and_its_association_are_named(passive: Estate) -> None:
    before = live.take(passive)
    call = passive.cloud.call
    acl = call("ec2", US, "describe_network_acls")["NetworkAcls"][0]
    joined = acl["Associations"][0]
    clone = call("ec2", US, "create_network_acl", VpcId=acl["VpcId"])["NetworkAcl"]["NetworkAclId"]
    call("ec2", US, "replace_network_acl_association", AssociationId=joined["NetworkAclAssociationId"],
         NetworkAclId=clone)  # fmt: skip
    told = {str(one) for one in compare(before, live.take(passive)).wrong}
    assert told == {
        f"network ACL {clone} in {US} is new",
        f"subnet {joined['SubnetId']} in {US}: NetworkAclId is {clone}, was {acl['NetworkAclId']}",
    }
    replace_association(passive.cloud, US, joined["SubnetId"], acl["NetworkAclId"])
    call("ec2", US, "delete_network_acl", NetworkAclId=clone)
    assert compare(before, live.take(passive)).differences == ()


def test_a_failover_moves_roles_and_differs_in_nothing(passive: Estate) -> None:
    before = live.take(passive)
    passive.cloud.call("rds", US, "failover_db_cluster", DBClusterIdentifier=passive.platform.clusters[US])
    for _ in passive.clock.every(seconds(5), minutes(5)):
        found = compare(before, live.take(passive))
        if found.moved:
            break
    assert found.differences == ()
    assert sorted(found.moved) == [
        f"DB instance agentauri-us-1 in {US} is reader, was writer",
        f"DB instance agentauri-us-2 in {US} is writer, was reader",
    ]
