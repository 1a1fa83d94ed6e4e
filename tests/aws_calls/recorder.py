"""Hears every call that a cloud makes, and tells by the call stack which part of the harness made it, and for what."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.cloud.permissions import changes
from harness.cloud.trail import OK, CallMade
from harness.undo import Act, Armed, Journal

_PARTS = (
    ("harness.cloud.undoing", "undo"),
    ("harness.safety.table", "lock and journal"),
    ("harness.safety.guard", "guard"),
    ("harness.runbooks", "runbook"),
    ("harness.cloud.carriers", "fault"),
    ("harness.probes.observers", "observers"),
    ("harness.cloud.kept", "flight recorder"),
    ("harness.cloud.inventory", "inventory"),
    ("harness.cloud.volumes", "read-back"),
    ("harness.aftermath", "read-back"),
    ("harness.cloud.configuration", "configuration"),
    ("harness.cloud.trail.kept", "audit log"),
    ("harness.cloud.discovery", "discovery"),
)
"""By whose frame is on the stack; the first that is there."""
_TRANSIENT = ("InvalidDBInstanceState", "InvalidDBClusterStateFault")
"""AWS's "not yet": what is still being made is not deleted, and is asked for again."""
COMMANDS = {
    ("cache", "AwaitAnswer"): "CLIENT PAUSE",
    ("database", "pg_wal_replay_resume"): "pg_wal_replay_pause()",
    ("twin", "strike"): "an act of nature",
}
"""What is done where no AWS call does it, by the act that was armed for its undo."""


@dataclass(frozen=True)
class Step:
    """One kind of change, or a command, with what was armed to undo it; empty when nothing was."""

    service: str
    operation: str
    parameters: tuple[str, ...]
    undo: str


@dataclass
class Deed:
    """What carrying out one thing took: its changes in their order, its looks, and how the calls ended."""

    steps: list[Step] = field(default_factory=list)
    looks: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class Recorder:
    """``told`` is a listener of :class:`harness.cloud.session.Cloud`. Deeds are by part and, of some, by their name."""

    deeds: dict[tuple[str, str], Deed] = field(default_factory=dict)
    succeeded: set[tuple[str, str]] = field(default_factory=set)
    failed: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    nobody: set[str] = field(default_factory=set)
    """Calls that no known part of the harness made."""
    calls: int = 0
    _name: str = ""
    _armed: Act | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self, call: CallMade) -> None:
        part = _part()
        with self._lock:
            self.calls += 1
            key = (call.service, call.operation)
            if not part:
                self.nobody.add(f"{call.service} {call.operation}")
            if call.outcome == OK:
                self.succeeded.add(key)
            elif call.outcome != "Unreachable" and not call.outcome.startswith(_TRANSIENT):
                self.failed.setdefault(key, set()).add(f"{call.outcome} ({part} {self._name})")
            deed = self.deeds.setdefault((part, self._name if part in ("fault", "runbook") else ""), Deed())
            if not changes(call.operation):
                deed.looks.add(key)
            else:
                armed = self._armed if part == "fault" else None
                self._add(deed, Step(*key, tuple(sorted(call.parameters)), _act(armed)))

    def arm(self, act: Act) -> None:
        """An act was armed: what is changed next is undone by it."""
        with self._lock:
            self._armed = act
            word = COMMANDS.get((act.service, act.operation))
            if word:
                self._add(self.deeds.setdefault(("fault", self._name), Deed()), Step(act.service, word, (), _act(act)))

    @contextmanager
    def carrying_out(self, name: str) -> Iterator[None]:
        """What is called until the block is left is called for this."""
        self._name, self._armed = name, None
        try:
            yield
        finally:
            self._name, self._armed = "", None

    def forget(self, name: str) -> None:
        """It was refused: what was looked at beforehand is no part of it."""
        self.deeds.pop(("fault", name), None)

    @staticmethod
    def _add(deed: Deed, step: Step) -> None:
        same = [
            index
            for index, known in enumerate(deed.steps)
            if (known.service, known.operation) == (step.service, step.operation)
        ]
        if not same:
            deed.steps.append(step)
            return
        known = deed.steps[same[0]]
        both = tuple(sorted({*known.parameters, *step.parameters}))
        deed.steps[same[0]] = Step(known.service, known.operation, both, known.undo)


class NotedJournal(Journal):
    """A journal that tells the recorder what it arms."""

    def __init__(self, path: Path, recorder: Recorder) -> None:
        super().__init__(path)
        self._recorder = recorder

    def arm(self, fault: str, act: Act) -> Armed:
        self._recorder.arm(act)
        return super().arm(fault, act)


def _act(act: Act | None) -> str:
    return f"{act.service} {act.operation}" if act else ""


def _part() -> str:
    names, frame = [], sys._getframe(1)
    while frame is not None:
        names.append(f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    for prefix, part in _PARTS:
        if any(name == prefix or name.startswith(f"{prefix}.") for name in names):
            return part
    return ""
