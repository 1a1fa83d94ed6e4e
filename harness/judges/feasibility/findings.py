"""What is wrong in a configuration as it is written: its evidence, why, AWS's own page, and what to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.clock import seconds
from harness.configuration import DnsRecord, HealthCheck
from harness.judges.feasibility.arithmetic import detection
from harness.judges.feasibility.platform import ROUTE53_HOME, Platform, nowhere
from harness.objectives import Objectives
from harness.timings import CHECKS, CHOICE, DOCUMENTED, LAST_RESORT, RECORDS, TARGETS

_AWS = "https://docs.aws.amazon.com/"
_CREATING = _AWS + "Route53/latest/DeveloperGuide/health-checks-creating-values.html"
_MONITORING = _AWS + "Route53/latest/DeveloperGuide/monitoring-health-checks.html"
_FAILOVER = _AWS + "Route53/latest/DeveloperGuide/dns-failover-types.html"
_SWITCH = _AWS + "r53recovery/latest/dg/region-switch.html"
_GLOBAL = _AWS + "AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html"
_GLOBAL_CLASSES = _AWS + "AmazonRDS/latest/AuroraUserGuide/aurora-global-database-getting-started.html"
_CLUSTER = _AWS + "AmazonRDS/latest/UserGuide/multi-az-db-clusters-concepts.html"
_DATASTORE = _AWS + "AmazonElastiCache/latest/dg/Redis-Global-Datastores-Getting-Started.html"
_TOO_SMALL = ("cache.t2.", "cache.t3.", "cache.t4g.")
_BURSTABLE = ("db.t2.", "db.t3.", "db.t4g.")
_UNFIT = (".micro", ".small")


@dataclass(frozen=True)
class Evidence:
    """A value where it is written: ``where`` is a Terraform address or AWS's identifier."""

    where: str
    attribute: str
    value: Any

    def __str__(self) -> str:
        return f"{self.where or '(not named)'}: {self.attribute} = {self.value!r}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"where": self.where, "attribute": self.attribute, "value": self.value}


@dataclass(frozen=True)
class Finding:
    """``name`` is the same in every report; ``impossible``: AWS refuses it, or no setting of it keeps the promise."""

    name: str
    words: str
    evidence: tuple[Evidence, ...]
    why: str
    source: str
    change: str
    impossible: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "words": self.words,
            "evidence": [one.to_json() for one in self.evidence],
            "why": self.why,
            "source": self.source,
            "change": self.change,
            "impossible": self.impossible,
        }


def findings_of(platform: Platform, owed: Objectives) -> Iterator[Finding]:
    """Everything but the lag alarm, records first."""
    yield from _slow_records(platform, owed)
    yield from _missing_records(platform)
    yield from _records(platform)
    yield from _checks(platform)
    yield from _fails_open(platform)
    yield from _database(platform, owed)
    yield from _decision(platform)
    yield from _alarms(platform)
    yield from _caches(platform)


def _slow_records(platform: Platform, owed: Objectives) -> Iterator[Finding]:
    told = platform.configuration
    for record in told.records:
        check = told.check(record.health_check)
        if check is None:
            continue
        notices = detection(check)
        whole = notices.worst + record.cached_for + told.client.request_deadline
        if whole <= owed.recovery_time:
            continue
        evidence = [
            Evidence(check.where, "request_interval", check.interval.seconds),
            Evidence(check.where, "failure_threshold", check.threshold),
        ]
        evidence += [Evidence(record.where, "alias" if record.alias else "ttl", record.cached_for.seconds)]
        wait = "the 60 s of an alias" if record.alias else f"a TTL of {record.cached_for}"
        yield Finding(
            "detection-too-slow",
            f"{_name(record)}: a dark endpoint is noticed after {notices.best} to {notices.worst}, and {wait} comes on "
            f"top: up to {whole}, owed {owed.recovery_time}",
            tuple(evidence),
            "Route 53 counts its interval from the previous answer, and a dark endpoint uses up the 4 s connect "
            "time-out of each try; an alias to a load balancer has a fixed TTL of 60 s.",
            CHECKS if not record.alias else RECORDS,
            "Make a new health check of 10 s × 2 (RequestInterval cannot be changed: up to 28 s), and a CNAME of TTL "
            "10 in place of the alias, with a check of its own for each record, since a CNAME evaluates no target.",
        )


