"""Where a reader goes on: AWS's own words on the component that failed, and the page for the night shift."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from harness.reporting import markup
from harness.verdicts import Exit

RUNBOOK_FILE = "runbook.html"
MEASURING_FILE = "measuring.html"
DOCS = Path(__file__).resolve().parents[2] / "docs"
RUNBOOK = DOCS / "runbook.md"
_INTO_DOCS = re.compile(r'<a href="(?!https?:|#)[^"]*">(.*?)</a>', re.DOTALL)
_AWS = "https://docs.aws.amazon.com"


@dataclass(frozen=True)
class Reference:
    """A page outside the report; nothing is loaded from it."""

    title: str
    address: str


_HEALTH = Reference(
    "Route 53: how the health of an endpoint is determined",
    f"{_AWS}/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html",
)
_GLOBAL = Reference(
    "Aurora Global Database: switchover and failover",
    f"{_AWS}/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html",
)
_LAG = Reference(
    "RDS: monitoring read replication",
    f"{_AWS}/AmazonRDS/latest/UserGuide/USER_PostgreSQL.Replication.ReadReplicas.Monitor.html",
)
_ALARMS = Reference(
    "CloudWatch: how alarms are evaluated", f"{_AWS}/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"
)
_CACHE = Reference(
    "ElastiCache: failover of a replication group", f"{_AWS}/AmazonElastiCache/latest/dg/AutoFailover.html"
)
_TARGETS = Reference(
    "Application Load Balancer: health checks of target groups",
    f"{_AWS}/elasticloadbalancing/latest/application/target-group-health-checks.html",
)
_SERVICES = Reference(
    "ECS: service definition parameters",
    f"{_AWS}/AmazonECS/latest/developerguide/service_definition_parameters.html",
)
_BOUNDARIES = Reference(
    "AWS fault isolation boundaries: global services",
    f"{_AWS}/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html",
)
_BY_COMPONENT: dict[str, tuple[Reference, ...]] = {
    "load balancer": (_HEALTH, _TARGETS),
    "region": (_HEALTH, _GLOBAL),
    "zone": (_TARGETS, _HEALTH),
    "read replica": (_LAG, _ALARMS),
    "database": (_GLOBAL, _LAG),
    "cache": (_CACHE,),
    "services": (_SERVICES, _TARGETS),
    "Route 53": (_BOUNDARIES, _HEALTH),
    "automation": (_GLOBAL, _ALARMS),
    "clients": (_HEALTH,),
}


def of_component(component: str) -> Sequence[Reference]:
    """What AWS says of a component, as :func:`harness.reporting.telling.component` calls it; empty for another."""
    return _BY_COMPONENT.get(component, ())


def runbook(code: Exit) -> str:
    """The address, within a site, of what the night shift is to do about an exit code."""
    return f"{RUNBOOK_FILE}#code-{int(code)}"


def runbook_page() -> str:
    """``docs/runbook.md`` as a page of the site; each exit code's section can be linked to."""
    return markup.beneath("Runbook", [re.sub(r"<h2>(\d):", r'<h2 id="code-\1">\1:', _rendered(RUNBOOK))])


def measuring_page() -> str:
    """``docs/measuring.md`` as a page of the site: what every word, figure and verdict of it means."""
    return markup.beneath("What the figures mean", [_rendered(DOCS / "measuring.md")])


def _rendered(file: Path) -> str:
    """A page of the documentation as HTML; what leads to other pages of it, which the site has not, is no link."""
    return _INTO_DOCS.sub(r"\1", MarkdownIt("commonmark").enable("table").render(file.read_text()))
