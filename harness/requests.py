"""Every request of one client location, in one append-only binary file.

The file is a header and then records, each of exactly 64 bytes and each written by one ``os.write`` with O_APPEND: a
killed process leaves whole records only, and a full disk at worst one torn tail. Times are readings of
CLOCK_MONOTONIC in nanoseconds; the header carries the run's clock, which turns them into AWS time.

Latency counts from ``intended`` (when the request should have left), never from ``sent``: a client that was held up
would otherwise hide the very outage it met.
"""

from __future__ import annotations

import ipaddress
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.clock import Anchor, Clock
from harness.errors import Unreadable

MAGIC = b"GDREQ001"
VERSION = 1
SIZE = 64
"""Bytes of the header and of each record: sizes that divide a disk block leave no short write on a full disk."""

OPERATIONS = (
    *("create_trigger", "list_triggers", "ponder_events", "api_key_stats"),
    *("ponder_status", "create_api_key", "log_in"),
)
"""What clients can ask for; a record's ``operation`` is an index into this."""
ON_THE_SIDE = ("create_api_key", "log_in")
"""The operations that are no reads, and leave no row behind that the ledger could look for."""
WRITES = ("create_trigger",)
"""The operations that leave a row behind, each with a write id."""

NO_WRITE = bytes(16)
"""The write id of a request that writes nothing."""
NO_ADDRESS = bytes(4)
"""The address of a request that never had a connection."""

_HEADER = struct.Struct("<8sHBxIdQQ24x")
_BODY = struct.Struct("<QQQBBHB3x4s16sQ")
_CRC = struct.Struct("<I")

RECORD = np.dtype(
    {
        "names": [
            "intended", "sent", "done", "operation", "outcome", "status", "location", "address", "write_id",
            "observed", "crc",
        ],
        "formats": ["<u8", "<u8", "<u8", "u1", "u1", "<u2", "u1", ">u4", "V16", "<u8", "<u4"],
        "offsets": [0, 8, 16, 24, 25, 26, 28, 32, 36, 52, 60],
        "itemsize": SIZE,
    }
)  # fmt: skip
"""One record. ``sent`` 0: never sent. ``address``: the peer really used, as a number (:func:`address_text`), 0: none.
``write_id``: the 16 bytes of the UUID in the row's name, zero for reads. ``observed``: what the answer showed, the
newest row's ``created_at`` in microseconds since the epoch (or its id when it has no date): of events for
``ponder/events``, of the customer's own triggers for ``list_triggers``, of the new trigger for ``create_trigger``;
else 0, as for triggers in records from before that was kept."""

Rows = npt.NDArray[np.void]


class Outcome(IntEnum):
    """How a request ended, as its client saw it."""

    GOOD = 0
    """The right status and the right body, within the operation's deadline."""
    WRONG_STATUS = 1
    WRONG_BODY = 2
    TIMED_OUT = 3
    """The deadline passed; whether the server acted is unknown."""
    RESET = 4
    """The connection broke after it was chosen; whether the server acted is unknown."""
    REFUSED = 5
    """Nobody listened: nothing was sent."""
    NAME_FAILED = 6
    """The name had no answer: nothing was sent."""
    DROPPED = 7
    """As many requests were in flight as the client allows: nothing was sent."""
    UNAUTHORIZED = 8
    """401, which the service also answers when its database is away."""


@dataclass(frozen=True)
class Requests:
    """What one file holds: rows of :data:`RECORD` in the order they ended, and the clock to read them with."""

    path: Path
    location_index: int
    clock: Clock
    rows: Rows
    torn_bytes: int
    """Bytes of an unfinished last record, left out (its writer was killed or its disk was full)."""

    def aws(self, column: str) -> npt.NDArray[np.int64]:
        """A time column (``intended``, ``sent``, ``done``) as AWS nanoseconds since the epoch; 0 stays 0."""
        return aws_nanoseconds(self.clock, self.rows[column])

    def latency(self) -> npt.NDArray[np.int64]:
        """From intended to done, in AWS nanoseconds."""
        return self.aws("done") - self.aws("intended")


