"""Something goes dark: its subnets get a network ACL that drops packets, new connections' and established ones'.

A load balancer: its listeners' ports, from outside the VPC, so that health checks inside, NAT and endpoints go on. A
region: everything that crosses the VPC's border. A zone: everything. A database or a cache: its port, for everybody.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Protocol

from harness.clock import Duration, Instant, seconds
from harness.cloud import discovery
from harness.cloud.carriers.acl import Darkening, Denial
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import CloudFault, Refused
from harness.faults import Blackhole, on_aws
from harness.probes.darkness import Darkness
from harness.topology import Cache, Database, LoadBalancer, Region, Zone

_ASK_REAL_SECONDS = 1.0


class Look(Protocol):
    """What proves darkness: when something was seen dark, or lit, by tries that began after an instant."""

    def dark_since(self, since: Instant) -> Instant | None:
        """When the last of all tries had failed; ``None`` while one still succeeds."""

    def lit_since(self, since: Instant) -> Instant | None:
        """The same for success."""

    def sight(self) -> str:
        """What was seen last, in words."""


class Endpoint:
    """A private endpoint as the region's hand sees it: a new connection for each question."""

    def __init__(self, estate: Estate, target: Database | Cache) -> None:
        self._estate = estate
        self._region = target.region.name
        self._cache = estate.platform.caches.get(self._region) if isinstance(target, Cache) else None
        seen = discovery.instances(estate.cloud, self._region) if isinstance(target, Database) else []
        self._hosts = [self._cache.endpoint] if self._cache else [item.endpoint for item in seen]
        if not self._hosts:
            raise Refused(f"{self._region} has no {target}.")
        self._seen = "not asked yet"

    def dark_since(self, since: Instant) -> Instant | None:
        """Asked anew each time; none of its hosts may answer."""
        return None if any(self._answers()) else self._estate.clock.now()

    def lit_since(self, since: Instant) -> Instant | None:
        """Asked anew each time; every host must answer."""
        return self._estate.clock.now() if all(self._answers()) else None

    def sight(self) -> str:
        """The last answer."""
        return self._seen

    def _answers(self) -> list[bool]:
        """Of each host, whether it answered."""
        seen = {host: self._told_by(host) for host in self._hosts}
        self._seen = "; ".join(f"{host}: {told or 'answered'}" for host, told in seen.items())
        return [not told for told in seen.values()]

    def _told_by(self, host: str) -> str:
        """What went wrong with a new connection to a host; empty when it answered."""
        hand, limit = self._estate.hand(self._region), _ASK_REAL_SECONDS
        try:
            if self._cache is not None:
                hand.redis(host, self._cache.port, "PING", limit_seconds=limit)
            else:
                hand.sql(host, "select 1", limit_seconds=limit)
        except CloudFault as error:
            return error.message
        return ""


class BlackholeCarrier(Carrier):
    """Carries out ``Blackhole``."""

    patience: Duration = seconds(90)

    def __init__(self, estate: Estate, fault: Blackhole, run: str) -> None:
        self._estate = estate
        self._target = fault.target
        self._region = fault.target.name if isinstance(fault.target, Region) else fault.target.region.name
        self.fidelity, self.left_out = on_aws(Blackhole, type(fault.target))
        self.regions = (self._region,) if isinstance(fault.target, LoadBalancer | Region) else ()
        subnets, denial = self._plan()
        if not subnets:
            raise Refused(f"no subnet holds {fault.target}.")
        self._darkening = Darkening(estate, self._region, subnets, denial, run)
        self._probes = ExitStack()
        self._look: Look | None = None

    def __enter__(self) -> BlackholeCarrier:
        if isinstance(self._target, Database | Cache):
            self._look = Endpoint(self._estate, self._target)
            self._look.lit_since(self._estate.clock.now())  # the hand is started now: the fault's instant is sharp
            return self
        place, port = self._estate.target.locations[0], self._estate.target.api.port
        self._look = self._probes.enter_context(
            Darkness(self._estate.clock, place, self._addresses(), port, "/api/v1/health")
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._probes.close()

    def prepare(self, arm: Arm) -> None:
        """Clone the ACLs; nothing is dropped yet."""
        self._darkening.prepare(arm)

    def change(self, arm: Arm) -> None:
        """Move the subnets to the clones."""
        self._darkening.change(arm)

    def bites(self, since: Instant) -> Proof | None:
        """Every try hangs or fails: new and established connections of clients, new ones to a private endpoint."""
        assert self._look is not None
        at = self._look.dark_since(since)
        return Proof(at, self._look.sight()) if at else None

    def healed(self, since: Instant) -> Proof | None:
        """Every try succeeds again."""
        assert self._look is not None
        at = self._look.lit_since(since)
        return Proof(at, self._look.sight()) if at else None

    def sight(self) -> str:
        """The last result of each try."""
        return self._look.sight() if self._look else "not probed yet"

    def _plan(self) -> tuple[list[str], Denial]:
        match self._target:
            case LoadBalancer():
                balancer = self._estate.platform.load_balancers[self._region]
                return list(balancer.subnets), Denial(self._listener_ports(balancer.arn))
            case Region():
                return self._subnets(), Denial()
            case Zone():
                return self._subnets(self._target.name), Denial(inside=True)
            case Database():
                return self._database_subnets(), Denial((5432,), inside=True)
            case Cache() if self._region in self._estate.platform.caches:
                port = self._estate.platform.caches[self._region].port
                return self._cache_subnets(), Denial((port,), inside=True)
            case Cache():
                raise Refused(f"{self._region} has no cache.")

    def _listener_ports(self, arn: str) -> tuple[int, ...]:
        found = self._estate.cloud.call("elbv2", self._region, "describe_listeners", LoadBalancerArn=arn)
        return tuple(listener["Port"] for listener in found["Listeners"])

    def _subnets(self, zone: str = "") -> list[str]:
        found = discovery.subnets(self._estate.cloud, self._estate.target, self._region)
        return [item["SubnetId"] for item in found if not zone or item["AvailabilityZone"] == zone]

    def _database_subnets(self) -> list[str]:
        found = self._estate.cloud.call("rds", self._region, "describe_db_instances")["DBInstances"]
        groups = [item["DBSubnetGroup"] for item in found if "DBSubnetGroup" in item]
        return sorted({subnet["SubnetIdentifier"] for group in groups for subnet in group["Subnets"]})

    def _cache_subnets(self) -> list[str]:
        found = self._estate.cloud.call("elasticache", self._region, "describe_cache_subnet_groups")
        groups = found["CacheSubnetGroups"]
        return sorted({subnet["SubnetIdentifier"] for group in groups for subnet in group["Subnets"]})

    def _addresses(self) -> tuple[str, ...]:
        known = self._estate.addresses(self._region)
        if not isinstance(self._target, Zone):
            return known
        found = self._estate.cloud.call("ec2", self._region, "describe_subnets")["Subnets"]
        return discovery.within(known, [item["CidrBlock"] for item in found
                                        if item["AvailabilityZone"] == self._target.name])  # fmt: skip
