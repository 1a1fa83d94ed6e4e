"""The injection's promises, with a carrier that records what was asked of it: a fault of the test's own making."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.clock import Clock, seconds
from harness.cloud import undoing
from harness.cloud.carriers.carrier import Carrier, Proof
from harness.errors import Ineffective, UndoFailed
from harness.events import FaultInjected, FaultUndone, Noted
from harness.faults import Blackhole, Fidelity
from harness.safety.injection import Arranging, Injection, Stage
from harness.timeline import Timeline
from harness.topology import LoadBalancer, Region
from harness.undo import Act, Journal


class Lamp(Carrier):
    """A thing that can be dark or lit; ``works`` and ``heals`` say whether change and undo really do something."""

    fidelity = Fidelity.FAITHFUL
    left_out = ""
    regions = ("us-east-1",)
    patience = seconds(3)

    def __init__(self, clock, *, works=True, heals=True, crash_after=None):
        self.clock, self.works, self.heals, self.crash_after = clock, works, heals, crash_after
        self.dark = False
        self.steps = []
        self.held = 0

    def __enter__(self):
        self.held += 1
        return self

    def __exit__(self, *_):
        self.held -= 1

    def prepare(self, arm):
        self.steps.append("prepared")

    def change(self, arm):
        for number in range(2):
            arm(Act("lamp", "us-east-1", "Light", {"number": number}))
            if self.crash_after == number:
                raise RuntimeError("the call failed")
            self.steps.append(number)
        self.dark = self.works

    def bites(self, since):
        return Proof(self.clock.now(), "dark") if self.dark else None

    def healed(self, since):
        return None if self.dark else Proof(self.clock.now(), "lit")

    def sight(self):
        return "dark" if self.dark else "lit"


@pytest.fixture
def bench(tmp_path, monkeypatch):
    clock = Clock.start(50)
    journal, timeline = Journal(tmp_path / "undo.jsonl"), Timeline(tmp_path / "timeline.jsonl")
    done = []

    def make(lamp, kind=Injection, check=lambda: None):
        def light(estate, act):
            if not lamp.heals:
                raise UndoFailed("the lamp is stuck")
            done.append(act.parameters["number"])
            lamp.dark = False

        monkeypatch.setitem(undoing._INTERPRETERS, ("lamp", "Light"), light)
        fault = Blackhole(LoadBalancer(Region("us-east-1")))
        return kind(fault, lamp, SimpleNamespace(clock=clock), journal, timeline, lambda *_: None, check)

    yield SimpleNamespace(make=make, clock=clock, journal=journal, timeline=timeline, done=done)
    journal.close()
    timeline.close()


def test_it_bites_inside_and_is_healed_outside(bench):
    lamp = Lamp(bench.clock)
    with bench.make(lamp) as injection:
        assert lamp.dark
        assert injection.stage is Stage.ACTIVE
        assert len(bench.journal.pending()) == 2
    assert not lamp.dark
    assert injection.stage is Stage.UNDONE
    assert bench.journal.pending() == []
    assert bench.done == [1, 0], "the last change is undone first"
    assert [type(event) for event in bench.timeline.events()] == [FaultInjected, FaultUndone]
    assert lamp.held == 0


def test_what_is_arranged_is_undone_as_well_and_no_judge_sees_a_fault(bench):
    lamp = Lamp(bench.clock)
    with bench.make(lamp, Arranging):
        assert lamp.dark
    assert not lamp.dark
    assert bench.journal.pending() == []
    assert [type(event) for event in bench.timeline.events()] == [Noted, Noted]


def test_a_body_that_fails_is_undone_all_the_same(bench):
    lamp = Lamp(bench.clock)
    with pytest.raises(ZeroDivisionError), bench.make(lamp):
        raise ZeroDivisionError
    assert not lamp.dark
    assert bench.journal.pending() == []


def test_a_fault_that_does_nothing_is_ineffective_and_undone(bench):
    lamp = Lamp(bench.clock, works=False)
    with pytest.raises(Ineffective, match="did not bite"), bench.make(lamp):
        pytest.fail("the body must not run")
    assert bench.journal.pending() == []
    assert not [event for event in bench.timeline.events() if isinstance(event, FaultInjected)]


@pytest.mark.parametrize("crash_after", [0, 1])
def test_a_call_that_fails_half_way_undoes_what_was_armed(bench, crash_after):
    lamp = Lamp(bench.clock, crash_after=crash_after)
    with pytest.raises(RuntimeError), bench.make(lamp):
        pytest.fail("the body must not run")
    assert bench.done == list(range(crash_after, -1, -1))
    assert bench.journal.pending() == []
    assert lamp.held == 0


def test_an_undo_that_fails_is_the_loudest_and_stays_pending(bench):
    lamp = Lamp(bench.clock, heals=False)
    injection = bench.make(lamp)
    with pytest.raises(UndoFailed, match="stuck"), injection:
        raise ZeroDivisionError
    assert injection.stage is Stage.STUCK
    assert len(bench.journal.pending()) == 2
