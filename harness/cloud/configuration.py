"""The live failover configuration, read by describes alone: what feasibility is judged from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from harness.clock import seconds
from harness.cloud import discovery, gateways, observation
from harness.cloud.discovery import InstanceSeen
from harness.cloud.estate import Estate
from harness.cloud.session import GLOBAL_REGION
from harness.configuration import (
    Alarm,
    Automation,
    Client,
    Configuration,
    Database,
    DatabaseKind,
    DnsRecord,
    HealthCheck,
    asked,
)
from harness.target import Place


def read(estate: Estate, nearest: Mapping[str, tuple[str, ...]]) -> Configuration:
    """The configuration of the estate as it is now. Raises ``CloudFault``."""
    alarms = tuple(
        Alarm(
            seen.name,
            seen.region,
            seen.watches,
            seen.dimensions,
            seen.threshold,
            seconds(seen.period_seconds),
            seen.evaluation_periods,
            actions=seen.actions if seen.acts else (),
            where=seen.name,
        )
        for region in estate.platform.regions
        for seen in observation.alarms(estate.cloud, region.name)
    )
    shape = estate.target.load
    found = gateways.found(estate)
    environments = gateways.environments(estate, found)
    return Configuration(
        nearest,
        _records(estate),
        _health_checks(estate, environments),
        _databases(estate),
        alarms,
        _automation(alarms),
        Client(True, seconds(shape.connection_age_seconds), seconds(shape.deadline_seconds)),
        lag_alarm=lag_alarm(alarms),
        caches=gateways.caches(estate),
        targets=gateways.targets(estate, environments),
        services=gateways.services(estate, found, environments),
        fronts=tuple(estate.platform.load_balancers),
    )


def lag_alarm(alarms: tuple[Alarm, ...]) -> str | None:
    """The alarm on replica lag, by its name."""
    return next((alarm.name for alarm in alarms if "replica-lag" in alarm.name), None)


def nearest(estate: Estate) -> dict[str, tuple[str, ...]]:
    """For each location the regions in the order in which the platform's own records would serve it.

    Failover and simple records rank the same for all; for latency records the target file states the order.
    """
    found = discovery.records(estate.cloud, estate.platform.zone, estate.target.api.host)
    return ranked(found, balanced(estate), estate.target.locations)


def balanced(estate: Estate) -> dict[str, str]:
    """The region of each load balancer, by its DNS name in lower case."""
    return {seen.dns_name.lower(): region for region, seen in estate.platform.load_balancers.items()}


def ranked(
    records: Sequence[Mapping[str, Any]], regions: Mapping[str, str], places: Sequence[Place]
) -> dict[str, tuple[str, ...]]:
    """For each location the regions in the order in which these records would serve it.

    ``regions``: by a load balancer's DNS name. Of geolocation records a location gets that of its continent, and then
    the default one. Where records route by latency, every region that is built should serve the locations near it: one
    without a record of its own is not what was meant. Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/
    health-checks-how-route-53-chooses-records.html
    """
    led = [(record, regions[discovery.record_target(record).lower()]) for record in sorted(records, key=_rank)]
    if any("GeoLocation" in record for record in records):
        return {place.name: tuple(dict.fromkeys(_of_geography(led, place))) for place in places}
    if any("Region" in record for record in records):
        built = set(regions.values())
        return {place.name: tuple(region for region in place.nearest if region in built) for place in places}
    every = tuple(region for _, region in led)
    return {place.name: every for place in places}


def _of_geography(led: Sequence[tuple[Mapping[str, Any], str]], place: Place) -> list[str]:
    own = [region for record, region in led if record["GeoLocation"].get("ContinentCode") == place.continent]
    return own + [region for record, region in led if record["GeoLocation"].get("CountryCode") == "*"]


def _rank(record: Mapping[str, Any]) -> bool:
    return bool(record.get("Failover") == "SECONDARY")


def _records(estate: Estate) -> tuple[DnsRecord, ...]:
    by_name = balanced(estate)
    return tuple(
        DnsRecord(
            record.get("SetIdentifier", "simple"),
            by_name.get(discovery.record_target(record).lower(), ""),
            _routing(record),
            "AliasTarget" in record,
            seconds(record.get("TTL", 60)),
            record.get("Failover"),
            record.get("HealthCheckId"),
            bool(record.get("AliasTarget", {}).get("EvaluateTargetHealth", False)),
            f"{record['Name']} {record.get('SetIdentifier', '')}".strip(),
        )
        for record in discovery.records(estate.cloud, estate.platform.zone, estate.target.api.host)
    )


def _routing(record: Mapping[str, Any]) -> Literal["simple", "failover", "latency", "geolocation"]:
    if record.get("Failover"):
        return "failover"
    if record.get("GeoLocation"):
        return "geolocation"
    return "latency" if record.get("Region") else "simple"


def _health_checks(estate: Estate, environments: Mapping[str, Mapping[str, str]]) -> tuple[HealthCheck, ...]:
    by_name = balanced(estate)
    checks = []
    for item in estate.cloud.pages("route53", GLOBAL_REGION, "list_health_checks", "HealthChecks"):
        shape = item["HealthCheckConfig"]
        host = str(shape.get("FullyQualifiedDomainName", "")).lower()
        region = by_name.get(host, "")
        checks.append(
            HealthCheck(
                item["Id"],
                region,
                shape["Type"],
                shape.get("ResourcePath", ""),
                seconds(shape.get("RequestInterval", 30)),
                shape.get("FailureThreshold", 3),
                bool(shape.get("Disabled", False)),
                asked(shape.get("ResourcePath", ""), environments.get(region, {})),
                host,
                item["Id"],
            )
        )
    return tuple(checks)


def _databases(estate: Estate) -> tuple[Database, ...]:
    seen = [item for region in estate.platform.regions for item in discovery.instances(estate.cloud, region.name)]
    writer = discovery.writer(estate.cloud, estate.platform)
    if writer is None:
        return ()
    replicas = [item for item in seen if item.role == "replica"]
    elsewhere = [item.region for item in seen if item.region != writer.region]
    return (
        Database(
            writer.cluster or writer.identifier,
            _kind(estate, writer),
            writer.region,
            tuple(dict.fromkeys(elsewhere)),
            estate.platform.global_cluster is not None or len(estate.platform.regions) == 1,
            tuple(item.identifier for item in seen) + tuple(estate.platform.clusters.values()),
            _class(estate, writer),
            writer.cluster or writer.identifier,
        ),
        *(
            Database(item.identifier, "replica", item.region, identifiers=(item.identifier,), where=item.identifier)
            for item in replicas
        ),
    )


def _kind(estate: Estate, writer: InstanceSeen) -> DatabaseKind:
    if estate.platform.global_cluster:
        return "aurora_global"
    if writer.cluster:
        found = estate.cloud.call("rds", writer.region, "describe_db_clusters", DBClusterIdentifier=writer.cluster)
        return "aurora" if found["DBClusters"][0]["Engine"].startswith("aurora") else "multi_az_cluster"
    found = estate.cloud.call("rds", writer.region, "describe_db_instances", DBInstanceIdentifier=writer.identifier)
    return "multi_az_instance" if found["DBInstances"][0]["MultiAZ"] else "single"


def _class(estate: Estate, writer: InstanceSeen) -> str:
    found = estate.cloud.call("rds", writer.region, "describe_db_instances", DBInstanceIdentifier=writer.identifier)
    return str(found["DBInstances"][0]["DBInstanceClass"])


def _automation(alarms: tuple[Alarm, ...]) -> Automation:
    """An alarm on the writer's reachability is the sign of the platform's region switch; without it nobody decides."""
    sign = next((alarm.name for alarm in alarms if alarm.name == "writer-unreachable"), None)
    return Automation("platform", sign) if sign else Automation()
