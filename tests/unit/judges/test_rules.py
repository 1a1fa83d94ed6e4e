"""The bench's own rules, with judges that say what they are told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.events import Stalled, Stopped, WorldCompared, WorldDiffers
from harness.judges import bench, world
from harness.judges.bench import Judge, judge, judge_one
from harness.record import Record
from harness.verdicts import Outcome, Ruling, Verdict
from tests.unit.judges.scripted import at, run, story, told

PAUSED = story(fault="Pause cache of us-east-1", fidelity="twin-only")
FIT = run(events=PAUSED, promises=("x",))
Play = Callable[..., None]


@pytest.fixture
def playing(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Puts a judge on the bench, under a name."""

    def play(ruling: Ruling | Exception, name: str = "x", several: bool = False, **needs: bool) -> None:
        def say(record: Record) -> Verdict | list[Verdict]:
            assert isinstance(record, Record)
            if isinstance(ruling, Exception):
                raise ruling
            own = Verdict(name, ruling, "because", {"n": 1}, {"rows": [{"a": 2}]})
            return [own, own] if several else own

        monkeypatch.setitem(bench.PROMISES, name, Judge(say, **needs))

    return play


def test_a_judges_word_goes_through_with_the_faults_label(playing: Play) -> None:
    for ruling in Ruling:
        playing(ruling)
        assert judge_one(FIT, "x") == [
            Verdict("x", ruling, "because", {"n": 1}, {"rows": [{"a": 2}]}, fidelity="twin-only")
        ]
    playing(Ruling.KEPT, several=True)
    assert len(judge_one(FIT, "x")) == 2


def unfit(**changes) -> Record:
    return replace(FIT, header=replace(FIT.header, rate_per_second={"america": 8.0}, **changes))


def test_traffic_that_is_not_fit_leaves_those_that_believe_it_nothing_to_say(playing: Play) -> None:
    for ruling in Ruling:
        playing(ruling, by_traffic=True)
        found = judge_one(unfit(), "x")[0]
        assert (found.ruling, found.fidelity) == (Ruling.UNKNOWN, "twin-only")
        assert found.reason == "the header gives no rate for europe (else: because)"
        assert (found.figures, found.evidence) == ({"n": 1}, {"rows": [{"a": 2}]})


@pytest.mark.parametrize(
    ("ruling", "bound", "reason"),
    [
        (Ruling.KEPT, Ruling.UNKNOWN, "the run ended as aborted; the header gives no rate for europe (else: because)"),
        (Ruling.UNKNOWN, Ruling.UNKNOWN, "because"),
        (Ruling.BROKEN, Ruling.BROKEN, "because"),
    ],
)
def test_for_the_others_a_doubt_only_forbids_kept(playing: Play, ruling: Ruling, bound: Ruling, reason: str) -> None:
    playing(ruling)
    found = judge_one(unfit(outcome=Outcome.ABORTED), "x")[0]
    assert (found.ruling, found.reason, found.fidelity) == (bound, reason, "twin-only")


def test_three_doubts_are_told_and_how_many_more(playing: Play) -> None:
    playing(Ruling.KEPT)

    def doubted(count: int) -> str:
        return judge_one(replace(FIT, damage=tuple("abcdef"[:count])), "x")[0].reason

    assert doubted(1) == "a (else: because)"
    assert doubted(3) == "a; b; c (else: because)"
    assert doubted(4) == "a; b; c; and 1 more (else: because)"
    assert doubted(6) == "a; b; c; and 3 more (else: because)"


def test_without_a_fault_only_those_speak_that_need_none(playing: Play) -> None:
    calm = replace(FIT, header=replace(FIT.header, outcome=Outcome.REFUSED), events=tuple(PAUSED[:5]))
    playing(Ruling.BROKEN)
    told_so = "no fault was injected: there was nothing to judge; the run ended as refused"
    assert judge_one(calm, "x") == [Verdict("x", Ruling.UNKNOWN, told_so, fidelity="faithful")]
    playing(Ruling.BROKEN, of_a_fault=False)
    assert judge_one(calm, "x")[0].reason == "because"


