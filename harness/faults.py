"""What can be done to the platform: pure data, what and never how.

How each is carried out on a target, how it is proven to bite and how it is undone is ``harness.cloud``'s business;
how faithfully a target can carry it out is said by :class:`Fidelity` and travels into every verdict. ``destructive``
faults change the topology for good: what comes after them needs it rebuilt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from harness.clock import Duration
from harness.topology import (
    Automation,
    Cache,
    ControlPlane,
    Database,
    GlobalCluster,
    Link,
    LoadBalancer,
    Records,
    Region,
    Replica,
    Service,
    Tasks,
    Writer,
    Zone,
)


class Fidelity(Enum):
    """How true to the real event an injection is."""

    FAITHFUL = "faithful"
    PARTIAL = "partial"
    TWIN_ONLY = "twin-only"


@dataclass(frozen=True)
class Stop:
    """A component stops: the writer fails over (AWS refuses to stop one that has replicas), a replica reboots, a
    service goes to zero, tasks are killed once."""

    target: Writer | Replica | Service | Tasks


@dataclass(frozen=True)
class Shrink:
    """The service keeps only ``to`` tasks."""

    target: Service
    to: int


@dataclass(frozen=True)
class Blackhole:
    """Packets to the target are dropped, not refused: clients hang instead of failing fast."""

    target: LoadBalancer | Zone | Region | Cache | Database


@dataclass(frozen=True)
class Pause:
    """The target keeps its connections and answers nothing for ``span``."""

    target: Cache
    span: Duration


@dataclass(frozen=True)
class Restart:
    """The target ends and begins anew, with an empty memory."""

    target: Cache


@dataclass(frozen=True)
class Failover:
    """An operator lets another node take the writes of a region's cache: a replica in the region or, in a Global
    Datastore, the next region's, and then this region's cache can only be read."""

    target: Cache


@dataclass(frozen=True)
class Lag:
    """The replica applies every change ``delay`` late."""

    target: Replica
    delay: Duration


@dataclass(frozen=True)
class Switchover:
    """An operator moves the writer to another region as planned: nothing may be lost."""

    target: GlobalCluster
    to: Region


@dataclass(frozen=True)
class Promote:
    """An operator makes the read replica a database of its own."""

    target: Replica


@dataclass(frozen=True)
class Silence:
    """The platform's own software is told nothing: nobody decides."""

    target: Automation


@dataclass(frozen=True)
class Lose:
    """An act of nature: a region, a zone or a control plane is gone, with everything that only the provider reaches."""

    target: Region | Zone | ControlPlane


@dataclass(frozen=True)
class Cut:
    """An act of nature: nothing passes between two regions, replication neither."""

    target: Link


@dataclass(frozen=True)
class Geolocate:
    """No fault but another way to run the platform: its records route by the client's continent.

    ``continents``: by Route 53's codes (``EU``, ``NA``…); whoever is on none of them gets the ``default``.
    """

    target: Records
    continents: Mapping[str, Region]
    default: Region


Fault = Stop | Shrink | Blackhole | Pause | Restart | Failover | Lag | Switchover | Promote | Silence | Lose | Cut


Arrangement = Geolocate
"""What a scenario may arrange before it begins: carried out and undone as a fault is, and judged as none."""


def title(fault: Fault | Arrangement) -> str:
    """The fault in words, e.g. ``Blackhole load balancer of us-east-1``."""
    return f"{type(fault).__name__} {fault.target}"


def is_destructive(fault: type[Fault | Arrangement], target: type) -> bool:
    """Whether the topology stays changed after the undo of a fault of this kind on such a target."""
    return fault in (Promote, Switchover) or (fault is Lose and target is Region)


_PACKETS_ONLY = "network ACLs do not stop what AWS carries itself: its replication goes on, and nothing can be lost"


def on_aws(fault: type[Fault | Arrangement], target: type) -> tuple[Fidelity, str]:
    """How faithfully AWS lets a customer carry out a fault of this kind on such a target, and what is left out."""
    if fault in (Lose, Cut):
        return Fidelity.TWIN_ONLY, "an act of nature: AWS cannot be ordered to do it"
    if fault is Blackhole and target in (Region, Zone):
        return Fidelity.PARTIAL, _PACKETS_ONLY
    if fault is Stop and target is Replica:
        return Fidelity.PARTIAL, "AWS refuses to stop a replica: it reboots, and comes back by itself"
    return Fidelity.FAITHFUL, ""
