"""Everything that an injection needs to reach: the cloud, the platform's roles, the hands and the client locations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from harness.clock import Clock
from harness.cloud.discovery import Platform
from harness.cloud.session import Cloud
from harness.data.remote import Hand
from harness.data.witness import Door
from harness.errors import CloudFault, HarnessFault, Refused
from harness.probes import names
from harness.target import Place, Target


@dataclass(frozen=True)
class Grasp:
    """What can be reached of a target without looking at it first: all that an undo needs."""

    cloud: Cloud
    target: Target
    clock: Clock
    hands: Mapping[str, Hand]

    def hand(self, region: str) -> Hand:
        """The hand of a region; raises ``HarnessFault`` when the target file names none."""
        if region not in self.hands:
            raise HarnessFault(f"no [[hands]] entry reaches {region}.", "Add one to the target file.")
        return self.hands[region]

    def strike(self, act: Mapping[str, Any]) -> Mapping[str, Any]:
        """An act of nature in the twin's words, which only the twin can order; raises ``Refused`` on AWS."""
        words = " ".join([act["act"], *act["names"]])
        if self.target.target.kind != "twin" or not self.cloud.endpoint:
            raise Refused(f"nobody can order {words} on AWS: it is an act of nature.")
        try:
            # No proxy and no certificates: the twin is on this machine, and looking for them takes half a second.
            with httpx.Client(verify=False, trust_env=False, timeout=30) as client:
                answer = client.post(f"{self.cloud.endpoint}/_twin/strike", json=dict(act))
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise CloudFault(f"twin strike {words}", "Unreachable", str(error)) from error
        result: Mapping[str, Any] = answer.json()
        return result

    def let_go(self) -> None:
        """End the hands."""
        for hand in self.hands.values():
            hand.__exit__(None, None, None)


@dataclass(frozen=True)
class Estate(Grasp):
    """The system under test within reach. ``name_server`` answers for every public name of the platform."""

    platform: Platform
    name_server: names.NameServer

    def addresses(self, region: str) -> tuple[str, ...]:
        """The addresses of a region's load balancer now."""
        return names.ask(self.name_server, self.platform.load_balancers[region].dns_name).addresses

    def leads(self, place: Place) -> str:
        """The region that the API's name leads clients of a location to now; empty when to none that is known."""
        given = set(self.answer(place).addresses)
        return next((name for name in self.platform.load_balancers if given & set(self.addresses(name))), "")

    def answer(self, place: Place) -> names.Answer:
        """What DNS answers clients of a location now that ask for the API. Raises ``CloudFault`` without an answer."""
        server = names.NameServer.of(place.nameserver) if place.nameserver else self.name_server
        return names.ask(server, self.target.api.host, place.subnet)

    def door(self, region: str) -> Door:
        """The way to the service of one region, past all routing."""
        api = self.target.api
        variable = api.monitoring_token_variable
        token = os.environ.get(variable, "") if variable else ""
        url = f"http://{self.addresses(region)[0]}:{api.port}"
        return Door(region, self.hand(region), url, api.host, token)
