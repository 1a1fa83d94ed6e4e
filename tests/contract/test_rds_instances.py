"""The life of RDS instances as an SRE's tools meet it: boto3, the front door, real servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.clock import seconds
from harness.errors import TwinFault
from harness.twin import names
from harness.twin.api.rds import instances
from harness.twin.designs import catalogue
from harness.twin.designs.model import DbInstance, Design, ParameterGroup
from tests.contract.rds_world import World, needs_root, refusal, until, world

pytestmark = needs_root
SPEED = 20.0
MASTER, REPLICA, EUROPE, LONE = "agentauri-db", "agentauri-db-replica", "agentauri-db-eu", "lone"
TIMINGS = {
    "rds.reboot": 3,
    "rds.stop": 3,
    "rds.start": 3,
    "rds.backup": 10,
    "rds.create_replica": 4,
    "rds.delete": 3,
    "rds.modify": 4,
    "rds.promote": 4,
    "rds.multi_az_instance.failover": 5,
}


def design() -> Design:
    """A Multi-AZ writer with a replica beside it and one in Europe, and an instance that stands alone."""
    base = catalogue.design("active_passive", "as_written")
    writer, europe = base.instances
    group = writer.parameter_group
    lone = DbInstance(LONE, "us-east-1", "b", "db.t3.medium", "postgres", "own")
    beside = DbInstance(REPLICA, "us-east-1", "b", "db.t3.medium", "postgres", group, source=MASTER)
    own = ParameterGroup("own", "us-east-1", "postgres15")
    return replace(base, instances=(writer, europe, beside, lone), parameter_groups=(*base.parameter_groups, own))


@pytest.fixture(scope="module")
def w() -> Iterator[World]:
    with world(design(), TIMINGS, SPEED) as built:
        yield built


@pytest.fixture
def rds(w: World) -> Any:
    return w.client()


def one(rds: Any, identifier: str) -> Any:
    return rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]


def test_roles_and_endpoints_are_in_the_describes(w: World, rds: Any) -> None:
    master, beside = one(rds, MASTER), one(rds, names.arn("rds", "us-east-1", f"db:{REPLICA}"))
    assert (master["MultiAZ"], master["AvailabilityZone"], master["SecondaryAvailabilityZone"]) == (
        True,
        "us-east-1a",
        "us-east-1b",
    )
    assert set(master["ReadReplicaDBInstanceIdentifiers"]) == {REPLICA, names.arn("rds", "eu-west-1", f"db:{EUROPE}")}
    assert beside["ReadReplicaSourceDBInstanceIdentifier"] == MASTER
    assert beside["StatusInfos"] == [{"StatusType": "read replication", "Normal": True, "Status": "replicating"}]
    europe = one(w.client("eu-west-1"), EUROPE)
    assert europe["ReadReplicaSourceDBInstanceIdentifier"] == names.arn("rds", "us-east-1", f"db:{MASTER}")
    assert europe["Endpoint"]["Port"] == 5432
    assert w.leads_to(europe["Endpoint"]["Address"]) == (w.rds.node(EUROPE).address,)


def test_lists_are_filtered_paged_and_refused_as_rds_does(w: World, rds: Any) -> None:
    wanted = [{"Name": "db-instance-id", "Values": [LONE, EUROPE]}]
    assert [each["DBInstanceIdentifier"] for each in rds.describe_db_instances(Filters=wanted)["DBInstances"]] == [LONE]
    assert refusal(rds.describe_db_instances, DBInstanceIdentifier="nobody") == "DBInstanceNotFound"
    assert refusal(rds.describe_db_instances, DBInstanceIdentifier=EUROPE) == "DBInstanceNotFound"  # another region
    assert refusal(rds.describe_db_instances, Filters=[{"Name": "colour", "Values": ["x"]}]) == "InvalidParameterValue"
    for size in (19, 101):
        assert refusal(rds.describe_db_instances, MaxRecords=size) == "InvalidParameterValue"
    assert refusal(rds.describe_db_instances, Marker="nonsense") == "InvalidParameterValue"
    assert refusal(rds.describe_orderable_db_instance_options, Engine="postgres") == "NotImplementedByTwin"


def test_a_reboot_ends_connections_and_refuses_another_meanwhile(w: World, rds: Any) -> None:
    assert refusal(rds.reboot_db_instance, DBInstanceIdentifier=LONE, ForceFailover=True) == (
        "InvalidParameterCombination"
    )
    with w.rds.node(LONE).session() as session:
        began = w.clock.now()
        answer = rds.reboot_db_instance(DBInstanceIdentifier=LONE)["DBInstance"]
        assert answer["DBInstanceStatus"] == "rebooting"
        assert refusal(rds.reboot_db_instance, DBInstanceIdentifier=LONE) == "InvalidDBInstanceState"
        w.comes_to(LONE)
        assert (w.clock.now() - began).seconds > 2.9
        with pytest.raises(TwinFault):
            session.query("select 1")
    assert {"DB instance shutdown", "DB instance restarted"} <= set(w.messages())
    w.write(LONE, 1)


def test_what_was_stopped_is_started_again_after_seven_days(
    w: World, rds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "LONGEST_STOP", seconds(2))
    assert refusal(rds.stop_db_instance, DBInstanceIdentifier=MASTER) == "InvalidDBInstanceState"  # has replicas
    assert refusal(rds.stop_db_instance, DBInstanceIdentifier=REPLICA) == "InvalidDBInstanceState"  # is one
    stopping = rds.stop_db_instance(DBInstanceIdentifier=LONE, DBSnapshotIdentifier="before-the-stop")["DBInstance"]
    assert stopping["DBInstanceStatus"] == "stopping"
    assert refusal(rds.start_db_instance, DBInstanceIdentifier=LONE) == "InvalidDBInstanceState"
    until(lambda: "AutomaticRestartTime" in one(rds, LONE))
    assert not w.rds.node(LONE).alive
    told = "DB instance is being started due to it exceeding the maximum allowed time being stopped."
    until(lambda: told in w.messages())
    w.comes_to(LONE)
    assert rds.describe_db_snapshots(DBSnapshotIdentifier="before-the-stop")["DBSnapshots"][0]["Status"] == "available"


def test_a_snapshot_is_a_base_backup_and_keeps_a_replica_from_being_promoted(w: World, rds: Any) -> None:
    made = rds.create_db_snapshot(
        DBInstanceIdentifier=REPLICA, DBSnapshotIdentifier="Mine", Tags=[{"Key": "k", "Value": "v"}]
    )
    assert (made["DBSnapshot"]["DBSnapshotIdentifier"], made["DBSnapshot"]["Status"]) == ("mine", "creating")
    assert one(rds, REPLICA)["DBInstanceStatus"] == "backing-up"
    for act in (rds.promote_read_replica, rds.reboot_db_instance):
        assert refusal(act, DBInstanceIdentifier=REPLICA) == "InvalidDBInstanceState"
    again = {"DBInstanceIdentifier": REPLICA, "DBSnapshotIdentifier": "another"}
    assert refusal(rds.create_db_snapshot, **again) == "InvalidDBInstanceState"
    assert w.rds.node(REPLICA).sql("select 1")  # it goes on answering
    assert refusal(rds.delete_db_snapshot, DBSnapshotIdentifier="mine") == "InvalidDBSnapshotState"
    w.comes_to(REPLICA)
    found = rds.describe_db_snapshots(DBInstanceIdentifier=REPLICA)["DBSnapshots"]
    assert [(each["Status"], each["PercentProgress"]) for each in found] == [("available", 100)]
    kept = w.rds._estate.backups["us-east-1", "mine"].directory
    assert (kept / "backup_manifest").exists()
    assert {"Backing up DB instance", "Finished DB Instance backup", "Manual snapshot created"} <= set(w.messages())


def test_snapshots_are_told_apart_and_deleted(w: World, rds: Any) -> None:
    rds.create_db_snapshot(DBInstanceIdentifier=LONE, DBSnapshotIdentifier="theirs")
    w.comes_to(LONE)
    taken = {"DBInstanceIdentifier": LONE, "DBSnapshotIdentifier": "theirs"}
    assert refusal(rds.create_db_snapshot, **taken) == "DBSnapshotAlreadyExists"
    for malformed in ("two--hyphens", "9lives", "end-", "sp ace"):
        assert refusal(rds.create_db_snapshot, DBInstanceIdentifier=LONE, DBSnapshotIdentifier=malformed) == (
            "InvalidParameterValue"
        )
    kept = w.rds._estate.backups["us-east-1", "theirs"].directory
    assert rds.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"] == []
    rds.delete_db_snapshot(DBSnapshotIdentifier="theirs")
    assert refusal(rds.describe_db_snapshots, DBSnapshotIdentifier="theirs") == "DBSnapshotNotFound"
    until(lambda: not kept.exists())


def test_a_replica_is_made_from_a_base_backup_and_shares_its_sources_group(w: World, rds: Any) -> None:
    w.write(MASTER, 11)
    new = {"DBInstanceIdentifier": "second", "SourceDBInstanceIdentifier": MASTER}
    assert refusal(rds.create_db_instance_read_replica, **new, DBParameterGroupName="own") == (
        "InvalidParameterCombination"
    )
    answer = rds.create_db_instance_read_replica(**new, Tags=[{"Key": "k", "Value": "v"}])["DBInstance"]
    assert (answer["DBInstanceStatus"], answer["BackupRetentionPeriod"]) == ("creating", 0)
    assert "Endpoint" not in answer
    assert answer["TagList"] == [{"Key": "k", "Value": "v"}]
    assert refusal(rds.create_db_instance_read_replica, **new) == "DBInstanceAlreadyExists"
    w.comes_to("second")
    w.write(MASTER, 12)
    until(lambda: {11, 12} <= w.written("second"))
    assert w.rds.node("second").role() == "standby"
    made = one(rds, "second")
    assert made["DBParameterGroups"] == one(rds, MASTER)["DBParameterGroups"]
    assert w.leads_to(made["Endpoint"]["Address"]) == (w.rds.node("second").address,)
    assert "second" in one(rds, MASTER)["ReadReplicaDBInstanceIdentifiers"]


def test_a_replica_in_another_region_is_made_by_arn(w: World, rds: Any) -> None:
    europe = w.client("eu-west-1")
    source = names.arn("rds", "us-east-1", f"db:{LONE}")
    unknown = {"DBInstanceIdentifier": "far", "SourceDBInstanceIdentifier": LONE}  # no such instance in Europe
    assert refusal(europe.create_db_instance_read_replica, **unknown) == "DBInstanceNotFound"
    europe.create_db_instance_read_replica(DBInstanceIdentifier="far", SourceDBInstanceIdentifier=source)
    w.comes_to("far", region="eu-west-1")
    w.write(LONE, 21)
    until(lambda: 21 in w.written("far"))
    assert one(europe, "far")["ReadReplicaSourceDBInstanceIdentifier"] == source
    assert one(europe, "far")["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres15"
    assert refusal(rds.stop_db_instance, DBInstanceIdentifier=LONE) == "InvalidDBInstanceState"
    # Cascading: a replica without backups is no source.
    below = {"DBInstanceIdentifier": "below", "SourceDBInstanceIdentifier": "far"}
    assert refusal(europe.create_db_instance_read_replica, **below) == "InvalidDBInstanceState"
    europe.delete_db_instance(DBInstanceIdentifier="far", SkipFinalSnapshot=True)
    until(lambda: one(rds, LONE)["ReadReplicaDBInstanceIdentifiers"] == [])


def test_a_promoted_replica_leaves_its_source_and_takes_writes(w: World, rds: Any) -> None:
    europe = w.client("eu-west-1")
    europe.create_db_instance_read_replica(
        DBInstanceIdentifier="rescue", SourceDBInstanceIdentifier=names.arn("rds", "us-east-1", f"db:{LONE}")
    )
    w.comes_to("rescue", region="eu-west-1")
    assert refusal(rds.promote_read_replica, DBInstanceIdentifier=LONE) == "InvalidDBInstanceState"
    answer = europe.promote_read_replica(DBInstanceIdentifier="rescue", BackupRetentionPeriod=3)["DBInstance"]
    assert answer["DBInstanceStatus"] == "modifying"
    assert refusal(europe.promote_read_replica, DBInstanceIdentifier="rescue") == "InvalidDBInstanceState"
    w.comes_to("rescue", region="eu-west-1")
    alone = one(europe, "rescue")
    assert "ReadReplicaSourceDBInstanceIdentifier" not in alone
    assert alone["BackupRetentionPeriod"] == 3
    assert one(rds, LONE)["ReadReplicaDBInstanceIdentifiers"] == []
    w.write("rescue", 31)
    assert 31 not in w.written(LONE)
    assert "Promoted Read Replica instance to a stand-alone database instance" in w.messages("eu-west-1")
    europe.delete_db_instance(DBInstanceIdentifier="rescue", SkipFinalSnapshot=True)


def test_a_new_parameter_group_counts_only_after_a_reboot(w: World, rds: Any) -> None:
    rds.create_db_parameter_group(
        DBParameterGroupName="slow", DBParameterGroupFamily="postgres15", Description="a replica that lags"
    )
    delay = {"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName="slow", Parameters=[delay])
    other = rds.create_db_parameter_group(
        DBParameterGroupName="foreign", DBParameterGroupFamily="aurora-postgresql15", Description="of another family"
    )["DBParameterGroup"]
    assert other["DBParameterGroupFamily"] == "aurora-postgresql15"
    wrong = {"DBInstanceIdentifier": REPLICA, "DBParameterGroupName": "foreign"}
    assert refusal(rds.modify_db_instance, **wrong) == "InvalidParameterCombination"
    assert refusal(rds.modify_db_instance, DBInstanceIdentifier=REPLICA, DBParameterGroupName="nobody") == (
        "DBParameterGroupNotFound"
    )
    rds.modify_db_instance(DBInstanceIdentifier=REPLICA, DBParameterGroupName="slow")
    assert one(rds, REPLICA)["DBParameterGroups"] == [
        {"DBParameterGroupName": "slow", "ParameterApplyStatus": "pending-reboot"}
    ]
    assert w.show(REPLICA, "work_mem") == "4MB"
    assert refusal(rds.delete_db_parameter_group, DBParameterGroupName="slow") == "InvalidDBParameterGroupState"
    rds.reboot_db_instance(DBInstanceIdentifier=REPLICA)
    w.comes_to(REPLICA)
    assert w.show(REPLICA, "work_mem") == "8MB"
    assert one(rds, REPLICA)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    rds.delete_db_parameter_group(DBParameterGroupName="foreign")
    assert refusal(rds.describe_db_parameters, DBParameterGroupName="foreign") == "DBParameterGroupNotFound"


def test_dynamic_parameters_are_taken_at_once_and_static_ones_at_the_reboot(w: World, rds: Any) -> None:
    def change(name: str, value: str, method: str) -> None:
        one_change = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        rds.modify_db_parameter_group(DBParameterGroupName="own", Parameters=[one_change])

    def applied() -> str:
        return str(one(rds, LONE)["DBParameterGroups"][0]["ParameterApplyStatus"])

    change("work_mem", "16384", "immediate")
    until(lambda: w.show(LONE, "work_mem") == "16MB")
    assert applied() == "in-sync"
    static = {"ParameterName": "max_connections", "ParameterValue": "123", "ApplyMethod": "immediate"}
    assert refusal(rds.modify_db_parameter_group, DBParameterGroupName="own", Parameters=[static]) == (
        "InvalidParameterCombination"
    )
    change("max_connections", "123", "pending-reboot")
    change("lock_timeout", "20000", "pending-reboot")  # dynamic, and told to wait all the same
    change("work_mem", "4096", "immediate")
    until(lambda: w.show(LONE, "work_mem") == "4MB")
    assert (w.show(LONE, "max_connections"), w.show(LONE, "lock_timeout"), applied()) == ("200", "0", "pending-reboot")
    rds.reboot_db_instance(DBInstanceIdentifier=LONE)
    w.comes_to(LONE)
    assert (w.show(LONE, "max_connections"), w.show(LONE, "lock_timeout"), applied()) == ("123", "1s", "in-sync")


def test_a_group_is_reset_and_one_that_postgresql_refuses_leaves_the_instance_down(w: World, rds: Any) -> None:
    few = {"ParameterName": "max_connections", "ParameterValue": "8", "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName="own", Parameters=[few])
    rds.reboot_db_instance(DBInstanceIdentifier=LONE)
    w.comes_to(LONE, "incompatible-parameters")
    both = {"DBParameterGroupName": "own", "ResetAllParameters": True, "Parameters": [few]}
    assert refusal(rds.reset_db_parameter_group, **both) == "InvalidParameterCombination"
    assert refusal(rds.reset_db_parameter_group, DBParameterGroupName="own") == "InvalidParameterCombination"
    rds.reset_db_parameter_group(DBParameterGroupName="own", ResetAllParameters=True)
    assert rds.describe_db_parameters(DBParameterGroupName="own", Source="user")["Parameters"] == []
    assert one(rds, LONE)["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier=LONE)
    w.comes_to(LONE)
    assert (w.show(LONE, "max_connections"), w.show(LONE, "lock_timeout")) == ("200", "0")


def test_default_groups_refuse_every_change(w: World, rds: Any) -> None:
    default = {"DBParameterGroupName": "default.postgres15"}
    change = [{"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}]
    assert refusal(rds.modify_db_parameter_group, **default, Parameters=change) == "InvalidParameterValue"
    assert refusal(rds.reset_db_parameter_group, **default, ResetAllParameters=True) == "InvalidParameterValue"
    assert refusal(rds.delete_db_parameter_group, **default) == "InvalidParameterValue"
    found = rds.describe_db_parameter_groups(**default)["DBParameterGroups"]
    assert [each["DBParameterGroupFamily"] for each in found] == ["postgres15"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"DBParameterGroupName": "own"}, "DBParameterGroupAlreadyExists"),
        ({"DBParameterGroupName": "default.mine"}, "InvalidParameterValue"),
        ({"DBParameterGroupFamily": "oracle-ee-19"}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "aws:mine", "Value": "v"}]}, "InvalidParameterValue"),
    ],
)
def test_malformed_groups_are_refused(w: World, rds: Any, fields: dict[str, Any], code: str) -> None:
    good = {"DBParameterGroupName": "fresh", "DBParameterGroupFamily": "postgres15", "Description": "d"}
    assert refusal(rds.create_db_parameter_group, **{**good, **fields}) == code
