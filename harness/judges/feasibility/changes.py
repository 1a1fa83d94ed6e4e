"""Changes that a team might make to a configuration: those that help, and one that only looks like it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from harness.clock import seconds
from harness.configuration import Alarm, Automation, Configuration, DnsRecord, HealthCheck, Service
from harness.timings import DOCUMENTED

Asks = Literal["nothing", "writer"]
_PATH = "/api/v1/health"
_PERIOD = seconds(10)
_TOPIC = "the topic of the people on call"


@dataclass(frozen=True)
class Change:
    """One thing to change. ``to`` gives the configuration with it, and the same one where there is nothing to do."""

    name: str
    words: str
    to: Callable[[Configuration], Configuration]


def _quick_checks(told: Configuration) -> Configuration:
    used = {one.health_check for one in told.records}
    checks = tuple(
        replace(one, interval=_PERIOD, threshold=2, disabled=False, host="") if one.identifier in used else one
        for one in told.health_checks
    )
    return replace(told, health_checks=checks)


def _short_ttl(told: Configuration) -> Configuration:
    if len(told.records) == 1 and told.records[0].routing == "simple":
        return told
    records = tuple(
        replace(one, alias=False, ttl=min(one.ttl, seconds(10)), evaluate_target_health=False) for one in told.records
    )
    return replace(told, records=records)


def _standby_record(told: Configuration) -> Configuration:
    """A record for every region that has a load balancer and none: the SECONDARY, or one more by latency."""
    if not told.records or len(told.fronts) < 2:
        return told
    first, led = told.records[0], {one.region for one in told.records}
    missing = [region for region in told.fronts if region not in led]
    if not missing:
        return told
    if first.routing == "latency":
        added = [replace(first, set_identifier=one, region=one, health_check=None, where="new") for one in missing]
        records = (*told.records, *added)
    else:
        primary = replace(first, routing="failover", failover="PRIMARY")
        second = replace(
            primary, set_identifier="secondary", region=missing[0], failover="SECONDARY", health_check=None, where="new"
        )
        records = (primary, second)
    nearest = {place: (*order, *(one for one in missing if one not in order)) for place, order in told.nearest.items()}
    return replace(told, records=records, nearest=nearest)


def _own_checks(told: Configuration) -> Configuration:
    """A shallow check for each record but the SECONDARY."""
    bare = [
        one for one in told.records if not one.health_check and one.failover != "SECONDARY" and one.routing != "simple"
    ]
    checks = tuple(_check(one) for one in bare)
    records = tuple(replace(one, health_check=_check(one).identifier) if one in bare else one for one in told.records)
    return replace(told, records=records, health_checks=(*told.health_checks, *checks))


def _check(record: DnsRecord, asks: Asks = "nothing") -> HealthCheck:
    plain = HealthCheck(f"new {record.region}", record.region, "HTTPS", _PATH, _PERIOD, 2, where="new")
    return replace(plain, asks=asks)


def _bare_secondary(told: Configuration) -> Configuration:
    records = tuple(replace(one, health_check=None) if one.failover == "SECONDARY" else one for one in told.records)
    return replace(told, records=records)


def _shallow(told: Configuration) -> Configuration:
    return replace(
        told,
        health_checks=tuple(replace(one, asks="nothing") for one in told.health_checks),
        targets=tuple(replace(one, asks="nothing") for one in told.targets),
    )


def _fast_database(told: Configuration) -> Configuration:
    """Aurora Global Database for several regions, a Multi-AZ DB cluster for one."""
    writer = told.writer
    if writer is None or writer.kind == "aurora_global":
        return told
    others = [
        one for one in dict.fromkeys((*told.fronts, *(r.region for r in told.records))) if one != writer.writer_region
    ]
    if not others:
        if writer.kind in ("multi_az_cluster", "aurora"):
            return told
        return replace(told, databases=(replace(writer, kind="multi_az_cluster"), *told.databases[1:]))
    changed = replace(
        writer,
        kind="aurora_global",
        promotable_regions=tuple(others),
        writes_from_everywhere=True,
        instance_class="db.r6g.large",
    )
    kept = tuple(
        one for one in told.databases if one is not writer and one.writer_region not in {*others, writer.writer_region}
    )
    return replace(told, databases=(changed, *kept))


def _automation(told: Configuration) -> Configuration:
    """An alarm on the writer in every other region, more patient than a failover within the writer's, and a switch."""
    writer = told.writer
    if writer is None or not writer.promotable_regions:
        return told
    kind = "aurora" if writer.kind == "aurora_global" else writer.kind
    local = (
        (told.failover_ranges.get(kind) or DOCUMENTED[kind]).worst if kind not in ("single", "replica") else seconds(20)
    )
    name, periods = "writer-unreachable", ceil(local.seconds / _PERIOD.seconds) + 1
    others = tuple(one for one in told.alarms if one.name != name)
    added = tuple(
        Alarm(
            name,
            one,
            "AgentAuri/WriterReachable",
            {"Region": one},
            0.5,
            _PERIOD,
            periods,
            actions=(_TOPIC,),
            where="new",
        )
        for one in writer.promotable_regions
    )
    return replace(told, alarms=(*others, *added), automation=Automation("platform", name, where="new"))