def aws_nanoseconds(clock: Clock, monotonic: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Readings of CLOCK_MONOTONIC (ns) as AWS nanoseconds since the epoch, equal to ``clock.at``; 0 stays 0."""
    readings = np.asarray(monotonic).astype(np.int64)
    elapsed = (readings - clock.anchor.monotonic_nanoseconds).astype(np.float64)
    times = clock.anchor.epoch_nanoseconds + np.rint(elapsed * clock.speed).astype(np.int64)
    return np.where(readings == 0, np.int64(0), times)


def address_text(address: int) -> str:
    """A record's ``address`` as a dotted IPv4 address; empty when there was none."""
    return str(ipaddress.IPv4Address(int(address))) if address else ""


def address_number(text: str) -> int:
    """The inverse of :func:`address_text`."""
    return int(ipaddress.IPv4Address(text)) if text else 0


class RequestWriter:
    """The only writer of one location's file; not for several threads, but for any number of greenlets.

    Raises ``FileExistsError`` when the file is already there: a record is never overwritten.
    """

    def __init__(self, path: Path, clock: Clock, location_index: int) -> None:
        anchor = clock.anchor
        header = _HEADER.pack(
            MAGIC, VERSION, location_index, 0, clock.speed, anchor.monotonic_nanoseconds, anchor.epoch_nanoseconds
        )
        self._location = location_index
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._put(header)

    def write(
        self,
        intended: int,
        sent: int,
        done: int,
        operation: int,
        outcome: int,
        status: int = 0,
        address: bytes = NO_ADDRESS,
        write_id: bytes = NO_WRITE,
        observed: int = 0,
    ) -> None:
        """Append one record; times in monotonic nanoseconds. Raises ``OSError`` when the disk does not take it whole.

        ``address`` is the peer's four bytes in network order (``socket.inet_aton``).
        """
        body = _BODY.pack(intended, sent, done, operation, outcome, status, self._location, address, write_id, observed)
        self._put(body + _CRC.pack(zlib.crc32(body)))

    def _put(self, data: bytes) -> None:
        if os.write(self._descriptor, data) != SIZE:
            raise OSError(28, "short write to the record of requests")

    def append(self, records: bytes) -> None:
        """Append records that are whole already, as :func:`moved` makes them. Raises ``OSError`` as ``write`` does."""
        for at in range(0, len(records), SIZE):
            self._put(records[at : at + SIZE])

    def close(self) -> None:
        """Close the file; nothing may be written afterwards."""
        os.close(self._descriptor)

    def __enter__(self) -> RequestWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_header(data: bytes, where: Path) -> tuple[int, Clock]:
    """The location's index and the clock of a file's first 64 bytes. Raises ``Unreadable``."""
    if len(data) < SIZE:
        raise Unreadable(f"{where}: {len(data)} bytes are no header")
    magic, version, location, _, speed, monotonic, epoch = _HEADER.unpack(data[:SIZE])
    if magic != MAGIC:
        raise Unreadable(f"{where}: not a record of requests")
    if version != VERSION:
        raise Unreadable(f"{where}: version {version} is not {VERSION}", "Judge it with the gameday that wrote it.")
    if not speed > 0:
        raise Unreadable(f"{where}: a clock with speed {speed}")
    return location, Clock(speed, Anchor(monotonic, epoch))


def decode(data: bytes, where: Path, first: int = 0) -> Rows:
    """The whole records in ``data``, each checked by its checksum; a shorter rest is left out.

    ``first`` is the number of the first record, for the message. Raises ``Unreadable`` at a damaged one.
    """
    rows: Rows = np.frombuffer(data, dtype=RECORD, count=len(data) // SIZE)
    checked = np.frombuffer(data, dtype=[("body", "V60"), ("crc", "<u4")], count=len(rows))
    sums: Iterable[Any] = map(zlib.crc32, checked["body"].tolist())
    wrong = np.flatnonzero(np.fromiter(sums, dtype=np.uint32, count=len(rows)) != rows["crc"])
    if len(wrong):
        raise Unreadable(f"{where}: {len(wrong)} damaged records, the first is number {first + int(wrong[0])}")
    return rows


def moved(records: bytes, nanoseconds: int, where: Path, first: int = 0) -> bytes:
    """Whole records with each of their times later by so much: from another machine's clock to this one's.

    What was never sent stays so. Raises ``Unreadable`` as :func:`decode` does.
    """
    decode(records, where, first)
    changed = bytearray(records)
    rows = np.frombuffer(changed, RECORD)
    for column in ("intended", "sent", "done"):
        times = rows[column].astype(np.int64)
        rows[column] = np.where(times == 0, 0, times + nanoseconds)
    for at in range(0, len(changed), SIZE):
        end = at + _BODY.size
        changed[end : end + _CRC.size] = _CRC.pack(zlib.crc32(changed[at:end]))
    return bytes(changed)


def read(path: Path) -> Requests:
    """One location's requests. A torn tail is left out and counted.

    Raises ``Unreadable`` when the file is missing, empty, of another version or damaged anywhere.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    location, clock = read_header(data, path)
    rows = decode(data[SIZE:], path)
    return Requests(path, location, clock, rows, len(data) % SIZE)
