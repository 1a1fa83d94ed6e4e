"""Can this configuration keep its promise at all? Best, typical and worst recovery, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from harness.clock import ZERO, Duration, seconds
from harness.configuration import DOCUMENTED, Alarm, Configuration, DnsRecord, HealthCheck, Range
from harness.objectives import Objectives
from harness.verdicts import Ruling, worst

CONNECT_TIMEOUT = seconds(4)
"""A checker waits so long for a connection to a dark endpoint, and counts its interval from then on.
Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html"""
FAILED_SHARE = 0.82
"""So many of the checkers must have given up: an endpoint is healthy while more than 18 % of them say so."""
ENDPOINT_TTL = seconds(5)
"""The TTL of a database's endpoint."""
DELIVERY = seconds(120)
"""How late AWS's own metrics may arrive, measured at worst (facts: 5 minutes with delivery)."""

_CHECKS = "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html"
_ALARMS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html"

Kind = Literal["reads", "writes"]


@dataclass(frozen=True)
class Budget:
    """One stage of a recovery as the configuration makes it."""

    name: str
    range: Range


@dataclass(frozen=True)
class Path:
    """A way back: its stages one after the other; ``never`` says why there is none."""

    stages: tuple[Budget, ...] = ()
    never: str = ""

    def total(self) -> tuple[Duration, Duration, Duration]:
        """Best, typical and worst of the whole path."""
        ranges = [stage.range for stage in self.stages]
        return (
            sum((one.best for one in ranges), ZERO),
            sum((one.typical for one in ranges), ZERO),
            sum((one.worst for one in ranges), ZERO),
        )


@dataclass(frozen=True)
class Row:
    """One failure as one location sees it."""

    location: str
    kind: Kind
    failure: str
    path: Path
    objective: Duration

    @property
    def ruling(self) -> Ruling:
        """KEPT when even the worst case is in time, BROKEN when not even the best is."""
        best, _, worst_case = self.path.total()
        if self.path.never or best > self.objective:
            return Ruling.BROKEN
        return Ruling.KEPT if worst_case <= self.objective else Ruling.UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; spans in seconds, ``None`` where there is no way back."""
        totals = [None] * 3 if self.path.never else [span.seconds for span in self.path.total()]
        return {
            "location": self.location,
            "kind": self.kind,
            "failure": self.failure,
            **dict(zip(("best_seconds", "typical_seconds", "worst_seconds"), totals, strict=True)),
            "objective_seconds": self.objective.seconds,
            "ruling": self.ruling.name,
            "reason": self.path.never,
            "stages": [{"name": stage.name, **range_json(stage.range)} for stage in self.path.stages],
        }


@dataclass(frozen=True)
class Feasibility:
    """What a configuration can do at best, beside what it owes."""

    rows: tuple[Row, ...]
    findings: tuple[str, ...]
    alarm: Range | None
    """From the lag crossing its threshold to the alarm; ``None`` when the alarm cannot ring."""
    alarm_ruling: Ruling
    verdict: Ruling

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values for a run's header; spans in seconds."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "findings": list(self.findings),
            "alarm": None if self.alarm is None else range_json(self.alarm),
            "alarm_ruling": self.alarm_ruling.name,
            "verdict": self.verdict.name,
        }

    def of(self, failure: str) -> Ruling:
        """The ruling for one failure alone, e.g. ``failure_of(title(fault))``; UNKNOWN when no row has it."""
        return worst(row.ruling for row in self.rows if row.failure == failure)


def range_json(one: Range) -> dict[str, Any]:
    """A range as plain JSON values in seconds."""
    spans = {"best_seconds": one.best, "typical_seconds": one.typical, "worst_seconds": one.worst}
    return {**{name: span.seconds for name, span in spans.items()}, "source": one.source}


def failure_of(title: str) -> str:
    """The failure of a fault's title (``harness.faults.title``): the ``failure`` of the rows that foresee it."""
    kind, _, target = title.partition(" ")
    if target == "database writer":
        return "writer stopped"
    if target.startswith("load balancer of "):
        return f"{target} dark"
    return f"region {target} lost" if kind in ("Blackhole", "Lose") else title


