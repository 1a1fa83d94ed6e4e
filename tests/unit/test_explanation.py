from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import BadInput
from harness.explanation import Change, differences, explain
from harness.twin.designs import catalogue
from harness.twin.designs.reasons import EVERYWHERE, OWN, reasons


def keys(name):
    return {one.key for one in explain(name).differences}


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_every_difference_has_its_reason(name):
    assert [one.key for one in explain(name).differences if one.reason is None] == []


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_every_reason_of_a_design_has_its_difference(name):
    assert set(OWN[name]) <= keys(name)


def test_every_reason_for_all_is_somewhere_the_one_that_is_told():
    used = {key for name in catalogue.NAMES for key in keys(name) - set(OWN[name])}
    assert set(EVERYWHERE) <= used
    assert set(OWN) == set(catalogue.NAMES)


def test_a_new_difference_without_a_reason_is_seen():
    before, after = (catalogue.design("active_active", version) for version in ("as_written", "hardened"))
    changed = replace(after, health_checks=tuple(replace(check, path="/ready") for check in after.health_checks))
    (found,) = [one for one in differences(before, changed, reasons("active_active")) if one.reason is None]
    assert found.key == "health_checks.path"
    assert found.changes == (Change("/api/v1/health", "/ready", ("us-east-1", "eu-west-1", "ap-south-1")),)


def test_a_design_does_not_differ_from_itself():
    design = catalogue.design("active_passive", "hardened")
    assert differences(design, design, {}) == ()


def test_a_value_stands_beside_the_other_and_a_part_below_it():
    assert Change("30", "10", ("us-east-1",)).lines() == ["30 -> 10  [us-east-1]"]
    assert Change("none", "a (x 1); b (x 2)").lines() == ["+ a (x 1)", "+ b (x 2)"]


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_what_it_buys_is_told_of_every_scenario_of_the_phase(name):
    told = explain(name)
    assert told.benefits
    assert all(one.scenario.startswith(f"{name}/") for one in told.benefits)
    assert "; hardened KEPT" in told.text()
    assert {one["scenario"] for one in told.to_json()["scenarios"]} == {one.scenario for one in told.benefits}


def test_an_unknown_design_is_bad_input():
    with pytest.raises(BadInput, match="no such design"):
        explain("active_lazy")
