"""How long AWS takes: the one table from which feasibility reckons, each figure with the page that states it.

Where AWS gives a range, best and worst are its ends. Where it says *minutes* or *several minutes*, the ends are this
project's reading of that, and the source says so. A team that has measured better states its own figures
(:func:`parse`), with their source. Spans are AWS time.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.clock import Duration, seconds
from harness.errors import BadInput

_ROUTE53 = "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/"
_RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
_AURORA = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/"
CHECKS = _ROUTE53 + "dns-failover-determining-health-of-endpoints.html"
CHOICE = _ROUTE53 + "health-checks-how-route-53-chooses-records.html"
LAST_RESORT = _ROUTE53 + "dns-failover-problems.html"
RECORDS = _ROUTE53 + "resource-record-sets-choosing-alias-non-alias.html"
ALARMS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html"
TARGETS = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"

CONNECT_TIMEOUT = seconds(4)
"""A checker waits so long for a connection to a dark endpoint, and counts its interval from then on. :data:`CHECKS`"""
FAILED_SHARE = 0.82
"""So many of the checkers must have given up: an endpoint is healthy while more than 18 % of them say so."""
ALIAS_TTL = seconds(60)
"""The TTL of an alias to a load balancer; it cannot be changed. :data:`RECORDS`"""
ENDPOINT_TTL = seconds(5)
"""The TTL of a database's endpoint."""
DELIVERY = seconds(120)
"""How late AWS's own metrics may arrive, measured at worst."""
IDLE_LAG = seconds(300)
"""The lag that a healthy replica of an idle PostgreSQL writer may report.
Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PostgreSQL.Replication.ReadReplicas.Monitor.html"""


@dataclass(frozen=True)
class Range:
    """How long something takes: best, typical, worst; and who says so."""

    best: Duration
    typical: Duration
    worst: Duration
    source: str


def _range(best: float, typical: float, worst: float, source: str) -> Range:
    return Range(seconds(best), seconds(typical), seconds(worst), source)


DOCUMENTED: Mapping[str, Range] = {
    # AWS: 60–120 s.
    "multi_az_instance": _range(60, 90, 120, _RDS + "Concepts.MultiAZSingleStandby.html"),
    # AWS: typically under 35 s; best and typical from published measurements.
    "multi_az_cluster": _range(10, 25, 35, _RDS + "multi-az-db-clusters-concepts-failover.html"),
    # AWS: typically less than 60 s, often less than 30 s; best from a published test.
    "aurora": _range(10, 30, 60, _AURORA + "Concepts.AuroraHighAvailability.html"),
    # AWS: minutes; the ends are this project's reading.
    "aurora_global": _range(60, 180, 600, _AURORA + "aurora-global-database-disaster-recovery.html"),
    # AWS gives no figure for the other secondaries' rebuild, only that they are unavailable; this project's reading.
    "aurora_global_rebuild": _range(60, 180, 600, _AURORA + "aurora-global-database-disaster-recovery.html"),
    # AWS: several minutes, with a reboot; a backup in progress holds it up. The ends are this project's reading.
    "replica": _range(180, 300, 900, _RDS + "USER_ReadRepl.Promote.html"),
    # AWS gives no figure; measured starts of Fargate tasks with a small image.
    "task": _range(
        20, 30, 45, "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"
    ),
}
"""By kind of recovery, where nobody states a measured figure."""


def parse(text: str, where: str) -> Mapping[str, Range]:
    """:data:`DOCUMENTED` with the figures of a TOML text in their place, a table a kind.

    ``[aurora]`` ``best_seconds`` ``typical_seconds`` ``worst_seconds`` ``source``: all four are needed, in order of
    size. Raises ``BadInput`` that names ``where`` and the field.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(where, "TOML", str(error)) from error
    return {**DOCUMENTED, **{kind: _stated(table, where, kind) for kind, table in document.items()}}


def _stated(table: Any, where: str, kind: str) -> Range:
    if kind not in DOCUMENTED:
        raise BadInput(where, kind, f"unknown; one of {', '.join(DOCUMENTED)}")
    if not isinstance(table, dict):
        raise BadInput(where, kind, "must be a table")
    names = ("best_seconds", "typical_seconds", "worst_seconds")
    if extra := sorted(set(table) - {*names, "source"}):
        raise BadInput(where, f"{kind}.{extra[0]}", "unknown")
    for name in names:
        value = table.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise BadInput(where, f"{kind}.{name}", f"must be a number, 0 or more, not {value!r}")
    if not table["best_seconds"] <= table["typical_seconds"] <= table["worst_seconds"]:
        raise BadInput(where, kind, "best, typical and worst must be in order of size")
    if not isinstance(table.get("source"), str) or not table["source"].strip():
        raise BadInput(where, f"{kind}.source", "must say who measured it, and where that can be read")
    best, typical, worst = (seconds(table[name]) for name in names)
    return Range(best, typical, worst, table["source"])
