"""The ledger of writes: what clients were told, beside what the databases hold.

Pure: it joins the record of requests with the read-back and decides nothing; ``harness.judges`` does. Every write
carries a unique id, so a row is found once, several times (duplicated) or not at all (lost, if it was acknowledged).
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import files
from harness.errors import Unreadable
from harness.requests import OPERATIONS, WRITES, Outcome, Requests, Rows

VERSION = 2
"""Of ``readback.json``. Version 1 said nothing of itself and knew no positions in the write-ahead log."""
SOURCES = ("api", "sql")
ROLES = ("writer", "old_writer", "snapshot", "replica")


class Standing(IntEnum):
    """What a write's client may believe."""

    ACKNOWLEDGED = 0
    """The service said 201: it must be found, once."""
    REFUSED = 1
    """It was turned away, or never left: it must not be found."""
    UNKNOWN = 2
    """Timed out, reset, or a server's error: either is honest."""


@dataclass(frozen=True)
class Wal:
    """Where a database stood in its write-ahead log when it was read; positions are bytes since the log's beginning."""

    end: int
    """What it has written itself; on a replica, what it has replayed."""
    replayed: int | None
    """The end of what it took over from another node, or recovered after a crash; ``None``: it began without either."""
    up_since: int
    """When its server was started, AWS ns: ``replayed`` says nothing of what was replayed before."""


