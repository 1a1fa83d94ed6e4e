from __future__ import annotations

import tomllib

import pytest

from harness import catalogue
from harness.errors import BadInput
from harness.expectations import VERSIONS, Expectation, differences, found, parse
from harness.verdicts import Ruling, Verdict

TEXT = """
[p.s]
hardened.verdict = "KEPT"
as_written.verdict = "BROKEN"
as_written.because.recovery = "dns never came"
"""
PROMISED = {"p/s": ("recovery", "routing")}
DARK = Expectation(Ruling.BROKEN, {"recovery": "dns never came"})


def kept(promise):
    return Verdict(promise, Ruling.KEPT, "all is well")


def broken(promise, reason="it was down; dns never came: 7 min of 8 min"):
    return Verdict(promise, Ruling.BROKEN, reason)


def unknown(promise):
    return Verdict(promise, Ruling.UNKNOWN, "gave up waiting")


def test_every_scenario_has_both_expectations_and_every_expectation_its_scenario():
    document = tomllib.loads((catalogue.SCENARIOS / "expectations.toml").read_text())
    written = {(f"{phase}/{name}", version) for phase in document for name in document[phase] for version in VERSIONS}
    assert written == {(entry.path, version) for entry in catalogue.entries() for version in VERSIONS}
    assert set(catalogue.expectations()) == written


def test_the_hardened_designs_keep_everything():
    assert all(
        one.verdict is Ruling.KEPT for (_, version), one in catalogue.expectations().items() if version == VERSIONS[0]
    )


def test_an_expectation_is_read_with_its_reason():
    assert parse(TEXT, "e.toml", PROMISED) == {
        ("p/s", "hardened"): Expectation(Ruling.KEPT),
        ("p/s", "as_written"): DARK,
    }


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("[p.s]", "[p.other]", "p.other"),
        ("[p.s]", "[p]", "p.hardened"),
        ("hardened.verdict", "softened.verdict", "p.s.softened"),
        ('hardened.verdict = "KEPT"\n', "", "p.s.hardened"),
        ('"BROKEN"', '"BROKE"', "p.s.as_written.verdict"),
        ('as_written.verdict = "BROKEN"\n', "", "p.s.as_written.verdict"),
        ("because.recovery", "because.failback", "p.s.as_written.because.failback"),
        ('"dns never came"', '" "', "p.s.as_written.because.recovery"),
        ('as_written.because.recovery = "dns never came"\n', "", "p.s.as_written.because"),
        ('"KEPT"', '"KEPT"\nhardened.because.recovery = "x"', "p.s.hardened.because"),
        ("because.recovery", "becuase.recovery", "p.s.as_written.becuase"),
        ('"KEPT"', '"KEPT', "TOML"),
    ],
)
def test_bad_input_names_the_file_and_the_field(before, after, field):
    assert before in TEXT
    with pytest.raises(BadInput) as caught:
        parse(TEXT.replace(before, after), "e.toml", PROMISED)
    assert str(caught.value).startswith(f"e.toml: {field}: ")


@pytest.mark.parametrize(
    ("expected", "runs"),
    [
        (Expectation(Ruling.KEPT), [[kept("recovery"), kept("routing")]]),
        (DARK, [[broken("recovery"), kept("routing"), unknown("conduct")]]),
        (DARK, [[kept("recovery")], [broken("recovery")]]),
        (DARK, [[broken("recovery", "later than 60 s")], [broken("recovery")]]),
        (Expectation(Ruling.UNKNOWN, {"conduct": "gave up"}), [[kept("recovery"), unknown("conduct")]]),
    ],
)
def test_what_comes_out_exactly_so_does_not_differ(expected, runs):
    assert differences(expected, runs) == []


@pytest.mark.parametrize(
    ("expected", "runs", "says"),
    [
        (Expectation(Ruling.KEPT), [[broken("recovery")]], "BROKEN instead of KEPT (recovery: it was down"),
        (DARK, [[kept("recovery")]], "KEPT instead of BROKEN"),
        (DARK, [[unknown("recovery")]], "UNKNOWN instead of BROKEN"),
        (DARK, [], "UNKNOWN instead of BROKEN"),
        (DARK, [[broken("routing"), broken("recovery")]], "routing is BROKEN too"),
        (
            DARK,
            [[broken("recovery", "later than 60 s")]],
            "recovery is BROKEN for another reason than `dns never came`",
        ),
    ],
)
def test_what_comes_out_otherwise_is_told(expected, runs, says):
    assert any(line.startswith(says) for line in differences(expected, runs)), differences(expected, runs)


def test_a_promise_that_did_not_break_is_told():
    wrong = differences(DARK, [[broken("routing")]])
    assert "recovery is not BROKEN" in wrong


def test_found_says_the_ruling_and_whose():
    assert found([[kept("recovery")]]) == "KEPT"
    assert found([[broken("recovery"), unknown("conduct")], [broken("routing")]]) == "BROKEN (recovery, routing)"
