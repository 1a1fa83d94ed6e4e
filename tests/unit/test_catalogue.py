from __future__ import annotations

from dataclasses import fields

import pytest

from harness import catalogue
from harness.errors import BadInput
from harness.faults import Blackhole, Fidelity
from harness.objectives import PROMISES, Objectives
from harness.phases import PHASES
from harness.script import Kind
from harness.topology import LoadBalancer

DARK = "active_passive/the_primary_load_balancer_goes_dark"


def test_an_entry_says_everything_of_its_scenario():
    entry = catalogue.find(DARK)
    assert entry.phase == "active_passive"
    assert entry.title == "The serving region's load balancer goes dark."
    assert entry.promises == ("recovery", "no_lost_writes", "routing", "failback", "automatic")
    assert entry.faults == ("Blackhole(LoadBalancer(primary))",)
    assert entry.kinds == (Kind(Blackhole, LoadBalancer),)
    assert entry.owed == "RTO 60 s, loss 0 rows, failback 120 s"
    assert entry.to_json()["objectives"] == {
        "recovery_time_seconds": 60.0,
        "write_recovery_time_seconds": 60.0,
        "lost_writes": 0,
        "failback_time_seconds": 120.0,
    }
    assert entry.story in entry.told()


def test_a_row_says_how_often_and_whether_it_guards_or_destroys():
    row = catalogue.find("active_passive/the_operators_bring_the_writer_home").row()
    assert (row["lasts"], row["plays"], row["marks"]) == ("10.0 min", "monthly", "gate, destructive")
    assert row["faults"] == "Lose(primary)"


def test_writes_that_owe_another_time_are_named():
    owed = catalogue.find("active_passive/the_primary_region_is_lost").owed
    assert owed == "RTO 60 s, writes 300 s, loss 5 s, failback 300 s, alarm 60 s"


def test_a_path_may_be_a_file():
    assert catalogue.find(f"scenarios/{DARK}.py") == catalogue.find(DARK)


def test_every_promise_says_which_objectives_it_is_held_against():
    assert set(catalogue.OWED) == set(PROMISES)
    used = {name for names in catalogue.OWED.values() for name in names}
    assert used == {field.name for field in fields(Objectives)} - {"write_recovery_source"}


@pytest.mark.parametrize("cadence", ["nightly", "weekly", "monthly"])
def test_a_night_plays_its_own_scenarios_and_the_more_frequent_ones(cadence):
    chosen = catalogue.choose(cadence=cadence)
    assert [entry for entry in catalogue.entries() if cadence in entry.card.plays_on] == chosen
    assert all(entry.card.destructive is False for entry in chosen) or cadence == "monthly"


def test_the_gate_plays_only_what_says_so():
    assert all(entry.card.gate for entry in catalogue.choose(gate=True))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cadence": "daily"}, "--cadence: daily: no such cadence"),
        ({"paths": ["active_passive/the_primary_region_is_lost"], "cadence": "nightly"}, "no scenario is played then"),
        ({"paths": ["nothing"]}, "nothing: no such scenario"),
    ],
)
def test_a_choice_that_leaves_nothing_is_bad_input(options, says):
    with pytest.raises(BadInput, match=says):
        catalogue.choose(**options)


def test_the_least_faithful_fault_speaks_for_the_scenario():
    dark = catalogue.find("active_passive/the_primary_region_goes_dark")
    assert dark.on_aws is Fidelity.PARTIAL
    assert "replication goes on" in dark.leaves_out[0]
    assert catalogue.find("active_active/the_control_plane_is_down_as_well").on_aws is Fidelity.TWIN_ONLY
    assert catalogue.find(DARK).on_aws is Fidelity.FAITHFUL
    assert dark.to_json()["fidelity"] == {"twin": "faithful", "aws": "partial"}


def test_the_card_says_what_the_faults_destroy():
    wrong = [
        entry.path
        for entry in catalogue.entries()
        if any(kind.destructive for kind in entry.kinds) and not entry.card.destructive
    ]
    assert wrong == []


def test_promises_that_must_break_are_verdicts_of_their_own():
    entry = catalogue.find("active_passive/nobody_decides")
    assert entry.verdicts == ("single_writer", "automatic breaks", "recovery breaks")
    assert "recovery_time" in entry.objectives


def test_objectives_of_a_scenario_that_there_is_not_are_bad_input(tmp_path, monkeypatch):
    for folder in PHASES:
        (tmp_path / folder).symlink_to(catalogue.SCENARIOS / folder)
    text = (catalogue.SCENARIOS / "objectives.toml").read_text()
    (tmp_path / "objectives.toml").write_text(text.replace("the_primary_region_is_lost", "a_primary_region_is_lost"))
    monkeypatch.setattr(catalogue, "SCENARIOS", tmp_path)
    with pytest.raises(BadInput, match="a_primary_region_is_lost: no such scenario"):
        catalogue.entries()
