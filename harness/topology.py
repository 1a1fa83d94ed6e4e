"""Where things are, in AWS's words and by role: what faults aim at and what verdicts speak of.

A scenario names roles (*the writer*, *the cache of this region*); which machine that is, is observed at the moment of
injection and never written down beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Region:
    """An AWS Region by its code, e.g. ``us-east-1``."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, order=True)
class Zone:
    """An Availability Zone, e.g. ``us-east-1a``."""

    name: str

    @property
    def region(self) -> Region:
        """The region that the zone belongs to."""
        return Region(self.name[:-1])

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class LoadBalancer:
    """The Application Load Balancer of a region."""

    region: Region

    def __str__(self) -> str:
        return f"load balancer of {self.region}"


@dataclass(frozen=True)
class Writer:
    """The database that takes writes now, wherever it is."""

    def __str__(self) -> str:
        return "database writer"


@dataclass(frozen=True)
class Replica:
    """The read replica (or Aurora secondary) that a region's reads go to."""

    region: Region

    def __str__(self) -> str:
        return f"read replica of {self.region}"


@dataclass(frozen=True)
class Cache:
    """The ElastiCache node or replication group of a region."""

    region: Region

    def __str__(self) -> str:
        return f"cache of {self.region}"


@dataclass(frozen=True)
class Database:
    """All databases of a region, as its services reach them."""

    region: Region

    def __str__(self) -> str:
        return f"database of {self.region}"


@dataclass(frozen=True)
class GlobalCluster:
    """The Aurora global database: one writing region and its secondaries."""

    def __str__(self) -> str:
        return "global cluster"


@dataclass(frozen=True)
class Automation:
    """The platform's own software that decides to move the writer when its region is lost."""

    def __str__(self) -> str:
        return "automation"


@dataclass(frozen=True)
class ControlPlane:
    """Route 53's API, which lives in us-east-1; its answers and its health checks do not."""

    def __str__(self) -> str:
        return "control plane of Route 53"


@dataclass(frozen=True)
class Records:
    """The records of the API's name in Route 53."""

    def __str__(self) -> str:
        return "records of the API"


@dataclass(frozen=True)
class Link:
    """What runs between two regions, replication too."""

    one: Region
    other: Region

    def __str__(self) -> str:
        return f"link {self.one} to {self.other}"


@dataclass(frozen=True)
class Service:
    """An ECS service of a region, e.g. ``api-gateway``."""

    region: Region
    name: str

    def __str__(self) -> str:
        return f"{self.name} of {self.region}"


@dataclass(frozen=True)
class Tasks:
    """The tasks of an ECS service that run now; replacements of them are not meant."""

    service: Service

    def __str__(self) -> str:
        return f"tasks of {self.service}"


Target = (
    Region
    | Zone
    | LoadBalancer
    | Writer
    | Replica
    | Database
    | GlobalCluster
    | Cache
    | Service
    | Tasks
    | Automation
    | ControlPlane
    | Records
    | Link
)


@dataclass(frozen=True, order=True)
class Location:
    """A place where clients are. ``subnet`` is what EDNS client subnet says of it, e.g. ``10.101.0.0/24``."""

    name: str
    subnet: str

    def __str__(self) -> str:
        return self.name
