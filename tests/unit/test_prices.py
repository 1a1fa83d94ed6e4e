from __future__ import annotations

import pytest

from harness.catalogue import SCENARIOS
from harness.errors import BadInput
from harness.phases import PHASES
from harness.prices import TODAY, Price, parse


def test_the_strategys_own_prices():
    found = parse((SCENARIOS / "prices.toml").read_text(), "prices.toml")
    assert set(found) == {TODAY, *PHASES}
    assert [found[name].usd_a_month for name in (TODAY, *PHASES)] == [340, 400, 545, 900]
    assert any("605" in note for note in found["active_passive"].notes)


def test_a_price_needs_no_notes():
    assert parse("[p]\nusd_a_month = 3.5", "p.toml") == {"p": Price(3.5)}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[p]\nusd_a_month = -1", "p.usd_a_month"),
        ("[p]\nusd_a_month = true", "p.usd_a_month"),
        ("[p]", "p.usd_a_month"),
        ("[p]\nusd_a_month = 1\nnotes = 'x'", "p.notes"),
        ("[p]\neur_a_month = 1", "p.eur_a_month"),
        ("p = 3", "p"),
        ("[p", "TOML"),
    ],
)
def test_bad_input_names_the_file_and_the_field(text, field):
    with pytest.raises(BadInput) as caught:
        parse(text, "p.toml")
    assert str(caught.value).startswith(f"p.toml: {field}: ")
