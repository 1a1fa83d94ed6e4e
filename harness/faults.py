"""What can be done to the platform: pure data, what and never how.

How each is carried out on a target, how it is proven to bite and how it is undone is ``harness.cloud``'s business;
how faithfully a target can carry it out is said by :class:`Fidelity` and travels into every verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from harness.clock import Duration
from harness.topology import Cache, LoadBalancer, Region, Replica, Service, Writer, Zone


class Fidelity(Enum):
    """How true to the real event an injection is."""

    FAITHFUL = "faithful"
    PARTIAL = "partial"
    TWIN_ONLY = "twin-only"


@dataclass(frozen=True)
class Stop:
    """A component stops: the writer fails over (AWS refuses to stop one that has replicas), a service goes to zero."""

    target: Writer | Service


@dataclass(frozen=True)
class Blackhole:
    """Packets to the target are dropped, not refused: clients hang instead of failing fast."""

    target: LoadBalancer | Zone | Region | Cache


@dataclass(frozen=True)
class Pause:
    """The target keeps its connections and answers nothing for ``span``."""

    target: Cache
    span: Duration


@dataclass(frozen=True)
class Lag:
    """The replica applies every change ``delay`` late."""

    target: Replica
    delay: Duration


@dataclass(frozen=True)
class Lose:
    """An act of nature: the whole region is gone, its replication and its AWS endpoints too."""

    target: Region


Fault = Stop | Blackhole | Pause | Lag | Lose


def title(fault: Fault) -> str:
    """The fault in words, e.g. ``Blackhole load balancer of us-east-1``."""
    return f"{type(fault).__name__} {fault.target}"