def detection(check: HealthCheck) -> Range:
    """How long Route 53 takes to call a dark endpoint unhealthy.

    ``threshold`` tries of 4 s each, ``interval`` apart counted from the previous time-out, after a first phase of up
    to one interval; checkers' phases are spread, so 82 % of them have failed no sooner than 82 % of an interval later.
    Source: Route 53's documentation of health checks; 30 s × 3 gives 97–102 s.
    """
    tries = check.threshold * CONNECT_TIMEOUT + (check.threshold - 1) * check.interval
    low = tries + FAILED_SHARE * check.interval
    high = tries + check.interval
    return Range(low, (low + high) / 2, high, _CHECKS)


def alarm_rings(alarm: Alarm) -> Range:
    """From the metric crossing its threshold to ALARM: M whole periods, one more when it crosses within a period.

    AWS's own metrics arrive up to two minutes late on top. Source: CloudWatch's documentation of alarm evaluation.
    """
    late = DELIVERY if alarm.metric.startswith("AWS/") else ZERO
    needed = alarm.needed * alarm.period
    return Range(needed, needed + alarm.period / 2, needed + alarm.period + late, _ALARMS)


def feasibility(configuration: Configuration, objectives: Objectives) -> Feasibility:
    """Best, typical and worst recovery of each location's reads and writes for each failure, and what stands out.

    Pure arithmetic on the configuration; nothing is measured. KEPT: the worst case is within the objective. BROKEN:
    not even the best is, or there is no way back.
    """
    rows = tuple(_rows(configuration, objectives))
    rings, alarm_ruling, told = _lag_alarm(configuration, objectives)
    never = [row.path.never for row in rows if row.path.never]
    slow = [_slow(row) for row in rows if row.ruling is Ruling.BROKEN and not row.path.never]
    findings = tuple(dict.fromkeys([*never, *slow, *_oddities(configuration), *told]))
    return Feasibility(rows, findings, rings, alarm_ruling, worst([*(row.ruling for row in rows), alarm_ruling]))


def _slow(row: Row) -> str:
    best, _, worst_case = row.path.total()
    parts = ", ".join(f"{stage.name} {stage.range.best}–{stage.range.worst}" for stage in row.path.stages)
    return f"{row.kind} with {row.failure}: {best} at best, {worst_case} at worst, owed {row.objective} ({parts})"


def _rows(configuration: Configuration, objectives: Objectives) -> Iterable[Row]:
    regions = list(dict.fromkeys(record.region for record in configuration.records))
    database = configuration.writer
    if database and database.writer_region not in regions:
        regions.append(database.writer_region)
    for location in configuration.nearest:
        for region in regions:
            for failure, lost in ((f"load balancer of {region} dark", False), (f"region {region} lost", True)):
                front = _front(configuration, location, region)
                writer = _writer_away(configuration, location, region, lost)
                yield Row(location, "reads", failure, front, objectives.recovery_time)
                yield Row(location, "writes", failure, _longer(front, writer), objectives.write_recovery_time)
        if database:
            path = _writer_stopped(configuration)
            yield Row(location, "reads", "writer stopped", _maybe(path), objectives.recovery_time)
            yield Row(location, "writes", "writer stopped", path, objectives.write_recovery_time)


def _longer(one: Path, other: Path) -> Path:
    """The path that ends later, where both must be walked at the same time."""
    if one.never or other.never:
        return one if one.never else other
    return max(one, other, key=lambda path: path.total()[2])


def _maybe(path: Path) -> Path:
    """The path for reads, some of which (those on a replica) need none of it."""
    if path.never:
        return path
    return Path(tuple(replace(stage, range=replace(stage.range, best=ZERO)) for stage in path.stages))


