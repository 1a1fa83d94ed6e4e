"""What is wrong in a configuration as it is written, from the records to the caches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.clock import seconds
from harness.judges.feasibility.finding import Evidence, Finding
from harness.judges.feasibility.platform import ROUTE53_HOME, Platform
from harness.judges.feasibility.records import findings_of_the_way
from harness.objectives import Objectives
from harness.timings import DOCUMENTED

_AWS = "https://docs.aws.amazon.com/"
_MONITORING = _AWS + "Route53/latest/DeveloperGuide/monitoring-health-checks.html"
_SWITCH = _AWS + "r53recovery/latest/dg/region-switch.html"
_GLOBAL = _AWS + "AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html"
_GLOBAL_CLASSES = _AWS + "AmazonRDS/latest/AuroraUserGuide/aurora-global-database-getting-started.html"
_CLUSTER = _AWS + "AmazonRDS/latest/UserGuide/multi-az-db-clusters-concepts.html"
_DATASTORE = _AWS + "AmazonElastiCache/latest/dg/Redis-Global-Datastores-Getting-Started.html"
_TOO_SMALL = ("cache.t2.", "cache.t3.", "cache.t4g.")
_BURSTABLE = ("db.t2.", "db.t3.", "db.t4g.")
_UNFIT = (".micro", ".small")
_JOBS = ("jobs_exactly_once",)


def findings_of(platform: Platform, owed: Objectives) -> Iterator[Finding]:
    """Everything but the lag alarm, records first."""
    yield from findings_of_the_way(platform, owed)
    yield from _database(platform, owed)
    yield from _decision(platform)
    yield from _alarms(platform)
    yield from _caches(platform)


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
            draws_out=("promotion",),
        )
    if database.kind == "single":
        yield Finding(
            "writer-without-standby",
            f"{database.identifier} has no standby: nothing takes over when it stops",
            (Evidence(database.where, "multi_az", value=False),),
            "An instance without Multi-AZ is started again by AWS on the same storage, whenever that is possible.",
            DOCUMENTED["multi_az_instance"].source,
            _instead(platform),
            draws_out=("promotion",),
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
                draws_out=("decision", "promotion"),
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
            draws_out=("promotion",),
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
            draws_out=("decision",),
        )
    elif automation.kind == "operator":
        yield Finding(
            "a-person-decides",
            f"a person decides, assumed to take {automation.assumed}: that is not automatic",
            evidence,
            "A person must be told, look, and act; that time is part of the recovery.",
            _SWITCH,
            "Let ARC Region switch decide on an alarm in the standby's region.",
            draws_out=("decision",),
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
            draws_out=("decision",),
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
                draws_out=("decision",),
            )
        elif home and alarm.region == home and not any(one.region != home for one in platform.alarms):
            yield Finding(
                "alarm-in-the-failing-region",
                f"{alarm.name} decides over the failover and is in {alarm.region}, the region that fails",
                (Evidence(alarm.where, "region", alarm.region),),
                "When a region is lost, so are its alarms.",
                _SWITCH,
                "Put the alarm where the database would be promoted.",
                draws_out=("decision",),
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
                breaks=_JOBS,
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
                breaks=_JOBS,
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
                draws_out=("reconnect",),
            )
