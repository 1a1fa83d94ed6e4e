"""What the kernel says of a process, by its id: when it began, whether it is stopped, how it fares for processors.

Source: proc_pid_stat(5); https://docs.kernel.org/scheduler/sched-stats.html (``/proc/PID/schedstat``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_STATE, _STARTED = 0, 19
"""Where the fields stand that are counted from behind the name, which may hold anything."""


@dataclass(frozen=True)
class Share:
    """What a process has had of the processors, in nanoseconds since it began, all its threads together."""

    ran: int = 0
    waited: int = 0
    """For how long it could have run, and waited for a processor."""

    def plus(self, other: Share) -> Share:
        """The sum of both."""
        return Share(self.ran + other.ran, self.waited + other.waited)

    def since(self, before: Share) -> Share:
        """What came after ``before``; a thread that ended meanwhile takes its share with it, never below nothing."""
        return Share(max(0, self.ran - before.ran), max(0, self.waited - before.waited))


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


def share(pid: int) -> Share | None:
    """What it has had of the processors; ``None`` when it is gone, or the kernel does not keep count."""
    total = Share()
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            ran, waited, _ = (thread / "schedstat").read_text(encoding="ascii").split()
            total = total.plus(Share(int(ran), int(waited)))
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return None
    return total


def _fields(pid: int) -> list[str]:
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return told.rpartition(")")[2].split()
