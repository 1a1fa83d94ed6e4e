"""What people say while a run watches: marks, put beside its timeline by another process and taken in by the run.

A file of JSON lines as the timeline has them. The run holds a lock on another file for as long as it takes them in, so
that nobody speaks to a run that has ended or died.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from harness import timeline
from harness.errors import Refused
from harness.events import DECIDED, Decided, Event, Marked

MARKS_FILE = "marks.jsonl"
_HELD_FILE = "watching"
_REMEDY = "Start one: gameday observe --live"


class Marks:
    """The run's side, a context: takes in what was said, the last of it when it is left."""

    def __init__(self, folder: Path, note: Callable[[Event], None]) -> None:
        self._path = folder / MARKS_FILE
        self._note = note
        self._read_bytes = 0
        self._held = os.open(folder / _HELD_FILE, os.O_RDWR | os.O_CREAT, 0o644)

    def __enter__(self) -> Marks:
        fcntl.flock(self._held, fcntl.LOCK_EX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._held)  # from here on nobody is told that their mark is on record
        self.take()

    def take(self) -> list[Marked]:
        """Put on the timeline what was said since the last time, and return it."""
        data = self._path.read_bytes()[self._read_bytes :] if self._path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        said = [event for line in whole.splitlines() if isinstance(event := _event(line), Marked)]
        for one in said:
            self._note(one)
            if one.meaning == DECIDED:
                self._note(Decided(one.at, "operator", one.words))
        return said


def _event(line: bytes) -> Event:
    return timeline.from_json(json.loads(line))


def mark(folder: Path, said: Marked) -> None:
    """Say something to the run that watches in that folder; on its timeline within a moment. Raises ``Refused``."""
    if not is_watching(folder):
        raise Refused(f"nobody watches in {folder.name} any more.", _REMEDY)
    line = (json.dumps(timeline.to_json(said), separators=(",", ":")) + "\n").encode()
    descriptor = os.open(folder / MARKS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError(28, "short write to the marks")
    finally:
        os.close(descriptor)
    if not is_watching(folder):
        raise Refused(f"the run in {folder.name} ended meanwhile: the mark may have come too late.", _REMEDY)


def is_watching(folder: Path) -> bool:
    """Whether a run takes marks in that folder now."""
    try:
        descriptor = os.open(folder / _HELD_FILE, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def watching(runs: Path) -> Path:
    """The folder of the newest run that takes marks. Raises ``Refused`` when there is none."""
    found = [path.parent for path in sorted(runs.glob(f"*/*/{_HELD_FILE}")) if is_watching(path.parent)]
    if not found:
        raise Refused("nobody watches now.", _REMEDY)
    return found[-1]
