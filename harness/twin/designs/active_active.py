"""Phase 7.3: three regions serve, one writes; Route 53 routes by latency."""

from __future__ import annotations

from dataclasses import replace

from harness.clock import seconds
from harness.twin import names
from harness.twin.designs import common, multi_region
from harness.twin.designs.model import AlarmPlan, AppBehaviour, Automation, Design, RecordPlan, ReplicationGroup

_REGIONS = (common.US, common.EU, common.AP)
_DATASTORE = "agentauri-datastore"


def as_written() -> Design:
    """The strategy's own: ELB aliases with 30 s × 3, a secret a region, a read-only Redis, an alarm without data.

    ap-south-1, which the strategy draws and never builds, is built here, or nothing could be measured there. Of its
    "Global Datastore, or one cache a region" this is the first; the second is what hardening chooses.
    """
    base = multi_region.hardened("active_active", _REGIONS)
    checks = tuple(common.regional_check(region, "as_written") for region in _REGIONS)
    app = {
        region.name: AppBehaviour(
            names.global_endpoint(multi_region.GLOBAL),
            names.cluster_endpoint(multi_region.cluster_name(region), region.name, reader=True),
            names.cache_endpoint("agentauri-cache", region.name),
            f"secret-of-{region.name}",
        )
        for region in _REGIONS
    }
    return replace(
        base,
        version="as_written",
        caches=tuple(
            ReplicationGroup("agentauri-cache", region.name, ("a",), "cache.t3.micro", global_datastore=_DATASTORE)
            for region in _REGIONS
        ),
        global_datastore=_DATASTORE,
        load_balancers=tuple(common.load_balancer(region, "as_written") for region in _REGIONS),
        records=tuple(
            RecordPlan(
                region.name,
                region.name,
                "latency",
                alias=True,
                health_check=check.identifier,
                evaluate_target_health=True,
            )
            for region, check in zip(_REGIONS, checks, strict=True)
        ),
        health_checks=checks,
        alarms=tuple(
            AlarmPlan(
                "rds-replica-lag-high",
                region.name,
                "AWS/RDS",
                "ReplicaLag",
                {"DBInstanceIdentifier": "read_replica"},
                60,
            )
            for region in _REGIONS
        ),
        app=app,
        automation=Automation(),
    )


def hardened() -> Design:
    """A CNAME of TTL 10, a shallow check of 10 s × 2 and a cache of two zones for each region; the rest as in 7.2."""
    checks = tuple(common.regional_check(region, "hardened") for region in _REGIONS)
    records = tuple(
        RecordPlan(region.name, region.name, "latency", alias=False, health_check=check.identifier, ttl=10)
        for region, check in zip(_REGIONS, checks, strict=True)
    )
    caches = tuple(
        ReplicationGroup("agentauri-cache", region.name, ("a", "b"), "cache.t4g.small", automatic_failover=True)
        for region in _REGIONS
    )
    base = multi_region.hardened("active_active", _REGIONS)
    app = {region: replace(behaviour, role_life=seconds(10)) for region, behaviour in base.app.items()}
    return replace(base, records=records, health_checks=checks, caches=caches, app=app)