def _missing_records(platform: Platform) -> Iterator[Finding]:
    told = platform.configuration
    led = {record.region for record in told.records}
    primaries = [record for record in told.records if record.failover == "PRIMARY"]
    if primaries and not any(record.failover == "SECONDARY" for record in told.records):
        yield Finding(
            "no-secondary",
            "only a PRIMARY record is defined, no SECONDARY: Route 53 has nothing to fail over to",
            (Evidence(primaries[0].where, "failover_routing_policy.type", "PRIMARY"),),
            "Failover routing takes two records; without a SECONDARY the PRIMARY is answered whatever its health.",
            _FAILOVER,
            "Add a SECONDARY record that leads to the standby's load balancer, without a health check.",
        )
    for region in told.fronts:
        if region not in led and len(told.fronts) > 1:
            yield Finding(
                "region-without-record",
                f"no record leads to {region}, which has a load balancer",
                (Evidence(_front(platform, region), "region", region),),
                "Clients find a region through the records of the API's name alone.",
                CHOICE,
                f"Add a record for {region}.",
            )
    for region in sorted(led - set(told.fronts)) if told.fronts else []:
        record = next(one for one in told.records if one.region == region)
        yield Finding(
            "region-not-built",
            f"a record leads to {region}, where no load balancer is built",
            (Evidence(record.where, "region", region),),
            "A record answers with what it is told, whether anything is there or not.",
            CHOICE,
            f"Build {region}, or take its record away.",
            impossible=True,
        )
    for check in told.health_checks:
        if nowhere(told, check):
            yield Finding(
                "check-of-a-name-without-record",
                f"the health check asks {check.host}, which has no record",
                (Evidence(check.where, "fqdn", check.host),),
                "A check whose name cannot be resolved is unhealthy for ever.",
                _CREATING,
                f"Add a record for {check.host}, or let the check ask the load balancer's own name.",
            )


def _front(platform: Platform, region: str) -> str:
    return next((one.where for one in platform.configuration.targets if one.region == region), "")


def _records(platform: Platform) -> Iterator[Finding]:
    told = platform.configuration
    for record in told.records:
        if record.failover == "SECONDARY" and record.health_check:
            yield Finding(
                "secondary-has-a-check",
                "the SECONDARY has a health check: with both unhealthy Route 53 answers with the dark PRIMARY",
                (Evidence(record.where, "health_check_id", record.health_check),),
                "When the SECONDARY is unhealthy too, Route 53 answers with the PRIMARY, whatever its health.",
                "https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html",
                "Take the health check off the SECONDARY.",
            )
        if not record.alias and record.evaluate_target_health:
            yield Finding(
                "only-an-alias-evaluates",
                f"{_name(record)}: only an alias can evaluate the health of its target",
                (Evidence(record.where, "evaluate_target_health", value=True),),
                "A CNAME leads to a name, and Route 53 knows nothing of what is behind it.",
                RECORDS,
                "Give the record a health check of its own.",
            )
        if record.routing != "simple" and not record.health_check and record.failover != "SECONDARY":
            yield Finding(
                "record-without-check",
                f"{_name(record)} has no health check: Route 53 goes on answering with it when its region is dark",
                (Evidence(record.where, "health_check_id", None),),
                "A record without a health check counts as healthy; a load balancer's target health does not see that "
                "nobody can reach the load balancer itself.",
                CHOICE,
                "Give the record a shallow health check of its own.",
            )


def _checks(platform: Platform) -> Iterator[Finding]:
    told = platform.configuration
    used = {record.health_check for record in told.records}
    asking = [one for one in told.health_checks if one.identifier in used and one.asks != "nothing"]
    for check in asking:
        yield Finding(
            "check-asks-the-database",
            f"the health check of {check.region} asks {'the writer' if check.asks == 'writer' else 'its database'} "
            f"({check.path or '/'} runs a query): {_harm(check, platform)}",
            (Evidence(check.where, "resource_path", check.path),),
            "A check for routing must fail when this region is worse than the others, and only then: when none is "
            "healthy, Route 53 counts all as healthy and answers with the dark one too.",
            LAST_RESORT,
            "Let the check for routing be shallow and regional, none on the SECONDARY, and give the writer's health to "
            "the automation as a signal of its own. A check that asks the writer is no cure: it is worse.",
        )


def _harm(check: HealthCheck, platform: Platform) -> str:
    if check.asks == "writer" or bool(
        platform.database and platform.database.writes_from_everywhere and platform.multi
    ):
        return "when the writer is away every region looks unhealthy at once, and Route 53 answers with the dark one"
    return "it passes on a read-only replica and while Redis is down, and fails while the database fails over"


