from __future__ import annotations

import pytest

from harness.clock import seconds
from harness.errors import BadInput
from harness.objectives import check, parse


def test_a_scenario_inherits_its_phase():
    table = parse("[p]\nrecovery_time = 30\n[p.s]\nlost_writes = 3\n", "o.toml")
    assert table["p.s"].recovery_time == seconds(30)
    assert table["p.s"].lost_writes == 3
    assert table["p"].lost_writes == 0


FILE = """
[p]
recovery_time = 30
[p.s]
recovery_time = 40
[q]
write_recovery_time = 300
write_recovery_source = "https://example.com"
"""


def test_what_a_target_owes_otherwise_wins_table_by_table():
    table = parse(FILE, "o.toml", {"p": {"recovery_time": 50, "t": {"lost_writes": 2}}}, "t.toml")
    assert table["p"].recovery_time == table["p"].write_recovery_time == seconds(50)
    assert table["p.s"].recovery_time == seconds(40)  # the scenario's own figure stands
    assert (table["p.t"].recovery_time, table["p.t"].lost_writes) == (seconds(50), 2)
    assert parse(FILE, "o.toml", {"q": {"write_recovery_time": 400}}, "t.toml")["q"].write_recovery_source


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"r": {}}, "objectives.r"),
        ({"p": {"recovry_time": 1}}, "objectives.p.recovry_time"),
        ({"p": {"write_recovery_time": 300}}, "objectives.p.write_recovery_source"),
        ({"p": {"s": {"recovery_time": -1}}}, "objectives.p.s.recovery_time"),
        ({"p": 3}, "objectives.p"),
    ],
)
def test_a_wrong_override_names_the_targets_file_and_its_field(given, field):
    with pytest.raises(BadInput) as caught:
        parse(FILE, "o.toml", given, "t.toml")
    assert str(caught.value).startswith(f"t.toml: {field}: ")


def test_an_override_is_checked_without_the_figures_beside_it():
    check({"p": {"write_recovery_time": 300, "s": {"lost_writes": 1}}}, "t.toml", "objectives")
    with pytest.raises(BadInput, match=r"t\.toml: objectives\.p\.s\.lost_writes"):
        check({"p": {"s": {"lost_writes": "none"}}}, "t.toml", "objectives")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[p]\nrecovry_time = 30", "p.recovry_time"),
        ("[p]\nrecovery_time = -1", "p.recovery_time"),
        ("[p]\nrecovery_time = 'x'", "p.recovery_time"),
        ("[p]\nsuccess_ratio = 1.5", "p.success_ratio"),
        ("[p.s]\nlost_writes = 1.5", "p.s.lost_writes"),
        ("[p]\nwrite_recovery_time = 300", "p.write_recovery_source"),
        ("p = 3", "p"),
        ("[p", "TOML"),
    ],
)
def test_bad_input_names_the_file_and_the_field(text, field):
    with pytest.raises(BadInput) as caught:
        parse(text, "o.toml")
    assert str(caught.value).startswith(f"o.toml: {field}: ")
