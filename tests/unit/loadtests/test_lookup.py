"""One machine's clients, led as those of several networks."""

from __future__ import annotations

import dns.exception
import pytest

from loadtests.lookup import AsThere, servers
from tests.unit.probes.test_names import silent, zone


def nobody(host: str) -> tuple[tuple[str, ...], int]:
    raise AssertionError(f"{host} was looked up elsewhere")


def as_there(subnet: str, *asked, resolver=nobody, limit: float = 1.0) -> AsThere:
    return AsThere([(server.address, server.port) for server in asked], subnet, limit, resolver)


def test_each_network_is_led_where_its_clients_are_led():
    with zone({"203.0.113.0": "10.0.0.1", "192.0.2.0": "10.0.0.2"}) as own:
        assert as_there("203.0.113.0/24", own.server)("api.test.") == (("10.0.0.1",), 60)
        assert as_there("192.0.2.0/24", own.server)("api.test.") == (("10.0.0.2",), 60)


def test_what_leads_out_of_the_zone_is_looked_up_here_and_lives_as_long_as_the_shorter():
    with zone({}, "lb.test.") as own:
        look = as_there("203.0.113.0/24", own.server, resolver=lambda host: ((host,), 300))
        assert look("api.test.") == (("lb.test.",), 10)


def test_one_silent_server_leaves_time_for_another():
    with zone({"203.0.113.0": "10.0.0.1"}) as own:
        assert as_there("203.0.113.0/24", silent(), own.server, limit=0.4)("api.test.")[0] == ("10.0.0.1",)


def test_no_address_and_no_answer_are_told_apart_from_an_address():
    with zone({}) as own, pytest.raises(OSError, match="no address"):
        as_there("203.0.113.0/24", own.server)("api.test.")
    with pytest.raises((dns.exception.DNSException, OSError)):
        as_there("203.0.113.0/24", silent(), limit=0.2)("api.test.")


def test_servers_are_parted_by_commas():
    assert servers("192.0.2.1:53,192.0.2.2:54") == [("192.0.2.1", 53), ("192.0.2.2", 54)]
