"""Files of a run that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def put(path: Path, text: str) -> None:
    """Put a file in place in one step, on disk before this returns; a reader never sees half of it.

    Raises ``OSError``, as on a full disk; what was there before is there still.
    """
    unfinished = path.with_name(path.name + ".new")
    try:
        with unfinished.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
