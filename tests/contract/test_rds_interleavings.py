"""One thing happens to a database while another is under way: a reboot, a crash, a failover, a rebuild.

One world for all; each test leaves three available clusters behind, whoever is the primary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.clock import monotonic_nanoseconds, real_sleep, seconds
from harness.errors import TwinFault
from harness.twin.designs import catalogue
from harness.twin.engines import postgres_template
from harness.twin.engines.postgres import PostgresNode
from tests.contract.rds_world import World, code, needs_root, until, world

pytestmark = needs_root
SPEED = 20.0
GLOBAL = "agentauri-global"
REGIONS = {"agentauri-us": "us-east-1", "agentauri-eu": "eu-west-1", "agentauri-ap": "ap-south-1"}
MEMBERS = {"agentauri-us-1": "us-east-1", "agentauri-us-2": "us-east-1", "agentauri-eu-1": "eu-west-1"}
MEMBERS |= {"agentauri-ap-1": "ap-south-1"}
TIMINGS = {
    "aurora.failover": 8,
    "aurora.global_switchover": 6,
    "aurora.global_failover": 6,
    "aurora.global_rebuild": 16,
    "rds.reboot": 8,
}


@pytest.fixture(scope="module")
def w() -> Iterator[World]:
    with world(catalogue.design("active_active", "hardened"), TIMINGS, SPEED) as built:
        yield built


@pytest.fixture
def quiet(w: World) -> Iterator[None]:
    """Before and after the test everything is available, and one writer's rows are everywhere."""
    settle(w)
    yield
    settle(w)
    event = 1 + max(w.written(writer(w)), default=0)
    w.write(writer(w), event)
    for member in MEMBERS:
        until(lambda member=member: event in w.written(member))  # type: ignore[misc]
        assert (w.rds.node(member).role() == "primary") == (member == writer(w))


def settle(w: World) -> None:
    """Nothing is under way, and RDS has noticed whatever crashed."""
    until(lambda: unrest(w) == [] and all(w.rds.node(member).alive for member in MEMBERS), real_seconds=15)


def unrest(w: World) -> list[str]:
    """What the API says is under way."""
    states = {GLOBAL: everywhere(w)["Status"]}
    states |= {name: w.cluster(name, region)["Status"] for name, region in REGIONS.items()}
    states |= {name: w.status(name, region) for name, region in MEMBERS.items()}
    return [f"{name} is {state}" for name, state in states.items() if state != "available"]


def everywhere(w: World) -> Any:
    return w.call("DescribeGlobalClusters")["GlobalClusters"][0]


def writer(w: World) -> str:
    found = w.rds.writer()
    assert found is not None
    return found.identifier


def primary(w: World) -> str:
    return writer(w)[:-2]


def move(w: World, target: str, *, data_loss: bool) -> None:
    given = {"GlobalClusterIdentifier": GLOBAL, "TargetDbClusterIdentifier": target}
    w.call("FailoverGlobalCluster", REGIONS[target], **given, AllowDataLoss=data_loss)


def reboot(w: World, identifier: str) -> None:
    w.call("RebootDBInstance", MEMBERS[identifier], DBInstanceIdentifier=identifier)


def crash_while_it_starts(w: World, identifier: str) -> None:
    """Kill a stopped server a moment after somebody starts it, before it answers."""
    node = w.rds.node(identifier)
    until(lambda: not node.alive)
    end = monotonic_nanoseconds() + 8_000_000_000
    while not node.alive:
        assert monotonic_nanoseconds() < end, "nobody starts it"
        real_sleep(0.001)
    w.rds.crash(identifier)


def to_america(w: World) -> None:
    if primary(w) != "agentauri-us":
        move(w, "agentauri-us", data_loss=False)
        settle(w)


@pytest.mark.usefixtures("quiet")
def test_a_server_that_dies_while_it_starts_is_started_again(w: World) -> None:
    for identifier in ("agentauri-us-2", writer(w)):
        reboot(w, identifier)
        crash_while_it_starts(w, identifier)
        settle(w)


