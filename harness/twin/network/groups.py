"""Security groups as nftables rules in a region's router: stateful, where network ACLs are not.

A flow that a rule let in is remembered by a mark on its connection, one bit for each side, so its answers pass whatever
the other direction's rules say, and it goes on when the rule is taken away. A flow that AWS does not track (a rule for
everybody, with answers allowed to everybody) gets no mark: each of its packets is judged by the rules of the moment.
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

from harness.errors import TwinFault
from harness.twin.network.acl import TABLE, jumps, packets
from harness.twin.network.layout import BACKPLANES, Place

Side = Literal["ingress", "egress"]
_BITS: dict[Side, int] = {"egress": 1, "ingress": 2}
_OTHER: dict[Side, Side] = {"egress": "ingress", "ingress": "egress"}


@dataclass(frozen=True)
class GroupRule:
    """What a security group allows. ``protocol`` is IANA's number or ``-1``; ``cidrs`` are peers, any of them.

    ``ports`` are inclusive, ``icmp`` a type and a code (-1: any). ``tracked``: whether flows that it lets in are
    remembered.
    """

    protocol: str
    cidrs: tuple[str, ...]
    ports: tuple[int, int] | None = None
    icmp: tuple[int, int] | None = None
    tracked: bool = True

    def statements(self, side: Side) -> Iterator[str]:
        """The rule for nft, in the order in which it must stand."""
        try:
            peers = ", ".join(str(IPv4Network(cidr, strict=False)) for cidr in self.cidrs)
        except ValueError as error:  # nft would take it for a host name, and ask DNS for ten seconds
            raise TwinFault(f"A rule of a security group has no CIDR: {self.cidrs}.") from error
        match = " ".join(
            [
                f"ip {'saddr' if side == 'ingress' else 'daddr'} {{ {peers} }}",
                *packets(self.protocol, self.ports, self.icmp),
            ]
        )
        if self.tracked:
            yield f"{match} ct direction original ct mark set ct mark or {_BITS[side]} return"
        yield f"{match} return"


def foundation(octets: Iterable[int], cables: Sequence[str]) -> str:
    """A router's security groups before any rule: everything passes. ``octets`` are those of all regions.

    Behind the network ACLs, so that a packet that those drop is never remembered.
    """
    backplanes = ", ".join(BACKPLANES.format(octet=octet) for octet in octets)
    lines = [
        f"table {TABLE} {{",
        *(f"chain group-{side}-{cable} {{ }}" for cable in cables for side in _BITS),
        "chain groups { type filter hook forward priority 10;",
        f"ip saddr {{ {backplanes} }} accept",
        f"ip daddr {{ {backplanes} }} accept",
        f"iifname vmap {{ {jumps('group-egress', cables)} }}",
        f"oifname vmap {{ {jumps('group-ingress', cables)} }}",
        "}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def replacement(place: Place, ingress: Sequence[GroupRule], egress: Sequence[GroupRule]) -> str:
    """The commands that put a subnet's security group in place of the one before, in one transaction."""
    return "\n".join([*_chain(place, "ingress", ingress), *_chain(place, "egress", egress), ""])


def _chain(place: Place, side: Side, rules: Sequence[GroupRule]) -> Iterator[str]:
    name = f"{TABLE} group-{side}-{place.cable}"
    yield f"flush chain {name}"
    for direction, bit in (("original", _BITS[side]), ("reply", _BITS[_OTHER[side]])):
        yield f"add rule {name} ct direction {direction} ct mark and {bit} == {bit} return"
    for rule in rules:
        for statement in rule.statements(side):
            yield f"add rule {name} {statement}"
    yield f"add rule {name} drop"
