"""Roles of other accounts, and one machine routed as three, on a twin of the hardened 7.3."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harness import target
from harness.clock import real_sleep
from harness.cloud import discovery
from harness.cloud.estate import Estate
from harness.cloud.session import Cloud
from harness.errors import Refused
from harness.probes import names
from harness.probes.names import NameServer
from harness.safety import guard
from harness.session import reach_twin
from harness.target import Place, Role, Target
from loadtests import routing
from tests.contract.whole import REPOSITORY, Whole, running
from tests.twin.stage import needs_root

pytestmark = needs_root
REGION = "us-east-1"
PATIENCE = 100
"""So many looks, 0.2 s apart."""
DNS = Role(arn="arn:aws:iam::111111111111:role/gameday-dns", services=("route53",), external_id="twenty-two")
ALL = Role(arn="arn:aws:iam::123456789012:role/gameday")


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with running(tmp_path_factory.mktemp("home"), speed=5) as started:
        yield started


@pytest.fixture(scope="module")
def estate(twin: Whole) -> Estate:
    return reach_twin(target.load(REPOSITORY / "targets" / "twin.toml"), twin.state)


def cloud_of(estate: Estate, *roles: Role) -> Cloud:
    return Cloud(estate.cloud.endpoint, estate.cloud.access_key, estate.cloud.secret_key, roles=roles)


def target_of(estate: Estate, *roles: Role, **identity: object) -> Target:
    changed = estate.target.target.model_copy(update=identity)
    return estate.target.model_copy(update={"target": changed, "roles": roles})


def test_each_call_goes_as_the_role_that_is_meant_for_it(estate: Estate, twin: Whole) -> None:
    cloud = cloud_of(estate, DNS, ALL)
    assert cloud.account(REGION, None) == cloud.account(REGION, ALL) == "123456789012"
    assert cloud.account(REGION, DNS) == "111111111111"
    found = discovery.discover(cloud, estate.target)
    assert (found.zone, found.clusters) == (estate.platform.zone, estate.platform.clusters)
    calls = [json.loads(line) for line in twin.trail.read_text().splitlines()]
    assumed = [call["requestParameters"] for call in calls if call["eventName"] == "AssumeRole"]
    told = {role: [one for one in assumed if role.arn in one.values()] for role in (ALL, DNS)}
    assert [len(found) for found in told.values()] == [1, 1]  # once each, not at every call
    assert DNS.external_id in told[DNS][0].values()


def test_the_guard_holds_each_roles_account_against_its_own_name(estate: Estate) -> None:
    guard.recognise(cloud_of(estate, DNS), target_of(estate, DNS, accounts=("111111111111",)), REGION)
    with pytest.raises(Refused, match="this is account 123456789012, the target file says 222222222222"):
        guard.recognise(cloud_of(estate, DNS), target_of(estate, DNS, account="222222222222"), REGION)


def test_one_machine_is_led_as_the_clients_of_each_location(estate: Estate) -> None:
    home = {place.name: place.nearest[0] for place in estate.target.locations}
    for way in (_by_probe, _by_load):
        led = {}
        for _ in range(PATIENCE):  # on a machine that is busy a health check may fail for a moment
            led = {place.name: _region(estate, way(estate, place)) for place in estate.target.locations}
            if led == home:
                break
            real_sleep(0.2)
        assert led == home


def _by_probe(estate: Estate, place: Place) -> tuple[str, ...]:
    deaf = NameServer("127.0.0.1", 1, (estate.name_server,))  # only the zone's own servers can have answered
    return names.ask(deaf, estate.target.api.host, place.subnet).addresses


def _by_load(estate: Estate, place: Place) -> tuple[str, ...]:
    speed, server = estate.clock.speed, str(estate.name_server)
    return routing.names(estate.target.api.host, server, speed, 5.0, forever=False, subnet=place.subnet).fresh()


def _region(estate: Estate, addresses: tuple[str, ...]) -> str:
    return next(name for name in estate.platform.load_balancers if set(addresses) & set(estate.addresses(name)))
