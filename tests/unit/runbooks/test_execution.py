"""Steps in turn, on a world of the test's own: done ones are left alone, crashed ones go on where they stopped."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.clock import Clock, seconds
from harness.cloud.orders import Order
from harness.errors import CloudFault, OutOfPatience
from harness.events import BEGAN, DONE, DONE_ALREADY, FAILED, Decided, StepTaken
from harness.procedures import FailBack
from harness.runbooks import execution
from harness.runbooks.step import Look, Runbook, State, Step
from harness.topology import Region

PROCEDURE = FailBack(Region("us-east-1"))


class World:
    """Three lamps that are to be lit in turn; ``slow`` ones are seen to be lit only after some looks."""

    def __init__(self, *, slow: int = 1, lit: int = 0, refused: int = 0, dark: int = 0) -> None:
        self.lit = dict.fromkeys(range(1, lit + 1), 0)
        self.slow, self.refused, self.dark = slow, refused, dark
        self.calls: list[int] = []
        self.events: list[Any] = []
        self.sights: list[str] = []

    def call(self, service: str, region: str, operation: str, /, **parameters: Any) -> None:
        number = parameters["number"]
        if number == self.refused:
            raise CloudFault("lamp.light", "InvalidState", "a backup is in progress")
        self.calls.append(number)
        self.lit[number] = self.slow

    def look(self, number: int) -> Look:
        if self.dark:
            self.dark -= 1
            raise CloudFault("lamp.look", "Unreachable", "nobody answers")
        left = self.lit.get(number)
        if left:
            self.lit[number] = left - 1
        return Look.of(left == 0, f"lamp {number}: {left}", under_way=bool(left))

    def step(self, number: int, patience: float = 60) -> Step:
        order = Order("lamp", "us-east-1", "light", {"number": number})
        return Step(f"Light lamp {number}", lambda: self.look(number), seconds(patience), lambda: (order,),
                    "it stays lit" if number == 2 else "", interrupts=number == 2)  # fmt: skip

    def run(self, patience: float = 60) -> None:
        desk = execution.Desk(SimpleNamespace(call=self.call), Clock.start(50), self.events.append,  # type: ignore[arg-type]
                              lambda phase, text: None, self.sights.append)  # fmt: skip
        execution.carry_out(self.book(patience), desk)

    def book(self, patience: float = 60) -> Runbook:
        return Runbook(PROCEDURE, tuple(self.step(number, patience) for number in (1, 2, 3)))

    def states(self) -> list[tuple[int, str]]:
        return [(event.number, event.state) for event in self.events if isinstance(event, StepTaken)]


def test_every_step_is_ordered_once_awaited_and_recorded():
    world = World(slow=3)
    world.run()
    assert world.calls == [1, 2, 3]
    assert world.states() == [(number, state) for number in (1, 2, 3) for state in (BEGAN, DONE)]
    first = world.events[0]
    assert isinstance(first, Decided)
    assert (first.by, first.what.partition(",")[0]) == ("operator", "fail-back us-east-1")
    began = [event for event in world.events if isinstance(event, StepTaken) and event.state == BEGAN]
    assert [event.interrupts for event in began] == [False, True, False]
    assert began[0].calls == ("lamp light in us-east-1: number=1",)


def test_what_is_done_is_left_alone():
    world = World(lit=3)
    world.run()
    assert world.calls == []
    assert world.states() == [(number, DONE_ALREADY) for number in (1, 2, 3)]


def test_after_a_crash_it_goes_on_where_it_stopped_and_orders_nothing_twice():
    world = World(lit=1)
    world.lit[2] = 2  # ordered before the crash, still under way
    world.run()
    assert world.calls == [3]
    assert world.states()[:2] == [(1, DONE_ALREADY), (2, BEGAN)]


def test_a_refusal_of_aws_ends_it_and_is_on_record():
    world = World(refused=2)
    with pytest.raises(CloudFault, match="a backup is in progress"):
        world.run()
    assert world.states()[-1] == (2, FAILED)
    assert world.calls == [1]


def test_a_step_that_never_ends_is_told_with_its_last_sight():
    world = World(slow=10_000)
    with pytest.raises(OutOfPatience, match="lamp 1: "):
        world.run(patience=20)
    assert world.states() == [(1, BEGAN), (1, FAILED)]


def test_nothing_is_ordered_before_the_world_is_seen():
    world = World(dark=2)
    world.run()
    assert world.sights[0].endswith("nobody answers")
    assert world.calls == [1, 2, 3]
    blind = World(dark=10_000)
    with pytest.raises(OutOfPatience):
        blind.run(patience=20)
    assert (blind.calls, blind.states()) == ([], [(1, FAILED)])


def test_a_plan_says_what_is_done_what_would_be_called_and_what_cannot_be_undone():
    world = World(lit=1)
    told = "\n".join(execution.plan(world.book()))
    assert world.calls == []
    assert "1. Light lamp 1\n     done: lamp 1: 0" in told
    assert "calls lamp light in us-east-1: number=1" not in told
    assert "calls lamp light in us-east-1: number=2" in told
    assert "cannot be undone: it stays lit" in told
    assert "writes fail meanwhile" in told


def test_a_plan_calls_nothing_for_what_is_under_way_and_says_what_cannot_be_seen():
    world = World()
    world.lit[1] = 5
    assert not any("number=1" in line for line in execution.plan(world.book()))
    assert any("cannot be seen: lamp.look: Unreachable" in line for line in execution.plan(World(dark=3).book()))


def test_a_look_is_done_or_under_way_or_neither():
    told = [Look.of(True, "").state, Look.of(False, "", under_way=True).state, Look.of(False, "").state]
    assert told == [State.DONE, State.UNDER_WAY, State.TO_DO]
