"""Kinds of clients: what they do with names and connections, and how the record tells it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness import clients
from harness.clock import minutes, seconds
from harness.errors import BadInput
from harness.probes.names import NameServer
from harness.requests import OPERATIONS, WRITES
from harness.session import target_file
from harness.target import load

TARGET = load(target_file("twin"))


def test_honest_clients_follow_dns_and_let_connections_go():
    plan = clients.plan(TARGET, "honest", clients.READS, 1)
    assert plan.ttl_policy == "honour"
    assert clients.policy(plan).connection_age == seconds(TARGET.load.connection_age_seconds)
    assert set(plan.rates.values()) == {TARGET.load.rate_per_second}


def test_stubborn_clients_keep_both_for_ever():
    plan = clients.plan(TARGET, "stubborn", clients.READS, 1)
    assert plan.ttl_policy == "ignore"
    assert plan.connection_age >= minutes(24 * 60)
    assert clients.policy(plan).ttl == "ignored"
    assert clients.policy(plan).connection_age is None


def test_a_storm_connects_anew_for_each_request_and_may_be_larger():
    plan = clients.plan(TARGET, "storm", clients.READS, 2)
    assert plan.ttl_policy == "close"
    assert set(plan.rates.values()) == {2 * TARGET.load.rate_per_second}


def test_reads_only_means_no_write():
    assert clients.READS
    assert not set(clients.READS) & set(WRITES)


def test_every_route_means_every_operation():
    assert set(clients.EVERY_ROUTE) == set(OPERATIONS)
    assert all(clients.EVERY_ROUTE.values())


def test_an_unknown_kind_is_named():
    with pytest.raises(BadInput, match="'rude' is not one of honest, stubborn, storm"):
        clients.plan(TARGET, "rude", clients.READS, 1)


def test_the_token_that_spares_the_limit_comes_from_the_environment(monkeypatch):
    assert clients.plan(TARGET, "honest", clients.READS, 1).monitoring_token
    api = TARGET.api.model_copy(update={"monitoring_token_variable": "A_TOKEN"})
    named = TARGET.model_copy(update={"api": api})
    monkeypatch.setenv("A_TOKEN", "secret")
    assert clients.plan(named, "honest", clients.READS, 1).monitoring_token == "secret"
    monkeypatch.delenv("A_TOKEN")
    assert clients.plan(named, "honest", clients.READS, 1).monitoring_token == ""


def test_each_place_is_entered_and_asked_for_as_the_target_file_says():
    staging = load(target_file("staging.example"))
    servers = NameServer("10.0.0.2", authorities=(NameServer("192.0.2.1"), NameServer("192.0.2.2")))
    america, europe, asia = clients.places(SimpleNamespace(target=staging, name_server=servers))
    assert (america.python, america.folder) == ("/opt/gameday/.venv/bin/python", "/opt/gameday")
    assert (america.enter[0], america.subnet, america.nameserver) == ("ssh", "", "")
    assert (europe.subnet, europe.nameserver) == ("198.51.100.0/24", "192.0.2.1:53,192.0.2.2:53")
    assert (asia.index, asia.enter, asia.python) == (2, (), "")


def test_a_name_server_of_ones_own_is_asked_instead_of_the_zones():
    staging = load(target_file("staging.example"))
    locations = tuple(place.model_copy(update={"nameserver": "192.0.2.53:53"}) for place in staging.locations)
    named = staging.model_copy(update={"locations": locations})
    found = clients.places(SimpleNamespace(target=named, name_server=NameServer("10.0.0.2")))
    assert [place.nameserver for place in found] == ["", "192.0.2.53:53", "192.0.2.53:53"]


def test_on_the_twin_nobody_claims_to_be_elsewhere():
    for place in clients.places(SimpleNamespace(target=TARGET, name_server=NameServer("127.0.0.1", 5353))):
        assert (place.subnet, place.nameserver, place.python) == ("", "", "")
        assert place.enter
