"""The records of one location's workers, made into one: ``python -m loadtests.merge MERGED RECORD RECORD…``

Each worker's times are of its own machine's CLOCK_MONOTONIC. Its record says what the date was at one reading of it, so
they are turned into the first record's time by the dates. They agree as well as the machines know the date (NTP:
milliseconds within a data centre, tens across the world), and nothing here can tell how well that is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.errors import BadInput, GamedayError
from harness.requests import RECORD, SIZE, Requests, RequestWriter, moved, read


def merge(merged: Path, records: Sequence[Path]) -> int:
    """Write one record of several of the same location, in the order in which requests ended; how many there are.

    Torn tails are left out. Raises ``BadInput`` for records that do not belong together, and ``Unreadable``.
    """
    if merged.exists():
        raise BadInput(str(merged), "file", "is there already: a record is never overwritten")
    parts = [read(path) for path in records]
    first = parts[0]
    for part in parts[1:]:
        if (part.location_index, part.clock.speed) != (first.location_index, first.clock.speed):
            raise BadInput(str(part.path), "location", f"is not that of {first.path}")
    together = b"".join(_in_time_of(first, part) for part in parts)
    order = np.argsort(np.frombuffer(together, RECORD)["done"], kind="stable")
    with RequestWriter(merged, first.clock, first.location_index) as writer:
        for at in (order * SIZE).tolist():
            writer.append(together[at : at + SIZE])
    return len(order)


def _in_time_of(first: Requests, part: Requests) -> bytes:
    ours, theirs = first.clock.anchor, part.clock.anchor
    later = theirs.epoch_nanoseconds - ours.epoch_nanoseconds
    later += ours.monotonic_nanoseconds - theirs.monotonic_nanoseconds
    data = part.path.read_bytes()[SIZE : SIZE * (len(part.rows) + 1)]
    return moved(data, later, part.path)


def main() -> None:
    """The command line; an error is one line and exit code 2."""
    if len(sys.argv) < 3:
        sys.stderr.write("usage: python -m loadtests.merge MERGED RECORD RECORD…\n")
        sys.exit(2)
    merged, *records = map(Path, sys.argv[1:])
    try:
        count = merge(merged, records)
    except GamedayError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    sys.stdout.write(f"{count} requests of {len(records)} records, by the dates of their machines\n")


if __name__ == "__main__":
    main()
