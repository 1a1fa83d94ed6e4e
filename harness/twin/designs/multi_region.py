"""What the hardened designs of 7.2 and 7.3 share: a global database, a warm cache everywhere, an automation."""

from __future__ import annotations

from harness.clock import seconds
from harness.twin import names
from harness.twin.designs import common
from harness.twin.designs.model import (
    AlarmPlan,
    AppBehaviour,
    Automation,
    DbCluster,
    Design,
    GlobalCluster,
    ParameterGroup,
    RegionPlan,
    ReplicationGroup,
)

GLOBAL = "agentauri-global"


def cluster_name(region: RegionPlan) -> str:
    """The identifier of a region's Aurora cluster, e.g. ``agentauri-us``."""
    return f"agentauri-{region.name.split('-')[0]}"


def hardened(name: str, regions: tuple[RegionPlan, ...]) -> Design:
    """The hardened platform of several regions, without its records and health checks."""
    groups = tuple(
        group
        for region in regions
        for group in (
            ParameterGroup("default.aurora-postgresql15", region.name, "aurora-postgresql15"),
            ParameterGroup("agentauri-aurora", region.name, "aurora-postgresql15", cluster=True),
        )
    )
    members = {
        region: common.aurora(
            cluster_name(region), region, "ab" if region is regions[0] else "a", "default.aurora-postgresql15"
        )
        for region in regions
    }
    clusters = tuple(
        DbCluster(
            cluster_name(region),
            region.name,
            "aurora-postgresql",
            tuple(instance.identifier for instance in instances),
            "agentauri-aurora",
            GLOBAL,
        )
        for region, instances in members.items()
    )
    return Design(
        name,
        "hardened",
        regions,
        common.locations(*regions),
        common.ROUND_TRIPS,
        tuple(instance for instances in members.values() for instance in instances),
        groups,
        tuple(ReplicationGroup("agentauri-cache", region.name, ("a",), "cache.t4g.small") for region in regions),
        tuple(common.load_balancer(region, "hardened") for region in regions),
        tuple(service for region in regions for service in common.services(region)),
        (),
        (),
        tuple(alarm for region in regions for alarm in _alarms(region)),
        {region.name: behaviour(region) for region in regions},
        common.TIMINGS,
        clusters=clusters,
        global_cluster=GlobalCluster(GLOBAL, tuple(cluster.identifier for cluster in clusters)),
        automation=Automation(heartbeat=True, switches_region=True),
        tags=common.TAGS,
    )


def behaviour(region: RegionPlan) -> AppBehaviour:
    """The hardened services of a region: write through the global endpoint, read from the region's own reader."""
    return AppBehaviour(
        names.global_endpoint(GLOBAL),
        names.cluster_endpoint(cluster_name(region), region.name, reader=True),
        names.cache_endpoint("agentauri-cache", region.name),
        "one-secret-for-all",
        health="shallow",
        cache_required_to_start=False,
        queue_before_mark=True,
        acknowledge_after_run=True,
        reconnect_cache=True,
        reads_fall_back=True,
        database_timeout=seconds(3),
        connection_age=seconds(60),
    )


def _alarms(region: RegionPlan) -> tuple[AlarmPlan, ...]:
    where = {"Region": region.name}
    return (
        AlarmPlan("agentauri-replica-lag-high", region.name, "AgentAuri", "ReplicaHeartbeatLag", where, 60, period=10),
        AlarmPlan(
            "writer-unreachable",
            region.name,
            "AgentAuri",
            "WriterReachable",
            where,
            0.5,
            comparison="LessThanThreshold",
            period=10,
            evaluation_periods=3,
        ),
    )
