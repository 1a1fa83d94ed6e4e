"""The configuration of a health check: AWS's defaults, what AWS refuses, and the endpoint that follows.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html and API_UpdateHealthCheck.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.clock import Duration, seconds
from harness.twin.api.route53.records import plain
from harness.twin.calls import AwsError

Config = Mapping[str, Any]
"""botocore's ``HealthCheckConfig`` with every default filled in."""

MINIMUM_REGIONS = 3
MAXIMUM_CHILDREN = 255
ENDPOINT_TYPES = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")
_ENDPOINT_FIELDS = ("IPAddress", "Port", "ResourcePath", "FullyQualifiedDomainName", "SearchString", "RequestInterval")
_UPDATABLE = (
    "IPAddress",
    "Port",
    "ResourcePath",
    "FullyQualifiedDomainName",
    "SearchString",
    "FailureThreshold",
    "Inverted",
    "Disabled",
    "HealthThreshold",
    "ChildHealthChecks",
    "EnableSNI",
    "Regions",
    "AlarmIdentifier",
    "InsufficientDataHealthStatus",
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the checkers probe. ``path`` is ``None`` for a TCP check; ``search`` must occur in the first 5,120 bytes."""

    address: str | None
    host: str | None
    port: int
    path: str | None
    search: bytes | None
    interval: Duration
    threshold: int
    regions: frozenset[str] = frozenset()
    """Where the checkers must stand; empty: everywhere."""
    usual_port: int = 80
    """The port that its type implies: any other is named in the Host header."""

    @property
    def host_header(self) -> str:
        """What AWS sends: the domain name, with the port unless it is the usual one; the address without a name.

        https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
        """
        if self.host is None:
            return self.address or ""
        return self.host if self.port == self.usual_port else f"{self.host}:{self.port}"


def created(config: Config, kind_of: Callable[[str], str | None]) -> Config:
    """A new check's configuration with AWS's defaults; raises ``InvalidInput`` for what AWS refuses.

    ``kind_of`` gives the type of another health check by its id.
    """
    kind = config["Type"]
    if kind == "RECOVERY_CONTROL":
        raise AwsError("NotImplementedByTwin", "Health checks of type RECOVERY_CONTROL are not built in the twin.", 501)
    full: dict[str, Any] = {"Inverted": False, "Disabled": False, **config}
    if kind in ENDPOINT_TYPES:
        full = {"MeasureLatency": False, "RequestInterval": 30, "FailureThreshold": 3, **full}
        full.setdefault("EnableSNI", kind.startswith("HTTPS"))
        if kind != "TCP":
            full.setdefault("Port", 443 if kind.startswith("HTTPS") else 80)
    validate(full, kind_of)
    return full


def updated(config: Config, changes: Mapping[str, Any], kind_of: Callable[[str], str | None]) -> Config:
    """The configuration after ``UpdateHealthCheck``; type, interval and MeasureLatency never change."""
    full = dict(config)
    for element in changes.get("ResetElements") or ():
        full.pop(element, None)
    full |= {name: changes[name] for name in _UPDATABLE if changes.get(name) is not None}
    if ("IPAddress" in full) != ("IPAddress" in config):
        raise _invalid("IPAddress cannot be added to an existing health check or removed from it")
    validate(full, kind_of)
    return full


def validate(config: Config, kind_of: Callable[[str], str | None]) -> None:
    """Raise ``InvalidInput`` for a configuration that AWS refuses."""
    kind = config["Type"]
    if kind in ENDPOINT_TYPES:
        _validate_endpoint(kind, config)
        return
    strange = [name for name in (*_ENDPOINT_FIELDS, "FailureThreshold", "Regions") if name in config]
    if strange:
        raise _invalid(f"{strange[0]} cannot be specified for a health check of type {kind}")
    if kind == "CLOUDWATCH_METRIC":
        _need(config, kind, "AlarmIdentifier", "InsufficientDataHealthStatus")
        return
    _need(config, kind, "ChildHealthChecks", "HealthThreshold")
    if len(config["ChildHealthChecks"]) > MAXIMUM_CHILDREN:
        raise _invalid(f"A health check cannot have more than {MAXIMUM_CHILDREN} child health checks")
    for child in config["ChildHealthChecks"]:
        child_kind = kind_of(child)
        if child_kind is None:
            raise _invalid(f"Child health check {child} does not exist")
        if child_kind == "CALCULATED":
            raise _invalid("A calculated health check cannot monitor another calculated health check")


def _validate_endpoint(kind: str, config: Config) -> None:
    if "IPAddress" not in config and "FullyQualifiedDomainName" not in config:
        raise _invalid("At least one of IPAddress and FullyQualifiedDomainName must be specified")
    _refuse_foreign_fields(kind, config)
    if "IPAddress" in config:
        _validate_address(config["IPAddress"])
    if config.get("Regions") and len(set(config["Regions"])) < MINIMUM_REGIONS:
        raise _invalid(f"At least {MINIMUM_REGIONS} health check regions must be specified")
    if config["RequestInterval"] not in (10, 30):
        raise _invalid("RequestInterval must be either 10 or 30")
    if not 1 <= config["FailureThreshold"] <= 10:
        raise _invalid("FailureThreshold must be between 1 and 10")
    if kind == "TCP":
        _need(config, kind, "Port")
    matching = kind.endswith("_STR_MATCH")
    if matching:
        _need(config, kind, "SearchString")
        if not config["SearchString"]:
            raise _invalid("SearchString must not be empty")
    elif "SearchString" in config:
        raise _invalid(f"SearchString cannot be specified for a health check of type {kind}")


def _refuse_foreign_fields(kind: str, config: Config) -> None:
    if "AlarmIdentifier" in config or "InsufficientDataHealthStatus" in config:
        raise _invalid("Basic health checks must not have an metric region specified.")
    foreign = ["ChildHealthChecks", "HealthThreshold", *(["ResourcePath"] if kind == "TCP" else [])]
    for name in foreign:
        if name in config:
            raise _invalid(f"{name} cannot be specified for a health check of type {kind}")


def _validate_address(text: str) -> None:
    try:
        version = ipaddress.ip_address(text).version
    except ValueError:
        raise _invalid(f"{text} is not a valid IP address") from None
    if version == 6:
        raise AwsError("NotImplementedByTwin", "Health checks of IPv6 addresses are not built in the twin.", 501)


def endpoint(config: Config) -> Endpoint | None:
    """What the checkers probe; ``None`` for a check without an endpoint and for a disabled one.

    An HTTPS check speaks plain HTTP to its port: the twin's listeners on 443 have no TLS (a known difference).
    """
    kind = config["Type"]
    if kind not in ENDPOINT_TYPES or config["Disabled"]:
        return None
    host, search = config.get("FullyQualifiedDomainName"), config.get("SearchString")
    path = config.get("ResourcePath") or "/"
    return Endpoint(
        config.get("IPAddress"),
        plain(host) if host else None,
        config["Port"],
        None if kind == "TCP" else path if path.startswith("/") else f"/{path}",
        search.encode() if search else None,
        seconds(config["RequestInterval"]),
        config["FailureThreshold"],
        frozenset(config.get("Regions") or ()),
        443 if kind.startswith("HTTPS") else 80,
    )


def _need(config: Config, kind: str, *fields: str) -> None:
    for name in fields:
        if name not in config:
            raise _invalid(f"{name} is required for a health check of type {kind}")


def _invalid(problem: str) -> AwsError:
    return AwsError("InvalidInput", f"Invalid parameter : {problem}")
