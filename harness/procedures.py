"""What operators carry out by the book: pure data, what and never how.

The steps of each are in ``harness.runbooks``. None of them stands in for the platform's own automation: whatever is
carried out is on record as decided by an operator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import get_args

from harness.topology import Region


@dataclass(frozen=True)
class PromoteStandby:
    """Make the read replica of a region a database of its own, which takes writes."""

    region: Region


@dataclass(frozen=True)
class FailOver:
    """Fail the Aurora global database over to another region; what was not replicated yet is lost."""

    region: Region


@dataclass(frozen=True)
class SwitchOver:
    """Move the writer of the healthy Aurora global database to another region, as planned; nothing is lost."""

    region: Region


@dataclass(frozen=True)
class FailBack:
    """Bring the writer home after a failover: the region rejoins, is synchronized, writes again."""

    region: Region


@dataclass(frozen=True)
class Drain:
    """Take a region out of DNS, so that clients leave it, whatever its health is."""

    region: Region


@dataclass(frozen=True)
class Return:
    """Let DNS lead clients to a drained region again, as its health allows."""

    region: Region


Procedure = PromoteStandby | FailOver | SwitchOver | FailBack | Drain | Return
PROCEDURES: dict[str, type[Procedure]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower(): kind for kind in get_args(Procedure)
}
"""Every procedure by its name on the command line, e.g. ``fail-back``."""


def name(procedure: Procedure | type[Procedure]) -> str:
    """Its name on the command line."""
    kind = procedure if isinstance(procedure, type) else type(procedure)
    return next(known for known, each in PROCEDURES.items() if each is kind)


def title(procedure: Procedure) -> str:
    """The procedure in words, e.g. ``fail-back us-east-1``."""
    return f"{name(procedure)} {procedure.region}"


def moves_writer(kind: type[Procedure]) -> bool:
    """Whether another database writes afterwards: the topology is not what it was."""
    return kind not in (Drain, Return)