@dataclass(frozen=True)
class View:
    """What one reader found. ``read_at`` is AWS ns; ids are 32 hex digits."""

    source: str
    """``api`` or ``sql``."""
    region: str
    identifier: str
    """The database's identifier, or the API's host name."""
    role: str
    """``writer``, ``old_writer``, ``snapshot`` or ``replica``."""
    read_at: int
    counts: Mapping[str, int]
    """How many rows each write id has; an id without rows is absent."""
    created: Mapping[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    """Each row's ``created_at`` (AWS microseconds) and the region whose service wrote it, where the view knows."""
    wal: Wal | None = None
    """``None``: the database does not tell (Aurora), or the record is older than that."""


@dataclass(frozen=True)
class Jobs:
    """The pipeline's side: every event fed in, and what became of it. Ids are strings."""

    events: tuple[str, ...] = ()
    processed: tuple[str, ...] = ()
    results: Mapping[str, int] = field(default_factory=dict)
    """How often each event's action ran."""
    dead_letters: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadBack:
    """Everything that was read after the dust settled."""

    complete: bool
    """Every view that the experiment needs was read; without it nothing can be called lost."""
    missing_views: tuple[str, ...] = ()
    views: tuple[View, ...] = ()
    jobs: Jobs = field(default_factory=Jobs)
    promoted_at: int | None = None
    """AWS ns at which another writer was promoted; ``None`` when none was."""
    happened: tuple[int, ...] = ()
    """When each event that the writer holds was created, AWS microseconds, ascending; empty when it was not read."""


WRITE = np.dtype(
    [
        ("write_id", "V16"),
        ("intended_at", "<i8"),
        ("sent_at", "<i8"),
        ("done_at", "<i8"),
        ("operation", "u1"),
        ("outcome", "u1"),
        ("status", "<u2"),
        ("location", "u1"),
        ("address", ">u4"),
        ("standing", "u1"),
    ]
)
"""One write. Times are AWS ns since the epoch (``sent_at`` 0: never sent); ``standing`` is a :class:`Standing`."""


@dataclass(frozen=True)
class Ledger:
    """The writes of all locations, by intended time, beside the views.

    ``found[i, v]`` is how many rows of write ``i`` the view ``views[v]`` holds. So, with ``v = role("writer")``::

        lost = (writes["standing"] == Standing.ACKNOWLEDGED) & (found[:, v].max(axis=1) == 0)
    """

    writes: npt.NDArray[np.void]
    """Rows of :data:`WRITE`."""
    ids: tuple[str, ...]
    """The write ids as 32 hex digits, in the order of ``writes``."""
    views: tuple[View, ...]
    found: npt.NDArray[np.int32]
    """Shape (writes, views)."""
    strangers: tuple[tuple[str, ...], ...]
    """For each view, the ids that it holds and that no request of this run carried."""

    def role(self, *roles: str) -> list[int]:
        """The columns of the views with one of these roles."""
        return [index for index, view in enumerate(self.views) if view.role in roles]

    def most(self, *roles: str) -> npt.NDArray[np.int32]:
        """For each write, the most rows that any view of these roles holds; 0 where there is no such view."""
        columns = self.role(*roles)
        if not columns:
            return np.zeros(len(self.writes), np.int32)
        most: npt.NDArray[np.int32] = self.found[:, columns].max(axis=1)
        return most

    def standing(self, standing: Standing) -> npt.NDArray[np.bool_]:
        """Which writes have this standing."""
        mask: npt.NDArray[np.bool_] = self.writes["standing"] == standing
        return mask


def standings(outcome: npt.NDArray[Any], status: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The :class:`Standing` of each outcome. Whatever is not certain is unknown, never refused."""
    refused = np.isin(outcome, (Outcome.REFUSED, Outcome.NAME_FAILED, Outcome.DROPPED, Outcome.UNAUTHORIZED))
    refused |= (outcome == Outcome.WRONG_STATUS) & (status >= 400) & (status < 500)
    standing = np.where(refused, Standing.REFUSED, Standing.UNKNOWN)
    return np.where(outcome == Outcome.GOOD, Standing.ACKNOWLEDGED, standing).astype(np.uint8)


def join(
    requests: Sequence[Requests],
    readback: ReadBack,
    operations: Sequence[str] = OPERATIONS,
    writes: Sequence[str] = WRITES,
) -> Ledger:
    """The ledger of all locations' writes. ``operations`` and ``writes`` are those of the run's header.

    Raises ``Unreadable`` when two requests carry the same write id: nothing could be said of either.
    """
    codes = [index for index, name in enumerate(operations) if name in writes]
    parts = [_writes(part, part.rows[np.isin(part.rows["operation"], codes)]) for part in requests]
    table = np.concatenate(parts) if parts else np.empty(0, WRITE)
    table = table[np.argsort(table["intended_at"], kind="stable")]
    ids = tuple(map(bytes.hex, table["write_id"].tolist()))
    numbers = {write_id: number for number, write_id in enumerate(ids)}
    if len(numbers) != len(ids):
        raise Unreadable(f"{len(ids) - len(numbers)} write ids occur in more than one request")
    found = np.zeros((len(ids), len(readback.views)), np.int32)
    strangers = tuple(_count(view, numbers, found[:, column]) for column, view in enumerate(readback.views))
    return Ledger(table, ids, readback.views, found, strangers)


def _writes(part: Requests, rows: Rows) -> npt.NDArray[np.void]:
    table = np.empty(len(rows), WRITE)
    of_rows = Requests(part.path, part.location_index, part.clock, rows, 0)
    for column in ("intended", "sent", "done"):
        table[f"{column}_at"] = of_rows.aws(column)
    for column in ("write_id", "operation", "outcome", "status", "location", "address"):
        table[column] = rows[column]
    table["standing"] = standings(rows["outcome"], rows["status"])
    return table


def _count(view: View, numbers: Mapping[str, int], column: npt.NDArray[np.int32]) -> tuple[str, ...]:
    strangers = []
    for write_id, count in view.counts.items():
        number = numbers.get(write_id)
        if number is None:
            strangers.append(write_id)
        else:
            column[number] = count
    return tuple(strangers)


def write(path: Path, readback: ReadBack) -> None:
    """Save a read-back as JSON, whole or not at all. Raises ``OSError``."""
    files.put(path, json.dumps({"version": VERSION, **asdict(readback)}, separators=(",", ":")) + "\n")


def read(path: Path) -> ReadBack:
    """The read-back of :func:`write`. Raises ``Unreadable`` and names the field that is wrong."""
    with _uncollected():
        return _read(path)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: a million new rows would make it search all of them again and again for none."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _read(path: Path) -> ReadBack:
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Unreadable(f"{path}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise Unreadable(f"{path}: not a JSON object")
    version = values.get("version", 1)
    if version not in (1, VERSION):
        raise Unreadable(f"{path}: version: {version!r} is not {VERSION}", "Judge it with the gameday that wrote it.")
    try:
        return ReadBack(
            complete=_typed(values["complete"], bool),
            missing_views=_texts(values["missing_views"]),
            views=tuple(_view(view) for view in values["views"]),
            jobs=_jobs(values["jobs"]),
            promoted_at=None if values["promoted_at"] is None else _typed(values["promoted_at"], int),
            happened=tuple(_typed(moment, int) for moment in values.get("happened", ())),
        )
    except KeyError as error:
        raise Unreadable(f"{path}: the field {error} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"{path}: {error}") from error


def _view(values: Mapping[str, Any]) -> View:
    view = View(
        source=_typed(values["source"], str),
        region=_typed(values["region"], str),
        identifier=_typed(values["identifier"], str),
        role=_typed(values["role"], str),
        read_at=_typed(values["read_at"], int),
        counts=_counts(values["counts"]),
        created=_created(values.get("created", {})),
        wal=_wal(values.get("wal")),
    )
    if view.source not in SOURCES:
        raise ValueError(f"source {view.source!r} is not one of {', '.join(SOURCES)}")
    if view.role not in ROLES:
        raise ValueError(f"role {view.role!r} is not one of {', '.join(ROLES)}")
    return view


def _wal(values: Mapping[str, Any] | None) -> Wal | None:
    if values is None:
        return None
    replayed = values["replayed"]
    return Wal(
        end=_typed(values["end"], int),
        replayed=None if replayed is None else _typed(replayed, int),
        up_since=_typed(values["up_since"], int),
    )


def _jobs(values: Mapping[str, Any]) -> Jobs:
    return Jobs(
        events=_texts(values["events"]),
        processed=_texts(values["processed"]),
        results=_counts(values["results"]),
        dead_letters=_texts(values["dead_letters"]),
    )


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError(f"{values!r} is not a list")
    return tuple(map(str, values))


def _counts(values: Mapping[str, Any]) -> dict[str, int]:
    if not isinstance(values, dict):
        raise TypeError(f"{values!r} is not a table")
    _all_typed(values.values(), int)
    return values


def _created(values: Mapping[str, Any]) -> dict[str, tuple[tuple[int, str], ...]]:
    # In bulk, for a long run has a row for each of hundreds of thousands of writes, in each database.
    found = {key: tuple(map(tuple, rows)) for key, rows in values.items()}
    dates, regions = map(itemgetter(0), _flat(found)), map(itemgetter(1), _flat(found))
    _all_typed(dates, int)
    _all_typed(regions, str)
    if set(map(len, _flat(found))) - {2}:
        raise TypeError("a row that was created has a date and a region, and nothing else")
    return found


def _flat(found: Mapping[str, tuple[tuple[Any, ...], ...]]) -> Iterator[tuple[Any, ...]]:
    return chain.from_iterable(found.values())


def _all_typed(values: Iterable[Any], kind: type[Any]) -> None:
    values = list(values)
    if set(map(type, values)) - {kind}:
        _typed(next(value for value in values if type(value) is not kind), kind)


def _typed(value: Any, kind: type[Any]) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value
