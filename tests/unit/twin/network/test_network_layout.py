"""Places and links of the project's own designs."""

from __future__ import annotations

import ipaddress

import pytest

from harness.clock import milliseconds
from harness.twin.designs.catalogue import NAMES, design
from harness.twin.network.layout import BACKPLANES, Link, links, places


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", ["as_written", "hardened"])
def test_places_have_networks_of_their_own(name: str, version: str) -> None:
    found = places(design(name, version))  # type: ignore[arg-type]
    prefixes = [prefix for place in found for prefix in place.prefixes]
    assert len(set(prefixes)) == len(prefixes)
    assert len({place.name for place in found}) == len(found)
    assert all(place.owns(place.base) for place in found)
    assert all(len(place.cable) < 16 for place in found)


def test_a_data_subnet_lies_on_the_backplane_and_no_other_does() -> None:
    for place in places(design("active_active", "hardened")):
        plane = ipaddress.IPv4Network(BACKPLANES.format(octet=place.octet))
        inside = [ipaddress.IPv4Address(f"{prefix}.1") in plane for prefix in place.prefixes]
        assert inside == ([False, True] if place.name.endswith("-data") else [False])
        assert (place.backplane is not None) == place.name.endswith("-data")


def test_every_location_has_a_path_to_every_region() -> None:
    found = links(design("active_passive", "hardened"))
    assert Link("eu-west-1", "us-east-1", milliseconds(80)) in found
    assert {(link.a, link.b) for link in found if link.a == "asia"} == {("asia", "us-east-1"), ("asia", "eu-west-1")}
    assert len(found) == 1 + 3 * 2
