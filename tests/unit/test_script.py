from __future__ import annotations

import pytest

from harness.card import Card
from harness.clock import minutes, seconds
from harness.errors import BadInput
from harness.faults import Geolocate, Lose, Pause, Promote, Stop
from harness.procedures import FailBack
from harness.script import Kind, read
from harness.topology import Cache, Records, Region, Replica, Writer, Zone

WHOLE = '''"""Something stops.

It should come back.
"""

from harness import Cache, Pause, Stop, Writer, minutes, scenario, seconds

COMMON = ("recovery", "no_lost_writes")


@scenario(lasts=minutes(3), gate=True)
def test_it_comes_back(gameday, region_index):
    promises = (*COMMON, "automatic")
    pause = Pause(Cache(gameday.regions[0]), span=seconds(30))
    with gameday.promising(*promises, "routing"), gameday.traffic():
        with gameday.inject(Stop(Writer())):
            gameday.hold(seconds(30))
        with gameday.inject(pause):
            gameday.hold(seconds(30))
'''


@pytest.fixture
def script(tmp_path):
    def of(text):
        file = tmp_path / "it.py"
        file.write_text(text)
        return read(file, "scenarios/p/it.py")

    return of


def test_a_whole_script_is_read_without_being_imported(script):
    said = script(WHOLE)
    assert said.story == "Something stops.\n\nIt should come back."
    assert said.card == Card(minutes(3), gate=True)
    assert said.promises == ("recovery", "no_lost_writes", "automatic", "routing")
    assert said.faults == ("Stop(Writer())", "Pause(Cache(gameday.regions[0]), span=seconds(30))")
    assert said.kinds == (Kind(Stop, Writer), Kind(Pause, Cache))
    assert said.breaking == ()


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("Lose(primary)", Kind(Lose, Region)),
        ("Lose(gameday.zone_of_the_writer)", Kind(Lose, Zone)),
        ("Lose(gameday.regions[0])", Kind(Lose, Region)),
        ("Promote(Replica(primary))", Kind(Promote, Replica)),
    ],
)
def test_what_the_game_day_gives_out_is_a_region_or_a_zone(script, written, kind):
    assert script(WHOLE.replace("Stop(Writer())", written)).kinds[0] == kind
    assert kind.destructive == (kind.target is not Zone)


def test_promises_that_must_break_are_told_apart(script):
    said = script(WHOLE.replace('"routing")', '"routing", breaking=("failback",))'))
    assert said.breaking == ("failback",)
    assert "failback" not in said.promises


def test_a_script_without_a_fault_is_calm_weather(script):
    calm = WHOLE.replace("gameday.inject(Stop(Writer()))", "gameday.calm()").replace("inject(pause)", "calm()")
    assert script(calm).faults == ()


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("@scenario(lasts=minutes(3), gate=True)\n", "", "@scenario: missing"),
        ("lasts=minutes(3), ", "", "@scenario: lasts: missing"),
        ("minutes(3)", "minutes(0)", "@scenario: lasts: must be a span above 0"),
        ("minutes(3)", "minutes(COUNT)", "line 11: @scenario: minutes(COUNT) is no plain value"),
        ("gate=True", "gates=True", "@scenario: gates: no such field"),
        ("gate=True", "cadence='daily'", "@scenario: cadence: must be one of"),
        ('"automatic")', '"automagic")', "promising: no such promise: automagic"),
        ('"automatic")', "other)", "promising: other is no name of a promise"),
        ("inject(pause)", "inject(nothing)", "inject: nothing names no fault"),
        ("gameday.hold(seconds(30))", "gameday.carry_out(it)", "carry_out: it names no procedure"),
        (
            "gameday.traffic()",
            "gameday.arranged(pause)",
            "arranged: Pause(Cache(gameday.regions[0]), span=seconds(30)) names",
        ),
        ("def test_it", "def it", "test function: one is expected, 0 are there"),
        ('"""Something', '_ = """Something', "docstring: missing"),
        ("def test_it_comes_back(gameday", "def test_it_comes_back(gameday(", "line 12: not Python"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(script, before, after, says):
    assert before in WHOLE
    with pytest.raises(BadInput) as caught:
        script(WHOLE.replace(before, after))
    assert str(caught.value).startswith("scenarios/p/it.py: ")
    assert says in str(caught.value)


def test_the_clock_is_read_as_in_a_script(script):
    assert script(WHOLE.replace("minutes(3)", "seconds(90)")).card.lasts == seconds(90)


def test_what_is_arranged_and_what_operators_do_is_read_and_is_no_fault(script):
    text = WHOLE.replace("gameday.traffic():", "gameday.arranged(Geolocate(Records(), {}, one)), gameday.traffic():")
    said = script(text.replace("gameday.hold(seconds(30))", "gameday.carry_out(FailBack(one))"))
    assert [(one.words, one.kind) for one in said.arranged] == [
        ("Geolocate(Records(), {}, one)", Kind(Geolocate, Records))
    ]
    assert said.procedures == (FailBack,)
    assert said.kinds == (Kind(Stop, Writer), Kind(Pause, Cache))
