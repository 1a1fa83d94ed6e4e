from __future__ import annotations

from harness.phases import PHASES, ordered, title


def test_phases_come_in_the_strategys_order_and_what_is_none_of_them_last():
    assert ordered(["strange", "active_active", "observed", "read_replicas", "active_passive", "read_replicas"]) == [
        *PHASES, "observed", "strange"
    ]  # fmt: skip


def test_a_phase_is_called_by_its_number_where_it_has_one():
    assert title("active_passive") == "7.2 active passive"
    assert title("somewhere_else") == "somewhere else"
