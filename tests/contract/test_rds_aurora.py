"""Aurora clusters and the global cluster as an SRE's tools meet them: boto3, the front door, real servers.

One world for all; each test leaves three available clusters, us the primary, behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import TwinFault
from harness.twin import names
from harness.twin.designs import catalogue
from tests.contract.rds_world import Load, World, needs_root, refusal, until, world

pytestmark = needs_root
SPEED = 20.0
GLOBAL, US, EU, AP = "agentauri-global", "agentauri-us", "agentauri-eu", "agentauri-ap"
TIMINGS = {
    "aurora.failover": 4,
    "aurora.global_switchover": 6,
    "aurora.global_rebuild": 400,
    "aurora.global_remove": 4,
    "rds.create": 3,
    "rds.restore": 3,
    "rds.delete": 2,
    "rds.reboot": 3,
    "rds.stop": 3,
    "rds.start": 3,
}


@pytest.fixture(scope="module")
def w() -> Iterator[World]:
    with world(catalogue.design("active_active", "hardened"), TIMINGS, SPEED) as built:
        yield built


@pytest.fixture
def rds(w: World) -> Any:
    return w.client()


def arn(cluster: str) -> str:
    region = {US: "us-east-1", EU: "eu-west-1", AP: "ap-south-1"}[cluster]
    return names.arn("rds", region, f"cluster:{cluster}")


def cluster(rds: Any, identifier: str) -> Any:
    return rds.describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"][0]


def everywhere(rds: Any, identifier: str = GLOBAL) -> Any:
    return rds.describe_global_clusters(GlobalClusterIdentifier=identifier)["GlobalClusters"][0]


def writer_of(rds: Any, identifier: str) -> str:
    members = cluster(rds, identifier)["DBClusterMembers"]
    return str(next(each["DBInstanceIdentifier"] for each in members if each["IsClusterWriter"]))


def in_sync(w: World) -> bool:
    writer = w.rds.writer()
    return writer is not None and writer.in_sync


def test_clusters_show_their_roles_and_their_two_endpoints(w: World, rds: Any) -> None:
    here = cluster(rds, US)
    assert [each["IsClusterWriter"] for each in here["DBClusterMembers"]] == [True, False]
    assert w.leads_to(here["Endpoint"]) == (w.rds.node(f"{US}-1").address,)
    assert w.leads_to(here["ReaderEndpoint"]) == (w.rds.node(f"{US}-2").address,)
    there = cluster(w.client("eu-west-1"), EU)
    assert there["ReplicationSourceIdentifier"] == arn(US)
    assert w.leads_to(there["Endpoint"]) == ()  # inactive in a secondary
    assert w.leads_to(there["ReaderEndpoint"]) == (w.rds.node(f"{EU}-1").address,)
    assert refusal(rds.describe_db_clusters, DBClusterIdentifier=EU) == "DBClusterNotFoundFault"
    found = rds.describe_db_clusters(Filters=[{"Name": "db-cluster-id", "Values": [arn(US)]}])["DBClusters"]
    assert [each["DBClusterIdentifier"] for each in found] == [US]


def test_the_global_cluster_shows_who_writes_and_whether_it_is_in_step(w: World, rds: Any) -> None:
    members = everywhere(rds)["GlobalClusterMembers"]
    assert [(each["DBClusterArn"], each["IsWriter"], each["SynchronizationStatus"]) for each in members] == [
        (arn(US), True, "connected"),
        (arn(EU), False, "connected"),
        (arn(AP), False, "connected"),
    ]
    assert w.leads_to(everywhere(rds)["Endpoint"]) == (w.rds.node(f"{US}-1").address,)
    assert refusal(rds.describe_global_clusters, GlobalClusterIdentifier="nobody") == "GlobalClusterNotFoundFault"


def test_a_failover_is_refused_where_there_is_nobody_to_fail_over_to(w: World, rds: Any) -> None:
    europe = w.client("eu-west-1")
    assert refusal(europe.failover_db_cluster, DBClusterIdentifier=EU) == "InvalidDBClusterStateFault"
    wrong = {"DBClusterIdentifier": US, "TargetDBInstanceIdentifier": f"{US}-1"}  # the writer itself
    assert refusal(rds.failover_db_cluster, **wrong) == "InvalidDBInstanceState"
    assert refusal(rds.failover_db_cluster, DBClusterIdentifier="nobody") == "DBClusterNotFoundFault"
    assert refusal(rds.reboot_db_cluster, DBClusterIdentifier=US) == "InvalidDBClusterStateFault"
    assert refusal(rds.stop_db_instance, DBInstanceIdentifier=f"{US}-1") == "InvalidParameterCombination"


def test_a_failover_moves_the_endpoint_and_loses_nothing(w: World, rds: Any) -> None:
    until(lambda: in_sync(w))
    old = writer_of(rds, US)
    load = Load(w, old, 1000)
    until(lambda: load.acknowledged)
    assert rds.failover_db_cluster(DBClusterIdentifier=US)["DBCluster"]["Status"] == "failing-over"
    assert refusal(rds.failover_db_cluster, DBClusterIdentifier=US) == "InvalidDBClusterStateFault"
    until(lambda: cluster(rds, US)["Status"] == "available")
    new = writer_of(rds, US)
    assert new != old
    assert load.acknowledged <= w.written(new)
    assert w.leads_to(cluster(rds, US)["Endpoint"]) == (w.rds.node(new).address,)
    w.comes_to(old)
    w.write(new, 7)
    for reader in (old, f"{EU}-1", f"{AP}-1"):
        until(lambda reader=reader: 7 in w.written(reader))  # type: ignore[misc]


def test_a_reader_that_is_rebooted_holds_up_no_writes_and_may_not_take_over(w: World, rds: Any) -> None:
    until(lambda: in_sync(w))
    writer = writer_of(rds, US)
    reader = f"{US}-1" if writer == f"{US}-2" else f"{US}-2"
    rds.reboot_db_instance(DBInstanceIdentifier=reader)
    began = w.clock.now()
    w.write(writer, 8)
    assert (w.clock.now() - began).seconds < 3  # a silent synchronous standby would cost three
    w.rds.crash(writer)  # the only one that has row 8 for sure
    until(lambda: f"Promoting previous primary again: {writer}" in w.messages())
    until(lambda: cluster(rds, US)["Status"] == "available")
    assert writer_of(rds, US) == writer
    until(lambda: 8 in w.written(writer))
    w.comes_to(reader)


def test_a_reader_is_added_from_a_base_backup_and_holds_every_acknowledged_row(w: World, rds: Any) -> None:
    new = {"DBInstanceIdentifier": "third", "DBClusterIdentifier": US, "DBInstanceClass": "db.r6g.large"}
    assert refusal(rds.create_db_instance, **new, Engine="postgres") == "InvalidParameterCombination"
    assert refusal(rds.create_db_instance, **{**new, "DBInstanceClass": "large"}, Engine="aurora-postgresql") == (
        "InvalidParameterValue"
    )
    assert refusal(
        rds.create_db_instance, DBInstanceIdentifier="x", DBInstanceClass="db.t3.micro", Engine="postgres"
    ) == ("NotImplementedByTwin")
    made = rds.create_db_instance(**new, Engine="aurora-postgresql")["DBInstance"]
    assert made["DBInstanceStatus"] == "creating"
    assert refusal(rds.create_db_instance, **new, Engine="aurora-postgresql") == "DBInstanceAlreadyExists"
    w.comes_to("third")
    writer = writer_of(rds, US)
    until(lambda: '"postgres-third"' in w.show(writer, "synchronous_standby_names"))
    w.write(writer, 9)
    assert 9 in w.written("third")
    assert w.rds.node("third").address in w.leads_to(cluster(rds, US)["ReaderEndpoint"])
    until(lambda: in_sync(w))
    rds.failover_db_cluster(DBClusterIdentifier=US, TargetDBInstanceIdentifier="third")
    until(lambda: cluster(rds, US)["Status"] == "available")
    assert writer_of(rds, US) == "third"


def test_deleting_the_writer_fails_over_first(w: World, rds: Any) -> None:
    until(lambda: in_sync(w))
    for each in (f"{US}-1", f"{US}-2"):
        w.comes_to(each)
    w.write("third", 10)
    assert rds.delete_db_instance(DBInstanceIdentifier="third")["DBInstance"]["DBInstanceStatus"] == "deleting"
    until(lambda: "third" not in [each["DBInstanceIdentifier"] for each in cluster(rds, US)["DBClusterMembers"]])
    writer = writer_of(rds, US)
    assert 10 in w.written(writer)
    w.write(writer, 11)
    europe = w.client("eu-west-1")
    assert refusal(europe.delete_db_instance, DBInstanceIdentifier=f"{EU}-1") == "InvalidDBClusterStateFault"


def test_a_switchover_keeps_the_other_secondaries_readable_and_loses_nothing(w: World, rds: Any) -> None:
    until(lambda: in_sync(w))
    first = writer_of(rds, US)
    target = {"GlobalClusterIdentifier": GLOBAL, "TargetDbClusterIdentifier": arn(EU)}
    assert refusal(rds.switchover_global_cluster, **{**target, "TargetDbClusterIdentifier": arn(US)}) == (
        "InvalidDBClusterStateFault"
    )
    assert refusal(rds.failover_global_cluster, **target, AllowDataLoss=True, Switchover=True) == (
        "InvalidParameterCombination"
    )
    load = Load(w, first, 2000)
    until(lambda: load.acknowledged)
    answer = rds.switchover_global_cluster(**target)["GlobalCluster"]
    assert (answer["Status"], answer["FailoverState"]["Status"]) == ("switching-over", "switching-over")
    assert refusal(rds.switchover_global_cluster, **target) == "InvalidGlobalClusterStateFault"
    while everywhere(rds)["Status"] != "available":
        assert w.rds.node(f"{AP}-1").sql("select 1")
    assert load.acknowledged <= w.written(f"{EU}-1")
    w.write(f"{EU}-1", 12)
    began = w.clock.now()
    while 12 not in w.written(f"{AP}-1"):  # which raises when the server is down
        assert (w.clock.now() - began).seconds < 60
    until(lambda: cluster(rds, US)["Status"] == "available")
    for reader in (f"{US}-1", f"{US}-2"):
        until(lambda reader=reader: 12 in w.written(reader))  # type: ignore[misc]
    members = everywhere(rds)["GlobalClusterMembers"]
    assert [each["IsWriter"] for each in members if each["DBClusterArn"] == arn(EU)] == [True]
    back = {"GlobalClusterIdentifier": GLOBAL, "TargetDbClusterIdentifier": arn(US), "Switchover": True}
    rds.failover_global_cluster(**back)
    until(lambda: everywhere(rds)["Status"] == "available")
    until(lambda: cluster(w.client("eu-west-1"), EU)["Status"] == "available")
    w.write(writer_of(rds, US), 13)
    until(lambda: 13 in w.written(f"{EU}-1"))


def test_a_switchover_to_one_that_is_out_of_step_fails_and_changes_nothing(w: World, rds: Any) -> None:
    w.rds.freeze(f"{AP}-1")
    try:
        rds.switchover_global_cluster(GlobalClusterIdentifier=GLOBAL, TargetDbClusterIdentifier=arn(AP))
        until(lambda: everywhere(rds)["Status"] == "available")
    finally:
        w.rds.thaw(f"{AP}-1")
    told = f"Global switchover to DB cluster {AP} in Region ap-south-1 failed."
    assert told in w.messages("ap-south-1")
    assert everywhere(rds)["GlobalClusterMembers"][0]["DBClusterArn"] == arn(US)
    until(lambda: cluster(rds, US)["Status"] == "available")
    w.write(writer_of(rds, US), 14)
    until(lambda: 14 in w.written(f"{AP}-1"))


def test_a_removed_secondary_stands_alone_is_stopped_and_becomes_a_global_cluster_of_its_own(
    w: World, rds: Any
) -> None:
    europe = w.client("eu-west-1")
    first = {"GlobalClusterIdentifier": GLOBAL, "DbClusterIdentifier": arn(US)}
    assert refusal(rds.remove_from_global_cluster, **first) == "InvalidGlobalClusterStateFault"
    nobody = {**first, "DbClusterIdentifier": arn(US) + "x"}
    assert refusal(rds.remove_from_global_cluster, **nobody) == "DBClusterNotFoundFault"
    assert refusal(europe.stop_db_cluster, DBClusterIdentifier=EU) == "InvalidDBClusterStateFault"  # is in a global one
    europe.remove_from_global_cluster(GlobalClusterIdentifier=GLOBAL, DbClusterIdentifier=arn(EU))
    assert cluster(europe, EU)["Status"] == "promoting"
    until(lambda: cluster(europe, EU)["Status"] == "available")
    assert [each["DBClusterArn"] for each in everywhere(rds)["GlobalClusterMembers"]] == [arn(US), arn(AP)]
    assert w.leads_to(cluster(europe, EU)["Endpoint"]) == (w.rds.node(f"{EU}-1").address,)
    w.write(f"{EU}-1", 41)
    w.write(writer_of(rds, US), 42)
    assert 42 not in w.written(f"{EU}-1")
    assert europe.stop_db_cluster(DBClusterIdentifier=EU)["DBCluster"]["Status"] == "stopping"
    until(lambda: cluster(europe, EU)["Status"] == "stopped")
    assert not w.rds.node(f"{EU}-1").alive
    assert "AutomaticRestartTime" in cluster(europe, EU)
    assert refusal(europe.failover_db_cluster, DBClusterIdentifier=EU) == "InvalidDBClusterStateFault"
    assert europe.start_db_cluster(DBClusterIdentifier=EU)["DBCluster"]["Status"] == "starting"
    assert refusal(europe.start_db_cluster, DBClusterIdentifier=EU) == "InvalidDBClusterStateFault"
    until(lambda: cluster(europe, EU)["Status"] == "available")
    assert 41 in w.written(f"{EU}-1")
    new = {"GlobalClusterIdentifier": "own", "SourceDBClusterIdentifier": arn(EU)}
    assert refusal(europe.create_global_cluster, **new, Engine="aurora-postgresql") == "InvalidParameterCombination"
    europe.create_global_cluster(**new)
    assert refusal(europe.create_global_cluster, **new) == "GlobalClusterAlreadyExistsFault"
    assert w.leads_to(everywhere(rds, "own")["Endpoint"]) == (w.rds.node(f"{EU}-1").address,)
    assert refusal(europe.delete_global_cluster, GlobalClusterIdentifier="own") == "InvalidGlobalClusterStateFault"
    renamed = europe.modify_global_cluster(
        GlobalClusterIdentifier="own", NewGlobalClusterIdentifier="renamed", DeletionProtection=True
    )["GlobalCluster"]
    assert (renamed["GlobalClusterIdentifier"], renamed["DeletionProtection"]) == ("renamed", True)
    europe.remove_from_global_cluster(GlobalClusterIdentifier="renamed", DbClusterIdentifier=arn(EU))
    assert refusal(europe.delete_global_cluster, GlobalClusterIdentifier="renamed") == "InvalidParameterCombination"
    europe.modify_global_cluster(GlobalClusterIdentifier="renamed", DeletionProtection=False)
    europe.delete_global_cluster(GlobalClusterIdentifier="renamed")
    assert refusal(europe.describe_global_clusters, GlobalClusterIdentifier="renamed") == "GlobalClusterNotFoundFault"


def test_a_region_rejoins_as_a_secondary_rebuilt_from_the_primary(w: World, rds: Any) -> None:
    europe = w.client("eu-west-1")
    gone = {"DBClusterIdentifier": EU, "SkipFinalSnapshot": True}
    assert refusal(europe.delete_db_cluster, DBClusterIdentifier=EU) == "InvalidParameterCombination"
    assert refusal(europe.delete_db_cluster, **gone) == "InvalidDBClusterStateFault"  # it still has an instance
    endpoint = cluster(europe, EU)["Endpoint"]
    europe.delete_db_instance(DBInstanceIdentifier=f"{EU}-1", SkipFinalSnapshot=True)
    europe.delete_db_cluster(**gone)
    until(lambda: europe.describe_db_clusters()["DBClusters"] == [])
    assert w.leads_to(endpoint) == ()
    new = {"DBClusterIdentifier": EU, "Engine": "aurora-postgresql", "GlobalClusterIdentifier": GLOBAL}
    assert refusal(europe.create_db_cluster, **{**new, "GlobalClusterIdentifier": "nobody"}) == (
        "GlobalClusterNotFoundFault"
    )
    assert refusal(europe.create_db_cluster, **new, DatabaseName="mine") == "InvalidParameterCombination"
    assert refusal(rds.create_db_cluster, **{**new, "DBClusterIdentifier": "x"}) == "InvalidParameterValue"  # has one
    assert refusal(rds.create_db_cluster, **{**new, "DBClusterIdentifier": US}) == "DBClusterAlreadyExistsFault"
    assert refusal(rds.create_db_cluster, DBClusterIdentifier="x", Engine="postgres") == "NotImplementedByTwin"
    assert europe.create_db_cluster(**new)["DBCluster"]["Status"] == "creating"
    until(lambda: cluster(europe, EU)["Status"] == "available")
    europe.create_db_instance(
        DBInstanceIdentifier=f"{EU}-1",
        DBClusterIdentifier=EU,
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
    )
    w.comes_to(f"{EU}-1", region="eu-west-1")
    w.write(writer_of(rds, US), 51)
    until(lambda: 51 in w.written(f"{EU}-1"))
    assert 41 not in w.written(f"{EU}-1")  # what it wrote while it stood alone is gone
    with pytest.raises(TwinFault, match="read-only"):
        w.write(f"{EU}-1", 52)
    members = everywhere(rds)["GlobalClusterMembers"]
    assert {each["DBClusterArn"]: each["IsWriter"] for each in members} == {
        arn(US): True,
        arn(AP): False,
        arn(EU): False,
    }
    assert cluster(europe, EU)["ReplicationSourceIdentifier"] == arn(US)


def test_a_secondary_that_is_detached_while_its_primary_is_lost_splits_from_it(w: World, rds: Any) -> None:
    asia, old = w.client("ap-south-1"), writer_of(rds, US)
    w.network.wan.lose("us-east-1")
    w.rds.region_lost("us-east-1")
    try:
        asia.remove_from_global_cluster(GlobalClusterIdentifier=GLOBAL, DbClusterIdentifier=arn(AP))
        until(lambda: cluster(asia, AP)["Status"] == "available")
        w.write(f"{AP}-1", 61)
    finally:
        w.rds.region_returning("us-east-1")
        w.network.wan.restore("us-east-1")
    w.write(old, 62)  # nobody fenced it
    assert 61 not in w.written(old)
    assert 62 not in w.written(f"{AP}-1")
