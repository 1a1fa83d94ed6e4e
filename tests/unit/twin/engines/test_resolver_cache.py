"""A caching resolver: each link by its own TTL, and the remaining TTL handed out."""

from __future__ import annotations

import itertools

from harness.clock import Clock, seconds
from harness.twin.api.route53.answers import Answer, Link
from harness.twin.engines.resolver_cache import ResolverCache

CLOCK = Clock.start(100)


class Upstream:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.table = {
            "api": Answer("NOERROR", Link("api", "CNAME", 60, ("db",))),
            "db": Answer("NOERROR", Link("db", "CNAME", 5, ("node",))),
            "node": Answer("NOERROR", Link("node", "A", 60, ("10.0.0.1",))),
        }

    def step(self, name: str, kind: str) -> Answer:
        self.asked.append((name, kind))
        answer = self.table.get(name, Answer("NXDOMAIN", negative_ttl=60))
        if answer.link is not None and answer.link.kind == "A" and kind == "AAAA":
            return Answer("NOERROR", negative_ttl=60)
        return answer


def test_the_remaining_ttl_is_handed_out_rounded_up() -> None:
    cache = ResolverCache(CLOCK, Upstream().step)
    assert [link.ttl for link in cache.chain("api", "A").links] == [60, 5, 60]
    CLOCK.sleep(seconds(2.2))
    left = [link.ttl for link in cache.chain("api", "A").links]
    assert left[0] == left[2]
    assert left[0] in (57, 58)
    assert left[1] in (2, 3)


def test_a_link_with_a_short_ttl_moves_under_a_long_one() -> None:
    upstream = Upstream()
    cache = ResolverCache(CLOCK, upstream.step)
    cache.chain("api", "A")
    upstream.table["db"] = Answer("NOERROR", Link("db", "A", 5, ("10.0.0.2",)))
    assert cache.chain("api", "A").addresses == ("10.0.0.1",)
    CLOCK.sleep(seconds(5.5))
    assert cache.chain("api", "A").addresses == ("10.0.0.2",)
    assert upstream.asked.count(("api", "A")) == 1


def test_empty_answers_and_unknown_names_are_remembered() -> None:
    upstream = Upstream()
    cache = ResolverCache(CLOCK, upstream.step)
    for name, kind in itertools.product(("node", "nobody"), ("AAAA", "AAAA")):
        cache.chain(name, kind)
    assert upstream.asked == [("node", "AAAA"), ("nobody", "AAAA")]
    assert cache.chain("nobody", "AAAA").rcode == "NXDOMAIN"
    assert cache.chain("node", "AAAA").rcode == "NOERROR"
    assert cache.chain("node", "A").addresses == ("10.0.0.1",)


def test_a_cname_is_shared_between_types() -> None:
    upstream = Upstream()
    cache = ResolverCache(CLOCK, upstream.step)
    cache.chain("api", "A")
    cache.chain("api", "AAAA")
    assert upstream.asked == [("api", "A"), ("db", "A"), ("node", "A"), ("node", "AAAA")]
