"""Acts of nature: what nobody can order from AWS, and the twin can. Replication stops in mid-stream too."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from harness.clock import Duration, Instant, seconds
from harness.cloud import discovery
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.cloud.session import GLOBAL_REGION
from harness.errors import CloudFault, HarnessFault
from harness.faults import Cut, Lose, on_aws
from harness.probes.darkness import Darkness
from harness.target import There
from harness.topology import ControlPlane, Link, Region, Zone
from harness.undo import Act


class NatureCarrier(Carrier):
    """Carries out ``Lose`` and ``Cut``."""

    patience: Duration = seconds(60)

    def __init__(self, estate: Estate, fault: Lose | Cut) -> None:
        self._estate = estate
        self._target = fault.target
        self.fidelity, self.left_out = on_aws(type(fault), type(fault.target))
        self.regions = (fault.target.name,) if isinstance(fault.target, Region) else ()
        self._probes = ExitStack()
        self._darkness: Darkness | None = None
        self._seen = "not probed yet"

    def __enter__(self) -> NatureCarrier:
        if not isinstance(self._target, ControlPlane):
            place, addresses = self._tries()
            port = self._estate.target.api.port
            self._darkness = self._probes.enter_context(
                Darkness(self._estate.clock, place, addresses, port, "/api/v1/health")
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._probes.close()

    def change(self, arm: Arm) -> None:
        """Strike."""
        region = self._region()
        arm(Act("twin", region, "strike", strike_back(self._target)))
        self._estate.strike(strike(self._target))

    def bites(self, since: Instant) -> Proof | None:
        """Every try begun since then fails."""
        return self._proof(self._darkness.dark_since(since) if self._darkness else self._api_dark())

    def healed(self, since: Instant) -> Proof | None:
        """Every try begun since then succeeds."""
        return self._proof(self._darkness.lit_since(since) if self._darkness else self._api_lit())

    def sight(self) -> str:
        """The last result of each try."""
        return self._darkness.sight() if self._darkness else self._seen

    def _proof(self, at: Instant | None) -> Proof | None:
        return Proof(at, self.sight()) if at else None

    def _tries(self) -> tuple[There, tuple[str, ...]]:
        """From where, and at which addresses: clients ask for a region or zone, one region for the other's end."""
        first = self._estate.target.locations[0]
        match self._target:
            case Region(name=name):
                return first, self._estate.addresses(name)
            case Zone(name=name):
                region = self._target.region.name
                found = self._estate.cloud.call("ec2", region, "describe_subnets")["Subnets"]
                networks = [item["CidrBlock"] for item in found if item["AvailabilityZone"] == name]
                return first, discovery.within(self._estate.addresses(region), networks)
            case Link(one=one, other=other):
                place = next(hand for hand in self._estate.target.hands if hand.region == one.name)
                return place, self._estate.addresses(other.name)
        raise HarnessFault(f"{self._target} is not proven by packets")

    def _region(self) -> str:
        match self._target:
            case Region(name=name):
                return name
            case Zone():
                return self._target.region.name
            case Link(one=one):
                return one.name
            case ControlPlane():
                return GLOBAL_REGION

    def _api_answers(self) -> bool:
        try:
            self._estate.cloud.call("route53", GLOBAL_REGION, "get_hosted_zone", Id=self._estate.platform.zone)
        except CloudFault as error:
            self._seen = f"Route 53's API: {error.code}"
            return error.code != "Unreachable"
        self._seen = "Route 53's API answers"
        return True

    def _api_dark(self) -> Instant | None:
        return None if self._api_answers() else self._estate.clock.now()

    def _api_lit(self) -> Instant | None:
        return self._estate.clock.now() if self._api_answers() else None


def strike(target: Region | Zone | Link | ControlPlane) -> Mapping[str, Any]:
    """The act in the twin's own words. Of a control plane its region's whole AWS endpoint goes with it."""
    match target:
        case Region(name=name) | Zone(name=name):
            return {"act": "lose", "names": [name]}
        case Link(one=one, other=other):
            return {"act": "cut", "names": [one.name, other.name]}
        case ControlPlane():
            return {"act": "darken", "names": [GLOBAL_REGION]}


def strike_back(target: Region | Zone | Link | ControlPlane) -> Mapping[str, Any]:
    """The act that takes it back."""
    act = strike(target)
    return {**act, "act": _BACKWARD[act["act"]]}


_BACKWARD = {"lose": "return", "cut": "heal", "darken": "lighten"}
