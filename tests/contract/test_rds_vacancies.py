"""A cluster is left without a writer, since nobody could take over in time: it gets one when somebody can."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.twin import names
from harness.twin.designs import catalogue
from tests.contract.rds_world import World, needs_root, until, world

pytestmark = needs_root
SPEED = 20.0
TIMINGS = {
    "aurora.failover": 4,
    "aurora.global_failover": 8,
    "aurora.global_rebuild": 8,
    "aurora.global_remove": 4,
    "rds.delete": 4,
    "rds.modify": 6,
    "rds.reboot": 16,
}


@pytest.fixture(scope="module")
def w() -> Iterator[World]:
    with world(catalogue.design("active_active", "hardened"), TIMINGS, SPEED) as built:
        yield built


def settled(w: World, identifier: str, region: str, writer: str) -> bool:
    """The cluster is available, and that member is its writer by the API and by SQL."""
    shown = w.cluster(identifier, region)
    writers = [each["DBInstanceIdentifier"] for each in shown["DBClusterMembers"] if each["IsClusterWriter"]]
    return (shown["Status"], writers) == ("available", [writer]) and w.rds.node(writer).role() == "primary"


def test_a_class_that_was_to_change_when_the_instance_was_fenced_changes_afterwards(w: World) -> None:
    wanted = {"DBInstanceClass": "db.r7g.4xlarge"}
    w.call("ModifyDBInstance", DBInstanceIdentifier="agentauri-us-2", **wanted, ApplyImmediately=True)
    target = names.arn("rds", "eu-west-1", "cluster:agentauri-eu")
    given = {"GlobalClusterIdentifier": "agentauri-global", "TargetDbClusterIdentifier": target}
    w.call("FailoverGlobalCluster", "eu-west-1", **given, AllowDataLoss=True)
    until(lambda: w.instance("agentauri-us-2")["PendingModifiedValues"] == wanted)
    until(lambda: w.instance("agentauri-us-2")["DBInstanceClass"] == wanted["DBInstanceClass"])
    w.comes_to("agentauri-us-2")
    assert w.instance("agentauri-us-2")["PendingModifiedValues"] == {}
    for identifier, region in (("agentauri-us", "us-east-1"), ("agentauri-ap", "ap-south-1")):
        until(lambda identifier=identifier, region=region: w.cluster(identifier, region)["Status"] == "available")  # type: ignore[misc]


def test_a_removed_secondary_whose_member_is_down_takes_writes_when_it_is_back(w: World) -> None:
    w.call("RebootDBInstance", "ap-south-1", DBInstanceIdentifier="agentauri-ap-1")
    given = {"GlobalClusterIdentifier": "agentauri-global"}
    w.call(
        "RemoveFromGlobalCluster", **given, DbClusterIdentifier=names.arn("rds", "ap-south-1", "cluster:agentauri-ap")
    )
    until(lambda: w.cluster("agentauri-ap", "ap-south-1")["Status"] == "available")
    assert w.status("agentauri-ap-1", "ap-south-1") == "rebooting"
    assert not any(each["IsClusterWriter"] for each in w.cluster("agentauri-ap", "ap-south-1")["DBClusterMembers"])
    until(lambda: settled(w, "agentauri-ap", "ap-south-1", "agentauri-ap-1"))
    w.write("agentauri-ap-1", 1)


def test_a_removed_secondary_whose_member_has_crashed_takes_writes_when_it_is_back(w: World) -> None:
    w.rds.freeze("agentauri-us-1")
    w.rds.freeze("agentauri-us-2")
    given = {"GlobalClusterIdentifier": "agentauri-global"}
    w.call(
        "RemoveFromGlobalCluster", **given, DbClusterIdentifier=names.arn("rds", "us-east-1", "cluster:agentauri-us")
    )
    until(lambda: w.cluster("agentauri-us")["Status"] == "available")
    w.rds.thaw("agentauri-us-1")
    w.rds.thaw("agentauri-us-2")
    until(lambda: any(settled(w, "agentauri-us", "us-east-1", each) for each in ("agentauri-us-1", "agentauri-us-2")))


def test_a_reader_that_is_back_takes_over_from_a_writer_that_was_deleted_and_nothing_is_lost(w: World) -> None:
    (old,) = [
        each["DBInstanceIdentifier"]
        for each in w.cluster("agentauri-us")["DBClusterMembers"]
        if each["IsClusterWriter"]
    ]
    (reader,) = {"agentauri-us-1", "agentauri-us-2"} - {old}
    w.comes_to(reader)
    w.call("RebootDBInstance", DBInstanceIdentifier=reader)
    until(lambda: not w.rds.node(reader).alive)
    w.write(old, 7)
    w.call("DeleteDBInstance", DBInstanceIdentifier=old)
    until(lambda: [each["DBInstanceIdentifier"] for each in w.cluster("agentauri-us")["DBClusterMembers"]] == [reader])
    assert w.status(reader) == "rebooting"
    until(lambda: settled(w, "agentauri-us", "us-east-1", reader))
    assert 7 in w.written(reader)
    assert w.leads_to(w.cluster("agentauri-us")["Endpoint"]) == (w.rds.node(reader).address,)
    assert f"Completed failover to DB instance: {reader}" in w.messages()
