"""Network ACLs and dark zones as nftables rules in a region's router, where a subnet's traffic passes.

Stateless as AWS's are (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html): no connection is
tracked, so a new rule stops established flows too, and what is denied is dropped, so senders hang. Traffic within a
subnet and with the VPC resolver is never filtered; the backplane of managed services is beyond a customer's reach.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from harness.errors import TwinFault
from harness.twin.network.layout import BACKPLANES, Place
from harness.twin.network.namespaces import Namespace

TABLE = "inet twin"
_PORTED = {"6": "tcp", "17": "udp"}
_ICMP = "1"


def packets(protocol: str, ports: tuple[int, int] | None, icmp: tuple[int, int] | None) -> Iterator[str]:
    """Which packets, for nft. ``ports`` are destination ports, inclusive; ``icmp`` a type and a code, -1 for any."""
    if protocol in _PORTED and ports is not None:
        yield f"{_PORTED[protocol]} dport {ports[0]}-{ports[1]}"
    elif protocol == _ICMP and icmp is not None and icmp[0] >= 0:
        yield f"icmp type {icmp[0]}"
        if icmp[1] >= 0:
            yield f"icmp code {icmp[1]}"
    elif protocol != "-1":
        yield f"meta l4proto {protocol}"


@dataclass(frozen=True)
class AclRule:
    """One entry of a network ACL, in AWS's words. ``protocol`` is IANA's number or ``-1`` for all; ports inclusive."""

    number: int
    protocol: str
    cidr: str
    ports: tuple[int, int] | None
    allow: bool
    icmp: tuple[int, int] | None = None

    def statement(self, side: str) -> str:
        """The rule for nft; ``side`` is the end that the CIDR speaks of: ``saddr`` or ``daddr``."""
        try:
            network = IPv4Network(self.cidr, strict=False)
        except ValueError as error:  # nft would take it for a host name, and ask DNS for ten seconds
            raise TwinFault(f"Rule {self.number} of a network ACL has no CIDR: {self.cidr}.") from error
        verdict = "return" if self.allow else "drop"
        return " ".join([f"ip {side} {network}", *packets(self.protocol, self.ports, self.icmp), verdict])


def foundation(octets: Iterable[int], cables: Sequence[str]) -> str:
    """A router's whole ruleset before any ACL: everything passes. ``octets`` are those of all regions."""
    backplanes = ", ".join(BACKPLANES.format(octet=octet) for octet in octets)
    lines = [
        f"table {TABLE} {{",
        "set lost { type ifname; }",
        "set parted { type ifname . ifname; }",
        "chain nature { type filter hook forward priority -10; iifname @lost drop; oifname @lost drop;",
        "iifname . oifname @parted drop; }",
        # Never in an output hook: a sender in the router itself would get an error instead of silence.
        "chain nature-here { type filter hook input priority -10; iifname @lost drop; }",
        *(f"chain {way}-{cable} {{ }}" for cable in cables for way in ("egress", "ingress")),
        "chain acls { type filter hook forward priority 0;",
        f"ip saddr {{ {backplanes} }} accept",
        f"ip daddr {{ {backplanes} }} accept",
        f"iifname vmap {{ {jumps('egress', cables)} }}",
        f"oifname vmap {{ {jumps('ingress', cables)} }}",
        "}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def jumps(way: str, cables: Sequence[str]) -> str:
    """The elements of a verdict map that lead from each cable to its own chain of that way."""
    return ", ".join(f'"{cable}" : jump {way}-{cable}' for cable in cables)


def replacement(place: Place, ingress: Sequence[AclRule], egress: Sequence[AclRule]) -> str:
    """The commands that put a subnet's ACL in place of the one before, in one transaction."""
    return "\n".join(
        [*_chain(f"ingress-{place.cable}", "saddr", ingress), *_chain(f"egress-{place.cable}", "daddr", egress), ""]
    )


def _chain(name: str, side: str, rules: Sequence[AclRule]) -> Iterator[str]:
    yield f"flush chain {TABLE} {name}"
    for rule in sorted(rules, key=lambda each: each.number):
        if ":" not in rule.cidr:  # the twin's network has no IPv6, so such a rule meets no packet
            yield f"add rule {TABLE} {name} {rule.statement(side)}"
    yield f"add rule {TABLE} {name} drop"


def darkness(cables: Sequence[str]) -> str:
    """The commands that make exactly these cables dark: nothing passes to or from them, backplane included."""
    lines = [f"flush set {TABLE} lost"]
    if cables:
        lines.append(f"add element {TABLE} lost {{ {', '.join(chr(34) + cable + chr(34) for cable in cables)} }}")
    return "\n".join(lines) + "\n"


def partition(pairs: Iterable[frozenset[str]]) -> str:
    """The commands that let nothing pass between exactly these pairs of cables, backplane included."""
    lines = [f"flush set {TABLE} parted"]
    ways = [f'"{one}" . "{other}"' for a, b in map(sorted, pairs) for one, other in ((a, b), (b, a))]
    if ways:
        lines.append(f"add element {TABLE} parted {{ {', '.join(ways)} }}")
    return "\n".join(lines) + "\n"


class Ruleset:
    """The ruleset of one router, changed only by whole transactions."""

    def __init__(self, router: Namespace) -> None:
        self._router = router

    def load(self, commands: str) -> None:
        """Carry out nft commands, all or none; raises ``TwinFault`` with nft's words when it refuses."""
        with self._router.inside():
            done = subprocess.run(["nft", "-f", "-"], input=commands, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise TwinFault(f"nft refused a rule of {self._router.place.name}: {done.stderr.strip()}")