@pytest.mark.usefixtures("quiet")
def test_a_switchover_while_the_writer_is_rebooted_fails_and_the_writer_writes_on(w: World) -> None:
    to_america(w)
    reboot(w, writer(w))
    move(w, "agentauri-eu", data_loss=False)
    settle(w)
    assert primary(w) == "agentauri-us"


@pytest.mark.usefixtures("quiet")
def test_a_switchover_takes_along_a_reader_that_is_being_rebooted(w: World) -> None:
    to_america(w)
    (reader,) = {"agentauri-us-1", "agentauri-us-2"} - {writer(w)}
    for identifier in (reader, "agentauri-ap-1"):
        reboot(w, identifier)
    move(w, "agentauri-eu", data_loss=False)
    settle(w)
    assert primary(w) == "agentauri-eu"


@pytest.mark.usefixtures("quiet")
def test_a_reboot_under_way_does_not_bring_back_a_writer_that_was_fenced_meanwhile(w: World) -> None:
    to_america(w)
    old = writer(w)
    reboot(w, old)
    asked = w.clock.now()
    move(w, "agentauri-eu", data_loss=True)
    w.clock.sleep_until(asked + seconds(1.5 * TIMINGS["rds.reboot"]))
    assert (w.status(old), w.rds.node(old).alive) == ("rebooting", False)
    settle(w)
    assert primary(w) == "agentauri-eu"


@pytest.mark.usefixtures("quiet")
def test_a_failover_within_the_region_gives_way_to_one_to_another_region(w: World) -> None:
    to_america(w)
    w.call("FailoverDBCluster", DBClusterIdentifier="agentauri-us")
    move(w, "agentauri-eu", data_loss=True)
    settle(w)
    assert primary(w) == "agentauri-eu"


@pytest.mark.usefixtures("quiet")
def test_a_global_failover_that_nobody_can_take_over_gives_the_old_primary_back(w: World) -> None:
    to_america(w)
    move(w, "agentauri-ap", data_loss=True)
    w.rds.crash("agentauri-ap-1")
    settle(w)
    assert primary(w) == "agentauri-us"
    assert any("failover to DB cluster agentauri-ap" in each and "failed" in each for each in w.messages("ap-south-1"))


@pytest.mark.usefixtures("quiet")
def test_a_rebuild_that_is_cut_short_is_begun_again(w: World) -> None:
    to_america(w)
    move(w, "agentauri-eu", data_loss=True)
    crash_while_it_starts(w, "agentauri-us-2")
    settle(w)


@pytest.mark.usefixtures("quiet")
def test_an_older_writer_whose_rebuild_is_cut_short_is_not_taken_for_the_one_whose_volume_is_kept(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_america(w)
    older = w.rds.node(writer(w))

    def cut_short(upstream: PostgresNode) -> None:
        older.stop()
        postgres_template.remove(older.data_directory)
        raise TwinFault("the source of the base backup is gone")

    with monkeypatch.context() as patched:
        patched.setattr(older, "rebuild", cut_short)
        w.call("FailoverDBCluster", DBClusterIdentifier="agentauri-us")
        until(lambda: not older.data_directory.exists())
        last = w.rds.node(writer(w))
        assert last is not older
        move(w, "agentauri-eu", data_loss=True)
        until(lambda: everywhere(w)["Status"] == "available")
    settle(w)
    volumes = (older.data_directory.parent / "volumes").glob("*-global-failover-agentauri-us-*")
    assert last.name in (max(volumes) / postgres_template.NODE_CONFIGURATION).read_text()


@pytest.mark.usefixtures("quiet")
def test_after_a_global_failover_the_next_is_refused_until_its_target_is_rebuilt(w: World) -> None:
    to_america(w)
    move(w, "agentauri-eu", data_loss=True)
    until(lambda: everywhere(w)["Status"] == "available")
    assert primary(w) == "agentauri-eu"
    assert code(lambda: move(w, "agentauri-ap", data_loss=True)) == "InvalidDBClusterStateFault"
    settle(w)
    move(w, "agentauri-ap", data_loss=True)
    settle(w)
    assert primary(w) == "agentauri-ap"
