"""The record of a run, whole and in AWS time: what a judge is given, and all it is given.

A run that was killed has no read-back, no outcome, perhaps no undo and perhaps torn last lines; it loads all the same,
and says what is missing. Damage anywhere else is ``Unreadable``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness import ledger, requests, seal, timeline
from harness.errors import Unreadable
from harness.events import Event
from harness.header import ClientPolicy, Header, Stream, read_header, write_header
from harness.ledger import Ledger, ReadBack
from harness.requests import Requests

__all__ = ["HEADER_FILE", "TRAFFIC", "ClientPolicy", "Header", "Record", "Stream", "load", "traffic", "write_header"]

HEADER_FILE = "run.json"
TIMELINE_FILE = "timeline.jsonl"
READBACK_FILE = "readback.json"
CALLS_FILE = "calls.jsonl"

TRAFFIC = np.dtype(
    [
        ("intended", "<i8"),
        ("sent", "<i8"),
        ("done", "<i8"),
        ("operation", "u1"),
        ("outcome", "u1"),
        ("status", "<u2"),
        ("location", "u1"),
        ("address", "<u4"),
        ("observed", "<u8"),
    ]
)
"""One request in AWS time: nanoseconds since the epoch (``sent`` 0: never sent). The rest is as in
:data:`harness.requests.RECORD`; the write ids are in the ledger."""

Traffic = npt.NDArray[np.void]


@dataclass(frozen=True, eq=False)
class Record:
    """Everything a run left. Immutable by custom: no judge writes into the arrays."""

    header: Header
    events: tuple[Event, ...]
    """Oldest first."""
    traffic: Traffic
    """Rows of :data:`TRAFFIC` of all locations, by intended time."""
    parts: tuple[Requests, ...] = ()
    """The same requests as they lie in their files, for the ledger."""
    readback: ReadBack | None = None
    """``None``: nothing was read back."""
    damage: tuple[str, ...] = ()
    """What is missing or torn, in words; empty for a whole record."""
    folder: Path | None = None

    @cached_property
    def ledger(self) -> Ledger | None:
        """The writes beside what was read back; ``None`` without a read-back. Raises ``Unreadable``."""
        if self.readback is None:
            return None
        return ledger.join(self.parts, self.readback, self.header.operations, self.header.writes)

    @cached_property
    def streams(self) -> Mapping[tuple[int, int], Traffic]:
        """The traffic of each location and operation (as indices), by intended time; what had no arrival is absent."""
        key = self.traffic["location"].astype(np.uint16) * 256 + self.traffic["operation"]
        return {divmod(int(one), 256): self.traffic[key == one] for one in np.unique(key)}


def traffic(parts: Sequence[Requests]) -> Traffic:
    """The requests of all locations as one table, by intended time."""
    whole = np.empty(sum(len(part.rows) for part in parts), TRAFFIC)
    filled = 0
    for part in parts:
        table = whole[filled : filled + len(part.rows)]
        for column in ("intended", "sent", "done"):
            table[column] = part.aws(column)
        for column in ("operation", "outcome", "status", "location", "address", "observed"):
            table[column] = part.rows[column]
        filled += len(table)
    ordered: Traffic = whole[np.argsort(whole["intended"], kind="stable")]
    return ordered


def load(folder: Path) -> Record:
    """The record in a run's folder. Raises ``Unreadable`` that names the file and what is wrong in it."""
    header = read_header(folder / HEADER_FILE)
    seal.check(folder, sealed=header.sealed)
    damage: list[str] = []
    events = _events(folder / TIMELINE_FILE, damage)
    parts = _parts(folder, header, damage)
    table = traffic(parts)
    # Last, as it is the largest: what the tables needed while they were made is free again by then.
    readback = ledger.read(folder / READBACK_FILE) if (folder / READBACK_FILE).exists() else None
    return Record(header, events, table, parts, readback, tuple(damage), folder)


def _events(path: Path, damage: list[str]) -> tuple[Event, ...]:
    if not path.exists():
        damage.append(f"{path.name} is missing: nothing is known but the traffic")
        return ()
    events = tuple(timeline.read(path))
    data = path.read_bytes()
    if not data:
        damage.append(f"{path.name} is empty: nothing is known but the traffic")
    elif not data.endswith(b"\n"):
        damage.append(f"{path.name}: the last line is torn")
    return events


def _parts(folder: Path, header: Header, damage: list[str]) -> tuple[Requests, ...]:
    if not header.rate_per_second:
        return ()  # a run that only watched: nobody sent anything
    parts = []
    for index, location in enumerate(header.locations):
        path = folder / f"requests-{location}.bin"
        if not path.exists() or path.stat().st_size < requests.SIZE:
            damage.append(f"{path.name} is missing or empty: no traffic from {location}")
            continue
        part = requests.read(path)
        _check(part, index, header)
        if part.torn_bytes:
            damage.append(f"{path.name}: the last record is torn ({part.torn_bytes} bytes)")
        parts.append(part)
    return tuple(parts)


def _check(part: Requests, index: int, header: Header) -> None:
    if part.clock != header.clock:
        raise Unreadable(f"{part.path}: clock: {part.clock} is not the run's {header.clock}")
    if part.location_index != index or np.any(part.rows["location"] != index):
        raise Unreadable(f"{part.path}: location: the file is not that of {header.locations[index]}")
    if len(part.rows) and int(part.rows["operation"].max()) >= len(header.operations):
        raise Unreadable(f"{part.path}: operation: {int(part.rows['operation'].max())} is not in {HEADER_FILE}")
