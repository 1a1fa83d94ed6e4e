"""A resource record set as a value, and its way to and from AWS's shape.

Names are lower case and without the final dot here; AWS's shape has the dot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Key = tuple[str, str, str | None]
Routing = Literal["simple", "failover", "latency", "geolocation", "weighted"]

ALIAS_TTL = 60
"""The fixed TTL of an alias to a load balancer, in seconds.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html
"""

LOAD_BALANCER_ZONES = {
    "us-east-1": "Z35SXDOTRQ7X7K",
    "us-east-2": "Z3AADJGX6KTTL2",
    "us-west-1": "Z368ELLRRE2KJ0",
    "us-west-2": "Z1H1FL5HABSF5",
    "eu-west-1": "Z32O12XQLNTSW2",
    "eu-central-1": "Z215JYRZR1TBD5",
    "ap-south-1": "ZP97RAFLXTNZK",
}
"""The hosted zone of each region's application load balancers (https://docs.aws.amazon.com/general/latest/gr/elb.html)."""


@dataclass(frozen=True, slots=True)
class Alias:
    """The target of an alias record."""

    zone_id: str
    dns_name: str
    evaluate_target_health: bool


@dataclass(frozen=True, slots=True)
class GeoLocation:
    """Where a geolocation record applies; a country of ``*`` is the default for everywhere else."""

    continent: str | None = None
    country: str | None = None
    subdivision: str | None = None


@dataclass(frozen=True, slots=True)
class RecordSet:
    """One resource record set; ``ttl`` in seconds, absent on an alias."""

    name: str
    kind: str
    ttl: int | None = None
    values: tuple[str, ...] = ()
    alias: Alias | None = None
    set_identifier: str | None = None
    region: str | None = None
    failover: Literal["PRIMARY", "SECONDARY"] | None = None
    geo: GeoLocation | None = None
    health_check: str | None = None
    weight: int | None = None

    @property
    def key(self) -> Key:
        """What makes it unique in its zone."""
        return (self.name, self.kind, self.set_identifier)

    @property
    def routing(self) -> Routing:
        """The routing policy that its fields say."""
        if self.failover:
            return "failover"
        if self.region:
            return "latency"
        if self.weight is not None:
            return "weighted"
        return "geolocation" if self.geo else "simple"

    def shape(self) -> dict[str, Any]:
        """The record set as botocore's ``ResourceRecordSet``."""
        shape: dict[str, Any] = {"Name": dotted(self.name), "Type": self.kind}
        optional = {
            "SetIdentifier": self.set_identifier,
            "Weight": self.weight,
            "Region": self.region,
            "GeoLocation": _geo_shape(self.geo),
            "Failover": self.failover,
            "TTL": self.ttl,
            "ResourceRecords": [{"Value": value} for value in self.values] or None,
            "AliasTarget": _alias_shape(self.alias),
            "HealthCheckId": self.health_check,
        }
        return shape | {name: value for name, value in optional.items() if value is not None}


def record_set(shape: Mapping[str, Any]) -> RecordSet:
    """The value of botocore's ``ResourceRecordSet``."""
    alias, geo = shape.get("AliasTarget"), shape.get("GeoLocation")
    return RecordSet(
        plain(shape["Name"]),
        shape["Type"],
        shape.get("TTL"),
        tuple(item["Value"] for item in shape.get("ResourceRecords") or ()),
        Alias(bare(alias["HostedZoneId"]), plain(alias["DNSName"]), alias["EvaluateTargetHealth"]) if alias else None,
        shape.get("SetIdentifier"),
        shape.get("Region"),
        shape.get("Failover"),
        GeoLocation(geo.get("ContinentCode"), geo.get("CountryCode"), geo.get("SubdivisionCode")) if geo else None,
        shape.get("HealthCheckId"),
        shape.get("Weight"),
    )


def plain(name: str) -> str:
    """A DNS name in lower case, without its final dot."""
    return name.lower().rstrip(".")


def dotted(name: str) -> str:
    """A DNS name with its final dot."""
    return f"{name}."


def bare(identifier: str) -> str:
    """An id without the ``/hostedzone/``, ``/change/`` or ``/healthcheck/`` that AWS's answers put before it."""
    return identifier.rsplit("/", 1)[-1]


def load_balancer_name(name: str) -> str:
    """A provider's name without the ``dualstack.`` that the console puts before a load balancer's."""
    return name.removeprefix("dualstack.") if name.endswith(".elb.amazonaws.com") else name


def order(record: RecordSet) -> tuple[list[str], str, str]:
    """AWS's order of record sets: by the labels from the right, then by type, then by set identifier."""
    return (record.name.split(".")[::-1], record.kind, record.set_identifier or "")


def _alias_shape(alias: Alias | None) -> dict[str, Any] | None:
    if alias is None:
        return None
    return {
        "HostedZoneId": alias.zone_id,
        "DNSName": dotted(alias.dns_name),
        "EvaluateTargetHealth": alias.evaluate_target_health,
    }


def _geo_shape(geo: GeoLocation | None) -> dict[str, str] | None:
    if geo is None:
        return None
    codes = {"ContinentCode": geo.continent, "CountryCode": geo.country, "SubdivisionCode": geo.subdivision}
    return {name: code for name, code in codes.items() if code}