def test_a_promise_that_nobody_knows_and_a_judge_that_fails_are_unknown(playing: Play) -> None:
    assert judge_one(FIT, "y") == [Verdict("y", Ruling.UNKNOWN, "no judge knows this promise")]
    playing(ZeroDivisionError("by nought"))
    assert judge_one(FIT, "x") == [
        Verdict("x", Ruling.UNKNOWN, "the judge itself failed: ZeroDivisionError: by nought")
    ]


@pytest.mark.parametrize(
    ("ruling", "inverted", "reason"),
    [
        (Ruling.BROKEN, Ruling.KEPT, "as it must: because"),
        (Ruling.KEPT, Ruling.BROKEN, "it did not: because"),
        (Ruling.UNKNOWN, Ruling.UNKNOWN, "because"),
    ],
)
def test_what_must_break_is_turned_round(playing: Play, ruling: Ruling, inverted: Ruling, reason: str) -> None:
    playing(ruling)
    record = replace(FIT, header=replace(FIT.header, promises=(), breaking=("x",)))
    figures, evidence = {"n": 1}, {"rows": [{"a": 2}]}
    assert judge(record) == [Verdict("x breaks", inverted, reason, figures, evidence, fidelity="twin-only")]


def test_first_what_was_promised_then_what_must_break_then_the_conduct_and_the_world(playing: Play) -> None:
    for name in ("x", "y"):
        playing(Ruling.UNKNOWN, name)
    events = [*PAUSED, Stalled(at(50), "no bite"), Stalled(at(60), "no take-over"), differs(1)]
    found = judge(told(*events, promises=("y", "x"), breaking=("x",)))
    assert [verdict.promise for verdict in found] == ["y", "x", "x breaks", "conduct", "world"]
    assert {verdict.reason for verdict in found[:3]} == {"because"}
    assert found[3] == Verdict("conduct", Ruling.UNKNOWN, "no bite; no take-over")


def test_a_run_that_a_stop_condition_ended_says_which() -> None:
    found = judge(told(*PAUSED, Stopped(at(50), "file", 'STOP is there: "enough"'), promises=()))
    assert found == [Verdict("conduct", Ruling.UNKNOWN, 'stopped by file: STOP is there: "enough"')]


def differs(number: int, residue: bool = False) -> WorldDiffers:
    return WorldDiffers(at(241), f"subnet {number}", "Acl", f"a{number}", f"b{number}", residue)


def test_what_is_said_of_a_world_that_differs() -> None:
    def verdict(count: int) -> Verdict:
        (only,) = world.world(told(*(differs(number) for number in range(count)), differs(9, residue=True)))
        return only

    one = "subnet {0}: Acl is b{0}, was a{0}"
    assert verdict(1).reason == f"the world is not as it was: {one.format(0)}"
    three = "; ".join(one.format(number) for number in range(3))
    assert verdict(3).reason == f"the world is not as it was: {three}"
    assert verdict(4).reason == f"the world is not as it was: {three}; and 1 more"
    assert verdict(5).reason == f"the world is not as it was: {three}; and 2 more"
    assert (verdict(5).promise, verdict(5).ruling) == ("world", Ruling.UNKNOWN)
    assert verdict(5).figures == {"differences": 5}
    assert verdict(1).evidence == {
        "differences": [{"thing": "subnet 0", "field": "Acl", "before": "a0", "after": "b0"}]
    }


def test_a_compared_world_as_json() -> None:
    assert world.to_json(told(differs(1))) is None
    record = told(WorldCompared(at(241), 90, ("a is reader",)), differs(1), differs(2, residue=True))
    assert world.to_json(record) == {
        "compared": 90, "differences": ["subnet 1: Acl is b1, was a1"], "residue": ["subnet 2: Acl is b2, was a2"],
        "moved": ["a is reader"],
    }  # fmt: skip
