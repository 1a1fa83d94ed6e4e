"""Where a client is, judged by its subnet: which regions are nearest, and on which continent it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.clock import ZERO, Duration
from harness.twin.api.route53.records import GeoLocation
from harness.twin.designs.model import Design

_AREAS = {
    "america": GeoLocation("NA", "US"),
    "us": GeoLocation("NA", "US"),
    "europe": GeoLocation("EU", "IE"),
    "eu": GeoLocation("EU", "IE"),
    "asia": GeoLocation("AS", "IN"),
    "ap": GeoLocation("AS", "IN"),
}


@dataclass(frozen=True)
class Neighbourhood:
    """A subnet's view of the world: ``nearest`` are regions by round trip, ``area`` where it lies."""

    nearest: tuple[str, ...]
    area: GeoLocation


@dataclass(frozen=True)
class Geography:
    """Neighbourhoods by the second octet of ``10.x.0.0/16``; any other client counts as one of ``home``."""

    by_octet: Mapping[int, Neighbourhood]
    home: int

    @classmethod
    def of(cls, design: Design) -> Geography:
        """The table of a design: its client locations and its regions; strangers are in the primary region."""
        table = {
            location.octet: Neighbourhood(_nearest(location.latency), _area(location.name))
            for location in design.locations
        }
        built = [region.name for region in design.regions]
        for region in design.regions:
            trips = {
                other: ZERO if other == region.name else design.round_trips[frozenset({region.name, other})]
                for other in built
            }
            table[region.octet] = Neighbourhood(_nearest(trips), _area(region.name))
        return cls(table, design.primary.octet)

    def of_client(self, client: str) -> Neighbourhood:
        """The neighbourhood of an IPv4 address (or the first address of a subnet)."""
        octets = client.split(".")
        if len(octets) == 4 and octets[0] == "10" and octets[1].isdigit():
            return self.by_octet.get(int(octets[1]), self.by_octet[self.home])
        return self.by_octet[self.home]


def _nearest(trips: Mapping[str, Duration]) -> tuple[str, ...]:
    return tuple(sorted(trips, key=lambda region: (trips[region], region)))


def _area(name: str) -> GeoLocation:
    return _AREAS.get(name.split("-")[0], GeoLocation())
