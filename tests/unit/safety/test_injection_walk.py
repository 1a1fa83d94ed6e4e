"""Ten thousand random steps over the injection's states, one act in ten failing: what must always be true is.

The world is a handful of things with values. A step injects a fault, leaves the innermost one, lets somebody else
change a thing, or kills the run: then all that is left is the journal, which is carried out as `gameday undo` does.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from harness.clock import Instant, seconds
from harness.cloud import undoing
from harness.cloud.carriers.carrier import Carrier, Proof
from harness.errors import CloudFault, GamedayError, UndoFailed
from harness.faults import Blackhole, Fidelity
from harness.safety.injection import Injection, Stage
from harness.topology import LoadBalancer, Region
from harness.undo import Act, Journal, pending

STEPS, FAILING = 10_000, 0.1
THINGS = tuple("abcdefgh")
FAULT = Blackhole(LoadBalancer(Region("us-east-1")))


class Ticking:
    """A clock that does not wait."""

    def __init__(self):
        self._at = Instant(0)

    def now(self):
        return self._at

    def every(self, period, patience):
        until = self._at + patience
        while self._at <= until:
            yield self._at
            self._at = self._at + period


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no handler, no exit of a block."""


@dataclass
class World:
    """Things and their values, an unreliable way to them, and who changed them last."""

    dice: random.Random
    values: dict[str, int] = field(default_factory=lambda: dict.fromkeys(THINGS, 0))
    dead: bool = False
    trouble: Counter[str] = field(default_factory=Counter)

    def may_fail(self, what):
        if self.dead:
            raise Killed
        if self.dice.random() < FAILING:
            self.trouble[what] += 1
            kind = self.dice.choice(("cloud", "disk", "person", "death"))
            if kind == "death":
                self.dead = True
                raise Killed
            raise {
                "cloud": CloudFault(what, "InternalOops", "no"),
                "disk": OSError(28, "full"),
                "person": KeyboardInterrupt(),
            }[kind]

    def set(self, name, value):
        self.may_fail("before a call")
        self.values[name] = value
        self.may_fail("after a call")


class Turned(Carrier):
    """Turns things to another value; does not always work, and does not always heal at once."""

    fidelity, left_out, regions, patience = Fidelity.FAITHFUL, "", (), seconds(2)

    def __init__(self, world, clock, names, value):
        self.world, self.clock, self.names, self.value = world, clock, names, value

    def __enter__(self):
        return self

    def change(self, arm):
        for name in self.names:
            arm(Act("walk", "here", "Set", {"name": name, "value": self.world.values[name]}, {"value": self.value}))
            self.world.set(name, self.value)

    def bites(self, since):
        self.world.may_fail("bites")
        return Proof(self.clock.now(), "turned") if self.world.dice.random() > 0.1 else None

    def healed(self, since):
        self.world.may_fail("healed")
        return Proof(self.clock.now(), "back") if self.world.dice.random() > 0.1 else None

    def sight(self):
        return "something"


def put_back(reach, act):
    """Compare and undo, as every interpreter of the harness does."""
    world, name = reach.world, act.parameters["name"]
    if world.values[name] == act.parameters["value"]:
        return
    if world.values[name] != act.precondition["value"]:
        raise UndoFailed(f"{name} is {world.values[name]} now")
    world.set(name, act.parameters["value"])


class Unreliable(Journal):
    """A journal whose disk fails now and then, before it keeps a line or after."""

    world: World

    def _write(self, line):
        self.world.may_fail("before the journal")
        super()._write(line)
        self.world.may_fail("after the journal")


