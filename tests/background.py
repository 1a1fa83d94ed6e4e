"""The processor's leavings for a process and all that it starts: its nice value, and a control group of low weight.

The nice value alone is not enough where the kernel groups by session (the autogroup feature of sched(7)): it counts
within a session only, and every session, as each twin is one, gets as much as any other. A control group of our own
holds whatever is started in it, sessions too. Where there is none to be had (no root, no cgroup v1) it is the nice
value alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.clock import monotonic_nanoseconds, real_sleep

NICE = 10
LOW_SHARES = "64"
"""A sixteenth of what any session has; what the others leave is enough for it."""
HIERARCHY = Path("/sys/fs/cgroup/cpu")
_PATIENCE_REAL_SECONDS = 10


@contextmanager
def leavings(hierarchy: Path = HIERARCHY) -> Iterator[Path | None]:
    """A new group for the block, removed when it is empty; ``None`` where the kernel gives none.

    Raises ``OSError`` when something is still in it ten seconds after the block.
    """
    group = hierarchy / f"gameday-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        (group / "cpu.shares").write_text(LOW_SHARES)
        yield group
    finally:
        _remove(group)


def join(group: Path | None) -> None:
    """Put the calling process there, and whatever it starts from now on."""
    os.nice(NICE)
    if group is not None:
        (group / "cgroup.procs").write_text(str(os.getpid()))


def _remove(group: Path) -> None:
    give_up = monotonic_nanoseconds() + _PATIENCE_REAL_SECONDS * 1_000_000_000
    while True:
        try:
            group.rmdir()
        except OSError:
            if monotonic_nanoseconds() > give_up:
                raise
            real_sleep(0.05)
        else:
            return
