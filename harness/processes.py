"""What the kernel says of a process, by its id: when it began, and whether it is stopped.

Source: proc_pid_stat(5).
"""

from __future__ import annotations

from pathlib import Path

_STATE, _STARTED = 0, 19
"""Where the fields stand that are counted from behind the name, which may hold anything."""


def birth(pid: int) -> int | None:
    """When it began, in clock ticks since the machine did; ``None`` when it is gone or a zombie.

    Ids are used again: with this a process is told from a later one.
    """
    fields = _fields(pid)
    return int(fields[_STARTED]) if fields and fields[_STATE] not in "ZX" else None


def stopped(pid: int) -> bool:
    """Whether it was stopped in its tracks, as by SIGSTOP: it is there, and does nothing."""
    fields = _fields(pid)
    return bool(fields) and fields[_STATE] == "T"


def _fields(pid: int) -> list[str]:
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return told.rpartition(")")[2].split()
