"""A run's lease, a file in its folder: which process runs, until when its faults may stand, whether it has ended.

The run renews it by touching it. Whoever wants to undo in the run's place looks here first: a run that lives undoes
by itself.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness import files
from harness.errors import Unreadable
from harness.processes import birth

FILE = "lease"


@dataclass(frozen=True)
class Lease:
    """Who holds it. ``started``: the kernel's time of the process's start, since ids are used again."""

    pid: int
    started: int
    deadline: int = 0
    """CLOCK_MONOTONIC, in nanoseconds, by which what is armed must be undone; 0: nothing is armed."""
    over: bool = False
    """The run has ended and could not undo everything: somebody else is to."""

    @classmethod
    def of(cls, pid: int) -> Lease:
        """The lease of a living process; one that is dead already gets a lease that is dead."""
        return cls(pid, birth(pid) or 0)

    @property
    def alive(self) -> bool:
        """Whether its process is there (stopped ones are) and has not said that it ended."""
        return not self.over and self.started != 0 and birth(self.pid) == self.started

    def until(self, deadline: int) -> Lease:
        """The same with another deadline."""
        return replace(self, deadline=deadline)

    def ended(self) -> Lease:
        """The same once the run has ended with something left to undo."""
        return replace(self, over=True)


def write(path: Path, lease: Lease) -> None:
    """Put it there whole or not at all. Raises ``OSError``."""
    files.put(path, json.dumps(asdict(lease)))


def read(path: Path) -> Lease | None:
    """The lease; ``None`` when there is none. Raises ``Unreadable``."""
    try:
        return Lease(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise Unreadable(f"{path}: {error}", "Look whether its run still lives, then remove it.") from error
