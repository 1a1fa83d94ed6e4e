"""Which places a design has, and the addresses that belong to each: pure, from the design alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.clock import Duration
from harness.twin import names
from harness.twin.designs.model import Design

EVERYWHERE = "10.0.0.0/8"
BACKPLANES = "10.{octet}.248.0/21"
"""Every zone's backplane of one region, and nothing else."""

Kind = Literal["region", "location", "subnet"]


@dataclass(frozen=True)
class Place:
    """One network namespace.

    ``prefixes`` are the first three octets of the networks whose addresses may be put here; ``base`` is the address
    that unbound sockets speak from; ``node`` is the region or location whose WAN link and resolver it uses.
    ``link`` names its interface, ``cable`` the router's end of it (subnets only).
    """

    name: str
    kind: Kind
    node: str
    octet: int
    prefixes: tuple[str, ...]
    base: str
    link: str
    zone: str = ""
    cable: str = ""

    @property
    def resolver(self) -> str:
        """The address of the resolver that this place asks."""
        return f"10.{self.octet}.0.2"

    @property
    def backplane(self) -> str | None:
        """The base address on the replication network; data subnets only."""
        return f"{self.prefixes[1]}.4" if len(self.prefixes) > 1 else None

    def owns(self, address: str) -> bool:
        """Whether the address belongs to this place's networks."""
        return address.rpartition(".")[0] in self.prefixes


def places(design: Design) -> tuple[Place, ...]:
    """Every place of a design: routers, then subnets, then client locations."""
    routers = [
        Place(plan.name, "region", plan.name, plan.octet, (f"10.{plan.octet}.0",), f"10.{plan.octet}.0.2", "wan0")
        for plan in design.regions
    ]
    clients = [
        Place(plan.name, "location", plan.name, plan.octet, (f"10.{plan.octet}.0",), f"10.{plan.octet}.0.10", "wan0")
        for plan in design.locations
    ]
    return (*routers, *_subnets(design), *clients)


def _subnets(design: Design) -> Iterator[Place]:
    for plan in design.regions:
        for zone in plan.zones:
            for tier in names.TIERS:
                prefix = names.subnet(plan.octet, zone, tier)
                prefixes = (prefix, names.backplane(plan.octet, zone)) if tier == "data" else (prefix,)
                yield Place(
                    name=names.place(plan.name, zone, tier),
                    kind="subnet",
                    node=plan.name,
                    octet=plan.octet,
                    prefixes=prefixes,
                    base=f"{prefix}.4",
                    link="eth0",
                    zone=zone,
                    cable=f"{zone}-{tier}",
                )


@dataclass(frozen=True)
class Link:
    """A path of the WAN, the same both ways; ``round_trip`` in AWS time."""

    a: str
    b: str
    round_trip: Duration


def links(design: Design) -> tuple[Link, ...]:
    """Every path between two regions, and between a location and a region."""
    built = {plan.name for plan in design.regions}
    between = []
    for pair, trip in design.round_trips.items():
        if pair <= built:
            a, b = sorted(pair)
            between.append(Link(a, b, trip))
    return (*between, *_from_locations((plan.name, plan.latency) for plan in design.locations))


def _from_locations(plans: Iterable[tuple[str, Mapping[str, Duration]]]) -> Iterator[Link]:
    for location, latency in plans:
        for region, trip in latency.items():
            yield Link(location, region, trip)