def _reconnect(configuration: Configuration) -> Budget:
    deadline = configuration.client.request_deadline
    return Budget("reconnect", Range(ZERO, deadline / 2, deadline, "the clients' deadline of a request"))


def _front(configuration: Configuration, location: str, region: str) -> Path:
    """How clients of a location reach another region when the load balancer of ``region`` is dark."""
    if next(iter(configuration.nearest[location]), None) != region:
        return Path()
    record = next((one for one in configuration.records if one.region == region), None)
    if record is None:
        return Path(never=f"{region} serves {location}, and no record leads there")
    never = _stuck(configuration, record)
    if record.routing == "geolocation" and len(configuration.nearest[location]) == 1:
        never = f"{region} has the default record: Route 53 has nothing else to answer {location} with"
    check = configuration.check(record.health_check)
    if check is None:
        return Path(never=never)
    if never:
        return Path((Budget("detection", detection(check)),), never)
    ttl = record.cached_for
    source = "the fixed TTL of an alias" if record.alias else "the record's TTL"
    stages = (
        Budget("detection", detection(check)),
        Budget("dns", Range(ZERO, ttl / 2, ttl, source)),
        _reconnect(configuration),
    )
    return Path(stages)


def _stuck(configuration: Configuration, record: DnsRecord) -> str:
    """Why Route 53 would go on answering with a dark record; empty when it would not."""
    others = [one for one in configuration.records if one.region != record.region and one.routing == record.routing]
    if record.routing == "simple":
        return f"the record of {record.region} is a simple one: Route 53 has nothing else to answer with"
    if record.routing == "failover" and not any(one.failover == "SECONDARY" for one in others):
        return "no SECONDARY record: Route 53 has nothing else to answer with"
    if not others:
        return f"only {record.region} has a record: Route 53 has nothing else to answer with"
    check = configuration.check(record.health_check)
    if check is None or check.disabled:
        state = "is disabled" if check else "is missing"
        return (
            f"the health check of {record.region}'s record {state}: Route 53 goes on answering with it when it is dark"
        )
    if not configuration.client.honours_ttl and configuration.client.connection_age is None:
        return "clients neither honour the TTL nor limit the age of a connection: they stay on the dark address"
    return ""


def _writer_away(configuration: Configuration, location: str, region: str, lost: bool) -> Path:
    """How writes come back when clients cannot stay in ``region``, or when it is lost with all that is in it."""
    database = configuration.writer
    moved = next(iter(configuration.nearest[location]), None) == region
    if database is None or region != database.writer_region:
        return Path()
    if not lost and (database.writes_from_everywhere or not moved):
        return Path()
    if not database.promotable_regions:
        return Path(never=f"no database outside {region} can be promoted")
    decision = _decision(configuration, region)
    if decision.never:
        return decision
    kind = "aurora_global" if database.kind == "aurora_global" else "replica"
    return Path((*decision.stages, *_takeover(configuration, kind)))


def _takeover(configuration: Configuration, kind: str) -> tuple[Budget, ...]:
    promotion = configuration.failover_ranges.get(kind) or DOCUMENTED[kind]
    endpoint = Range(ZERO, ENDPOINT_TTL / 2, ENDPOINT_TTL, "the TTL of a database's endpoint")
    return Budget("promotion", promotion), Budget("dns", endpoint), _reconnect(configuration)


def _decision(configuration: Configuration, region: str) -> Path:
    """Detection and decision by whoever promotes the database."""
    automation = configuration.automation
    if automation.kind == "none":
        return Path(never="nobody decides: nothing in the platform promotes the database")
    if automation.kind == "operator":
        taken = Range(automation.assumed, automation.assumed, automation.assumed, "assumed: a person decides")
        return Path((Budget("decision", taken),))
    alarm = configuration.alarm(automation.alarm, away_from=region)
    if alarm is None:
        return Path(never=f"the automation waits for the alarm {automation.alarm}, and there is none of that name")
    if alarm.region == region:
        return Path(never=f"the automation waits for {alarm.name}, an alarm in {region}, the region that fails")
    return Path((Budget("detection", alarm_rings(alarm)), Budget("decision", Range(ZERO, ZERO, ZERO, "automation"))))


