"""Small platforms for the checker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.clock import seconds
from harness.configuration import Alarm, Automation, Client, Configuration, Database, DnsRecord, HealthCheck, Service
from harness.judges.feasibility import Row, feasibility
from harness.objectives import Objectives
from tests.unit.judges.scripted import HOME, NEXT

FAR = "ap-south-1"
ALL = (HOME, NEXT, FAR)
DARK = f"load balancer of {HOME} dark"
LOST = f"region {HOME} lost"
PATIENT = Objectives(recovery_time=seconds(70), write_recovery_time=seconds(900), write_recovery_source="AWS")


def check(interval: float, threshold: int, **changes: Any) -> HealthCheck:
    plain = HealthCheck("hc-1", HOME, "HTTPS", "/api/v1/health", seconds(interval), threshold)
    return replace(plain, **changes)


def alarm(name: str, region: str = NEXT, **changes: Any) -> Alarm:
    plain = Alarm(name, region, "AgentAuri/WriterReachable", {}, 1, seconds(10), 7, actions=("arn:topic",))
    return replace(plain, **changes)


HARDENED = Configuration(
    nearest={"america": (HOME, NEXT), "europe": (HOME, NEXT)},
    records=(
        DnsRecord("us", HOME, "failover", False, seconds(10), "PRIMARY", "hc-1"),
        DnsRecord("eu", NEXT, "failover", False, seconds(10), "SECONDARY"),
    ),
    health_checks=(check(10, 2),),
    databases=(Database("agentauri", "aurora_global", HOME, (NEXT,)),),
    alarms=(alarm("writer-unreachable"),),
    automation=Automation("platform", "writer-unreachable"),
    client=Client(connection_age=seconds(20)),
    services=(Service(HOME, 2, True), Service(NEXT, 2, True)),
    fronts=(HOME, NEXT),
)


def three() -> Configuration:
    """Three regions by latency, one writes."""
    return replace(
        HARDENED,
        nearest={"america": ALL, "europe": (NEXT, HOME, FAR), "asia": (FAR, NEXT, HOME)},
        records=tuple(DnsRecord(one, one, "latency", False, seconds(10), None, one) for one in ALL),
        health_checks=tuple(check(10, 2, identifier=one, region=one) for one in ALL),
        databases=(Database("agentauri", "aurora_global", HOME, (NEXT, FAR)),),
        alarms=(alarm("writer-unreachable"), alarm("writer-unreachable", FAR)),
        services=tuple(Service(one, 2, True) for one in ALL),
        fronts=ALL,
    )


def rows(configuration: Configuration, failure: str, objectives: Objectives = PATIENT) -> dict[tuple[str, str], Row]:
    told = feasibility(configuration, objectives)
    return {(row.location, row.kind): row for row in told.rows if row.failure == failure}
