"""What is wrong in the way to the service: records, health checks, and what a load balancer asks its targets."""

from __future__ import annotations

from collections.abc import Iterator

from harness.configuration import DnsRecord, HealthCheck
from harness.judges.feasibility.arithmetic import detection
from harness.judges.feasibility.finding import Evidence, Finding
from harness.judges.feasibility.platform import Platform, nowhere
from harness.objectives import Objectives
from harness.timings import CHECKS, CHOICE, LAST_RESORT, RECORDS, TARGETS

_AWS = "https://docs.aws.amazon.com/"
_CREATING = _AWS + "Route53/latest/DeveloperGuide/health-checks-creating-values.html"
_FAILOVER = _AWS + "Route53/latest/DeveloperGuide/dns-failover-types.html"


def findings_of_the_way(platform: Platform, owed: Objectives) -> Iterator[Finding]:
    """Records first, as a client comes."""
    yield from _slow_records(platform, owed)
    yield from _missing_records(platform)
    yield from _records(platform)
    yield from _checks(platform)
    yield from _fails_open(platform)


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
            draws_out=("detection", "dns"),
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
            draws_out=("promotion",),
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
                draws_out=("dns",),
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
                draws_out=("detection",),
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
                draws_out=("detection",),
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
            draws_out=("detection", "dns"),
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
            draws_out=("reconnect",),
        )


def _name(record: DnsRecord) -> str:
    return f"the record of {record.region}" + (f" ({record.failover})" if record.failover else "")
