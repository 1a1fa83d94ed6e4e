"""What AWS refuses in a change batch: rules of one record set (InvalidInput) and of a zone (InvalidChangeBatch).

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html and API_ResourceRecordSet.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.twin.api.route53.records import Key, RecordSet, dotted
from harness.twin.calls import AwsError

MAXIMUM_TTL = 2_147_483_647
_ROUTING = ("Weight", "Region", "Failover", "GeoLocation", "MultiValueAnswer", "CidrRoutingConfig")
_UNBUILT = ("MultiValueAnswer", "CidrRoutingConfig", "GeoProximityLocation", "TrafficPolicyInstanceId")
_CONTINENTS = ("AF", "AN", "AS", "EU", "NA", "OC", "SA")
_SUBDIVIDED = ("US", "UA")
_EXCLUSIVE: Mapping[str, Callable[[RecordSet], object]] = {
    "failover": lambda record: record.failover,
    "latency": lambda record: record.region,
    "geolocation": lambda record: record.geo,
}
_ADDRESSES = {
    "A": (ipaddress.IPv4Address, "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
    "AAAA": (ipaddress.IPv6Address, "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"),
}


def check_shape(action: str, shape: Mapping[str, Any]) -> None:
    """Refuse a record set whose fields contradict each other, as AWS does before it looks at the zone."""
    for name in _UNBUILT:
        if shape.get(name) is not None:
            raise AwsError("NotImplementedByTwin", f"ResourceRecordSet.{name} is not built in the twin.", 501)
    if "*" in shape["Name"] or "\\052" in shape["Name"]:
        raise AwsError("NotImplementedByTwin", "Wildcard records are not built in the twin.", 501)
    where = (
        f"in Change with [Action={action}, Name={dotted(shape['Name'].rstrip('.'))}, Type={shape['Type']}, "
        f"SetIdentifier={shape.get('SetIdentifier', 'null')}]"
    )
    routing = [name for name in _ROUTING if shape.get(name) is not None]
    if routing and not shape.get("SetIdentifier"):
        raise _invalid(f"Missing field 'SetIdentifier' {where}")
    if shape.get("SetIdentifier") and len(routing) != 1:
        raise _invalid(f"Expected exactly one of [{', '.join(_ROUTING)}], but found {_count(routing)} {where}")
    plain = [name for name in ("TTL", "ResourceRecords") if shape.get(name) is not None]
    alias = shape.get("AliasTarget") is not None
    if alias == (len(plain) == 2) or (alias and plain):
        found = "more than one" if alias else "none"
        choice = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
        raise _invalid(f"Expected exactly one of {choice}, but found {found} {where}")
    _check_location(shape.get("GeoLocation"), where)
    if not 0 <= shape.get("TTL", 0) <= MAXIMUM_TTL:
        raise _invalid(f"TTL must be between 0 and {MAXIMUM_TTL} {where}")


def _check_location(geo: Mapping[str, str] | None, where: str) -> None:
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_GeoLocation.html."""
    if geo is None:
        return
    continent, country, subdivision = (geo.get(f"{kind}Code") for kind in ("Continent", "Country", "Subdivision"))
    if (continent is None) == (country is None):
        raise _invalid(f"Expected exactly one of [ContinentCode, CountryCode] {where}")
    if continent is not None and continent not in _CONTINENTS:
        raise _invalid(f"{continent} is not a continent code {where}")
    if country is not None and country != "*" and not (len(country) == 2 and country.isalpha() and country.isupper()):
        raise _invalid(f"{country} is not a country code {where}")
    if subdivision is not None and country not in _SUBDIVIDED:
        raise _invalid(f"SubdivisionCode requires a CountryCode of {' or '.join(_SUBDIVIDED)} {where}")


def problems(
    zone_name: str,
    zone_id: str,
    records: Mapping[Key, RecordSet],
    touched: Iterable[str],
    provider_zone: Callable[[str], str | None],
) -> list[str]:
    """What is wrong with the names ``touched`` in a zone as it would become; empty when nothing is.

    ``provider_zone`` gives the hosted zone id of a load balancer's name, ``None`` when there is no such name.
    """
    found: list[str] = []
    for name in sorted(set(touched)):
        if name != zone_name and not name.endswith(f".{zone_name}"):
            found.append(f"RRSet with DNS name {dotted(name)} is not permitted in zone {dotted(zone_name)}")
            continue
        here = [record for record in records.values() if record.name == name]
        found += _cname_conflicts(zone_name, name, here)
        for kind in sorted({record.kind for record in here}):
            found += _group_problems([record for record in here if record.kind == kind])
        for record in here:
            found += _value_problems(record)
            found += _alias_problems(record, zone_name, zone_id, records, provider_zone)
    for kind, text in (
        ("SOA", "A HostedZone must contain exactly one SOA record."),
        ("NS", "A HostedZone must contain at least one NS record for the zone itself."),
    ):
        if (zone_name, kind, None) not in records:
            found.append(text)
    return found


