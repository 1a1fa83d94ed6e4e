from __future__ import annotations

import pytest

from harness import undo
from harness.errors import Unreadable
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
    path.write_bytes(b"rubbish\n" + whole)
    with pytest.raises(Unreadable):
        undo.pending(path)


def test_no_journal_means_nothing_pending(tmp_path):
    assert undo.pending(tmp_path / "none.jsonl") == []
