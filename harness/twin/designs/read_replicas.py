"""Phase 7.1: one region, a Multi-AZ writer and a read replica, one Redis node."""

from __future__ import annotations

from dataclasses import replace

from harness.clock import seconds
from harness.twin import names
from harness.twin.designs import common
from harness.twin.designs.model import (
    AlarmPlan,
    AppBehaviour,
    Automation,
    DbCluster,
    DbInstance,
    Design,
    ParameterGroup,
    RecordPlan,
    ReplicationGroup,
)

_REGION = replace(common.US, zones=("a", "b", "c"))
_CACHE = ReplicationGroup("agentauri-cache", _REGION.name, ("a",), "cache.t3.micro")
_RECORD = RecordPlan("api", _REGION.name, "simple", alias=True)


def as_written() -> Design:
    """The strategy's own: a Multi-AZ *instance*, the default parameter group, an alarm on a resource nobody made."""
    group = ParameterGroup("default.postgres15", _REGION.name, "postgres15")
    writer = DbInstance("agentauri-db", _REGION.name, "a", "db.t3.medium", "postgres", group.name, standby_zone="b")
    replica = DbInstance(
        "agentauri-db-replica", _REGION.name, "b", "db.t3.medium", "postgres", group.name, source=writer.identifier
    )
    app = AppBehaviour(
        names.instance_endpoint(writer.identifier, _REGION.name),
        names.instance_endpoint(replica.identifier, _REGION.name),
        names.cache_endpoint(_CACHE.identifier, _REGION.name),
        "one-secret-for-all",
    )
    alarm = AlarmPlan(
        "rds-replica-lag-high", _REGION.name, "AWS/RDS", "ReplicaLag", {"DBInstanceIdentifier": "read_replica"}, 60
    )
    return Design(
        "read_replicas",
        "as_written",
        (_REGION,),
        common.locations(_REGION),
        {},
        (writer, replica),
        (group,),
        (_CACHE,),
        (common.load_balancer(_REGION, "as_written"),),
        common.services(_REGION),
        (_RECORD,),
        (),
        (alarm,),
        {_REGION.name: app},
        common.TIMINGS,
        tags=common.TAGS,
    )


def hardened() -> Design:
    """A Multi-AZ DB *cluster* (under 35 s), the replica in a group of its own, an alarm fed by a heartbeat.

    Said aloud: a Multi-AZ DB cluster has no cross-region replication, so phase 7.2 migrates again.
    """
    default = ParameterGroup("default.postgres15", _REGION.name, "postgres15")
    shared = ParameterGroup("agentauri-cluster", _REGION.name, "postgres15", cluster=True)
    own = ParameterGroup("agentauri-replica", _REGION.name, "postgres15", {"recovery_min_apply_delay": "0"})
    members = tuple(
        DbInstance(
            f"agentauri-{number}", _REGION.name, zone, "db.m6gd.large", "postgres", default.name, cluster="agentauri"
        )
        for number, zone in enumerate("abc", 1)
    )
    replica = DbInstance(
        "agentauri-replica", _REGION.name, "b", "db.m6gd.large", "postgres", own.name, source="agentauri"
    )
    cluster = DbCluster(
        "agentauri", _REGION.name, "postgres", tuple(member.identifier for member in members), shared.name
    )
    app = AppBehaviour(
        names.cluster_endpoint(cluster.identifier, _REGION.name),
        names.instance_endpoint(replica.identifier, _REGION.name),
        names.cache_endpoint(_CACHE.identifier, _REGION.name),
        "one-secret-for-all",
        health="shallow",
        cache_required_to_start=False,
        queue_before_mark=True,
        acknowledge_after_run=True,
        reconnect_cache=True,
        reads_fall_back=True,
        reader_must_follow=True,
        database_timeout=seconds(3),
        connection_age=seconds(60),
    )
    alarm = AlarmPlan(
        "agentauri-replica-lag-high",
        _REGION.name,
        "AgentAuri",
        "ReplicaHeartbeatLag",
        {"Region": _REGION.name},
        60,
        period=10,
    )
    return replace(
        as_written(),
        version="hardened",
        instances=(*members, replica),
        clusters=(cluster,),
        parameter_groups=(default, shared, own),
        load_balancers=(common.load_balancer(_REGION, "hardened"),),
        alarms=(alarm,),
        app={_REGION.name: app},
        automation=Automation(heartbeat=True),
    )