def _cname_conflicts(zone_name: str, name: str, here: Sequence[RecordSet]) -> list[str]:
    kinds = sorted({record.kind for record in here})
    if "CNAME" not in kinds:
        return []
    if name == zone_name:
        return [
            f"RRSet of type CNAME with DNS name {dotted(name)} is not permitted at apex in zone {dotted(zone_name)}"
        ]
    return [
        f"RRSet of type {kind} with DNS name {dotted(name)} is not permitted because a conflicting RRSet of type CNAME "
        f"with the same DNS name already exists in zone {dotted(zone_name)}"
        for kind in kinds
        if kind != "CNAME"
    ]


def _group_problems(group: Sequence[RecordSet]) -> list[str]:
    first = group[0]
    title = f"RRSet with DNS name {dotted(first.name)}, type {first.kind}"
    policies = sorted({record.routing for record in group})
    if len(policies) > 1:
        return [
            f"{title} cannot be created as {policies[0]} and {policies[1]} RRSets with the same name and type exist"
        ]
    found = []
    attribute = _EXCLUSIVE.get(policies[0])
    if attribute is not None:
        used: set[object] = set()
        for record in group:
            if attribute(record) in used:
                found.append(
                    f"{title}, SetIdentifier {record.set_identifier} cannot be created as a {policies[0]} RRSet with "
                    f"the same name, type and value {_word(attribute(record))} already exists"
                )
            used.add(attribute(record))
    found += [
        "A non-alias primary ResourceRecordSet must have an associated health check."
        for record in group
        if record.failover == "PRIMARY" and record.alias is None and record.health_check is None
    ]
    return found


def _value_problems(record: RecordSet) -> list[str]:
    if record.kind == "CNAME" and len(record.values) > 1:
        return [f"Invalid Resource Record: CNAME {dotted(record.name)} must have exactly one value"]
    twice = sorted({value for value in record.values if record.values.count(value) > 1})
    if twice:
        return [f"Duplicate Resource Record: '{value}'" for value in twice]
    if record.kind not in _ADDRESSES:
        return []
    parse, text = _ADDRESSES[record.kind]
    return [
        f"Invalid Resource Record: 'FATAL problem: {text} encountered with '{value}''"
        for value in record.values
        if not _parses(parse, value)
    ]


def _alias_problems(
    record: RecordSet,
    zone_name: str,
    zone_id: str,
    records: Mapping[Key, RecordSet],
    provider_zone: Callable[[str], str | None],
) -> list[str]:
    alias = record.alias
    if alias is None:
        return []
    target = f"{dotted(alias.dns_name)}, type {record.kind} in zone {alias.zone_id}"
    title = f"Tried to create an alias that targets {target}, but "
    if alias.zone_id == zone_id:
        if alias.dns_name != zone_name and not alias.dns_name.endswith(f".{zone_name}"):
            return [f"{title}the alias target name does not lie within the target zone"]
        if _loops(record, records):
            return [f"{title}the alias leads back to itself"]
        known = any((other.name, other.kind) == (alias.dns_name, record.kind) for other in records.values())
        return [] if known else [f"{title}that target was not found"]
    owner = provider_zone(alias.dns_name)
    if owner is None or record.kind not in _ADDRESSES:
        return [f"{title}that target was not found"]
    return [] if owner == alias.zone_id else [f"{title}the alias target name does not lie within the target zone"]


def _loops(record: RecordSet, records: Mapping[Key, RecordSet]) -> bool:
    reached, frontier = set[str](), {record.name}
    while frontier:
        frontier = {
            other.alias.dns_name
            for other in records.values()
            if other.alias and other.kind == record.kind and other.name in frontier
        }
        if record.name in frontier:
            return True
        frontier -= reached
        reached |= frontier
    return False


def _parses(parse: Callable[[str], object], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


def _word(value: object) -> str:
    return value if isinstance(value, str) else "GeoLocation"


def _count(names: Sequence[str]) -> str:
    return "more than one" if names else "none"


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidInput", f"Invalid request: {message}")
