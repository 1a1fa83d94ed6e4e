"""The numbers of timelines that are taken: a promoted server that did not hear of another's takes one of its own.

PostgreSQL counts on from the newest history file that it finds. Two servers that are promoted apart from each other
would take the same number for two histories, and pg_rewind would find nothing to rewind between them. RDS's servers
have an archive for that; the twin's have a folder beside their data directories that lists the numbers.

A taken number is an *empty* history file: nobody's child, so that no standby takes it for its own future. One with the
other server's history in it would be followed by a standby that waits for WAL, for nothing forbids that.
"""

from __future__ import annotations

from pathlib import Path

from harness.twin.engines import postgres_template as template

_SHARED = "timelines"


def reserve(data_directory: Path) -> list[Path]:
    """Before a promotion: mark the numbers that this server does not know of as taken; returns the marks."""
    wal = data_directory / "pg_wal"
    taken = (wal / each.name for each in _shared(data_directory).glob("*.history"))
    marks = [each for each in taken if not each.exists()]
    for each in marks:
        each.touch()
        template.hand_over(each)
    return marks


def release(marks: list[Path]) -> None:
    """It was not promoted after all: it goes on with the histories that it had."""
    for each in marks:
        each.unlink(missing_ok=True)


def share(data_directory: Path) -> None:
    """After a promotion: the number of the timeline that this server is on now is taken."""
    newest = max((data_directory / "pg_wal").glob("*.history"), default=None)
    if newest is not None:
        folder = _shared(data_directory)
        folder.mkdir(exist_ok=True)
        (folder / newest.name).touch()


def _shared(data_directory: Path) -> Path:
    return data_directory.parent / _SHARED