class Walk:
    """The run: injections inside one another; and whoever comes after it when it is dead."""

    def __init__(self, path, dice):
        self.path, self.dice, self.world = path, dice, World(dice)
        self.clock, self.open, self.seen, self.number = Ticking(), [], Counter(), 0
        self._begin()

    def _begin(self):
        self.world.dead = False
        self.journal = Unreliable(self.path)
        self.journal.world = self.world
        self.estate = SimpleNamespace(clock=self.clock, world=self.world)

    def step(self):
        action = self.dice.choice(("inject", "inject", "leave", "leave", "leave", "somebody", "kill"))
        self.seen[action] += 1
        if pending(self.path) and not self.open:
            return self.repair()  # the next start refuses while something is pending
        try:
            getattr(self, action)()
        except Killed:
            self.repair()

    def inject(self):
        free = [name for name in THINGS if not any(name in one.carrier.names for one in self.open)]
        if len(free) < 2:
            return
        self.number += 1
        carrier = Turned(self.world, self.clock, self.dice.sample(free, 2), self.number)
        timeline = SimpleNamespace(add=lambda event: self.world.may_fail("timeline"))
        said = lambda *_: self.world.may_fail("telling")  # noqa: E731
        injection = Injection(FAULT, carrier, self.estate, self.journal, timeline, said, lambda: None)
        try:
            injection.__enter__()
        except (GamedayError, OSError, KeyboardInterrupt):
            self.after_undo(injection)
        else:
            assert injection.stage is Stage.ACTIVE
            self.open.append(injection)

    def leave(self):
        if not self.open:
            return
        injection = self.open.pop()
        try:
            injection.__exit__(None, None, None)
        except (GamedayError, OSError, KeyboardInterrupt) as error:
            self.after_undo(injection)
            if not isinstance(error, KeyboardInterrupt):
                return
        else:
            assert injection.stage is Stage.UNDONE
            self.after_undo(injection)

    def after_undo(self, injection):
        """What is not back is pending; what says that it is undone is back, or somebody else's by now."""
        value = injection.carrier.value
        own = [armed.act for armed in pending(self.path) if armed.act.precondition == {"value": value}]
        waiting = {act.parameters["name"] for act in own}
        for name in injection.carrier.names:
            mine = self.world.values[name] == value
            assert not mine or name in waiting, f"{name} is still turned, and nobody knows"
            if injection.stage is Stage.UNDONE:
                assert name not in waiting
        self.seen[injection.stage.value] += 1

    def somebody(self):
        """Somebody else changes a thing, ours or not."""
        name = self.dice.choice(THINGS)
        self.world.values[name] = -self.dice.randrange(1, 1000)

    def kill(self):
        self.world.dead = True
        raise Killed

    def repair(self):
        """`gameday undo`, again and again, until nothing is pending or only what somebody else changed is."""
        self.open.clear()
        self.journal.close()
        for _ in range(200):
            self._begin()
            stuck = []
            for armed in self.journal.pending():
                try:
                    undoing.perform(self.estate, armed.act)
                    self.journal.undone(armed)
                except UndoFailed:
                    name, ours = armed.act.parameters["name"], armed.act.precondition["value"]
                    if self.world.values[name] != ours:
                        stuck.append(armed)
                except (GamedayError, OSError, KeyboardInterrupt):
                    continue
                except Killed:
                    break
            if len(stuck) == len(self.journal.pending()) and not self.world.dead:
                break
            self.journal.close()
        else:
            pytest.fail("it never came to an end")
        self.decide(stuck)

    def decide(self, stuck):
        """A person looks at what somebody else changed meanwhile: it was not overwritten, and may stay so."""
        for armed in stuck:
            name = armed.act.parameters["name"]
            assert self.world.values[name] < 0, "what somebody else had set was overwritten"
            Journal._write(self.journal, {"state": "undone", "number": armed.number})
        assert pending(self.path) == []
        self.invariants()

    def invariants(self):
        """Whatever is not as it was is somebody else's, or an injection's that is open, or pending."""
        waiting = {armed.act.parameters["name"] for armed in pending(self.path)}
        for name, value in self.world.values.items():
            assert value <= 0 or name in waiting, f"{name} is {value}, and nobody would put it back"


def test_nothing_is_left_behind_however_it_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # the kernel's part, and a hundred thousand of them
    monkeypatch.setitem(undoing._INTERPRETERS, ("walk", "Set"), put_back)
    walk = Walk(tmp_path / "undo.jsonl", random.Random(20261129))
    for _ in range(STEPS):
        walk.step()
        walk.invariants()
        if walk.path.stat().st_size > 10_000 and not walk.open and not pending(walk.path):
            walk.journal.close()
            walk.path.unlink()  # a run's journal, not a year's
            walk._begin()
    assert sum(walk.world.trouble.values()) > STEPS / 20
    assert all(walk.seen[stage.value] for stage in (Stage.UNDONE, Stage.STUCK)), walk.seen
    assert len(walk.world.trouble) >= 8, walk.world.trouble
