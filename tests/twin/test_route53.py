"""What Route 53 of the twin costs: answers a second, and the processor time of probing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing

import dns.message
import pytest

from harness.clock import monotonic_nanoseconds, real_sleep
from harness.twin import names
from harness.twin.designs.catalogue import design
from tests.contract.route53_platform import Platform, platform
from tests.twin.stage import needs_root

pytestmark = needs_root
SPEED = 20


@pytest.fixture(scope="module")
def world() -> Iterator[Platform]:
    with platform(design("active_passive", "hardened"), SPEED) as built:
        yield built


def test_three_thousand_answers_a_second(world: Platform) -> None:
    query = dns.message.make_query(names.API_HOST, "A").to_wire()
    with world.stage.network.inside("america"):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with closing(client):
        client.settimeout(2)
        client.connect(("10.101.0.2", 53))
        began, rounds, burst = monotonic_nanoseconds(), 100, 20
        for _ in range(rounds):
            for _ in range(burst):
                client.send(query)
            for _ in range(burst):
                client.recv(4096)
        rate = rounds * burst / (monotonic_nanoseconds() - began) * 1e9
    assert rate >= 3000


def test_probing_costs_little(world: Platform) -> None:
    before, probes = os.times(), world.route53.checkers.probes
    real_sleep(1.0)
    after = os.times()
    assert world.route53.checkers.probes > probes
    # The servers, the clients and the WAN's threads of this process are in the sum too.
    assert (after.user - before.user) + (after.system - before.system) < 0.3