def _writer_stopped(configuration: Configuration) -> Path:
    database = configuration.writer
    if database is None or database.kind in ("single", "replica"):
        return Path(never="the writer has no standby in its region: nothing takes over when it stops")
    kind = "aurora" if database.kind == "aurora_global" else database.kind
    return Path(_takeover(configuration, kind))


def _oddities(configuration: Configuration) -> list[str]:
    """What a person should know, whatever the figures say."""
    told = []
    for record in configuration.records:
        if record.failover == "SECONDARY" and record.health_check:
            told.append("the SECONDARY has a health check: with both unhealthy Route 53 answers with the dark PRIMARY")
        if not record.alias and record.evaluate_target_health:
            told.append(f"{record.set_identifier}: only an alias can evaluate the health of its target")
        if record.alias and configuration.check(record.health_check):
            told.append(f"{record.set_identifier} is an alias: its TTL of 60 s is added to every detection")
    if configuration.automation.kind == "operator":
        told.append(f"a person decides, assumed to take {configuration.automation.assumed}: that is not automatic")
    alarm = configuration.alarm(configuration.automation.alarm)
    if alarm and alarm.metric.startswith("AWS/Route53"):
        told.append(f"{alarm.name} watches a Route 53 metric, which exists in us-east-1 only")
    database = configuration.writer
    if database and database.kind == "aurora_global" and len(database.promotable_regions) > 1:
        told.append("an unplanned failover rebuilds every other secondary: its reads are down until that is done")
    served = {region for order in configuration.nearest.values() for region in order}
    missing = sorted(served - {record.region for record in configuration.records})
    return [*told, *(f"no record leads to {region}" for region in missing)]


def _lag_alarm(configuration: Configuration, objectives: Objectives) -> tuple[Range | None, Ruling, list[str]]:
    """When the lag alarm can ring at the earliest, and why it might never."""
    name = configuration.lag_alarm
    if name is None:
        return None, Ruling.KEPT, []
    alarm = configuration.alarm(name)
    if alarm is None:
        return None, Ruling.BROKEN, [f"there is no alarm {name}"]
    blind = _blind(configuration, alarm)
    if blind:
        return None, Ruling.BROKEN, blind
    rings = alarm_rings(alarm)
    owed = objectives.alarm_delay
    told = [] if alarm.actions else [f"{name} has no action: nobody is told"]
    if rings.worst > owed:
        told.append(
            f"{name} needs {alarm.needed} periods of {alarm.period}: it rings {rings.best} to {rings.worst} after the "
            f"lag is too high, owed {owed}"
        )
    ruling = Ruling.KEPT if rings.worst <= owed else Ruling.BROKEN if rings.best > owed else Ruling.UNKNOWN
    return rings, ruling if alarm.actions else Ruling.BROKEN, told


def _blind(configuration: Configuration, alarm: Alarm) -> list[str]:
    told = []
    kinds = {database.kind for database in configuration.databases}
    if alarm.metric == "AWS/RDS/ReplicaLag" and kinds & {"aurora", "aurora_global"}:
        told.append(f"{alarm.name} watches ReplicaLag, which Aurora does not publish: it stays in INSUFFICIENT_DATA")
    known = {name for database in configuration.databases for name in (database.identifier, *database.identifiers)}
    for dimension in ("DBInstanceIdentifier", "DBClusterIdentifier"):
        named = alarm.dimensions.get(dimension)
        if named is not None and named not in known:
            told.append(f"{alarm.name} names {named}, which does not exist")
    return told