def _one_endpoint(told: Configuration) -> Configuration:
    return replace(told, databases=tuple(replace(one, writes_from_everywhere=True) for one in told.databases))


def _built_only(told: Configuration) -> Configuration:
    records = tuple(one for one in told.records if not told.fronts or one.region in told.fronts)
    return replace(told, records=records or told.records)


def _fitting_classes(told: Configuration) -> Configuration:
    databases = tuple(
        replace(one, instance_class="db.r6g.large") if one.kind == "aurora_global" else one for one in told.databases
    )
    caches = tuple(replace(one, global_datastore=None, secondary=False) for one in told.caches)
    return replace(told, databases=databases, caches=caches)


def _lag_alarm(told: Configuration) -> Configuration:
    old = told.alarm(told.lag_alarm)
    if old is None and told.lag_alarm is None:
        return told
    region = old.region if old else told.records[0].region if told.records else ""
    alarm = Alarm(
        told.lag_alarm or "", region, "AgentAuri/ReplicaHeartbeatLag", {"Region": region}, 60, _PERIOD, 2,
        actions=old.actions if old and old.actions else (_TOPIC,), where="new",
    )  # fmt: skip
    if old and old.metric == alarm.metric and old.period <= _PERIOD and old.needed <= 2 and old.actions:
        return told
    return replace(told, alarms=(*(one for one in told.alarms if one.name != told.lag_alarm), alarm))


def _reads_fall_back(told: Configuration) -> Configuration:
    return replace(told, services=tuple(replace(one, reads_fall_back=True) for one in told.services))


def _able_standby(told: Configuration) -> Configuration:
    def able(one: Service) -> Service:
        return replace(one, cold=False, desired_count=max(1, one.desired_count))

    return replace(told, services=tuple(able(one) for one in told.services))


def _quick_targets(told: Configuration) -> Configuration:
    return replace(told, targets=tuple(replace(one, interval=min(one.interval, seconds(5))) for one in told.targets))


HELPFUL: tuple[Change, ...] = (
    Change("built-regions-only", "no record for a region that is not built", _built_only),
    Change("standby-record", "a record for each region that serves: the SECONDARY, without a check", _standby_record),
    Change("bare-secondary", "no health check on the SECONDARY", _bare_secondary),
    Change("own-checks", "a shallow health check of its own for each record", _own_checks),
    Change("quick-checks", "new health checks of 10 s × 2, on the load balancers' own names", _quick_checks),
    Change("short-ttl", "CNAME records of TTL 10 in place of aliases", _short_ttl),
    Change("shallow-checks", "health checks that look at the region's front alone, not at the database", _shallow),
    Change("quick-targets", "target health checks every 5 s", _quick_targets),
    Change("fast-database", "Aurora Global Database (several regions) or a Multi-AZ DB cluster (one)", _fast_database),
    Change("one-endpoint", "services that write, everywhere, through one name that follows the writer", _one_endpoint),
    Change(
        "fitting-classes",
        "memory-optimised classes for Aurora Global Database, and a cache of its own in each region",
        _fitting_classes,
    ),
    Change(
        "automation", "an automation of the platform that promotes, on an alarm in the standby's region", _automation
    ),
    Change("reads-fall-back", "reads that fall back to the other store", _reads_fall_back),
    Change("able-standby", "a standby with running tasks and a warm Redis", _able_standby),
    Change("heartbeat-alarm", "a lag alarm on a heartbeat's age: period 10 s, 2 periods", _lag_alarm),
)
"""In the order in which they are applied."""


def _ask_the_writer(told: Configuration) -> Configuration:
    routed = [one for one in told.records if one.routing != "simple"]
    if len(routed) < 2:
        return told
    checks = {one.region: _check(one, "writer") for one in routed}
    records = tuple(
        replace(one, health_check=checks[one.region].identifier) if one in routed else one for one in told.records
    )
    return replace(told, records=records, health_checks=tuple(checks.values()))


TEMPTING: tuple[Change, ...] = (
    Change("checks-ask-the-writer", "health checks, one for each record, that ask the writer", _ask_the_writer),
)
"""What looks like a cure of a check that passes on a read-only replica."""
