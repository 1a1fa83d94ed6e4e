"""A notice is a file by which a person says no: as long as it is there, whatever is in it."""

from __future__ import annotations

from pathlib import Path


def posted(path: Path) -> str | None:
    """What a notice says: its first line, quoted, or that it says nothing; ``None`` when there is none.

    One that is there and cannot be read is there all the same.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    try:
        with path.open(encoding="utf-8", errors="replace") as notice:
            line = notice.readline(200).strip()
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return f'"{line}"' if line else "it says nothing more"