def _fails_open(platform: Platform) -> Iterator[Finding]:
    for targets in platform.configuration.targets:
        if targets.asks == "nothing":
            continue
        yield Finding(
            "load-balancer-fails-open",
            f"the load balancer of {targets.region} checks its targets with {targets.path}, which asks the database: "
            "when that is away all targets are unhealthy at once, and the load balancer sends requests to all of them",
            (Evidence(targets.where, "health_check.path", targets.path),),
            "A target group with unhealthy targets only fails open: requests go to all targets, whatever their health. "
            "So such a check takes nothing out of service; it only hides that the region cannot serve.",
            TARGETS,
            "Check targets with a path that looks at the task alone.",
        )


def _database(platform: Platform, owed: Objectives) -> Iterator[Finding]:
    database, told = platform.database, platform.configuration
    if database is None:
        return
    figure = told.failover_ranges.get(database.kind)
    engine = Evidence(database.where, "multi_az", value=True)
    if database.kind == "multi_az_instance" and figure and figure.worst > owed.write_recovery_time:
        yield Finding(
            "multi-az-instance-too-slow",
            f"{database.identifier} is a Multi-AZ instance, which takes {figure.best} to {figure.worst} to fail over, "
            f"owed {owed.write_recovery_time}",
            (engine,),
            "AWS's own figure for the failover of a Multi-AZ instance is 60 to 120 s.",
            figure.source,
            _instead(platform),
        )
    if database.kind == "single":
        yield Finding(
            "writer-without-standby",
            f"{database.identifier} has no standby: nothing takes over when it stops",
            (Evidence(database.where, "multi_az", value=False),),
            "An instance without Multi-AZ is started again by AWS on the same storage, whenever that is possible.",
            DOCUMENTED["multi_az_instance"].source,
            _instead(platform),
        )
    for replica in told.databases:
        if replica.kind == "replica" and replica.writer_region != database.writer_region:
            yield Finding(
                "promotion-by-hand",
                f"{replica.identifier} in {replica.writer_region} is a read replica: it is promoted by hand, takes "
                f"{DOCUMENTED['replica'].best} to {DOCUMENTED['replica'].worst} and reboots, and a backup blocks it",
                (Evidence(replica.where, "replicate_source_db", database.identifier),),
                "Promotion of a read replica takes several minutes and reboots it; it is not failover.",
                DOCUMENTED["replica"].source,
                "Use Aurora Global Database, and something of the platform that fails it over.",
            )
    if database.kind == "aurora_global":
        span = told.failover_ranges.get("aurora_global") or DOCUMENTED["aurora_global"]
        others = len(database.promotable_regions) > 1
        yield Finding(
            "global-failover-takes-minutes",
            f"an unplanned failover to another region takes {span.best} to {span.worst}"
            + (", and rebuilds every other secondary: its reads are down until that is done" if others else ""),
            (Evidence(database.where, "secondary regions", list(database.promotable_regions)),),
            "AWS says minutes for FailoverGlobalCluster; after it the other secondaries are synchronised anew and "
            "unavailable meanwhile.",
            _GLOBAL,
            "Owe reads within a minute and writes within the documented figure; let reads fall back to the writer's "
            "endpoint while the region's own reader is away.",
        )
    if database.kind == "aurora_global" and database.instance_class.startswith(_BURSTABLE):
        yield Finding(
            "global-database-class",
            f"{database.identifier} is planned as {database.instance_class}: Aurora Global Database has no burstable "
            "classes",
            (Evidence(database.where, "instance_class", database.instance_class),),
            "Aurora Global Database takes memory-optimised classes (db.r5 and later).",
            _GLOBAL_CLASSES,
            "Plan, and cost, db.r6g.large or larger.",
            impossible=True,
        )


def _instead(platform: Platform) -> str:
    if platform.multi:
        return (
            "Use Aurora (Global Database, where another region shall take over). A Multi-AZ DB cluster is quick enough "
            "in its region, but has no replication to another one: a dead end."
        )
    return (
        "Use a Multi-AZ DB cluster (typically under 35 s; no t3 classes, no conversion in place, no replication to "
        f"another region: {_CLUSTER}), or Aurora."
    )


