"""The API's records route by the client's continent instead of by latency: one change batch there, one back.

Each new record keeps the target, the TTL and the health check of the record that led to its region before. AWS carries
a batch out whole or not at all (https://docs.aws.amazon.com/Route53/latest/APIReference/
API_ChangeResourceRecordSets.html); a client for whose continent there is no record gets the default one
(https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-geo.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import Duration, Instant, minutes
from harness.cloud import configuration, discovery, levers
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.cloud.levers import Records
from harness.cloud.session import GLOBAL_REGION
from harness.errors import Refused
from harness.faults import Geolocate
from harness.undo import Act

_POLICY = {"SetIdentifier", "Region", "Failover", "Weight", "GeoLocation", "MultiValueAnswer"}


class GeographyCarrier(Carrier):
    """Carries out ``Geolocate(Records(), continents, default)``."""

    patience: Duration = minutes(5)

    def __init__(self, estate: Estate, wish: Geolocate) -> None:
        self._estate = estate
        self._before = self._records()
        self._after = geolocated(self._before, configuration.balanced(estate), wish)
        self._seen = "not asked yet"

    def change(self, arm: Arm) -> None:
        """One batch."""
        zone = self._estate.platform.zone
        where = {"HostedZoneId": zone, "Host": self._estate.target.api.host, "Records": self._before}
        arm(Act("route53", GLOBAL_REGION, "ChangeResourceRecordSets", where, {"Records": self._after}))
        levers.replace_records(self._estate.cloud, zone, self._before, self._after)

    def bites(self, since: Instant) -> Proof | None:
        """The name servers lead every location as the new records say."""
        return self._led(self._after)

    def healed(self, since: Instant) -> Proof | None:
        """They lead every location as the old records say."""
        return self._led(self._before)

    def sight(self) -> str:
        """Where they led each location last."""
        return self._seen

    def _records(self) -> list[Mapping[str, Any]]:
        return levers.records(self._estate.cloud, self._estate.platform.zone, self._estate.target.api.host)

    def _led(self, wanted: Records) -> Proof | None:
        orders = configuration.ranked(wanted, configuration.balanced(self._estate), self._estate.target.locations)
        led = {place.name: self._estate.leads(place) for place in self._estate.target.locations}
        self._seen = ", ".join(f"{name} is led to {region or 'nowhere'}" for name, region in led.items())
        right = self._records() == list(wanted) and all(led[name] == order[0] for name, order in orders.items())
        return Proof(self._estate.clock.now(), self._seen) if right else None


def geolocated(before: Records, regions: Mapping[str, str], wish: Geolocate) -> list[dict[str, Any]]:
    """The records that carry out a wish. ``regions``: by a load balancer's DNS name. Raises ``Refused``."""
    known = {regions[discovery.record_target(record).lower()]: record for record in before}
    places = [({"ContinentCode": code}, region.name) for code, region in sorted(wish.continents.items())]
    found = []
    for where, region in [*places, ({"CountryCode": "*"}, wish.default.name)]:
        if region not in known:
            raise Refused(f"no record of the API leads to {region}: nothing is known of how one should.")
        kept = {name: value for name, value in known[region].items() if name not in _POLICY}
        found.append({**kept, "SetIdentifier": f"geo-{where.get('ContinentCode', 'default')}", "GeoLocation": where})
    return sorted(found, key=lambda record: str(record["SetIdentifier"]))
