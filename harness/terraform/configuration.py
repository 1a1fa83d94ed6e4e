"""The failover configuration that a plan would build: what feasibility is judged from, with no account at all.

What is read of a plan is listed in ``docs/feasibility.md``. A value that is known only after the plan is applied and
that the verdict depends on is an ``Unknown`` of the configuration, and an unknown never passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from harness.clock import seconds
from harness.configuration import (
    Alarm,
    Automation,
    Cache,
    Client,
    Configuration,
    DnsRecord,
    HealthCheck,
    Service,
    Targets,
    asked,
    served,
)
from harness.errors import BadInput
from harness.terraform.databases import databases
from harness.terraform.plan import NOT_KNOWN, Plan, Resource
from harness.terraform.reading import Reading

API = "api-gateway"
SWITCH_ALARM = "writer-unreachable"
LAG_ALARM = "rds-replica-lag-high"
_BALANCERS = ("aws_lb", "aws_alb")
_GROUPS = ("aws_lb_target_group", "aws_alb_target_group")
_ENDPOINT_CHECKS = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")
_ROUTED = ("failover_routing_policy", "latency_routing_policy")
_OTHER_ROUTING = (
    "weighted_routing_policy", "geolocation_routing_policy", "geoproximity_routing_policy", "cidr_routing_policy",
    "multivalue_answer_routing_policy",
)  # fmt: skip


def configuration_of(
    plan: Plan, places: Mapping[str, tuple[str, ...]], client: Client, host: str = ""
) -> Configuration:
    """The configuration of a plan.

    ``places``: for each client location the regions by distance. ``host``: the API's name; worked out from the records
    that lead to load balancers when it is not given. Raises ``BadInput`` for a value of the wrong type, for a name that
    has no record, and for a plan that holds nothing of such a platform.
    """
    reading = Reading(plan)
    if not plan.complete:
        reading.doubt(None, "complete", "Terraform defers a part of the plan, so that more will be built than it says")
    balancers = {one.address: reading.region(one) for one in plan.of(*_BALANCERS)}
    named = _api_records(reading, balancers, host)
    if not named and not plan.of("aws_db_instance", "aws_rds_cluster"):
        raise BadInput(
            plan.path, "resource_changes", "holds neither a record of an API nor a database: nothing to check"
        )
    services = _services(reading)
    environments = {region: environment for region, (_, environment) in services.items()}
    records = tuple(_record(reading, one, balancers) for one in named)
    caches = _caches(reading)
    alarms = tuple(_alarm(reading, one) for one in plan.of("aws_cloudwatch_metric_alarm"))
    found = databases(reading, services)
    switch = next((one for one in alarms if one.name == SWITCH_ALARM), None)
    copies = any(one.kind == "replica" or one.promotable_regions for one in found)
    lag = next((one.name for one in alarms if "replica-lag" in one.name), LAG_ALARM if copies else None)
    cached = {one.region for one in caches}
    return Configuration(
        _nearest(records, places),
        records,
        tuple(_check(reading, one, balancers, records, environments) for one in plan.of("aws_route53_health_check")),
        found,
        alarms,
        Automation("platform", SWITCH_ALARM, where=switch.where) if switch else Automation(),
        client,
        lag_alarm=lag,
        caches=caches,
        targets=_targets(reading, environments),
        services=tuple(_service(reading, region, *told, region in cached) for region, told in services.items()),
        fronts=tuple(dict.fromkeys(region for region in balancers.values() if region)),
        hosts=_hosts(reading),
        unknowns=tuple(reading.unknowns),
    )


def _hosts(reading: Reading) -> tuple[str, ...]:
    names = [one.get("name") for one in reading.plan.of("aws_route53_record")]
    if any(not isinstance(name, str) for name in names):
        return ()
    return tuple(dict.fromkeys(name.rstrip(".").lower() for name in names))


def _api_records(reading: Reading, balancers: Mapping[str, str], host: str) -> list[Resource]:
    """The records of the API's name: the one given, else the name of the records that lead to load balancers."""
    groups: dict[str, list[Resource]] = {}
    for one in reading.plan.of("aws_route53_record"):
        if one.get("type") in ("A", "AAAA", "CNAME"):
            name = reading.text(one, "name", matters="which records belong to the API's name").rstrip(".").lower()
            groups.setdefault(name, []).append(one)
    if host:
        if host.lower() not in groups:
            raise BadInput(reading.plan.path, "aws_route53_record", f"no record of {host}")
        return _one_a_family(groups[host.lower()])
    routed = [group for group in groups.values() if any(_routing(one) != "simple" for one in group)]
    leading = [group for group in groups.values() if any(_behind(reading, one, balancers) for one in group)]
    best = max(routed or leading, key=len, default=[])
    rivals = [group for group in routed or leading if group is not best and len(group) == len(best)]
    if rivals:
        names = sorted(str(group[0].get("name")) for group in [best, *rivals])
        raise BadInput(
            reading.plan.path, "aws_route53_record", f"which is the API's name: {', '.join(names)}?", "Give --host."
        )
    return _one_a_family(best)


