"""Every name of the twin in one place: Route 53's hosted zone, and the provider's own names for its endpoints."""

from __future__ import annotations

from typing import Protocol

from harness.twin.api.route53.answers import Answer, Chain, Link, chase
from harness.twin.api.route53.records import load_balancer_name
from harness.twin.names import Names

PROVIDER_NEGATIVE_TTL = 5
"""How long resolvers may remember that a provider's name does not exist, in seconds."""


class Answerer(Protocol):
    """Answers for the names of one hosted zone."""

    @property
    def zone_name(self) -> str:
        """The zone, without a final dot."""

    def answer(self, name: str, kind: str, client: str) -> Answer:
        """The answer for one name (lower case, no final dot) to a client of the subnet of address ``client``."""


class Authority:
    """What the authoritative name servers say, of the hosted zone and of the provider's names."""

    def __init__(self, names: Names, answerer: Answerer) -> None:
        self._names = names
        self._answerer = answerer

    def step(self, name: str, kind: str, client: str) -> Answer:
        """The answer for one name, CNAMEs not followed."""
        zone = self._answerer.zone_name
        if name == zone or name.endswith(f".{zone}"):
            return self._answerer.answer(name, kind, client)
        pointer = self._names.lookup(load_balancer_name(name))
        if pointer is None:
            return Answer("NXDOMAIN", negative_ttl=PROVIDER_NEGATIVE_TTL)
        if pointer.cname is not None:
            return Answer("NOERROR", Link(name, "CNAME", pointer.ttl, (pointer.cname.rstrip("."),)))
        if kind == "A" and pointer.addresses:
            return Answer("NOERROR", Link(name, "A", pointer.ttl, pointer.addresses))
        return Answer("NOERROR", negative_ttl=PROVIDER_NEGATIVE_TTL)

    def chain(self, name: str, kind: str, client: str) -> Chain:
        """The whole answer, CNAMEs followed."""
        return chase(lambda each: self.step(each, kind, client), name, kind)

    def resolve(self, name: str, client: str) -> tuple[str, ...]:
        """The addresses of a name; none when it has none."""
        return self.chain(name, "A", client).addresses
