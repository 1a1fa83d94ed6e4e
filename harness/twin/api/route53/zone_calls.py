"""The API's calls about hosted zones, record sets and changes."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Mapping
from typing import Any

from harness.clock import Clock
from harness.twin import names
from harness.twin.api.route53.answers import Answer
from harness.twin.api.route53.health_checks import HealthChecks
from harness.twin.api.route53.propagation import Propagation
from harness.twin.api.route53.records import LOAD_BALANCER_ZONES, bare, dotted, load_balancer_name, order, plain
from harness.twin.api.route53.zones import NAME_SERVERS, Zone, changes_of
from harness.twin.calls import AwsError, Call, Handler

_MAXIMUM_ITEMS = 300
_LONGEST_MASK = 128
_CALLER_REFERENCE = "gameday-twin"


class ZoneCalls:
    """Handlers of the hosted zone, the only one of the account. ``answer`` is what the name servers say now."""

    def __init__(
        self,
        clock: Clock,
        zone: Zone,
        propagation: Propagation,
        health: HealthChecks,
        registry: names.Names,
        answer: Callable[[str, str, str], Answer],
        resolver: str,
    ) -> None:
        self._clock = clock
        self._zone = zone
        self._propagation = propagation
        self._health = health
        self._registry = registry
        self._answer = answer
        self._resolver = resolver
        self._lock = threading.Lock()

    @property
    def zone(self) -> Zone:
        """The zone as the API shows it: with changes that are still PENDING."""
        return self._zone

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by botocore's name."""
        return {
            "ListHostedZones": self._list_zones,
            "ListHostedZonesByName": self._list_zones_by_name,
            "GetHostedZone": self._get_zone,
            "ListResourceRecordSets": self._list_records,
            "ChangeResourceRecordSets": self._change,
            "GetChange": self._get_change,
            "TestDNSAnswer": self._test,
        }

    def check_zone(self, identifier: str) -> None:
        """Raise ``NoSuchHostedZone`` unless it is ours."""
        if bare(identifier) != self._zone.identifier:
            raise AwsError("NoSuchHostedZone", f"No hosted zone found with ID: {bare(identifier)}", 404)

    def _list_zones(self, call: Call) -> Mapping[str, Any]:
        marker = call.get("Marker")
        if marker and bare(marker) != self._zone.identifier:
            raise AwsError("InvalidInput", f"The marker {marker!r} is not valid.")
        return {
            "HostedZones": [self._shape()],
            "Marker": marker or "",
            "IsTruncated": False,
            "MaxItems": call.get("MaxItems") or "100",
        }

    def _list_zones_by_name(self, call: Call) -> Mapping[str, Any]:
        name = call.get("DNSName")
        listed = name is None or _reversed(self._zone.name) >= _reversed(plain(name))
        answer = {
            "HostedZones": [self._shape()] if listed else [],
            "IsTruncated": False,
            "MaxItems": call.get("MaxItems") or "100",
        }
        echoed = {key: call.get(key) for key in ("DNSName", "HostedZoneId") if call.get(key)}
        return answer | echoed

    def _get_zone(self, call: Call) -> Mapping[str, Any]:
        self.check_zone(call.parameters["Id"])
        return {"HostedZone": self._shape(), "DelegationSet": {"NameServers": list(NAME_SERVERS)}}

    def _list_records(self, call: Call) -> Mapping[str, Any]:
        self.check_zone(call.parameters["HostedZoneId"])
        start, kind = call.get("StartRecordName"), call.get("StartRecordType")
        if kind and not start:
            raise AwsError("InvalidInput", "StartRecordType requires StartRecordName.")
        if call.get("StartRecordIdentifier") and not (start and kind):
            raise AwsError("InvalidInput", "StartRecordIdentifier requires StartRecordName and StartRecordType.")
        first = (_reversed(plain(start or "")), kind or "", call.get("StartRecordIdentifier") or "")
        size = _size(call.get("MaxItems"))
        records = sorted(self._zone.records.values(), key=order)
        rest = [record for record in records if start is None or order(record) >= first]
        answer: dict[str, Any] = {
            "ResourceRecordSets": [record.shape() for record in rest[:size]],
            "IsTruncated": len(rest) > size,
            "MaxItems": str(size),
        }
        if len(rest) > size:
            following = rest[size]
            answer |= {"NextRecordName": dotted(following.name), "NextRecordType": following.kind}
            answer |= {"NextRecordIdentifier": following.set_identifier} if following.set_identifier else {}
        return answer

    def _change(self, call: Call) -> Mapping[str, Any]:
        self.check_zone(call.parameters["HostedZoneId"])
        batch = call.parameters["ChangeBatch"]
        changes = changes_of(batch)
        with self._lock:
            zone = self._zone.changed(changes, self._health.exists, self._provider_zone)
            change = self._propagation.submit(zone, batch.get("Comment"))
            self._zone = zone
        return {"ChangeInfo": change.shape(self._clock.now())}

    def _get_change(self, call: Call) -> Mapping[str, Any]:
        return {"ChangeInfo": self._propagation.get(call.parameters["Id"]).shape(self._clock.now())}

    def _test(self, call: Call) -> Mapping[str, Any]:
        self.check_zone(call.parameters["HostedZoneId"])
        name, kind = call.parameters["RecordName"], call.parameters["RecordType"]
        if plain(name) != self._zone.name and not plain(name).endswith(f".{self._zone.name}"):
            raise AwsError("InvalidInput", f"{name} is not in the hosted zone {dotted(self._zone.name)}")
        for given in ("ResolverIP", "EDNS0ClientSubnetIP"):
            _check_address(given, call.get(given))
        _check_mask(call.get("EDNS0ClientSubnetMask"))
        client = call.get("EDNS0ClientSubnetIP") or call.get("ResolverIP") or self._resolver
        answer = self._answer(plain(name), kind, client)
        link = answer.link
        values = () if link is None else link.values
        return {
            "Nameserver": NAME_SERVERS[0],
            "RecordName": dotted(plain(name)),
            "RecordType": kind if link is None else link.kind,
            "RecordData": [dotted(value.rstrip(".")) if link and link.kind == "CNAME" else value for value in values],
            "ResponseCode": answer.rcode,
            "Protocol": "UDP",
        }

    def _shape(self) -> dict[str, Any]:
        return {
            "Id": f"/hostedzone/{self._zone.identifier}",
            "Name": dotted(self._zone.name),
            "CallerReference": _CALLER_REFERENCE,
            "Config": {"Comment": "AgentAuri", "PrivateZone": False},
            "ResourceRecordSetCount": len(self._zone.records),
        }

    def _provider_zone(self, name: str) -> str | None:
        name = load_balancer_name(name)
        labels = name.split(".")
        if not name.endswith(".elb.amazonaws.com") or self._registry.lookup(name) is None:
            return None
        return LOAD_BALANCER_ZONES.get(labels[-4])


def _check_address(name: str, text: str | None) -> None:
    try:
        ipaddress.ip_address(text or "0.0.0.0")
    except ValueError:
        raise AwsError("InvalidInput", f"{name} is not an IP address: {text!r}.") from None


def _check_mask(text: str | None) -> None:
    if text is not None and not (text.isdigit() and int(text) <= _LONGEST_MASK):
        raise AwsError("InvalidInput", f"EDNS0ClientSubnetMask is not a number of bits: {text!r}.")


def _size(text: str | None) -> int:
    if text is None:
        return _MAXIMUM_ITEMS
    if not text.isdigit() or int(text) < 1:
        raise AwsError("InvalidInput", f"MaxItems must be a positive number, not {text!r}.")
    return min(int(text), _MAXIMUM_ITEMS)


def _reversed(name: str) -> list[str]:
    return name.split(".")[::-1]
