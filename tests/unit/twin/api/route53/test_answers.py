"""The pure answer logic: which record answers which client."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from harness.twin import names
from harness.twin.api.route53.answers import Answer, AnswerLogic, Chain, Link, RecordIndex, Surroundings, chase
from harness.twin.api.route53.geography import Geography
from harness.twin.api.route53.records import LOAD_BALANCER_ZONES, Alias, GeoLocation, RecordSet
from harness.twin.designs.catalogue import design

API = names.API_HOST
AMERICA, EUROPE, ASIA, STRANGER = "10.101.0.0", "10.102.0.0", "10.103.0.0", "192.0.2.1"
ADDRESSES = {"us.elb": ("10.1.10.80",), "eu.elb": ("10.2.10.80",)}


@dataclass
class World:
    sick: set[str] = field(default_factory=set)
    dark: set[str] = field(default_factory=set)
    drawn: float = 0.0

    def logic(self, *records: RecordSet) -> AnswerLogic:
        surroundings = Surroundings(
            lambda check: check not in self.sick,
            lambda target: target not in self.dark,
            lambda name: ADDRESSES.get(name, ()),
            Geography.of(design("active_active", "hardened")),
            lambda: self.drawn,
        )
        return AnswerLogic(RecordIndex(names.ZONE_NAME, names.HOSTED_ZONE_ID, records), surroundings)


@pytest.fixture
def world() -> World:
    return World()


def latency(region: str, check: str | None = None) -> RecordSet:
    return RecordSet(API, "CNAME", 10, (f"{region}.elb.",), set_identifier=region, region=region, health_check=check)


def failover(role: str, check: str | None = None, elb: str = "", evaluate: bool = False) -> RecordSet:
    alias = Alias(LOAD_BALANCER_ZONES["us-east-1"], elb, evaluate) if elb else None
    values = () if elb else (f"{role.lower()}.elb",)
    return RecordSet(
        API,
        "A" if elb else "CNAME",
        None if elb else 10,
        values,
        alias,
        set_identifier=role.lower(),
        failover=role,  # type: ignore[arg-type]
        health_check=check,
    )


def chosen(answer: Answer) -> str:
    return answer.considered[-1]


LATENCY = tuple(latency(region, region) for region in ("us-east-1", "eu-west-1", "ap-south-1"))


@pytest.mark.parametrize(
    ("client", "region"),
    [
        (AMERICA, "us-east-1"),
        (EUROPE, "eu-west-1"),
        (ASIA, "ap-south-1"),
        (STRANGER, "us-east-1"),
        ("10.3.0.2", "ap-south-1"),
    ],
)
def test_latency_routing_answers_with_the_nearest_region(world: World, client: str, region: str) -> None:
    answer = world.logic(*LATENCY).answer(API, "A", client)
    assert chosen(answer) == region
    assert answer.link == Link(API, "CNAME", 10, (f"{region}.elb.",))


def test_latency_routing_skips_sick_regions_in_order_of_round_trips(world: World) -> None:
    world.sick = {"ap-south-1"}
    assert world.logic(*LATENCY).answer(API, "A", ASIA).considered == ("ap-south-1", "eu-west-1")


def test_when_none_is_healthy_all_count_as_healthy(world: World) -> None:
    world.sick = {"us-east-1", "eu-west-1", "ap-south-1"}
    assert chosen(world.logic(*LATENCY).answer(API, "A", EUROPE)) == "eu-west-1"
    pair = (failover("PRIMARY", "one"), failover("SECONDARY", "two"))
    world.sick = {"one", "two"}
    assert chosen(world.logic(*pair).answer(API, "A", EUROPE)) == "primary"


def test_a_record_without_a_check_is_always_healthy(world: World) -> None:
    pair = (failover("PRIMARY", "one"), failover("SECONDARY"))
    assert chosen(world.logic(*pair).answer(API, "A", ASIA)) == "primary"
    world.sick = {"one"}
    assert chosen(world.logic(*pair).answer(API, "A", ASIA)) == "secondary"


def test_an_alias_has_a_ttl_of_sixty_and_the_targets_addresses(world: World) -> None:
    answer = world.logic(failover("PRIMARY", elb="us.elb")).answer(API, "A", ASIA)
    assert answer.link == Link(API, "A", 60, ("10.1.10.80",))


def test_an_evaluating_alias_inherits_the_health_of_its_target_and_needs_its_check_too(world: World) -> None:
    pair = (
        failover("PRIMARY", "one", elb="us.elb", evaluate=True),
        failover("SECONDARY", elb="eu.elb"),
    )
    logic = world.logic(*pair)
    assert chosen(logic.answer(API, "A", ASIA)) == "primary"
    world.dark = {"us.elb"}
    assert chosen(logic.answer(API, "A", ASIA)) == "secondary"
    world.dark, world.sick = set(), {"one"}
    assert chosen(logic.answer(API, "A", ASIA)) == "secondary"


def test_an_alias_that_does_not_evaluate_ignores_its_target(world: World) -> None:
    world.dark = {"us.elb"}
    pair = (failover("PRIMARY", elb="us.elb"), failover("SECONDARY", elb="eu.elb"))
    assert chosen(world.logic(*pair).answer(API, "A", ASIA)) == "primary"


def test_an_alias_to_a_record_of_the_zone_takes_over_its_health_and_ttl(world: World) -> None:
    target = RecordSet(
        "inner.agentauri.example", "A", 7, ("10.9.9.9",), set_identifier="x", failover="PRIMARY", health_check="in"
    )
    outer = (
        RecordSet(
            API, "A", alias=Alias(names.HOSTED_ZONE_ID, target.name, True), set_identifier="p", failover="PRIMARY"
        ),
        RecordSet(API, "A", 5, ("10.8.8.8",), set_identifier="s", failover="SECONDARY"),
    )
    logic = world.logic(target, *outer)
    assert logic.answer(API, "A", ASIA).link == Link(API, "A", 7, ("10.9.9.9",))
    world.sick = {"in"}
    assert logic.answer(API, "A", ASIA).link == Link(API, "A", 5, ("10.8.8.8",))


def test_geolocation_prefers_the_closest_fit_and_falls_back_to_larger_areas(world: World) -> None:
    def geo(identifier: str, location: GeoLocation) -> RecordSet:
        return RecordSet(API, "A", 5, ("10.0.0.1",), set_identifier=identifier, geo=location, health_check=identifier)

    records = (
        geo("default", GeoLocation(country="*")),
        geo("asia", GeoLocation(continent="AS")),
        geo("india", GeoLocation(country="IN")),
    )
    logic = world.logic(*records)
    assert chosen(logic.answer(API, "A", ASIA)) == "india"
    assert chosen(logic.answer(API, "A", EUROPE)) == "default"
    world.sick = {"india"}
    assert chosen(logic.answer(API, "A", ASIA)) == "asia"
    assert world.logic(*records[1:]).answer(API, "A", EUROPE) == Answer("NOERROR")


def weighted(identifier: str, weight: int) -> RecordSet:
    return RecordSet(API, "A", 5, ("10.0.0.1",), set_identifier=identifier, weight=weight, health_check=identifier)


def test_weights_are_shares(world: World) -> None:
    logic = world.logic(weighted("a", 1), weighted("b", 3), weighted("c", 0))
    drawn = []
    for number in range(8):
        world.drawn = number / 8
        drawn.append(chosen(logic.answer(API, "A", ASIA)))
    assert drawn == ["a"] * 2 + ["b"] * 6


@pytest.mark.parametrize(
    ("sick", "answer"),
    [({"a"}, "b"), ({"a", "b"}, "c"), ({"a", "b", "c"}, "a"), ({"b", "c"}, "a")],
)
def test_a_weight_of_zero_answers_only_when_no_other_is_healthy(world: World, sick: set[str], answer: str) -> None:
    world.sick = sick
    assert chosen(world.logic(weighted("a", 1), weighted("b", 1), weighted("c", 0)).answer(API, "A", ASIA)) == answer


def test_weights_that_are_all_zero_count_alike(world: World) -> None:
    logic = world.logic(weighted("a", 0), weighted("b", 0))
    drawn = []
    for world.drawn in (0.1, 0.9):
        drawn.append(chosen(logic.answer(API, "A", ASIA)))
    assert drawn == ["a", "b"]


def test_names_without_the_type_exist_and_unknown_names_do_not(world: World) -> None:
    logic = world.logic(RecordSet("a.b.agentauri.example", "A", 5, ("10.0.0.1",)))
    assert logic.answer("a.b.agentauri.example", "AAAA", ASIA).rcode == "NOERROR"
    assert logic.answer("b.agentauri.example", "A", ASIA).rcode == "NOERROR"
    assert logic.answer("c.agentauri.example", "A", ASIA).rcode == "NXDOMAIN"


def test_a_cname_answers_every_type(world: World) -> None:
    assert world.logic(*LATENCY).answer(API, "AAAA", ASIA).link is not None


def test_a_chain_follows_cnames_and_a_loop_ends() -> None:
    table = {
        "a": Answer("NOERROR", Link("a", "CNAME", 10, ("B.",))),
        "b": Answer("NOERROR", Link("b", "A", 5, ("10.0.0.1",))),
        "x": Answer("NOERROR", Link("x", "CNAME", 1, ("x",))),
    }
    chain = chase(table.__getitem__, "a", "A")
    assert [link.ttl for link in chain.links] == [10, 5]
    assert chain.addresses == ("10.0.0.1",)
    assert chase(table.__getitem__, "a", "CNAME").links == (table["a"].link,)
    assert len(chase(table.__getitem__, "x", "A").links) == 8
    assert Chain("NXDOMAIN", (), 5).addresses == ()
