from __future__ import annotations

import inspect

import pytest

from harness import scenario
from harness.card import Card, card, card_of
from harness.clock import minutes, seconds
from harness.errors import BadInput


def test_the_card_leaves_the_function_as_it_was():
    def test_something(gameday, region_index):
        return gameday, region_index

    carded = scenario(lasts=minutes(3), gate=True)(test_something)
    assert carded is test_something
    assert list(inspect.signature(carded).parameters) == ["gameday", "region_index"]
    assert card_of(carded) == Card(minutes(3), "nightly", gate=True, destructive=False)


def test_a_function_without_a_card_has_none():
    assert card_of(lambda: None) is None


@pytest.mark.parametrize(
    ("cadence", "nights"),
    [
        ("nightly", ("nightly", "weekly", "monthly")),
        ("weekly", ("weekly", "monthly")),
        ("monthly", ("monthly",)),
    ],
)
def test_a_rarer_night_plays_the_more_frequent_scenarios_too(cadence, nights):
    assert card(lasts=minutes(1), cadence=cadence).plays_on == nights


def test_what_is_destructive_is_monthly():
    assert card(lasts=minutes(1), destructive=True).cadence == "monthly"
    with pytest.raises(BadInput, match="cadence: what is destructive is played monthly"):
        card(lasts=minutes(1), cadence="nightly", destructive=True)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"lasts": seconds(0)}, "lasts"),
        ({"lasts": 3}, "lasts"),
        ({"lasts": minutes(1), "cadence": "daily"}, "cadence"),
        ({"lasts": minutes(1), "gate": "yes"}, "gate"),
        ({"lasts": minutes(1), "destructive": 1}, "destructive"),
    ],
)
def test_a_wrong_value_names_its_field(values, field):
    with pytest.raises(BadInput) as caught:
        scenario(**values)
    assert str(caught.value).startswith(f"@scenario: {field}: ")
