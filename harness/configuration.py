"""A platform's live failover configuration, as values: what its recovery time follows from.

Target-neutral: read from AWS (or the twin's endpoint) by the hands, judged by ``harness.judges.feasibility``. Spans
are AWS time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.clock import Duration, seconds
from harness.timings import ALIAS_TTL, DOCUMENTED, Range

Asks = Literal["nothing", "database", "writer"]


@dataclass(frozen=True)
class DnsRecord:
    """A record of the API's name that leads to the load balancer of ``region``."""

    set_identifier: str
    region: str
    routing: Literal["simple", "failover", "latency", "geolocation"]
    alias: bool
    ttl: Duration
    """As configured; an alias has :data:`harness.timings.ALIAS_TTL` whatever is written here."""
    failover: Literal["PRIMARY", "SECONDARY"] | None = None
    health_check: str | None = None
    evaluate_target_health: bool = False
    where: str = ""
    """Where it is written: a Terraform address, or AWS's own identifier."""

    @property
    def cached_for(self) -> Duration:
        """How long a resolver may keep the answer."""
        return ALIAS_TTL if self.alias else self.ttl


@dataclass(frozen=True)
class HealthCheck:
    """A Route 53 endpoint health check of ``region``'s load balancer."""

    identifier: str
    region: str
    kind: str
    path: str
    interval: Duration
    threshold: int
    disabled: bool = False
    asks: Asks = "nothing"
    """What must work, beside the region's front, for it to pass: nothing more, the database that the region's services
    name as theirs, or whatever database takes writes now."""
    host: str = ""
    """The name that it asks."""
    where: str = ""


DatabaseKind = Literal["multi_az_instance", "multi_az_cluster", "aurora", "aurora_global", "replica", "single"]


@dataclass(frozen=True)
class Database:
    """A database. ``kind`` says how it fails over within its writer's region.

    ``promotable_regions``: where a replica (or a secondary cluster) could take over, the first choice first.
    """

    identifier: str
    kind: DatabaseKind
    writer_region: str
    promotable_regions: tuple[str, ...] = ()
    writes_from_everywhere: bool = True
    """Every region's service writes through an endpoint that leads to the writer, wherever it is."""
    identifiers: tuple[str, ...] = ()
    """All instances and clusters that belong to it: what an alarm may name."""
    instance_class: str = ""
    where: str = ""


@dataclass(frozen=True)
class Cache:
    """An ElastiCache replication group. ``secondary``: a read-only one of a Global Datastore."""

    identifier: str
    region: str
    node_type: str
    global_datastore: str | None = None
    secondary: bool = False
    where: str = ""


@dataclass(frozen=True)
class Targets:
    """The targets of a region's load balancer as it checks them: a path each ``interval``, ``failures`` in a row."""

    region: str
    path: str
    interval: Duration
    failures: int
    asks: Asks = "nothing"
    where: str = ""


@dataclass(frozen=True)
class Service:
    """The API's ECS service in a region. ``cold``: its tasks need a Redis to start, and the region has none."""

    region: str
    desired_count: int
    reads_fall_back: bool = False
    """Reads go to the other store while the one they prefer is down."""
    cold: bool = False
    where: str = ""


HEALTH_PATH = "/api/v1/health"
"""The API's own health route. It runs ``SELECT 1`` unless its task's environment says ``HEALTH_CHECK=shallow``."""


def asked(path: str, environment: Mapping[str, str]) -> Asks:
    """What must work for a health check of that path to pass, by the environment of the API's tasks."""
    deep = path.rstrip("/") == HEALTH_PATH and environment.get("HEALTH_CHECK", "select_1") != "shallow"
    return "database" if deep else "nothing"


def served(region: str, count: int, environment: Mapping[str, str], cached: bool, where: str) -> Service:
    """The API's service by the environment of its tasks: ``READS_FALL_BACK`` and ``REDIS_REQUIRED``, which default to
    what the application does without them. ``cached``: the region has a Redis."""
    cold = environment.get("REDIS_REQUIRED", "true") == "true" and not cached
    return Service(region, count, environment.get("READS_FALL_BACK") == "true", cold, where)


@dataclass(frozen=True)
class Unknown:
    """A value that is not known before it is made: where, which attribute, and what depends on it."""

    where: str
    attribute: str
    matters: str


@dataclass(frozen=True)
class Alarm:
    """A CloudWatch metric alarm. ``metric`` is ``Namespace/Name``."""

    name: str
    region: str
    metric: str
    dimensions: Mapping[str, str]
    threshold: float
    period: Duration
    evaluation_periods: int
    datapoints_to_alarm: int | None = None
    actions: tuple[str, ...] = ()
    where: str = ""

    @property
    def needed(self) -> int:
        """So many breaching datapoints ring it (M of N)."""
        return self.datapoints_to_alarm or self.evaluation_periods


@dataclass(frozen=True)
class Automation:
    """Who promotes the database when the writer's region is lost, and how long they take to decide.

    ``platform`` decides when ``alarm`` rings; ``operator`` in ``assumed``, which a report must state; ``none``: nobody.
    """

    kind: Literal["none", "platform", "operator"] = "none"
    alarm: str | None = None
    assumed: Duration = seconds(0)
    where: str = ""


@dataclass(frozen=True)
class Client:
    """How the clients follow DNS: whether they honour TTLs, and for how long they keep a connection."""

    honours_ttl: bool = True
    connection_age: Duration | None = None
    request_deadline: Duration = seconds(5)


@dataclass(frozen=True)
class Configuration:
    """Everything that decides how fast a platform can recover."""

    nearest: Mapping[str, tuple[str, ...]]
    """For each client location the regions in the order in which they should serve it."""
    records: tuple[DnsRecord, ...]
    health_checks: tuple[HealthCheck, ...] = ()
    databases: tuple[Database, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    automation: Automation = Automation()
    client: Client = Client()
    failover_ranges: Mapping[str, Range] = field(default_factory=lambda: DOCUMENTED)
    lag_alarm: str | None = None
    """The name of the alarm that must ring when a replica lags."""
    caches: tuple[Cache, ...] = ()
    targets: tuple[Targets, ...] = ()
    services: tuple[Service, ...] = ()
    fronts: tuple[str, ...] = ()
    """The regions that have a load balancer."""
    hosts: tuple[str, ...] = ()
    """Every name that has a record, where all are known."""
    unknowns: tuple[Unknown, ...] = ()

    def check(self, identifier: str | None) -> HealthCheck | None:
        """A health check by its identifier."""
        return next((one for one in self.health_checks if one.identifier == identifier), None)

    def alarm(self, name: str | None, away_from: str | None = None) -> Alarm | None:
        """An alarm by its name; where several regions have one, one that is away from the region that fails."""
        named = [one for one in self.alarms if one.name == name]
        return next((one for one in named if one.region != away_from), named[0] if named else None)

    @property
    def writer(self) -> Database | None:
        """The database that takes the writes: the first that is not itself a read replica."""
        return next((one for one in self.databases if one.kind != "replica"), None)
