"""What is put back, by whom, and what is left alone: journals of this machine, and what others left in the table."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness import repair, runs, undo
from harness.clock import Clock
from harness.cloud import undoing
from harness.cloud.trail import CallMade
from harness.errors import CloudFault, Refused, UndoFailed
from harness.header import write_header
from harness.safety import lease
from harness.safety.lease import Lease
from harness.safety.table import Holder, Kept
from harness.undo import Act, Armed, Journal
from harness.verdicts import Exit
from tests.unit.test_record import HEADER

FAR = 4_000_000_000
CALL = CallMade("ecs", "us-east-1", "update_service", "UpdateService", {}, 0, 1, 0, "ok")


def act(name):
    return Act("ecs", "us-east-1", "UpdateService", {"Service": name})


class Desk:
    """The doors of the module, and what went through them."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.undone, self.deleted, self.stuck = folder, [], [], set()
        self.kept, self.holder = [], None
        wanted = SimpleNamespace(journal=None, hands=[SimpleNamespace(region="us-east-1")])
        self.wanted = wanted
        cloud = SimpleNamespace(told=None, caller=lambda region: "arn:aws:iam::123456789012:user/ada")
        grasp = SimpleNamespace(cloud=cloud, clock=Clock.start(), target=wanted, let_go=lambda: None)
        for module in (repair, runs):
            monkeypatch.setattr(module, "RUNS", folder)
        monkeypatch.setattr(repair, "load", lambda path: wanted)
        monkeypatch.setattr(repair, "reach", lambda target: grasp)
        monkeypatch.setattr(repair, "table_of", lambda cloud, target: self.table() if target.journal else None)
        monkeypatch.setattr(repair, "is_moot", lambda path: False)
        self.recognised = monkeypatch.setattr(repair.guard, "recognise", lambda *_: None)
        monkeypatch.setattr(undoing, "perform", self.perform)

    def table(self):
        return SimpleNamespace(
            environment="staging",
            pending=lambda: self.kept,
            holder=lambda: self.holder,
            undone=lambda run, number: self.deleted.append((run, number)),
        )

    def perform(self, grasp, act):
        if act.parameters["Service"] in self.stuck:
            raise UndoFailed(f"{act}: somebody else changed it")
        grasp.cloud.told(CALL)
        self.undone.append(act.parameters["Service"])

    def run(self, name, *services, held=None):
        """A run of this machine that armed a service's count each."""
        folder = self.folder / "20261129T1" / name
        folder.mkdir(parents=True)
        write_header(folder / "run.json", replace(HEADER, outcome=None))
        journal = Journal(folder / "undo.jsonl")
        for service in services:
            journal.arm("the fault", act(service))
        journal.close()
        if held is not None:
            lease.write(folder / lease.FILE, held)
        return folder / "undo.jsonl"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    return Desk(tmp_path, monkeypatch)


def test_what_a_dead_run_left_is_undone_the_newest_first_and_crossed_out(desk):
    journal = desk.run("a", "one", "two", held=Lease(1, 1))
    assert repair.undo_pending("", "twin", plan=False) == Exit.KEPT
    assert desk.undone == ["two", "one"]
    assert undo.pending(journal) == []
    calls = [json.loads(line) for line in (journal.parent / "calls.jsonl").read_text().splitlines()]
    assert [(call["scenario"], call["phase"]) for call in calls] == [("20261129T1/a", "undo")] * 2
    assert repair.undo_pending("", "twin", plan=False) == Exit.KEPT
    assert len(desk.undone) == 2, "twice does no harm"


def test_a_plan_touches_nothing(desk, capsys):
    journal = desk.run("a", "one")
    assert repair.undo_pending("", "twin", plan=True) == Exit.KEPT
    assert "would undo ecs UpdateService in us-east-1: Service=one" in capsys.readouterr().out
    assert not desk.undone
    assert len(undo.pending(journal)) == 1


def test_a_run_that_lives_is_left_alone(desk, capsys):
    desk.run("a", "one", held=Lease.of(os.getpid()))
    assert repair.undo_pending("", "twin", plan=False) == Exit.KEPT
    assert f"is running (process {os.getpid()})" in capsys.readouterr().out
    with pytest.raises(Refused, match="undoes by itself"):
        repair.undo_pending("20261129T1/a", "twin", plan=False)
    assert not desk.undone


def test_a_run_that_ended_and_handed_over_is_undone_though_its_process_lives(desk):
    desk.run("a", "one", held=Lease.of(os.getpid()).ended())
    assert repair.undo_pending("20261129T1/a", "twin", plan=False) == Exit.KEPT
    assert desk.undone == ["one"]


def test_what_cannot_be_undone_stays_pending_and_does_not_keep_the_rest(desk, capsys):
    desk.stuck = {"two"}
    journal = desk.run("a", "one", "two", "three")
    assert repair.undo_pending("", "twin", plan=False) == Exit.UNDO_FAILED
    assert desk.undone == ["three", "one"]
    assert [armed.act.parameters["Service"] for armed in undo.pending(journal)] == ["two"]
    assert "somebody else changed it" in capsys.readouterr().err


def test_what_a_run_of_another_machine_left_is_found_in_the_table(desk):
    desk.wanted.journal = "a table"
    desk.kept = [Kept("20261129T2/b", Armed(3, "the fault", act("far")))]
    desk.holder = Holder("ada", 1)
    assert repair.undo_pending("", "twin", plan=False) == Exit.KEPT
    assert desk.undone == ["far"]
    assert desk.deleted == [("20261129T2/b", 3)]


def test_what_a_living_run_of_another_machine_armed_is_left_alone(desk, capsys):
    desk.wanted.journal = "a table"
    desk.kept = [Kept("20261129T2/b", Armed(3, "the fault", act("far")))]
    desk.holder = Holder("ada", FAR)
    assert repair.undo_pending("", "twin", plan=False) == Exit.KEPT
    assert not desk.undone
    assert "ada holds staging" in capsys.readouterr().out


def test_an_act_that_is_here_and_in_the_table_is_undone_once_and_crossed_out_in_both(desk):
    desk.wanted.journal = "a table"
    journal = desk.run("a", "one")
    desk.kept = [Kept("20261129T1/a", Armed(1, "the fault", act("one")))]
    assert repair.undo_pending("", "twin", plan=False) == Exit.KEPT
    assert desk.undone == ["one"]
    assert desk.deleted == [("20261129T1/a", 1)]
    assert undo.pending(journal) == []


def test_who_we_are_is_held_against_the_target_before_anything_is_touched(desk, monkeypatch):
    def wrong(*_):
        raise Refused("this is account 2")

    monkeypatch.setattr(repair.guard, "recognise", wrong)
    desk.run("a", "one")
    with pytest.raises(Refused, match="account 2"):
        repair.undo_pending("", "twin", plan=False)
    assert not desk.undone


def test_a_table_that_does_not_answer_is_told(desk, monkeypatch):
    desk.wanted.journal = "a table"
    journal = desk.run("a", "one")

    def nobody(run, number):
        raise CloudFault("dynamodb.delete_item", "Unreachable", "nobody answers")

    monkeypatch.setattr(
        repair,
        "table_of",
        lambda *_: SimpleNamespace(pending=list, holder=lambda: None, undone=nobody, environment="s"),
    )
    assert repair.undo_pending("", "twin", plan=False) == Exit.UNDO_FAILED
    assert undo.pending(journal) == [], "it is undone here; there it stays, and undoing it again does no harm"
