"""Phase 7.2: us-east-1 serves, eu-west-1 stands by warm; Route 53 fails over between them."""

from __future__ import annotations

from dataclasses import replace

from harness.twin import names
from harness.twin.designs import common, multi_region
from harness.twin.designs.model import (
    AlarmPlan,
    AppBehaviour,
    DbInstance,
    Design,
    ParameterGroup,
    RecordPlan,
    ReplicationGroup,
)

_REGIONS = (common.US, common.EU)
_REQUESTS_PER_SECOND = 15
"""Of one gateway task: two carry twice the usual traffic of a game day, one does not."""
_SERVICES = tuple(service for region in _REGIONS for service in common.services(region, _REQUESTS_PER_SECOND))


def as_written() -> Design:
    """The strategy's own: only a PRIMARY record, a replica that nobody promotes, a standby with a cold Redis."""
    groups = tuple(ParameterGroup("default.postgres15", region.name, "postgres15") for region in _REGIONS)
    writer = DbInstance("agentauri-db", "us-east-1", "a", "db.t3.medium", "postgres", groups[0].name, standby_zone="b")
    replica = DbInstance(
        "agentauri-db-eu", "eu-west-1", "a", "db.t3.medium", "postgres", groups[1].name, source=writer.identifier
    )
    app = {
        instance.region: AppBehaviour(
            names.instance_endpoint(instance.identifier, instance.region),
            names.instance_endpoint(instance.identifier, instance.region),
            names.cache_endpoint("agentauri-cache", instance.region),
            "one-secret-for-all",
        )
        for instance in (writer, replica)
    }
    check = common.regional_check(common.US, "as_written")
    return Design(
        "active_passive",
        "as_written",
        _REGIONS,
        common.locations(*_REGIONS),
        common.ROUND_TRIPS,
        (writer, replica),
        groups,
        (ReplicationGroup("agentauri-cache", "us-east-1", ("a",), "cache.t3.micro"),),
        tuple(common.load_balancer(region, "as_written") for region in _REGIONS),
        _SERVICES,
        (
            RecordPlan(
                "primary",
                "us-east-1",
                "failover",
                alias=True,
                failover="PRIMARY",
                health_check=check.identifier,
                evaluate_target_health=True,
            ),
        ),
        (check,),
        (
            AlarmPlan(
                "rds-replica-lag-high",
                "us-east-1",
                "AWS/RDS",
                "ReplicaLag",
                {"DBInstanceIdentifier": "read_replica"},
                60,
            ),
        ),
        app,
        common.TIMINGS,
        tags=common.TAGS,
    )


def hardened() -> Design:
    """Aurora Global Database with automation, CNAMEs of TTL 10, no check on the SECONDARY, a warm standby.

    The standby has a health check all the same, for an alarm and not for its record.
    """
    check, watch = (common.regional_check(region, "hardened") for region in _REGIONS)
    base = multi_region.hardened("active_passive", _REGIONS)
    records = (
        RecordPlan(
            "primary",
            "us-east-1",
            "failover",
            alias=False,
            failover="PRIMARY",
            health_check=check.identifier,
            ttl=10,
        ),
        RecordPlan("secondary", "eu-west-1", "failover", alias=False, failover="SECONDARY", ttl=10),
    )
    alarm = AlarmPlan(
        "standby-unhealthy",
        "us-east-1",
        "AWS/Route53",
        "HealthCheckStatus",
        {"HealthCheckId": names.health_check_id(watch.identifier)},
        1,
        statistic="Minimum",
        comparison="LessThanThreshold",
        evaluation_periods=1,
    )
    return replace(
        base,
        services=_SERVICES,
        records=records,
        health_checks=(check, watch),
        alarms=(*base.alarms, alarm),
        automation=replace(base.automation, scales_standby=True),
    )
