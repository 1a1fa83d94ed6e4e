from __future__ import annotations

import os

import pytest

from harness import undo
from harness.errors import CloudFault, Unreadable
from harness.undo import Act, Journal


def test_what_is_armed_is_pending_until_it_is_undone(tmp_path):
    journal = Journal(tmp_path / "undo.jsonl")
    first = journal.arm("fault", Act("ec2", "us-east-1", "DeleteNetworkAcl", {"Run": "r"}))
    second = journal.arm("fault", Act("ec2", "us-east-1", "ReplaceNetworkAclAssociation", {"SubnetId": "s"}))
    assert journal.pending() == [second, first], "newest first: the order in which to undo"
    journal.undone(second)
    assert journal.pending() == [first]
    journal.undone(first)
    assert journal.pending() == []
    journal.close()


def test_the_act_is_on_disk_before_arm_returns(tmp_path):
    journal = Journal(tmp_path / "undo.jsonl")
    act = Act("rds", "eu-west-1", "ModifyDBParameterGroup", {"ParameterValue": "0"}, {"ParameterValue": "9"})
    journal.arm("lag", act)
    assert [armed.act for armed in undo.pending(tmp_path / "undo.jsonl")] == [act]
    journal.close()


def test_numbers_go_on_after_a_restart(tmp_path):
    for expected in (1, 2):
        journal = Journal(tmp_path / "undo.jsonl")
        assert journal.arm("f", Act("ec2", "r", "o")).number == expected
        journal.close()


def test_a_torn_last_line_is_left_out_and_damage_elsewhere_is_told(tmp_path):
    path = tmp_path / "undo.jsonl"
    journal = Journal(path)
    armed = journal.arm("f", Act("ec2", "r", "o"))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"state":"und')
    assert undo.pending(path) == [armed]
    later = Journal(path)
    later.undone(armed)
    later.close()
    assert undo.pending(path) == [], "what was cut short must not spoil the next line"
    path.write_bytes(b"rubbish\n" + whole)
    with pytest.raises(Unreadable):
        undo.pending(path)


def test_no_journal_means_nothing_pending(tmp_path):
    assert undo.pending(tmp_path / "none.jsonl") == []


class Copy:
    """A mirror that keeps what it is told, or does not answer."""

    def __init__(self, *, answers=True):
        self.answers, self.kept = answers, {}

    def arm(self, armed):
        if not self.answers:
            raise CloudFault("dynamodb.transact_write_items", "Unreachable", "nobody answers")
        self.kept[armed.number] = armed

    def undone(self, armed):
        del self.kept[armed.number]


def test_the_mirror_holds_what_is_pending(tmp_path):
    copy = Copy()
    journal = Journal(tmp_path / "undo.jsonl", copy)
    first, second = (journal.arm("f", Act("ec2", "r", name)) for name in ("One", "Two"))
    journal.undone(first)
    assert list(copy.kept.values()) == [second] == journal.pending()
    journal.close()


def test_a_mirror_that_does_not_answer_arms_nothing_for_the_caller_and_leaves_the_way_back_on_disk(tmp_path):
    journal = Journal(tmp_path / "undo.jsonl", Copy(answers=False))
    with pytest.raises(CloudFault):
        journal.arm("f", Act("ec2", "r", "o"))
    assert len(journal.pending()) == 1, "who cannot tell whether the change was made undoes it"
    journal.close()


def test_a_full_disk_leaves_no_half_a_line(tmp_path, monkeypatch):
    path = tmp_path / "undo.jsonl"
    journal = Journal(path)
    armed = journal.arm("f", Act("ec2", "r", "One"))
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:5]))
    with pytest.raises(OSError, match="No space left"):
        journal.arm("f", Act("ec2", "r", "Two"))
    monkeypatch.undo()
    assert undo.pending(path) == [armed]
    journal.undone(armed)
    assert undo.pending(path) == []
    journal.close()
