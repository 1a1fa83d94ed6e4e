"""What Route 53 answers: pure logic from records, health and the client's place to a DNS answer.

How a record is chosen follows
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html: the first
healthy record in the order that the routing policy gives; when none is healthy all count as healthy.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from harness.twin.api.route53.geography import Geography, Neighbourhood
from harness.twin.api.route53.records import ALIAS_TTL, GeoLocation, RecordSet

Rcode = Literal["NOERROR", "NXDOMAIN"]
MAXIMUM_LINKS = 8


@dataclass(frozen=True, slots=True)
class Link:
    """One RRset of an answer; ``ttl`` in seconds. A CNAME has one value, the next name, without a final dot."""

    owner: str
    kind: str
    ttl: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one name: at most one link; none with NOERROR means that the name has no such type.

    ``considered`` are the set identifiers in the order in which they were tried, the chosen one last.
    ``negative_ttl`` in seconds says how long an answer without links may be kept.
    """

    rcode: Rcode
    link: Link | None = None
    considered: tuple[str, ...] = ()
    negative_ttl: int = 900


class RecordIndex:
    """A zone's records as its name servers hold them: immutable, grouped by name and type."""

    def __init__(self, zone_name: str, zone_id: str, records: Iterable[RecordSet]) -> None:
        self.zone_name = zone_name
        self.zone_id = zone_id
        groups: dict[tuple[str, str], list[RecordSet]] = {}
        for record in records:
            groups.setdefault((record.name, record.kind), []).append(record)
        self._groups = {key: tuple(group) for key, group in groups.items()}
        self._names = {suffix for name, _ in groups for suffix in _suffixes(name)}

    def group(self, name: str, kind: str) -> tuple[RecordSet, ...]:
        """Every record set of a name and a type."""
        return self._groups.get((name, kind), ())

    def exists(self, name: str) -> bool:
        """Whether the name exists, if only as the parent of another."""
        return name in self._names


@dataclass(frozen=True)
class Surroundings:
    """What an answer depends on besides the records. Each callable must be quick and must not raise.

    ``healthy``: by health check id; ``target_health``: by a load balancer's DNS name; ``addresses``: a provider's name
    to its addresses now; ``draw`` a number from 0 to 1, for weighted records.
    """

    healthy: Callable[[str], bool]
    target_health: Callable[[str], bool]
    addresses: Callable[[str], tuple[str, ...]]
    geography: Geography
    draw: Callable[[], float]


@dataclass(frozen=True)
class AnswerLogic:
    """Answers from one state of the zone."""

    index: RecordIndex
    world: Surroundings

    def answer(self, name: str, kind: str, client: str) -> Answer:
        """The answer for a name inside the zone, as a client of the subnet ``client`` gets it."""
        group = self.index.group(name, "CNAME") or self.index.group(name, kind)
        if not group:
            return Answer("NOERROR" if self.index.exists(name) else "NXDOMAIN")
        here = self.world.geography.of_client(client)
        chosen, considered = self.choose(group, here)
        if chosen is None:
            return Answer("NOERROR", considered=considered)
        return Answer("NOERROR", self._link(chosen, client), considered)

    def choose(self, group: Sequence[RecordSet], here: Neighbourhood) -> tuple[RecordSet | None, tuple[str, ...]]:
        """The record that answers and the set identifiers tried; none when no geolocation matches."""
        if group[0].routing == "weighted":
            return self._weighted(group, here)
        candidates = _candidates(group, here)
        if not candidates:
            return None, ()
        tried: list[str] = []
        for record in candidates:
            tried.append(record.set_identifier or "")
            if self.is_healthy(record, here):
                return record, tuple(tried)
        return candidates[0], (*tried, candidates[0].set_identifier or "")

    def _weighted(self, group: Sequence[RecordSet], here: Neighbourhood) -> tuple[RecordSet, tuple[str, ...]]:
        """One record by weight; those of weight 0 only when no other is healthy.

        https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-weighted.html
        """
        healthy = [record for record in group if self.is_healthy(record, here)]
        sick = [record.set_identifier or "" for record in group if record not in healthy]
        pool = [record for record in healthy or group if record.weight] or list(healthy or group)
        weights = list(accumulate(record.weight or 1 for record in pool))
        chosen = pool[bisect(weights, self.world.draw() * weights[-1])]
        return chosen, (*sick, chosen.set_identifier or "")

    def is_healthy(self, record: RecordSet, here: Neighbourhood) -> bool:
        """Whether a record counts as healthy: its check, and for an evaluating alias its target too."""
        if record.health_check is not None and not self.world.healthy(record.health_check):
            return False
        alias = record.alias
        if alias is None or not alias.evaluate_target_health:
            return True
        if alias.zone_id != self.index.zone_id:
            return self.world.target_health(alias.dns_name)
        targets = [target for target in self.index.group(alias.dns_name, record.kind) if target != record]
        return any(self.is_healthy(target, here) for target in targets)

    def _link(self, record: RecordSet, client: str) -> Link | None:
        alias = record.alias
        if alias is None:
            return Link(record.name, record.kind, record.ttl or 0, record.values)
        if alias.zone_id == self.index.zone_id:
            target = self.answer(alias.dns_name, record.kind, client).link
            return target and Link(record.name, target.kind, target.ttl, target.values)
        addresses = self.world.addresses(alias.dns_name) if record.kind == "A" else ()
        return Link(record.name, "A", ALIAS_TTL, addresses) if addresses else None


@dataclass(frozen=True, slots=True)
class Chain:
    """A whole answer: the links from the name asked to the last one, CNAMEs followed."""

    rcode: Rcode
    links: tuple[Link, ...]
    negative_ttl: int

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses at its end."""
        return self.links[-1].values if self.links and self.links[-1].kind == "A" else ()


def chase(step: Callable[[str], Answer], name: str, kind: str) -> Chain:
    """Follow CNAMEs from ``name``; ``step`` answers one name. A loop ends after ``MAXIMUM_LINKS`` links."""
    links: list[Link] = []
    while True:
        answer = step(name)
        if answer.link is None:
            return Chain(answer.rcode, tuple(links), answer.negative_ttl)
        links.append(answer.link)
        if answer.link.kind == kind or answer.link.kind != "CNAME" or len(links) == MAXIMUM_LINKS:
            return Chain(answer.rcode, tuple(links), answer.negative_ttl)
        name = answer.link.values[0].lower().rstrip(".")


def _candidates(group: Sequence[RecordSet], here: Neighbourhood) -> list[RecordSet]:
    routing = group[0].routing
    if routing == "failover":
        return sorted(group, key=lambda record: record.failover or "")
    if routing == "latency":
        rank: Mapping[str, int] = {region: place for place, region in enumerate(here.nearest)}
        return sorted(group, key=lambda record: (rank.get(record.region or "", len(rank)), record.region or ""))
    if routing == "geolocation":
        return sorted((r for r in group if _fit(r.geo, here.area) < _NOWHERE), key=lambda r: _fit(r.geo, here.area))
    return list(group)


_NOWHERE = 4


def _fit(geo: GeoLocation | None, area: GeoLocation) -> int:
    """How closely a geolocation record fits: 0 subdivision, 1 country, 2 continent, 3 default, 4 not at all."""
    if geo is None:
        return _NOWHERE
    if geo.subdivision:
        return 0 if (geo.country, geo.subdivision) == (area.country, area.subdivision) else _NOWHERE
    if geo.country == "*":
        return 3
    if geo.country:
        return 1 if geo.country == area.country else _NOWHERE
    return 2 if geo.continent == area.continent else _NOWHERE


def _suffixes(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]
