"""What to build, in AWS's words: the frozen description of a platform that the twin boots and then mutates.

Spans are AWS time. Identifiers are unique within a design. Every value is data; nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.clock import Duration, seconds

Version = Literal["hardened", "as_written"]


@dataclass(frozen=True)
class RegionPlan:
    """A region and its zones. ``octet`` is the second octet of its addresses, e.g. 1 for 10.1.0.0/16."""

    name: str
    octet: int
    zones: tuple[str, ...] = ("a", "b")


@dataclass(frozen=True)
class LocationPlan:
    """A place where clients and Route 53's checkers are. ``latency`` is the round trip to each region."""

    name: str
    octet: int
    latency: Mapping[str, Duration]


@dataclass(frozen=True)
class ParameterGroup:
    """An RDS parameter group; ``family`` as AWS names it. ``cluster`` says which of the two kinds it is."""

    name: str
    region: str
    family: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    cluster: bool = False


@dataclass(frozen=True)
class DbInstance:
    """An RDS instance or a member of a DB cluster.

    ``standby_zone`` makes it a Multi-AZ *instance* with a hidden synchronous standby there. ``source`` is the
    identifier of the instance that a read replica streams from (another region's: a cross-region replica).
    """

    identifier: str
    region: str
    zone: str
    instance_class: str
    engine: Literal["postgres", "aurora-postgresql"]
    parameter_group: str
    standby_zone: str | None = None
    source: str | None = None
    cluster: str | None = None


@dataclass(frozen=True)
class DbCluster:
    """A Multi-AZ DB cluster (engine postgres: a writer and two readable standbys) or an Aurora cluster.

    ``members`` are instance identifiers, the writer first; a secondary of a global cluster has readers only.
    """

    identifier: str
    region: str
    engine: Literal["postgres", "aurora-postgresql"]
    members: tuple[str, ...]
    parameter_group: str
    global_cluster: str | None = None


@dataclass(frozen=True)
class GlobalCluster:
    """An Aurora Global Database; ``clusters`` are cluster identifiers, the primary first."""

    identifier: str
    clusters: tuple[str, ...]


@dataclass(frozen=True)
class ReplicationGroup:
    """An ElastiCache for Redis replication group: the primary in ``zones[0]``, replicas in the others."""

    identifier: str
    region: str
    zones: tuple[str, ...]
    node_type: str
    automatic_failover: bool = False
    global_datastore: str | None = None


@dataclass(frozen=True)
class LoadBalancerPlan:
    """An Application Load Balancer with one target group of ip targets on port 8080; one node in each zone."""

    name: str
    region: str
    zones: tuple[str, ...]
    health_path: str = "/api/v1/health"
    interval: Duration = seconds(30)
    timeout: Duration = seconds(5)
    healthy_count: int = 2
    unhealthy_count: int = 2
    deregistration_delay: Duration = seconds(300)


@dataclass(frozen=True)
class EcsService:
    """An ECS Fargate service; tasks are spread over ``zones``. ``load_balancer`` names the ALB of its targets."""

    name: str
    region: str
    desired_count: int
    zones: tuple[str, ...] = ("a", "b")
    load_balancer: str | None = None
    container_health_check: bool = False
    minimum_healthy_percent: int = 100
    maximum_percent: int = 200
    requests_per_second: float | None = None
    """What one task can do; ``None``: it is never too much. An assumption: AWS publishes no such figure."""


@dataclass(frozen=True)
class HealthCheck:
    """A Route 53 endpoint health check against the load balancer of ``region``."""

    identifier: str
    region: str
    path: str
    interval: Literal[10, 30]
    threshold: int
    port: int = 443
    protocol: Literal["HTTP", "HTTPS"] = "HTTPS"


@dataclass(frozen=True)
class RecordPlan:
    """A record of the API's name that answers with the load balancer of ``region``.

    ``alias``: an ELB alias (A, TTL 60, may evaluate target health); else a CNAME with ``ttl`` seconds.
    """

    set_identifier: str
    region: str
    routing: Literal["simple", "failover", "latency"]
    alias: bool
    failover: Literal["PRIMARY", "SECONDARY"] | None = None
    health_check: str | None = None
    evaluate_target_health: bool = False
    ttl: int = 60


