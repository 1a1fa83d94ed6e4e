"""What the three phases share: geography, AWS's documented durations, and the parts that every region has."""

from __future__ import annotations

from harness.clock import Duration, milliseconds, seconds
from harness.twin.designs.model import (
    DbInstance,
    EcsService,
    HealthCheck,
    LoadBalancerPlan,
    LocationPlan,
    RegionPlan,
    Timing,
    Version,
)

US = RegionPlan("us-east-1", 1)
EU = RegionPlan("eu-west-1", 2)
AP = RegionPlan("ap-south-1", 3)

ROUND_TRIPS = {
    frozenset({"us-east-1", "eu-west-1"}): milliseconds(80),
    frozenset({"us-east-1", "ap-south-1"}): milliseconds(200),
    frozenset({"eu-west-1", "ap-south-1"}): milliseconds(120),
}

TAGS = {"Project": "agentauri", "Environment": "twin", "gameday:allowed": "true"}
LOAD_BALANCER = "agentauri-alb"
HEALTH_PATH = "/api/v1/health"

_RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
_AURORA = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/"
_CACHE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
_ECS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"

TIMINGS = {
    "rds.multi_az_instance.failover": Timing(60, 120, _RDS + "Concepts.MultiAZSingleStandby.html"),
    "rds.multi_az_cluster.failover": Timing(15, 34, _RDS + "multi-az-db-clusters-concepts-failover.html"),
    "aurora.failover": Timing(10, 30, _AURORA + "Concepts.AuroraHighAvailability.html"),
    "aurora.global_failover": Timing(60, 150, _AURORA + "aurora-global-database-disaster-recovery.html"),
    "aurora.global_switchover": Timing(30, 90, _AURORA + "aurora-global-database-disaster-recovery.html"),
    "aurora.global_rebuild": Timing(60, 180, _AURORA + "aurora-global-database-disaster-recovery.html"),
    "rds.promote": Timing(180, 300, _RDS + "USER_ReadRepl.Promote.html"),
    "rds.reboot": Timing(20, 60, _RDS + "USER_RebootInstance.html"),
    "rds.stop": Timing(30, 90, _RDS + "USER_StopInstance.html"),
    "rds.start": Timing(60, 180, _RDS + "USER_StartInstance.html"),
    "rds.backup": Timing(60, 180, _RDS + "USER_CreateSnapshot.html"),
    "rds.create_replica": Timing(180, 420, _RDS + "USER_ReadRepl.Create.html"),
    "rds.create": Timing(120, 300, _RDS + "USER_CreateDBInstance.html"),
    "rds.delete": Timing(30, 90, _RDS + "USER_DeleteInstance.html"),
    "rds.modify": Timing(120, 300, _RDS + "Overview.DBInstance.Modifying.html"),
    "aurora.global_remove": Timing(20, 60, _AURORA + "aurora-global-database-detaching.html"),
    "rds.restore": Timing(20, 60, _AURORA + "aurora-restore-snapshot.html"),
    "elasticache.failover": Timing(5, 20, _CACHE + "AutoFailover.html"),
    "ecs.task_start": Timing(20, 45, _ECS + "service-event-messages-list.html"),
}


def locations(*regions: RegionPlan) -> tuple[LocationPlan, ...]:
    """The three client locations with their round trips to those regions that are built."""
    table: dict[str, tuple[int, dict[str, float]]] = {
        "america": (101, {"us-east-1": 20, "eu-west-1": 90, "ap-south-1": 210}),
        "europe": (102, {"us-east-1": 90, "eu-west-1": 20, "ap-south-1": 130}),
        "asia": (103, {"us-east-1": 210, "eu-west-1": 130, "ap-south-1": 30}),
    }
    built = {region.name for region in regions}
    return tuple(
        LocationPlan(name, octet, {region: milliseconds(trip) for region, trip in trips.items() if region in built})
        for name, (octet, trips) in table.items()
    )


def load_balancer(region: RegionPlan, version: Version) -> LoadBalancerPlan:
    """The region's ALB: target checks of 30 s × 2 as written, 5 s × 2 hardened."""
    interval, drain = (seconds(30), seconds(300)) if version == "as_written" else (seconds(5), seconds(30))
    return LoadBalancerPlan(
        LOAD_BALANCER,
        region.name,
        ("a", "b"),
        HEALTH_PATH,
        interval=interval,
        timeout=_below(interval),
        deregistration_delay=drain,
    )


def _below(interval: Duration) -> Duration:
    return min(seconds(5), interval - seconds(1))


def services(region: RegionPlan, requests_per_second: float | None = None) -> tuple[EcsService, ...]:
    """The four services of a region; two gateways, each of which can do so many requests, one of each other."""
    return (
        EcsService(
            "api-gateway",
            region.name,
            2,
            load_balancer=LOAD_BALANCER,
            container_health_check=True,
            requests_per_second=requests_per_second,
        ),
        EcsService("event-processor", region.name, 1),
        EcsService("action-workers", region.name, 1),
        EcsService("ponder-indexer", region.name, 1),
    )


def regional_check(region: RegionPlan, version: Version) -> HealthCheck:
    """The region's Route 53 check: 30 s × 3 as written; 10 s × 2 hardened (10 s × 3 detects in up to 42 s)."""
    name = f"api-{region.name}"
    if version == "as_written":
        return HealthCheck(name, region.name, HEALTH_PATH, 30, 3)
    return HealthCheck(name, region.name, HEALTH_PATH, 10, 2)


def aurora(cluster: str, region: RegionPlan, zones: str, group: str) -> tuple[DbInstance, ...]:
    """The instances of an Aurora cluster, one a zone, ``cluster-1``…; memory-optimised, as global ones must be."""
    return tuple(
        DbInstance(
            f"{cluster}-{number}",
            region.name,
            zone,
            "db.r6g.large",
            "aurora-postgresql",
            group,
            cluster=cluster,
        )
        for number, zone in enumerate(zones, 1)
    )