def _decision(platform: Platform) -> Iterator[Finding]:
    automation, database = platform.configuration.automation, platform.database
    if database is None or not platform.multi:
        return
    evidence = (Evidence(database.where or database.identifier, "writer's region", database.writer_region),)
    if automation.kind == "none":
        yield Finding(
            "nobody-decides",
            "failover is called automatic, and nothing in the platform promotes the database in another region",
            evidence,
            "Neither RDS nor Aurora nor Route 53 moves a writer to another region by itself.",
            _SWITCH,
            "Add an automation (ARC Region switch) that acts on an alarm on the writer's health, in the standby's "
            "region; or name the person who decides, and count their time.",
        )
    elif automation.kind == "operator":
        yield Finding(
            "a-person-decides",
            f"a person decides, assumed to take {automation.assumed}: that is not automatic",
            evidence,
            "A person must be told, look, and act; that time is part of the recovery.",
            _SWITCH,
            "Let ARC Region switch decide on an alarm in the standby's region.",
        )
    races = [one for one in platform.alarms if one.needed * one.period < _takeover(platform)]
    if races and automation.kind == "platform":
        yield Finding(
            "automation-races-the-failover",
            f"{races[0].name} rings after {races[0].needed * races[0].period}, while a failover within the writer's "
            f"region may take {_takeover(platform)}: the automation may move the writer although a standby is about to "
            "take over",
            (Evidence(races[0].where, "evaluation_periods × period", (races[0].needed * races[0].period).seconds),),
            "An unplanned global failover loses what was not replicated and takes minutes; the local one loses none.",
            _GLOBAL,
            "Let the automation's alarm wait longer than the failover within the region takes.",
        )


def _takeover(platform: Platform) -> Any:
    kind = platform.database.kind if platform.database else "single"
    span = platform.configuration.failover_ranges.get("aurora" if kind == "aurora_global" else kind)
    return span.worst if span and kind not in ("single", "replica") else seconds(0)


def _alarms(platform: Platform) -> Iterator[Finding]:
    for alarm in platform.configuration.alarms:
        home = platform.home if alarm in platform.alarms else ""
        if alarm.metric.startswith("AWS/Route53/"):
            where = "it is" if alarm.region == ROUTE53_HOME else f"this one is in {alarm.region} and never has data"
            yield Finding(
                "alarm-on-route53-metric",
                f"{alarm.name} watches a Route 53 metric, which exists in {ROUTE53_HOME} only, where {where}"
                + (": the region that fails takes its own alarm with it" if alarm.region == ROUTE53_HOME else ""),
                (Evidence(alarm.where, "namespace", "AWS/Route53"), Evidence(alarm.where, "region", alarm.region)),
                "Route 53 publishes its health checks' metrics to CloudWatch in us-east-1, whatever they check.",
                _MONITORING,
                "Measure the writer and the endpoints from the standby's region, and let the alarm be there.",
            )
        elif home and alarm.region == home and not any(one.region != home for one in platform.alarms):
            yield Finding(
                "alarm-in-the-failing-region",
                f"{alarm.name} decides over the failover and is in {alarm.region}, the region that fails",
                (Evidence(alarm.where, "region", alarm.region),),
                "When a region is lost, so are its alarms.",
                _SWITCH,
                "Put the alarm where the database would be promoted.",
            )


def _caches(platform: Platform) -> Iterator[Finding]:
    told = platform.configuration
    for cache in told.caches:
        if cache.global_datastore and (cache.node_type.startswith(_TOO_SMALL) or cache.node_type.endswith(_UNFIT)):
            yield Finding(
                "global-datastore-node-type",
                f"{cache.identifier} in {cache.region} is planned as {cache.node_type}: Global Datastore needs large "
                "nodes",
                (Evidence(cache.where, "node_type", cache.node_type),),
                "Global Datastore takes M5, M6g, R5, R6g and later, large and above; no burstable types.",
                _DATASTORE,
                "Plan, and cost, cache.m6g.large or larger; or one cache a region, without Global Datastore.",
                impossible=True,
            )
        if cache.global_datastore and cache.secondary:
            yield Finding(
                "global-datastore-is-read-only",
                f"{cache.identifier} in {cache.region} is a read-only secondary: LPUSH and rate limits fail there, and "
                "nothing promotes it when the primary's region is lost",
                (Evidence(cache.where, "global_replication_group_id", cache.global_datastore),),
                "ElastiCache does not fail a Global Datastore over to another region by itself.",
                _DATASTORE,
                "Use a writable cache of its own in each region.",
            )
    for service in told.services:
        if service.cold:
            yield Finding(
                "standby-without-redis",
                f"the services of {service.region} refuse to start without Redis, and there is none in that region",
                (Evidence(service.where, "REDIS_HOST", None),),
                "A standby that cannot start a task stands by for nothing.",
                "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/WhatIs.html",
                f"Keep a warm cache in {service.region}, or let the services start without one.",
            )


def _name(record: DnsRecord) -> str:
    return f"the record of {record.region}" + (f" ({record.failover})" if record.failover else "")
