"""The lock and the journal in DynamoDB, against the twin's own endpoint."""

from __future__ import annotations

import threading

import pytest

from harness.cloud.session import Cloud
from harness.errors import Aborted, CloudFault, Refused
from harness.safety import table as tables
from harness.safety.table import Table
from harness.undo import Act, Armed
from tests.unit.safety.endpoint import REGION, created, endpoint

ARMED = Armed(1, "the fault", Act("ec2", "us-east-1", "DeleteNetworkAcl", {"Run": "r", "Numbers": [1, 2]}))


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    with endpoint(tmp_path_factory.mktemp("door")) as url:
        yield Cloud(url, "test", "test")


@pytest.fixture
def cloud(door):
    with created(door, "gameday"):
        yield door


@pytest.fixture
def table(cloud):
    return Table(cloud, REGION, "gameday", "staging")


def test_the_second_is_refused_and_told_who_holds_it(table, cloud):
    with table.held("ada", 60):
        with pytest.raises(Refused, match="ada"), table.held("bob", 60):
            pytest.fail("two hold it")
        with Table(cloud, REGION, "gameday", "another").held("bob", 60):
            pass
    with table.held("bob", 60):
        assert table.holder().name == "bob"
    assert table.holder() is None


def test_the_lock_of_a_run_that_crashed_expires(table, monkeypatch):
    table._take("ada", 60)
    with pytest.raises(Refused), table.held("bob", 60):
        pytest.fail("its lease has not run out")
    now = tables.wall_seconds()
    monkeypatch.setattr(tables, "wall_seconds", lambda: now + 61)
    assert table.holder().expired
    with table.held("bob", 60):
        assert table.holder().name == "bob"


def test_two_at_once_one_gets_it(table):
    got, barrier = [], threading.Barrier(8)

    def take(name):
        barrier.wait()
        try:
            table._take(name, 60)
        except Refused:
            return
        got.append(name)

    threads = [threading.Thread(target=take, args=(f"run {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [table.holder().name]


def test_a_lock_is_renewed_while_it_is_held(table):
    with table.held("ada", 1) as hold:
        first = table.holder().expires
        threading.Event().wait(2.5)
        assert table.holder().expires > first
        hold.check()


def test_who_lost_the_lock_is_told_and_arms_nothing_more(table):
    with table.held("ada", 60) as hold:
        mirror = hold.mirror("s/run")
        mirror.arm(ARMED)
        table.release("ada")
        table._take("bob", 60)
        with pytest.raises(Aborted, match="lost"):
            mirror.arm(Armed(2, "the fault", ARMED.act))
        assert [kept.armed for kept in table.pending()] == [ARMED]
    assert table.holder().name == "bob", "only our own is released"


def test_a_lease_that_was_not_renewed_in_time_is_lost(table, monkeypatch):
    with table.held("ada", 60) as hold:
        hold.check()
        now = tables.wall_seconds()
        monkeypatch.setattr(tables, "wall_seconds", lambda: now + 61)
        with pytest.raises(Aborted, match="ran out"):
            hold.check()


def test_what_is_armed_is_found_by_everybody_the_newest_first(table, cloud):
    with table.held("ada", 60) as hold:
        for number in (1, 2, 10):
            hold.mirror("20261129T1/run").arm(Armed(number, "f", ARMED.act))
        hold.mirror("20261129T2/run").arm(ARMED)
        found = Table(cloud, REGION, "gameday", "staging").pending()
        assert [(kept.run, kept.armed.number) for kept in found] == [
            ("20261129T2/run", 1), ("20261129T1/run", 10), ("20261129T1/run", 2), ("20261129T1/run", 1),
        ]  # fmt: skip
        assert found[0].armed == ARMED
        table.undone("20261129T2/run", 1)
        assert len(table.pending()) == 3
        assert Table(cloud, REGION, "gameday", "another").pending() == []


def test_a_table_that_is_not_there_is_told(cloud):
    missing = Table(cloud, REGION, "nothing", "staging")
    with pytest.raises(Refused, match="ResourceNotFound"), missing.held("ada", 60):
        pytest.fail("nothing is held")
    with pytest.raises(CloudFault):
        missing.pending()
