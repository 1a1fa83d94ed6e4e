"""Everything that can go wrong, as one tree; each error says whose fault it is and what to do next.

::

    GamedayError
    ├── BadInput          the user's: a file or an option is wrong (exit 2, nothing started)
    ├── Refused           the guard's: not allowed here (exit 4, nothing touched)
    ├── Aborted           somebody or a stop condition ended the run (exit 4, undone)
    ├── Ineffective       the fault did not bite in time: nothing can be concluded (UNKNOWN)
    ├── OutOfPatience     something awaited never came; carries what was seen last (UNKNOWN or measured)
    ├── UndoFailed        the world is not back as it was: the loudest (exit 5)
    ├── Unreadable        a record is damaged, truncated or of an unknown version
    ├── CloudFault        AWS (or the twin's endpoint) refused or did not answer a call
    ├── TwinFault         the twin could not do what it promises
    └── HarnessFault      a bug of ours
"""

from __future__ import annotations


class GamedayError(Exception):
    """The root of the tree. ``remedy`` is one imperative sentence: what to do next."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        if not self.remedy:
            return self.message
        return f"{self.message}{'' if self.message.endswith('.') else '.'} {self.remedy}"


class BadInput(GamedayError):
    """The user's: names the file (or option) and the field that is wrong."""

    def __init__(self, where: str, field: str, problem: str, remedy: str = "") -> None:
        super().__init__(f"{where}: {field}: {problem}", remedy)
        self.where = where
        self.field = field


class Refused(GamedayError):
    """The guard, the lock or the preflight said no; nothing was touched."""


class Aborted(GamedayError):
    """A stop condition, a signal or a person ended the experiment; what was done is undone."""


class Ineffective(GamedayError):
    """The fault was applied and did not bite within its time limit; the experiment proves nothing."""


class OutOfPatience(GamedayError):
    """What was awaited did not come. ``last_sight`` quotes the last observation."""

    def __init__(self, awaited: str, last_sight: str) -> None:
        super().__init__(f"gave up waiting for {awaited}; last seen: {last_sight}")
        self.awaited = awaited
        self.last_sight = last_sight


class UndoFailed(GamedayError):
    """The world was not put back; ``remedy`` holds the command that finishes it."""


class Unreadable(GamedayError):
    """A file of a run cannot be understood: damaged, truncated, empty or of an unknown version."""


class CloudFault(GamedayError):
    """A call to AWS failed. ``code`` is AWS's own error code, or ``Unreachable``."""

    def __init__(self, operation: str, code: str, message: str, remedy: str = "") -> None:
        super().__init__(f"{operation}: {code}: {message}", remedy)
        self.operation = operation
        self.code = code


class TwinFault(GamedayError):
    """The twin could not do what it promises: a process did not start, a port is taken, a package is missing."""


class HarnessFault(GamedayError):
    """A bug of ours; please report it with the run's folder."""