def _one_a_family(group: list[Resource]) -> list[Resource]:
    """A and AAAA records of one identifier fail over together."""
    found: dict[Any, Resource] = {}
    for one in group:
        found.setdefault((str(one.get("set_identifier")), one.get("type") == "CNAME"), one)
    return list(found.values())


def _routing(record: Resource) -> Literal["simple", "failover", "latency"]:
    if record.get("failover_routing_policy"):
        return "failover"
    return "latency" if record.get("latency_routing_policy") else "simple"


def _behind(reading: Reading, record: Resource, balancers: Mapping[str, str]) -> list[str]:
    """The regions of the load balancers that a record leads to."""
    found = reading.target(record, ("alias", 0, "name"), _BALANCERS, ("dns_name",))
    found += reading.target(record, ("records", 0), _BALANCERS, ("dns_name",))
    return list(dict.fromkeys(balancers[one.address] for one in found))


def _record(reading: Reading, record: Resource, balancers: Mapping[str, str]) -> DnsRecord:
    for policy in _OTHER_ROUTING:
        if record.get(policy):
            reading.doubt(record, policy, "this kind of routing is not modelled")
    routing = _routing(record)
    regions = _behind(reading, record, balancers)
    stated = reading.text(record, "latency_routing_policy", 0, "region")
    if len(regions) != 1 and not stated:
        reading.doubt(record, "alias / records", "which region's load balancer it leads to decides what fails with it")
    role = reading.text(record, "failover_routing_policy", 0, "type", matters="whether it is the PRIMARY").upper()
    alias = bool(record.get("alias"))
    checks = reading.target(record, ("health_check_id",), ("aws_route53_health_check",), ("id",))
    named = record.get("health_check_id")
    if len(checks) > 1 or (not checks and named):
        reading.doubt(record, "health_check_id", "which health check decides over it")
    return DnsRecord(
        reading.text(record, "set_identifier", default="simple"),
        regions[0] if len(regions) == 1 else stated,
        routing,
        alias,
        reading.span(record, "ttl", default=60 if alias else 300, matters="how long resolvers keep the answer"),
        "PRIMARY" if role == "PRIMARY" else "SECONDARY" if role == "SECONDARY" else None,
        checks[0].address if checks else (str(named) if isinstance(named, str) and named else None),
        reading.flag(record, "alias", 0, "evaluate_target_health", matters="whether targets decide over it"),
        record.address,
    )


def _check(
    reading: Reading,
    check: Resource,
    balancers: Mapping[str, str],
    records: tuple[DnsRecord, ...],
    environments: Mapping[str, Mapping[str, str]],
) -> HealthCheck:
    kind = reading.text(check, "type", matters="what it looks at")
    users = [one.region for one in records if one.health_check == check.address]
    if kind not in _ENDPOINT_CHECKS and users:
        reading.doubt(check, "type", f"a check of type {kind or '(none)'} is not modelled")
    host = reading.text(check, "fqdn").rstrip(".").lower()
    found = reading.target(check, ("fqdn",), _BALANCERS, ("dns_name",))
    through = [
        one
        for one in reading.plan.of("aws_route53_record")
        if host and str(one.get("name")).rstrip(".").lower() == host
    ]
    regions = {balancers[one.address] for one in found}
    regions |= (
        {region for one in through for region in _behind(reading, one, balancers)} if len(through) == 1 else set()
    )
    region = regions.pop() if len(regions) == 1 else users[0] if len(set(users)) == 1 else ""
    if not region and users:
        reading.doubt(check, "fqdn", "which region it looks at")
    path = reading.text(check, "resource_path", matters="what it asks") if kind != "TCP" else ""
    return HealthCheck(
        check.address,
        region,
        kind,
        path,
        reading.span(check, "request_interval", default=30, matters="how soon it notices"),
        int(reading.number(check, "failure_threshold", default=3, matters="how soon it notices")),
        reading.flag(check, "disabled", matters="whether it decides anything"),
        asked(path, environments.get(region, {})),
        host,
        check.address,
    )


def _services(reading: Reading) -> dict[str, tuple[Resource, Mapping[str, str]]]:
    """The API's service of each region with the environment of its tasks."""
    found: dict[str, tuple[Resource, Mapping[str, str]]] = {}
    for one in reading.plan.of("aws_ecs_service"):
        if API in reading.text(one, "name", matters="which service is the API's"):
            made = reading.target(one, ("task_definition",), ("aws_ecs_task_definition",), ("arn", "family"))
            found[reading.region(one)] = (one, reading.environment(made[0] if len(made) == 1 else None))
    return found


def _service(reading: Reading, region: str, found: Resource, environment: Mapping[str, str], cached: bool) -> Service:
    count = reading.number(found, "desired_count", default=0, matters="whether a task runs there")
    return served(region, int(count), environment, cached, found.address)


