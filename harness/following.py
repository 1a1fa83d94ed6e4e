"""A run's folder, read while it grows: each look takes in what came since the last one, and reads nothing twice.

For whoever looks at a run from beside it, in its own process or in another one. A file that does not exist yet says
nothing, and a torn last line or record is left for the next look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from harness import timeline, undo
from harness.clock import Clock, Duration, Instant, seconds
from harness.events import Event
from harness.header import Header, read_header
from harness.record import HEADER_FILE, TIMELINE_FILE, Record, traffic
from harness.requests import RECORD, SIZE, Outcome, Requests, Rows, decode
from harness.undo import JOURNAL_FILE, Armed

KEPT = seconds(40)
"""So much of the traffic is kept, counted back from the request that ended last."""

T = TypeVar("T")


class Tail:
    """The growing end of one location's record; reads each byte once and keeps the last ``span`` (real ns)."""

    def __init__(self, path: Path, span: int) -> None:
        self._path = path
        self._span = span
        self._at = SIZE
        self._recent: Rows = np.empty(0, RECORD)
        self.last_good = 0
        """Monotonic ns at which the latest good request ended; 0: none did."""

    def read_on(self) -> None:
        """Take in what was written since the last time. Raises ``Unreadable`` at a damaged record."""
        new = self._read()
        if len(new):
            good = new["done"][new["outcome"] == Outcome.GOOD]
            self.last_good = max(self.last_good, int(good.max()) if len(good) else 0)
            recent = np.concatenate((self._recent, new))
            self._recent = recent[recent["done"] + self._span >= recent["done"].max()]

    def window(self, since: int) -> Rows:
        """The records that ended at ``since`` (monotonic ns) or later, as far as they are kept."""
        return self._recent[self._recent["done"] >= since]

    def _read(self) -> Rows:
        try:
            with self._path.open("rb") as record:
                record.seek(self._at)
                data = record.read()
        except FileNotFoundError:
            return np.empty(0, RECORD)  # its process has not come that far
        rows = decode(data, self._path, (self._at - SIZE) // SIZE)
        self._at += len(rows) * SIZE
        return rows


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of a run at an instant."""

    at: Instant
    """By the run's clock; whatever was written until then is seen."""
    record: Record
    """As :func:`harness.record.load` gives it, but for its traffic: of that only what ended lately (:data:`KEPT`). A
    location of which no file is there yet has no part."""
    fresh: tuple[Event, ...]
    """The events that are new since the last look, as they were written."""
    pending: tuple[Armed, ...] | None
    """What is armed and not undone, newest first; ``None``: there is no journal."""

    @property
    def ended(self) -> bool:
        """Whether the run came to its end; all that it wrote is seen then. A killed one never does."""
        return self.record.header.outcome is not None


class Follower:
    """Reads one run's folder on. Not for several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._header: _Replaced[Header] = _Replaced(folder / HEADER_FILE, read_header)
        self._journal: _Replaced[list[Armed]] = _Replaced(folder / JOURNAL_FILE, undo.pending)
        self._tails: dict[str, Tail] = {}
        self._at = self._lines = 0
        self._events: tuple[Event, ...] = ()

    def look(self) -> Seen | None:
        """What is known now; ``None`` before there is a header. Raises ``Unreadable`` at damage."""
        # First, as it is written last: once it says that the run has ended, all else is there.
        header = self._header.look()
        if header is None:
            return None
        at = header.clock.now()
        fresh = self._read_events()
        if fresh:
            self._events = tuple(sorted((*self._events, *fresh), key=lambda event: event.at))
        parts = self._read_traffic(header)
        armed = self._journal.look()
        record = Record(header, self._events, traffic(parts), parts, folder=self._folder)
        return Seen(at, record, fresh, None if armed is None else tuple(armed))

    def _read_events(self) -> tuple[Event, ...]:
        path = self._folder / TIMELINE_FILE
        try:
            with path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return ()
        fresh = timeline.parse(data, path, self._lines + 1)
        self._at += data.rfind(b"\n") + 1
        self._lines += len(fresh)
        return tuple(fresh)

    def _read_traffic(self, header: Header) -> tuple[Requests, ...]:
        if not header.rate_per_second:
            return ()
        parts = []
        for index, location in enumerate(header.locations):
            path = self._folder / f"requests-{location}.bin"
            if location not in self._tails and path.exists():
                self._tails[location] = Tail(path, _real_nanoseconds(header.clock, KEPT))
            tail = self._tails.get(location)
            if tail is not None:
                tail.read_on()
                parts.append(Requests(path, index, header.clock, tail.window(0), 0))
        return tuple(parts)


class _Replaced(Generic[T]):
    """A small file, read anew whenever it is not the one that was read last."""

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        self._path = path
        self._read = read
        self._known: tuple[int, ...] = ()
        self._value: T | None = None

    def look(self) -> T | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return self._value
        told = (found.st_ino, found.st_size, found.st_mtime_ns)
        if told != self._known:
            self._value, self._known = self._read(self._path), told
        return self._value


def _real_nanoseconds(clock: Clock, span: Duration) -> int:
    return round(clock.real_seconds(span) * 1e9)