@dataclass(frozen=True)
class AlarmPlan:
    """A CloudWatch alarm; its ALARM and OK actions go to ``topic`` of the same region."""

    name: str
    region: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    threshold: float
    statistic: str = "Average"
    comparison: str = "GreaterThanThreshold"
    period: int = 60
    evaluation_periods: int = 2
    datapoints_to_alarm: int | None = None
    treat_missing_data: str = "missing"
    topic: str = "agentauri-alerts"


@dataclass(frozen=True)
class Automation:
    """The platform's own software around the database, the stand-in for ARC Region switch and heartbeats.

    ``heartbeat``: a row written through the writer endpoint every second, its age measured on every reader and
    published as ``AgentAuri/ReplicaHeartbeatLag`` (high resolution, dimension Region); reachability of the writer from
    every region as ``AgentAuri/WriterReachable`` (1 or 0, high resolution, dimension Region).
    ``switches_region``: when the alarm ``writer-unreachable`` of a secondary's region rings, fail the global cluster
    over to that region (the first secondary in the design's order whose own alarm rings).
    ``scales_standby``: while the health checkers find the primary region dark, services of the others that are smaller
    than the primary's are brought to its size.
    """

    heartbeat: bool = False
    switches_region: bool = False
    scales_standby: bool = False


@dataclass(frozen=True)
class AppBehaviour:
    """How the four services behave in one region; honest to MISSION.md's list of known faults."""

    writer_endpoint: str
    reader_endpoint: str
    cache_endpoint: str | None
    jwt_secret: str
    health: Literal["shallow", "select_1"] = "select_1"
    cache_required_to_start: bool = True
    queue_before_mark: bool = False
    """Push the job before marking the event processed (else the job is lost when Redis is down)."""
    acknowledge_after_run: bool = False
    """Keep the job in a processing list until it ran (else a killed or disconnected worker loses it)."""
    reconnect_cache: bool = False
    reads_fall_back: bool = False
    """Read from the writer while the replica is down, and the other way round, older data being better than none."""
    reader_must_follow: bool = False
    """Connect to the reader only while it follows a writer (libpq's target_session_attrs=standby)."""
    database_timeout: Duration = seconds(5)
    connection_age: Duration | None = None
    role_life: Duration = seconds(300)
    """How long a role stays in the region's cache; a change in another region is not seen before."""


@dataclass(frozen=True)
class Timing:
    """A duration drawn uniformly from AWS's documented range, in AWS seconds, with its source."""

    low: float
    high: float
    source: str


@dataclass(frozen=True)
class Design:
    """A whole platform. ``regions[0]`` is the primary."""

    name: str
    version: Version
    regions: tuple[RegionPlan, ...]
    locations: tuple[LocationPlan, ...]
    round_trips: Mapping[frozenset[str], Duration]
    instances: tuple[DbInstance, ...]
    parameter_groups: tuple[ParameterGroup, ...]
    caches: tuple[ReplicationGroup, ...]
    load_balancers: tuple[LoadBalancerPlan, ...]
    services: tuple[EcsService, ...]
    records: tuple[RecordPlan, ...]
    health_checks: tuple[HealthCheck, ...]
    alarms: tuple[AlarmPlan, ...]
    app: Mapping[str, AppBehaviour]
    timings: Mapping[str, Timing]
    clusters: tuple[DbCluster, ...] = ()
    global_cluster: GlobalCluster | None = None
    global_datastore: str | None = None
    automation: Automation = Automation()
    tags: Mapping[str, str] = field(default_factory=dict)
    seed: int = 1

    @property
    def primary(self) -> RegionPlan:
        """The region that is written to at boot."""
        return self.regions[0]

    def region(self, name: str) -> RegionPlan:
        """The plan of a region by its name."""
        return next(plan for plan in self.regions if plan.name == name)
