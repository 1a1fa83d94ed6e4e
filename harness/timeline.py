"""The events of a run: appended as they are seen, one JSON object a line, flushed at once.

Every event has ``at`` (AWS time, nanoseconds since the epoch) and ``kind``; the kinds and their fields are those of
:mod:`harness.events`. Unknown kinds are kept as they are, so that an older reader can still judge what it knows.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from harness.clock import Instant
from harness.errors import Unreadable
from harness.events import KINDS, Event, Noted

E = TypeVar("E", bound=Event)


class Timeline:
    """The only writer of ``timeline.jsonl``; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def add(self, event: Event) -> None:
        """Append one event; raises ``OSError`` when the disk does not take it."""
        line = (json.dumps(to_json(event), separators=(",", ":")) + "\n").encode()
        with self._lock:
            if os.write(self._descriptor, line) != len(line):
                raise OSError(28, "short write to the timeline")
            self._events.append(event)

    def events(self) -> Sequence[Event]:
        """What was added so far, in order."""
        with self._lock:
            return tuple(self._events)

    def close(self) -> None:
        """Close the file; nothing may be added afterwards."""
        os.close(self._descriptor)


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain JSON values."""
    values = asdict(event)
    values["at"] = event.at.nanoseconds
    return {"at": values.pop("at"), "kind": event.kind, **values}


def from_json(values: dict[str, Any]) -> Event:
    """The event of :func:`to_json`; an unknown kind becomes a ``Noted``."""
    cls = KINDS.get(str(values["kind"]))
    if cls is None:
        return Noted(_instant(values["at"]), json.dumps(values))
    kinds = {f.name: str(f.type) for f in fields(cls) if f.name != "at"}
    return cls(_instant(values["at"]), **{key: _plain(key, values[key], kinds[key]) for key in kinds if key in values})


_PLAIN: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}


def _instant(value: Any) -> Instant:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError(f"at: {value!r} is no time")
    return Instant(value)


def _plain(name: str, value: Any, kind: str) -> Any:
    """A field's value, if it is of its kind."""
    if kind.startswith("tuple") and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if kind == "Mapping[str, int]" and isinstance(value, dict):
        return {key: _plain(name, count, "int") for key, count in value.items()}
    known = _PLAIN.get(kind, ())
    if not isinstance(value, known) or (isinstance(value, bool) and kind != "bool") or value != value:
        raise TypeError(f"{name}: {value!r} is no {kind}")
    return value


def parse(data: bytes, where: Path, first: int = 1) -> list[Event]:
    """The events of the whole lines in ``data``, in their order; a torn last line (a killed writer) is left out.

    ``first`` is the number of the first line, for the message. Raises ``Unreadable`` at a damaged one.
    """
    found = []
    for number, line in enumerate(data.split(b"\n")[:-1], first):
        try:
            found.append(from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"{where}: line {number} is damaged: {error}") from error
    return found


def read(path: Path) -> list[Event]:
    """The events of a file, oldest first; raises ``Unreadable`` as :func:`parse` does, and when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    return sorted(parse(data, path), key=lambda event: event.at)


def of(events: Sequence[Event], cls: type[E]) -> Iterator[E]:
    """The events of one kind, in order."""
    return (event for event in events if isinstance(event, cls))
