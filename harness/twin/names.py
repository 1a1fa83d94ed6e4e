"""Every name and address of the twin, derived from identifiers; and the registry of names that move.

Addresses: subnet ``10.R.(10Z+T).0/24`` with region octet R, zone index Z (a=1) and tier T (public 0, app 1, data 2),
its router at ``.1``. Managed services replicate over a backplane of their own, ``10.R.(250+Z).0/24``, in the data
subnet's namespace; network ACLs never see it. The VPC resolver of a region is ``10.R.0.2``; a location's client is
``10.L.0.10`` and its resolver ``10.L.0.2``.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ACCOUNT = "123456789012"
ZONE_NAME = "agentauri.example"
API_HOST = "api.agentauri.example"
HOSTED_ZONE_ID = "Z0123456789AGENTAURI"

Tier = Literal["public", "app", "data"]
TIERS: tuple[Tier, ...] = ("public", "app", "data")


def zone_index(zone: str) -> int:
    """1 for zone ``a``, 2 for ``b``…"""
    return ord(zone) - ord("a") + 1


def place(region: str, zone: str, tier: Tier) -> str:
    """The place (a network namespace) of a subnet, e.g. ``us-east-1a-data``."""
    return f"{region}{zone}-{tier}"


def subnet(octet: int, zone: str, tier: Tier) -> str:
    """The first three octets of a subnet, e.g. ``10.1.12``."""
    return f"10.{octet}.{10 * zone_index(zone) + TIERS.index(tier)}"


def backplane(octet: int, zone: str) -> str:
    """The first three octets of a zone's replication network, e.g. ``10.1.251``."""
    return f"10.{octet}.{250 + zone_index(zone)}"


def security_group_id(region: str, tier: Tier) -> str:
    """The AWS id of a tier's security group, e.g. ``sg-use1data``."""
    return f"sg-{short(region)}{tier}"


def subnet_id(region: str, zone: str, tier: Tier) -> str:
    """The AWS id of a subnet, e.g. ``subnet-use1a-public``."""
    return f"subnet-{short(region)}{zone}{tier}"


def short(region: str) -> str:
    """AWS's short form of a region, e.g. ``use1``."""
    area, side, number = region.split("-")
    return f"{area}{side[0]}{number}"


def instance_endpoint(identifier: str, region: str) -> str:
    """The DNS name of a DB instance."""
    return f"{identifier}.c7kq3exmpl.{region}.rds.amazonaws.com"


def cluster_endpoint(identifier: str, region: str, *, reader: bool = False) -> str:
    """The writer or reader endpoint of a DB cluster."""
    return f"{identifier}.cluster-{'ro-' if reader else ''}c7kq3exmpl.{region}.rds.amazonaws.com"


def global_endpoint(identifier: str) -> str:
    """The writer endpoint of an Aurora Global Database; it follows the primary cluster."""
    return f"{identifier}.global-c7kq3exmpl.global.rds.amazonaws.com"


def cache_endpoint(identifier: str, region: str) -> str:
    """The primary endpoint of a replication group (port 6379)."""
    return f"master.{identifier}.x7kq3x.{short(region)}.cache.amazonaws.com"


def load_balancer_dns(name: str, region: str) -> str:
    """The DNS name of an ALB."""
    return f"{name}-1234567890.{region}.elb.amazonaws.com"


def health_check_id(identifier: str) -> str:
    """The id of a design's Route 53 health check: the same in every boot."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{identifier}.healthcheck.agentauri.example"))


def arn(service: str, region: str, resource: str) -> str:
    """An ARN of the twin's account."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


@dataclass(frozen=True)
class Pointer:
    """Where a name leads now: addresses, or another name. ``ttl`` in AWS seconds."""

    addresses: tuple[str, ...] = ()
    cname: str | None = None
    ttl: int = 5


@dataclass
class Names:
    """The provider's own names (database, cache and load balancer endpoints) and where they lead now; thread-safe."""

    _pointers: dict[str, Pointer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def point(self, name: str, pointer: Pointer) -> None:
        """Let ``name`` lead there from now on; resolvers keep the old answer until its TTL has passed."""
        with self._lock:
            self._pointers[name.lower()] = pointer

    def forget(self, name: str) -> None:
        """Remove a name, if it is there; it then answers NXDOMAIN."""
        with self._lock:
            self._pointers.pop(name.lower(), None)

    def lookup(self, name: str) -> Pointer | None:
        """Where ``name`` leads, or ``None`` when there is no such name."""
        with self._lock:
            return self._pointers.get(name.lower().rstrip("."))

    def all(self) -> Mapping[str, Pointer]:
        """A snapshot of every name."""
        with self._lock:
            return dict(self._pointers)
