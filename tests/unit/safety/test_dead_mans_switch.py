"""The function inside the account: it leaves the living alone, undoes for the dead, and tells what it cannot undo."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cloud.session import Cloud
from harness.errors import UndoFailed
from harness.safety import dead_mans_switch
from harness.safety import table as tables
from harness.safety.table import Table
from harness.undo import Act, Armed
from tests.unit.safety.endpoint import REGION, created, endpoint

HOME = Path(__file__).resolve().parents[3]
SWITCH = HOME / "infrastructure" / "dead_mans_switch"
LEAN = """
import importlib.abc, sys
class Lambda(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        top = name.partition(".")[0]
        known = {*sys.stdlib_module_names, "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"}
        if top not in {*known, "harness", "tenacity", "awscrt", "tornado", "brotli", "brotlicffi", "zstandard", "h2"}:
            raise ImportError(f"Lambda has no {name}")
sys.meta_path.insert(0, Lambda())
import harness.safety.dead_mans_switch
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with endpoint(tmp_path_factory.mktemp("door")) as url:
        yield url


@pytest.fixture
def table(url, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "lambda", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": REGION,
        "GAMEDAY_TABLE": "gameday", "GAMEDAY_ENVIRONMENT": "staging",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    cloud = Cloud(url, "test", "test")
    with created(cloud, "gameday"):
        yield Table(cloud, REGION, "gameday", "staging")


@pytest.fixture
def undone(monkeypatch):
    """What is undone, by an interpreter of the test's own."""
    done = []

    def note(reach, act):
        done.append(act.parameters["number"])

    monkeypatch.setitem(dead_mans_switch.undoing._INTERPRETERS, ("test", "Undo"), note)
    return done


def dead(table, monkeypatch, *acts):
    """A run that armed these acts and died; its lease has run out."""
    table._take("ada", 60)
    for number, act in enumerate(acts, 1):
        table.arm("ada", "s/run", Armed(number, "the fault", act))
    now = tables.wall_seconds()
    monkeypatch.setattr(tables, "wall_seconds", lambda: now + 61)


def act(number):
    return Act("test", "us-east-1", "Undo", {"number": number})


def test_what_a_dead_run_left_is_undone_the_newest_first(table, undone, monkeypatch):
    dead(table, monkeypatch, act(1), act(2))
    told = dead_mans_switch.handler({}, None)
    assert undone == [2, 1]
    assert len(told["undone"]) == 2
    assert table.pending() == []
    assert table.holder() is None


def test_a_run_that_lives_is_left_alone(table, undone):
    with table.held("ada", 60) as hold:
        hold.mirror("s/run").arm(Armed(1, "the fault", act(1)))
        assert dead_mans_switch.handler({}, None)["left_alone"]
        assert not undone
        assert len(table.pending()) == 1


def test_nothing_pending_is_nothing_done(table, undone):
    assert dead_mans_switch.handler({}, None) == {"holder": "", "undone": [], "left_alone": False}


def test_what_it_cannot_reach_is_told_and_the_rest_is_undone(table, undone, monkeypatch):
    sql = Act("database", "us-east-1", "pg_wal_replay_resume", {"Host": "h"})
    dead(table, monkeypatch, act(1), sql, act(3))
    with pytest.raises(UndoFailed, match=r"1 act\(s\) are left.*pg_wal_replay_resume|no hand"):
        dead_mans_switch.handler({}, None)
    assert undone == [3, 1]
    assert [kept.armed.act for kept in table.pending()] == [sql]


def test_it_needs_nothing_that_lambda_does_not_have():
    told = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False, cwd=HOME)
    assert told.returncode == 0, told.stderr


def test_terraform_and_code_agree():
    text = (SWITCH / "main.tf").read_text()
    assert 'handler                        = "harness.safety.dead_mans_switch.handler"' in text
    assert set(re.findall(r"GAMEDAY_\w+", text)) == set(
        re.findall(r"GAMEDAY_\w+", (Path(dead_mans_switch.__file__)).read_text())
    )
    keys = re.findall(r'(?:hash|range)_key\s+= "(\w+)"', text)
    assert keys == ["Environment", "Item"]
