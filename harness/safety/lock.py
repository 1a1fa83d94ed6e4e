"""One game day per environment on this machine: a lock file that dies with its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import Refused


@contextmanager
def held(folder: Path, environment: str) -> Iterator[None]:
    """Hold the environment's lock; raises ``Refused`` when another game day holds it.

    The kernel releases it when the holder dies, however it dies.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{environment}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 100).decode(errors="replace").strip()
            raise Refused(
                f"another game day is running in {environment} (process {holder}).", "Wait for it."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holders(folder: Path) -> list[int]:
    """The processes that last held a lock of any environment, whether they still do or not; takes none."""
    told = [path.read_text().strip() for path in sorted(folder.glob("*.lock"))]
    return [int(pid) for pid in told if pid.isdigit()]
