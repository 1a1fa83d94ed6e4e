"""A Multi-AZ DB cluster as an SRE's tools meet it: boto3, the front door, real servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.twin.designs import catalogue
from tests.contract.rds_world import World, needs_root, refusal, until, world

pytestmark = needs_root
TIMINGS = {"rds.multi_az_cluster.failover": 4, "rds.reboot": 8, "rds.create_replica": 3, "rds.delete": 2}


@pytest.fixture(scope="module")
def w() -> Iterator[World]:
    with world(catalogue.design("read_replicas", "hardened"), TIMINGS, 20) as built:
        yield built


@pytest.fixture
def rds(w: World) -> Any:
    return w.client()


def cluster(rds: Any) -> Any:
    return rds.describe_db_clusters(DBClusterIdentifier="agentauri")["DBClusters"][0]


def test_it_cannot_be_stopped_nor_taken_apart(w: World, rds: Any) -> None:
    assert refusal(rds.stop_db_cluster, DBClusterIdentifier="agentauri") == "InvalidDBClusterStateFault"
    assert refusal(rds.stop_db_instance, DBInstanceIdentifier="agentauri-2") == "InvalidParameterCombination"
    assert refusal(rds.delete_db_instance, DBInstanceIdentifier="agentauri-2") == "InvalidDBInstanceState"
    snapshot = {"DBInstanceIdentifier": "agentauri-2", "DBSnapshotIdentifier": "x"}
    assert refusal(rds.create_db_snapshot, **snapshot) == "InvalidParameterValue"


def test_a_reboot_takes_all_three_down_and_brings_them_back_in_their_roles(w: World, rds: Any) -> None:
    w.write("agentauri-1", 1)
    assert rds.reboot_db_cluster(DBClusterIdentifier="agentauri")["DBCluster"]["Status"] == "rebooting"
    assert refusal(rds.reboot_db_cluster, DBClusterIdentifier="agentauri") == "InvalidDBClusterStateFault"
    assert refusal(rds.failover_db_cluster, DBClusterIdentifier="agentauri") == "InvalidDBClusterStateFault"
    until(lambda: not any(w.rds.node(f"agentauri-{number}").alive for number in (1, 2, 3)))
    until(lambda: cluster(rds)["Status"] == "available")
    assert [each["IsClusterWriter"] for each in cluster(rds)["DBClusterMembers"]] == [True, False, False]
    w.write("agentauri-1", 2)
    for reader in ("agentauri-2", "agentauri-3", "agentauri-replica"):
        until(lambda reader=reader: w.written(reader) == {1, 2})  # type: ignore[misc]
    until(lambda: w.rds.writer() is not None and w.rds.writer().in_sync)  # type: ignore[union-attr]


def test_its_replica_may_have_a_group_of_its_own(w: World, rds: Any) -> None:
    rds.create_db_instance_read_replica(
        DBInstanceIdentifier="second",
        SourceDBClusterIdentifier="agentauri",
        DBParameterGroupName="agentauri-replica",
    )
    w.comes_to("second")
    found = rds.describe_db_instances(DBInstanceIdentifier="second")["DBInstances"][0]
    assert found["ReadReplicaSourceDBClusterIdentifier"] == "agentauri"
    assert found["DBParameterGroups"][0]["DBParameterGroupName"] == "agentauri-replica"
    assert set(cluster(rds)["ReadReplicaIdentifiers"]) == {"agentauri-replica", "second"}
    w.write("agentauri-1", 3)
    until(lambda: 3 in w.written("second"))


def test_cluster_groups_are_described_changed_and_reset(w: World, rds: Any) -> None:
    group = {"DBClusterParameterGroupName": "agentauri-cluster"}
    change = {"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}
    rds.modify_db_cluster_parameter_group(**group, Parameters=[change])
    for member in ("agentauri-1", "agentauri-2", "agentauri-3"):
        until(lambda member=member: w.show(member, "work_mem") == "8MB")  # type: ignore[misc]
    described = rds.describe_db_cluster_parameters(**group, Source="user")["Parameters"]
    assert [(each["ParameterName"], each["ParameterValue"]) for each in described] == [("work_mem", "8192")]
    assert refusal(rds.describe_db_parameter_groups, DBParameterGroupName="agentauri-cluster") == (
        "DBParameterGroupNotFound"
    )
    rds.reset_db_cluster_parameter_group(
        **group, Parameters=[{"ParameterName": "work_mem", "ApplyMethod": "immediate"}]
    )
    until(lambda: w.show("agentauri-2", "work_mem") == "4MB")
    found = rds.describe_db_cluster_parameter_groups(**group)["DBClusterParameterGroups"]
    assert [each["DBParameterGroupFamily"] for each in found] == ["postgres15"]


def test_it_is_deleted_with_its_instances(w: World, rds: Any) -> None:
    rds.delete_db_cluster(DBClusterIdentifier="agentauri", SkipFinalSnapshot=True)
    assert refusal(rds.delete_db_cluster, DBClusterIdentifier="agentauri", SkipFinalSnapshot=True) == (
        "InvalidDBClusterStateFault"
    )
    until(lambda: rds.describe_db_clusters()["DBClusters"] == [])
    left = {each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]}
    assert left == {"agentauri-replica", "second"}
