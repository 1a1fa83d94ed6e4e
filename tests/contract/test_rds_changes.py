"""RDS instances are modified and deleted, told of and tagged: boto3, the front door, real servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.clock import Instant, minutes
from harness.twin import names
from harness.twin.designs import catalogue
from harness.twin.designs.model import DbInstance
from tests.contract.rds_world import World, needs_root, refusal, until, world

pytestmark = needs_root
SPEED = 20.0
MASTER, EUROPE, BESIDE = "agentauri-db", "agentauri-db-eu", "beside"
TIMINGS = {
    "rds.reboot": 3,
    "rds.backup": 3,
    "rds.delete": 3,
    "rds.modify": 8,
    "rds.promote": 4,
    "rds.multi_az_instance.failover": 5,
}


@pytest.fixture(scope="module")
def w() -> Iterator[World]:
    base = catalogue.design("active_passive", "as_written")
    writer, europe = base.instances
    single = replace(writer, standby_zone=None)
    beside = DbInstance(
        BESIDE, "us-east-1", "b", "db.t3.medium", "postgres", writer.parameter_group, source=writer.identifier
    )
    with world(replace(base, instances=(single, europe, beside)), TIMINGS, SPEED) as built:
        yield built


@pytest.fixture
def rds(w: World) -> Any:
    return w.client()


def one(rds: Any, identifier: str) -> Any:
    return rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]


def test_multi_az_is_a_real_synchronous_standby_that_can_be_added(w: World, rds: Any) -> None:
    node = w.rds.node(MASTER)
    answer = rds.modify_db_instance(DBInstanceIdentifier=MASTER, MultiAZ=True)["DBInstance"]
    assert answer["PendingModifiedValues"] == {"MultiAZ": True}  # no ApplyImmediately: it waits
    assert one(rds, MASTER)["DBInstanceStatus"] == "available"
    rds.modify_db_instance(DBInstanceIdentifier=MASTER, ApplyImmediately=True)  # everything pending is applied
    assert one(rds, MASTER)["DBInstanceStatus"] == "modifying"
    w.write(MASTER, 1)
    w.comes_to(MASTER)
    writer = w.rds.writer()
    assert writer is not None
    until(lambda: writer.in_sync)
    assert one(rds, MASTER)["SecondaryAvailabilityZone"] == "us-east-1b"
    assert "Finished applying modification to convert to a Multi-AZ DB Instance" in w.messages()
    assert "agentauri-db-standby" in w.show(MASTER, "synchronous_standby_names")
    rds.reboot_db_instance(DBInstanceIdentifier=MASTER, ForceFailover=True)
    w.comes_to(MASTER)
    assert w.rds.node(MASTER) is not node
    assert 1 in w.written(MASTER)


def test_a_new_class_costs_a_failover_and_multi_az_can_be_given_up(w: World, rds: Any) -> None:
    until(lambda: w.rds.writer() is not None and w.rds.writer().in_sync)  # type: ignore[union-attr]
    node = w.rds.node(MASTER)
    rds.modify_db_instance(DBInstanceIdentifier=MASTER, DBInstanceClass="db.m6g.large", ApplyImmediately=True)
    until(lambda: one(rds, MASTER)["DBInstanceClass"] == "db.m6g.large")
    w.comes_to(MASTER)
    assert w.rds.node(MASTER) is not node
    assert one(rds, MASTER)["PendingModifiedValues"] == {}
    rds.modify_db_instance(DBInstanceIdentifier=MASTER, MultiAZ=False, ApplyImmediately=True)
    w.comes_to(MASTER)
    assert not one(rds, MASTER)["MultiAZ"]
    until(lambda: not node.data_directory.exists())
    w.write(MASTER, 2)
    until(lambda: 2 in w.written(BESIDE))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"DBInstanceIdentifier": "nobody"}, "DBInstanceNotFound"),
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue"),
        ({"BackupRetentionPeriod": 0}, "InvalidDBInstanceState"),  # its replicas need it
        ({"DBInstanceClass": "huge"}, "InvalidParameterValue"),
        ({"EngineVersion": "17.1"}, "NotImplementedByTwin"),
    ],
)
def test_modifications_that_rds_refuses(w: World, rds: Any, fields: dict[str, Any], code: str) -> None:
    assert refusal(rds.modify_db_instance, **{"DBInstanceIdentifier": MASTER, **fields}) == code
    assert one(rds, MASTER)["PendingModifiedValues"] == {}


def test_events_are_told_by_source_category_and_time(w: World, rds: Any) -> None:
    kinds = {
        each["SourceType"]: each["EventCategories"]
        for each in rds.describe_event_categories()["EventCategoriesMapList"]
    }
    assert {"failover", "availability", "backup", "read replica"} <= set(kinds["db-instance"])
    assert rds.describe_event_categories(SourceType="db-parameter-group")["EventCategoriesMapList"] == [
        {"SourceType": "db-parameter-group", "EventCategories": ["configuration change"]}
    ]
    assert refusal(rds.describe_event_categories, SourceType="db-colour") == "InvalidParameterValue"
    w.rds.crash(BESIDE)
    done = "Recovery of the DB instance is complete."
    until(lambda: done in w.messages())
    mine = {"SourceIdentifier": BESIDE, "SourceType": "db-instance"}
    told = rds.describe_events(**mine, EventCategories=["recovery"])["Events"]
    assert [each["Message"] for each in told][-1] == done
    assert {each["EventCategories"][0] for each in told} == {"recovery"}
    assert told[0]["SourceArn"] == names.arn("rds", "us-east-1", f"db:{BESIDE}")
    assert rds.describe_events(**mine, EventCategories=["failover"])["Events"] == []
    now = w.clock.now()
    assert refusal(rds.describe_events, SourceIdentifier=BESIDE) == "InvalidParameterCombination"
    assert refusal(rds.describe_events, Duration=20161) == "InvalidParameterValue"
    wrong = {"StartTime": now.datetime, "EndTime": now.back(minutes(1)).datetime}
    assert refusal(rds.describe_events, **wrong) == "InvalidParameterCombination"
    assert refusal(rds.describe_events, StartTime=Instant(0).datetime) == "InvalidParameterValue"


def test_tags_are_listed_added_and_removed(w: World, rds: Any) -> None:
    arn = names.arn("rds", "us-east-1", f"db:{MASTER}")

    def tags() -> dict[str, str]:
        listed = rds.list_tags_for_resource(ResourceName=arn)["TagList"]
        return {each["Key"]: each["Value"] for each in listed}

    before = tags()
    assert before["gameday:allowed"] == "true"
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "owner", "Value": "sre"}])
    assert tags() == {**before, "owner": "sre"}
    assert dict(w.rds.tagged("us-east-1"))[arn] == tags()  # what the tagging API sees
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["owner", "unknown"])
    assert tags() == before
    assert {each["Key"] for each in one(rds, MASTER)["TagList"]} == set(before)
    bad = [{"Key": "aws:owner", "Value": "sre"}]
    assert refusal(rds.add_tags_to_resource, ResourceName=arn, Tags=bad) == "InvalidParameterValue"
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(50)]
    assert refusal(rds.add_tags_to_resource, ResourceName=arn, Tags=many) == "InvalidParameterValue"
    assert refusal(rds.list_tags_for_resource, ResourceName=arn + "x") == "DBInstanceNotFound"
    assert refusal(rds.list_tags_for_resource, ResourceName="agentauri-db") == "InvalidParameterValue"


def test_nothing_waits_for_maintenance(w: World, rds: Any) -> None:
    arn = names.arn("rds", "us-east-1", f"db:{MASTER}")
    assert rds.describe_pending_maintenance_actions(ResourceIdentifier=arn)["PendingMaintenanceActions"] == []
    assert refusal(rds.describe_pending_maintenance_actions, ResourceIdentifier=arn + "x") == "ResourceNotFoundFault"


def test_deleting_a_source_promotes_its_replicas_here_and_cuts_off_those_elsewhere(w: World, rds: Any) -> None:
    mine = {"DBInstanceIdentifier": MASTER}
    assert refusal(rds.delete_db_instance, **mine) == "InvalidParameterCombination"  # neither snapshot nor skipped
    both = {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": "x"}
    assert refusal(rds.delete_db_instance, **mine, **both) == "InvalidParameterCombination"
    of_replica = {"DBInstanceIdentifier": BESIDE, "FinalDBSnapshotIdentifier": "x"}
    assert refusal(rds.delete_db_instance, **of_replica) == "InvalidParameterCombination"
    rds.modify_db_instance(**mine, DeletionProtection=True)
    assert refusal(rds.delete_db_instance, **mine, SkipFinalSnapshot=True) == "InvalidParameterCombination"
    rds.modify_db_instance(**mine, DeletionProtection=False)
    endpoint = one(rds, MASTER)["Endpoint"]["Address"]
    w.write(MASTER, 3)
    until(lambda: 3 in w.written(EUROPE))
    until(lambda: 3 in w.written(BESIDE))
    node = w.rds.node(MASTER)
    deleted = rds.delete_db_instance(**mine, FinalDBSnapshotIdentifier="the-last")["DBInstance"]
    assert deleted["DBInstanceStatus"] == "deleting"
    assert refusal(rds.delete_db_instance, **mine, SkipFinalSnapshot=True) == "InvalidDBInstanceState"
    until(lambda: MASTER not in [each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]])
    assert not node.alive
    assert w.leads_to(endpoint) == ()
    assert rds.describe_db_snapshots(DBSnapshotIdentifier="the-last")["DBSnapshots"][0]["Status"] == "available"
    w.comes_to(BESIDE)
    w.write(BESIDE, 4)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in one(rds, BESIDE)
    cut = one(w.client("eu-west-1"), EUROPE)
    assert cut["StatusInfos"] == [{"StatusType": "read replication", "Normal": False, "Status": "terminated"}]
    assert w.rds.node(EUROPE).role() == "standby"
    europe = w.client("eu-west-1")
    europe.reboot_db_instance(DBInstanceIdentifier=EUROPE)
    w.comes_to(EUROPE, region="eu-west-1")
    assert w.rds.node(EUROPE).role() == "standby"
    europe.promote_read_replica(DBInstanceIdentifier=EUROPE)
    w.comes_to(EUROPE, region="eu-west-1")
    w.write(EUROPE, 5)
    assert {3, 5} <= w.written(EUROPE)