def _targets(reading: Reading, environments: Mapping[str, Mapping[str, str]]) -> tuple[Targets, ...]:
    found: dict[str, Targets] = {}
    for one in reading.plan.of(*_GROUPS):
        region = reading.region(one)
        path = reading.text(one, "health_check", 0, "path", default="/", matters="what its checks ask")
        matters = "how soon a target is left out"
        made = Targets(
            region,
            path,
            reading.span(one, "health_check", 0, "interval", default=30, matters=matters),
            int(reading.number(one, "health_check", 0, "unhealthy_threshold", default=3, matters=matters)),
            asked(path, environments.get(region, {})),
            one.address,
        )
        found.setdefault(region, made)
    return tuple(found.values())


def _caches(reading: Reading) -> tuple[Cache, ...]:
    plan = reading.plan
    primaries = {
        one.address
        for datastore in plan.of("aws_elasticache_global_replication_group")
        for one in reading.target(
            datastore,
            ("primary_replication_group_id",),
            ("aws_elasticache_replication_group",),
            ("id", "replication_group_id"),
        )
    }
    found = []
    for one in plan.of("aws_elasticache_replication_group", "aws_elasticache_cluster"):
        identifier = reading.text(one, "replication_group_id") or reading.text(one, "cluster_id") or one.address
        member = one.get("global_replication_group_id")
        joined = plan.linked(one, "global_replication_group_id", "aws_elasticache_global_replication_group")
        secondary = bool(joined) or (isinstance(member, str) and bool(member) and one.address not in primaries)
        datastore = (
            joined[0].address if joined else "a Global Datastore" if secondary or one.address in primaries else None
        )
        found.append(
            Cache(identifier, reading.region(one), reading.text(one, "node_type"), datastore, secondary, one.address)
        )
    return tuple(found)


def _alarm(reading: Reading, alarm: Resource) -> Alarm:
    name = reading.text(alarm, "alarm_name", matters="which alarm it is")
    matters = "when it rings" if "lag" in name or name == SWITCH_ALARM else "what it watches"
    told = alarm.get("dimensions")
    dimensions = {str(key): _dimension(reading, alarm, str(key)) for key in (told if isinstance(told, dict) else {})}
    unknown = alarm.unknown.get("dimensions")
    for key in unknown if isinstance(unknown, dict) else ():
        dimensions[key] = _dimension(reading, alarm, key)
    actions = alarm.get("alarm_actions")
    told_to = [str(one) if one else "(known after apply)" for one in actions] if isinstance(actions, list) else []
    if actions is NOT_KNOWN or (not told_to and alarm.references("alarm_actions")):
        told_to = list(alarm.references("alarm_actions")[:1]) or ["(known after apply)"]
    enabled = reading.flag(alarm, "actions_enabled", default=True, matters="whether anybody is told")
    needed = alarm.get("datapoints_to_alarm")
    return Alarm(
        name,
        reading.region(alarm),
        f"{reading.text(alarm, 'namespace', matters=matters)}/{reading.text(alarm, 'metric_name', matters=matters)}",
        dimensions,
        reading.number(alarm, "threshold", default=0, matters=matters),
        reading.span(alarm, "period", default=60, matters=matters),
        int(reading.number(alarm, "evaluation_periods", default=1, matters=matters)),
        int(needed) if isinstance(needed, int) and needed > 0 else None,
        tuple(told_to) if enabled else (),
        alarm.address,
    )


def _dimension(reading: Reading, alarm: Resource, key: str) -> str:
    value = alarm.get("dimensions", key)
    if isinstance(value, str):
        return value
    kinds = ("aws_db_instance", "aws_rds_cluster", "aws_rds_cluster_instance")
    linked = reading.plan.linked(alarm, "dimensions", *kinds)
    names = [one.get("identifier") or one.get("cluster_identifier") for one in linked]
    if len(names) == 1 and isinstance(names[0], str):
        return names[0]
    if key.startswith("DB"):
        reading.doubt(alarm, f"dimensions.{key}", "what it watches")
    return str(NOT_KNOWN)


def _nearest(records: tuple[DnsRecord, ...], places: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """For each location the regions in the order in which the records would serve it."""
    ranked = sorted(records, key=lambda one: one.failover == "SECONDARY")
    led = tuple(dict.fromkeys(one.region for one in ranked if one.region))
    if not any(one.routing == "latency" for one in records):
        return dict.fromkeys(places, led)
    return {
        place: (*(one for one in order if one in led), *(one for one in led if one not in order))
        for place, order in places.items()
    }


def client_of(deadline_seconds: float, connection_age_seconds: float | None) -> Client:
    """Clients that honour TTLs, with the target file's deadline and age of a connection."""
    age = None if connection_age_seconds is None else seconds(connection_age_seconds)
    return Client(True, age, seconds(deadline_seconds))
