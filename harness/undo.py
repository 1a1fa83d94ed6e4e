"""The undo journal: on disk before the world changes, as data that any machine can replay.

One JSON object a line, fsynced: ``armed`` (what would undo the change that comes next) and ``undone`` (it was). An act
is AWS's own vocabulary, service, region, operation, parameters, so that a person can read what will be called. A line
that was cut short was never promised to anybody, since ``arm`` did not return: it is taken off before the next one.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.errors import Unreadable

JOURNAL_FILE = "undo.jsonl"


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


class Mirror(Protocol):
    """A second copy of a journal, where other machines find it."""

    def arm(self, armed: Armed) -> None:
        """Keep it; raises a ``GamedayError`` when it is not kept, and then the change must not be made."""

    def undone(self, armed: Armed) -> None:
        """Keep it no longer; raises a ``GamedayError`` when that cannot be told."""


class Journal:
    """The only writer of a run's ``undo.jsonl``, and of its mirror if there is one."""

    def __init__(self, path: Path, mirror: Mirror | None = None) -> None:
        self._path = path
        self._mirror = mirror
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._lock = threading.Lock()
        whole = _whole(path.read_bytes())
        if os.fstat(self._descriptor).st_size > len(whole):
            os.ftruncate(self._descriptor, len(whole))
        self._next = len(_lines(path)) + 1
        self._waiting = {armed.number: armed for armed in pending(path)}

    def arm(self, fault: str, act: Act) -> Armed:
        """Put the way back on disk, and into the mirror; only then may the change be made.

        It is pending from here on, also when this raises: nobody knows how far it came.
        """
        with self._lock:
            armed = Armed(self._next, fault, act)
            self._next += 1
            self._waiting[armed.number] = armed
            self._write({"state": "armed", "number": armed.number, "fault": fault, "act": asdict(act)})
            if self._mirror is not None:
                self._mirror.arm(armed)
        return armed

    def undone(self, armed: Armed) -> None:
        """Record that the act was carried out and proven."""
        with self._lock:
            self._write({"state": "undone", "number": armed.number})
            if self._mirror is not None:
                self._mirror.undone(armed)
            self._waiting.pop(armed.number, None)

    def pending(self) -> list[Armed]:
        """What is not undone yet, newest first: the order in which to undo."""
        return _newest_first(self._waiting)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, line: Mapping[str, Any]) -> None:
        data = (json.dumps(line, separators=(",", ":")) + "\n").encode()
        before = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, before)
            raise


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
    return _newest_first(waiting)


def _newest_first(waiting: Mapping[int, Armed]) -> list[Armed]:
    return sorted(waiting.values(), key=lambda armed: -armed.number)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in _whole(path.read_bytes()).splitlines()]
    except ValueError as error:
        raise Unreadable(f"{path}: {error}", "Look at the journal by hand before anything else.") from error


def _whole(data: bytes) -> bytes:
    """The lines that were written to their end."""
    return data[: data.rfind(b"\n") + 1]
