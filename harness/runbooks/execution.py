"""A runbook is carried out, or told beforehand: step after step, each recorded as it begins and as it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.clock import Clock, seconds
from harness.cloud.orders import Order
from harness.cloud.session import Cloud
from harness.errors import CloudFault, GamedayError, OutOfPatience
from harness.events import BEGAN, DONE, DONE_ALREADY, FAILED, Decided, Event, StepTaken
from harness.runbooks.step import Look, Runbook, State, Step

_LOOK = seconds(5)


@dataclass(frozen=True)
class Desk:
    """Where a runbook is carried out from. ``note`` keeps an event; ``watch`` hears what is seen while it waits."""

    cloud: Cloud
    clock: Clock
    note: Callable[[Event], object]
    say: Callable[[str, str], None]
    watch: Callable[[str], None]


def carry_out(runbook: Runbook, desk: Desk) -> None:
    """Every step in turn; what is done already is left alone, what is under way is waited for.

    Raises ``OutOfPatience`` when a step does not come to its end, and ``CloudFault`` when AWS refuses an order. The
    runbook can then be carried out again: it goes on where it stopped.
    """
    desk.note(Decided(desk.clock.now(), "operator", f"{runbook.title}, by runbook, without a person's delay"))
    for number, step in enumerate(runbook.steps, 1):
        _Turn(runbook, number, step, desk).take()


class _Turn:
    """One step's turn."""

    def __init__(self, runbook: Runbook, number: int, step: Step, desk: Desk) -> None:
        self._runbook = runbook
        self._number = number
        self._step = step
        self._desk = desk

    def take(self) -> None:
        desk, step = self._desk, self._step
        began = desk.clock.now()
        seen = self._first_look()
        if seen.state is State.DONE:
            self._note(DONE_ALREADY, seen.sight)
            return
        try:
            orders = step.orders() if seen.state is State.TO_DO else ()
            self._note(BEGAN, seen.sight, orders)
            for order in orders:
                order.give(desk.cloud)
            sight = self._await(seen.sight)
        except GamedayError as error:
            self._note(FAILED, error.message)
            raise
        self._note(DONE, f"{sight}, after {desk.clock.now() - began}")

    def _first_look(self) -> Look:
        """What cannot be seen must not be ordered on a guess: look until it is seen."""
        for seen in self._looks():
            if isinstance(seen, Look):
                return seen
            self._desk.watch(f"{self._step.words}: {seen}")
            last = seen
        self._note(FAILED, last)
        raise OutOfPatience(f"a look at: {self._step.words}", last)

    def _await(self, sight: str) -> str:
        for seen in self._looks():
            if isinstance(seen, Look) and seen.state is State.DONE:
                return seen.sight
            sight = seen.sight if isinstance(seen, Look) else seen
            self._desk.watch(f"{self._step.words}: {sight}")
        raise OutOfPatience(f"{self._step.words} (within {self._step.patience})", sight)

    def _looks(self) -> Iterator[Look | str]:
        """A look once in five seconds until patience ends; a region that does not answer is a sight too."""
        for _ in self._desk.clock.every(_LOOK, self._step.patience):
            try:
                yield self._step.look()
            except CloudFault as error:
                if error.code != "Unreachable":
                    raise
                yield error.message

    def _note(self, state: str, sight: str, orders: tuple[Order, ...] = ()) -> None:
        desk, step = self._desk, self._step
        calls = tuple(map(str, orders))
        now = desk.clock.now()
        desk.note(StepTaken(now, self._runbook.title, self._number, step.words, state, sight, step.interrupts, calls))
        place = f"{self._number} of {len(self._runbook.steps)}"
        if state == BEGAN:
            desk.say("step", f"{place}: {step.words}")
            for call in calls:
                desk.say("call", call)
        else:
            desk.say("step", f"{place} {state}: {sight if state != DONE_ALREADY else f'{step.words} ({sight})'}")


def plan(runbook: Runbook) -> list[str]:
    """The steps in words: what is done already, what would be called, what cannot be undone. Touches nothing."""
    lines = [f"{runbook.title}, {len(runbook.steps)} steps"]
    for number, step in enumerate(runbook.steps, 1):
        try:
            seen = step.look()
            orders = step.orders() if seen.state is State.TO_DO else ()
        except CloudFault as error:
            seen, orders = Look(State.TO_DO, f"cannot be seen: {error.message}"), ()
        lines.append(f"{number}. {step.words}")
        lines.append(f"     {seen.state.value}: {seen.sight}")
        waits = "waits" if not orders and seen.state is not State.DONE else "allowed"
        lines += [f"     calls {order}" for order in orders]
        lines.append(f"     {waits} {step.patience} at most" + (", writes fail meanwhile" if step.interrupts else ""))
        if step.beyond_recall:
            lines.append(f"     cannot be undone: {step.beyond_recall}")
    return lines
