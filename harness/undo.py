"""The undo journal: on disk before the world changes, as data that any machine can replay.

One JSON object a line, fsynced: ``armed`` (what would undo the change that comes next) and ``undone`` (it was). An act
is AWS's own vocabulary, service, region, operation, parameters, so that a person can read what will be called.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import Unreadable


@dataclass(frozen=True)
class Act:
    """One idempotent way back. ``parameters`` is the before-image; ``precondition`` what must still be ours to undo.

    ``service`` is AWS's signing name (``ec2``, ``rds``…), ``cache`` or ``database`` for a command to a published
    endpoint, ``twin`` for an act of nature.
    """

    service: str
    region: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    precondition: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = " ".join(f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.service} {self.operation} in {self.region}: {words}"


@dataclass(frozen=True)
class Armed:
    """A pending undo: which fault armed it and the act that undoes."""

    number: int
    fault: str
    act: Act


class Journal:
    """The only writer of a run's ``undo.jsonl``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._lock = threading.Lock()
        self._next = len(_lines(path)) + 1

    def arm(self, fault: str, act: Act) -> Armed:
        """Put the way back on disk; only then may the change be made."""
        with self._lock:
            armed = Armed(self._next, fault, act)
            self._next += 1
            self._write({"state": "armed", "number": armed.number, "fault": fault, "act": asdict(act)})
        return armed

    def undone(self, armed: Armed) -> None:
        """Record that the act was carried out and proven."""
        with self._lock:
            self._write({"state": "undone", "number": armed.number})

    def pending(self) -> list[Armed]:
        """What is not undone yet, newest first: the order in which to undo."""
        return pending(self._path)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, line: Mapping[str, Any]) -> None:
        data = (json.dumps(line, separators=(",", ":")) + "\n").encode()
        if os.write(self._descriptor, data) != len(data):
            raise OSError(28, "short write to the undo journal")
        os.fsync(self._descriptor)


def pending(path: Path) -> list[Armed]:
    """The acts of a journal that are armed and not undone, newest first; none when there is no journal.

    Raises ``Unreadable`` when a line other than a torn last one is damaged.
    """
    waiting: dict[int, Armed] = {}
    for line in _lines(path):
        if line["state"] == "armed":
            waiting[line["number"]] = Armed(line["number"], line["fault"], Act(**line["act"]))
        else:
            waiting.pop(line["number"], None)
    return sorted(waiting.values(), key=lambda armed: -armed.number)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    whole = path.read_bytes().split(b"\n")[:-1]
    try:
        return [json.loads(line) for line in whole]
    except ValueError as error:
        raise Unreadable(f"{path}: {error}", "Look at the journal by hand before anything else.") from error
