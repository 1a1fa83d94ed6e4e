"""RDS over real servers in the real network: boot, failovers, fencing, kept volumes, lag."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from harness.clock import real_sleep
from harness.errors import TwinFault
from harness.twin import names as naming
from harness.twin.designs import catalogue
from harness.twin.designs.model import ParameterGroup
from tests.contract.rds_world import Load, World, code, needs_root, until, world

pytestmark = needs_root
GLOBAL = "agentauri-global"


def test_a_multi_az_instance_fails_over_to_its_hidden_standby_and_loses_nothing() -> None:
    design = catalogue.design("read_replicas", "as_written")
    with world(design, {"rds.multi_az_instance.failover": 8}) as w:
        endpoint = naming.instance_endpoint("agentauri-db", "us-east-1")
        before, address = w.instance("agentauri-db"), w.leads_to(endpoint)
        assert before["MultiAZ"]
        assert before["ReadReplicaDBInstanceIdentifiers"] == ["agentauri-db-replica"]
        assert code(lambda: w.call("StopDBInstance", DBInstanceIdentifier="agentauri-db")) == "InvalidDBInstanceState"
        assert (
            code(lambda: w.call("PromoteReadReplica", DBInstanceIdentifier="agentauri-db")) == "InvalidDBInstanceState"
        )
        assert code(lambda: w.instance("nobody")) == "DBInstanceNotFound"
        load = Load(w, "agentauri-db", 1)
        real_sleep(0.3)
        began = w.clock.now()
        w.call("RebootDBInstance", DBInstanceIdentifier="agentauri-db", ForceFailover=True)
        assert w.instance("agentauri-db")["DBInstanceStatus"] == "rebooting"
        again = lambda: w.call("RebootDBInstance", DBInstanceIdentifier="agentauri-db", ForceFailover=True)  # noqa: E731
        assert code(again) == "InvalidDBInstanceState"
        load.join(3)
        assert not load.is_alive()
        until(lambda: w.instance("agentauri-db")["DBInstanceStatus"] == "available")
        took = (w.clock.now() - began).seconds
        assert 7.9 < took < 11
        w.write("agentauri-db", -1)
        assert load.acknowledged
        assert load.acknowledged <= w.written("agentauri-db")
        after = w.instance("agentauri-db")
        assert after["AvailabilityZone"] == before["SecondaryAvailabilityZone"]
        assert after["SecondaryAvailabilityZone"] == before["AvailabilityZone"]
        assert w.leads_to(endpoint) != address
        assert "Multi-AZ instance failover started." in w.messages()
        assert "Multi-AZ instance failover completed" in w.messages()
        until(lambda: -1 in w.written("agentauri-db-replica"))
        until(lambda: -1 in w.written("agentauri-db-standby"))
        until(lambda: w.rds.writer() is not None and w.rds.writer().in_sync)  # type: ignore[union-attr]


def test_writes_go_on_without_a_frozen_standby_and_it_is_taken_back() -> None:
    with world(catalogue.design("read_replicas", "as_written"), {}) as w:
        writer = w.rds.writer()
        assert writer is not None
        w.rds.freeze("agentauri-db-standby")
        w.write("agentauri-db", 1)
        assert not writer.in_sync
        w.rds.thaw("agentauri-db-standby")
        until(lambda: writer.in_sync)
        w.rds.crash("agentauri-db")  # nobody ordered it: RDS notices by itself
        until(lambda: "Multi-AZ instance failover completed" in w.messages())
        assert w.written("agentauri-db") == {1}
        w.rds.crash("agentauri-db-replica")
        until(lambda: "Recovery of the DB instance is complete." in w.messages())
        assert w.written("agentauri-db-replica") == {1}


def test_a_replica_lags_by_parameter_and_is_promoted() -> None:
    own = ParameterGroup("own", "us-east-1", "postgres15")
    design = catalogue.design("read_replicas", "as_written")
    instances = (design.instances[0], replace(design.instances[1], parameter_group="own"))
    design = replace(design, instances=instances, parameter_groups=(*design.parameter_groups, own))
    with world(design, {"rds.promote": 10, "rds.reboot": 3}) as w:
        change = {"ParameterName": "recovery_min_apply_delay", "ParameterValue": "10000", "ApplyMethod": "immediate"}
        refused = lambda: w.call(  # noqa: E731
            "ModifyDBParameterGroup", DBParameterGroupName="default.postgres15", Parameters=[change]
        )
        assert code(refused) == "InvalidParameterValue"
        w.call("ModifyDBParameterGroup", DBParameterGroupName="own", Parameters=[change])
        real_sleep(0.2)
        w.write("agentauri-db", 1)
        began = w.clock.now()
        until(lambda: w.written("agentauri-db-replica") == {1})
        assert 8 < (w.clock.now() - began).seconds < 14
        w.metrics.points.clear()
        w.rds._lag.publish()
        lags = [point for point in w.metrics.points if point[1] == "ReplicaLag"]
        assert lags[0][2] == {"DBInstanceIdentifier": "agentauri-db-replica"}
        assert lags[0][3] > 8
        w.call("PromoteReadReplica", DBInstanceIdentifier="agentauri-db-replica")
        assert w.instance("agentauri-db-replica")["DBInstanceStatus"] == "modifying"
        with pytest.raises(TwinFault):
            w.write("agentauri-db-replica", 2)
        until(lambda: w.instance("agentauri-db-replica")["DBInstanceStatus"] == "available")
        w.write("agentauri-db-replica", 2)
        assert "ReadReplicaSourceDBInstanceIdentifier" not in w.instance("agentauri-db-replica")
        assert w.instance("agentauri-db")["ReadReplicaDBInstanceIdentifiers"] == []
        w.metrics.points.clear()
        w.rds._lag.publish()
        assert not [point for point in w.metrics.points if point[1] == "ReplicaLag"]


def test_a_multi_az_cluster_fails_over_to_the_chosen_reader() -> None:
    design = catalogue.design("read_replicas", "hardened")
    with world(design, {"rds.multi_az_cluster.failover": 6}) as w:
        load = Load(w, "agentauri-1", 1)
        real_sleep(0.3)
        w.call("FailoverDBCluster", DBClusterIdentifier="agentauri", TargetDBInstanceIdentifier="agentauri-3")
        assert w.cluster("agentauri")["Status"] == "failing-over"
        until(lambda: w.cluster("agentauri")["Status"] == "available")
        writers = [
            m["DBInstanceIdentifier"] for m in w.cluster("agentauri")["DBClusterMembers"] if m["IsClusterWriter"]
        ]
        assert writers == ["agentauri-3"]
        w.write("agentauri-3", -1)
        assert load.acknowledged
        assert load.acknowledged <= w.written("agentauri-3")
        assert "Started cross AZ failover to DB instance: agentauri-3" in w.messages()
        assert "Completed failover to DB instance: agentauri-3" in w.messages()
        for other in ("agentauri-1", "agentauri-2", "agentauri-replica"):
            until(lambda other=other: -1 in w.written(other))  # type: ignore[misc]
        assert w.leads_to(naming.cluster_endpoint("agentauri", "us-east-1")) == w.leads_to(
            naming.instance_endpoint("agentauri-3", "us-east-1")
        )
        until(lambda: w.rds.writer() is not None and w.rds.writer().in_sync)  # type: ignore[union-attr]


def test_a_lost_primary_region_is_failed_over_fenced_on_return_and_its_volume_kept() -> None:
    design = catalogue.design("active_active", "hardened")
    timings = {"aurora.global_failover": 10, "aurora.global_rebuild": 8, "rds.restore": 2}
    with world(design, timings) as w:
        logging.getLogger("test").warning("boot took %.2f s", w.boot_real_seconds)
        assert w.boot_real_seconds < 3
        w.write("agentauri-us-1", 1)
        for reader in ("agentauri-eu-1", "agentauri-ap-1"):
            until(lambda reader=reader: w.written(reader) == {1})  # type: ignore[misc]
        w.network.wan.lose("us-east-1")
        w.rds.region_lost("us-east-1")
        w.write("agentauri-us-1", 2)  # stranded
        target = naming.arn("rds", "eu-west-1", "cluster:agentauri-eu")
        answer = w.call(
            "FailoverGlobalCluster",
            "eu-west-1",
            GlobalClusterIdentifier=GLOBAL,
            TargetDbClusterIdentifier=target,
            AllowDataLoss=True,
        )["GlobalCluster"]
        assert answer["Status"] == "failing-over"
        assert answer["FailoverState"]["ToDbClusterArn"] == target
        with pytest.raises(TwinFault, match="read-only"):
            w.write("agentauri-eu-1", 3)
        until(lambda: group(w)["Status"] == "available")
        w.write("agentauri-eu-1", 3)
        w.write("agentauri-us-1", 4)  # the old writer goes on where nobody can fence it
        assert [member["IsWriter"] for member in group(w)["GlobalClusterMembers"]] == [True, False, False]
        assert group(w)["GlobalClusterMembers"][0]["DBClusterArn"] == target
        assert w.leads_to(naming.global_endpoint(GLOBAL)) == (w.rds.node("agentauri-eu-1").address,)
        until(lambda: w.cluster("agentauri-ap", "ap-south-1")["Status"] == "available", 15)
        until(lambda: w.written("agentauri-ap-1") == {1, 3})
        w.rds.region_returning("us-east-1")
        w.network.wan.restore("us-east-1")
        until(lambda: w.cluster("agentauri-us")["Status"] == "available", 15)
        for reader in ("agentauri-us-1", "agentauri-us-2"):
            until(lambda reader=reader: w.written(reader) == {1, 3})  # type: ignore[misc]
        restored(w)


def group(w: World) -> Mapping[str, Any]:
    return w.call("DescribeGlobalClusters", "eu-west-1")["GlobalClusters"][0]  # type: ignore[no-any-return]


def restored(w: World) -> None:
    """The stranded rows are in the kept volume; what was made to read them goes away again."""
    (snapshot,) = w.call("DescribeDBClusterSnapshots")["DBClusterSnapshots"]
    identifier = snapshot["DBClusterSnapshotIdentifier"]
    assert identifier.startswith("rds:unplanned-global-failover-agentauri-us-")
    w.call(
        "RestoreDBClusterFromSnapshot",
        DBClusterIdentifier="inquest",
        SnapshotIdentifier=identifier,
        Engine="aurora-postgresql",
    )
    w.call(
        "CreateDBInstance",
        DBInstanceIdentifier="inquest-1",
        DBClusterIdentifier="inquest",
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
    )
    until(lambda: w.instance("inquest-1")["DBInstanceStatus"] == "available")
    assert w.written("inquest-1") == {1, 2, 4}
    endpoint = w.instance("inquest-1")["Endpoint"]["Address"]
    assert w.leads_to(endpoint) == (w.rds.node("inquest-1").address,)
    w.call("DeleteDBInstance", DBInstanceIdentifier="inquest-1", SkipFinalSnapshot=True)
    until(lambda: len(w.call("DescribeDBInstances")["DBInstances"]) == 2)
    w.call("DeleteDBCluster", DBClusterIdentifier="inquest", SkipFinalSnapshot=True)
    until(lambda: len(w.call("DescribeDBClusters")["DBClusters"]) == 1)
    assert w.leads_to(endpoint) == ()


def test_a_switchover_loses_nothing_and_aurora_fails_over_within_its_region() -> None:
    design = catalogue.design("active_passive", "hardened")
    timings = {"aurora.global_switchover": 10, "aurora.global_rebuild": 5, "aurora.failover": 5}
    with world(design, timings) as w:
        w.rds.crash("agentauri-us-1")
        until(lambda: "Completed failover to DB instance: agentauri-us-2" in w.messages())
        w.write("agentauri-us-2", 1)
        until(lambda: w.instance("agentauri-us-1")["DBInstanceStatus"] == "available")
        until(lambda: w.written("agentauri-eu-1") == {1})
        load = Load(w, "agentauri-us-2", 2)
        w.call(
            "SwitchoverGlobalCluster",
            GlobalClusterIdentifier=GLOBAL,
            TargetDbClusterIdentifier=naming.arn("rds", "eu-west-1", "cluster:agentauri-eu"),
        )
        until(lambda: group(w)["Status"] == "available")
        w.write("agentauri-eu-1", -1)
        load.join(3)
        assert load.acknowledged
        assert load.acknowledged <= w.written("agentauri-eu-1")
        until(lambda: w.cluster("agentauri-us")["Status"] == "available", 15)
        until(lambda: -1 in w.written("agentauri-us-1"))
        assert w.call("DescribeDBClusterSnapshots")["DBClusterSnapshots"] == []
        w.metrics.points.clear()
        w.rds._lag.publish()
        assert {point[1] for point in w.metrics.points} == {
            "DatabaseConnections",
            "AuroraGlobalDBReplicationLag",
            "AuroraGlobalDBRPOLag",
        }


def test_a_zone_without_power_fails_over_and_its_servers_come_back_with_it() -> None:
    design = catalogue.design("read_replicas", "as_written")
    with world(design, {"rds.multi_az_instance.failover": 6}) as w:
        old = w.rds.node("agentauri-db")
        w.network.lose_zone("us-east-1", "a")
        w.rds.zone_lost("us-east-1", "a")
        until(lambda: "Multi-AZ instance failover completed" in w.messages())
        w.write("agentauri-db", 1)
        until(lambda: w.written("agentauri-db-replica") == {1})
        real_sleep(0.5)
        assert not old.alive
        w.network.restore_zone("us-east-1", "a")
        w.rds.zone_returning("us-east-1", "a")
        until(lambda: w.written("agentauri-db-standby") == {1}, 15)
        assert w.rds.node("agentauri-db-standby") is old


def test_a_frozen_writer_is_noticed_and_replaced() -> None:
    with world(catalogue.design("read_replicas", "as_written"), {"rds.multi_az_instance.failover": 6}) as w:
        w.write("agentauri-db", 1)
        w.rds.freeze("agentauri-db")
        until(lambda: "Multi-AZ instance failover completed" in w.messages(), 15)
        assert w.written("agentauri-db") == {1}
        until(lambda: w.written("agentauri-db-standby") == {1}, 15)


def test_an_instance_without_replicas_is_stopped_started_and_rebooted() -> None:
    design = catalogue.design("read_replicas", "as_written")
    single = replace(design.instances[0], standby_zone=None)
    with world(replace(design, instances=(single,)), {"rds.stop": 2, "rds.start": 3, "rds.reboot": 2}) as w:
        status = lambda: w.instance("agentauri-db")["DBInstanceStatus"]  # noqa: E731
        name = {"DBInstanceIdentifier": "agentauri-db"}
        assert code(lambda: w.call("StartDBInstance", **name)) == "InvalidDBInstanceState"
        assert code(lambda: w.call("RebootDBInstance", ForceFailover=True, **name)) == "InvalidParameterCombination"
        w.write("agentauri-db", 1)
        assert w.call("StopDBInstance", **name)["DBInstance"]["DBInstanceStatus"] == "stopping"
        until(lambda: status() == "stopped")
        assert code(lambda: w.call("StopDBInstance", **name)) == "InvalidDBInstanceState"
        assert w.call("StartDBInstance", **name)["DBInstance"]["DBInstanceStatus"] == "starting"
        until(lambda: status() == "available")
        assert w.call("RebootDBInstance", **name)["DBInstance"]["DBInstanceStatus"] == "rebooting"
        until(lambda: status() == "available")
        assert w.written("agentauri-db") == {1}
        assert {"DB instance stopped", "DB instance started", "DB instance restarted"} <= set(w.messages())
