"""What RDS knows now: instances, clusters, the global cluster, kept volumes; and the means to change them.

The estate's lock guards these values. It is held for looking and noting down, never while a database works.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.clock import Clock, Duration, Instant, minutes, seconds
from harness.twin import names as naming
from harness.twin.api.rds.events import Journal
from harness.twin.calls import AwsError, MetricSink
from harness.twin.designs.model import Design, ParameterGroup
from harness.twin.engines.postgres import PostgresNode
from harness.twin.names import Names
from harness.twin.network.network import Network
from harness.twin.schedule import Scheduler

AURORA = "aurora-postgresql"
LOG = logging.getLogger("twin.rds")
LONGEST_STOP = minutes(7 * 24 * 60)
"""RDS starts by itself what was stopped that long."""
_LEAD_REAL_SECONDS = 0.03


class Charge:
    """What one at a time has in hand: a reboot, a failover, a rebuild, RDS's own watch."""

    status: str
    turn: int

    def take(self, status: str) -> Callable[[], bool]:
        """Begin something with it: whatever was under way finds that it is no longer its turn, and ends there.

        Returns whether it still is the caller's. Lock held.
        """
        self.status = status
        self.turn += 1
        turn = self.turn
        return lambda: self.turn == turn


@dataclass(eq=False)
class Instance(Charge):
    """A DB instance. ``standby`` is the hidden one of a Multi-AZ instance; ``source`` makes it a read replica."""

    identifier: str
    region: str
    zone: str
    instance_class: str
    engine: str
    parameter_group: str
    created: Instant
    node: PostgresNode
    standby: PostgresNode | None = None
    standby_zone: str | None = None
    source: str | None = None
    cluster: str | None = None
    status: str = "available"
    turn: int = 0
    in_sync: bool = True
    """Whether the synchronous standbys have every acknowledged row: only then may one of them take over."""
    replicating: bool = True
    rebuild_from: PostgresNode | None = None
    """Set while this instance waits to be rebuilt from another within reach."""
    retention: int = 7
    """Days that automated backups are kept; 0 for a new read replica, which has none."""
    deletion_protection: bool = False
    waiting: set[tuple[bool, str]] = field(default_factory=set)
    """Parameters whose values in a group are not the server's until it is rebooted; true: of the cluster's group."""
    pending: dict[str, Any] = field(default_factory=dict)
    """Modifications that were asked for without ``ApplyImmediately``, in AWS's words."""
    stopped: Instant | None = None
    last: Backup | None = None
    """The snapshot that was asked for before this instance stops or is deleted."""

    @property
    def working(self) -> bool:
        """Whether the server should answer now, so that RDS sees to it when it does not."""
        return self.status in ("available", "backing-up")

    @property
    def settled(self) -> bool:
        """Whether there is a server that may be told whom to follow: not still being made, nor on its way out."""
        return self.status not in ("creating", "deleting", "failed")

    @property
    def arn(self) -> str:
        """The instance's ARN."""
        return naming.arn("rds", self.region, f"db:{self.identifier}")


@dataclass(eq=False)
class Cluster(Charge):
    """A DB cluster. ``writer`` is ``None`` for a secondary of a global cluster; ``volume`` a restored one's data."""

    identifier: str
    region: str
    engine: str
    members: list[str]
    writer: str | None
    parameter_group: str
    created: Instant
    global_cluster: str | None = None
    status: str = "available"
    turn: int = 0
    volume: Path | None = None
    retired: bool = False
    """An old primary, or a secondary of one, that must be rebuilt before it may serve again."""
    deposed: str | None = None
    """The writer that a retired primary had: its volume is the one to keep."""
    stopped: Instant | None = None

    @property
    def arn(self) -> str:
        """The cluster's ARN."""
        return naming.arn("rds", self.region, f"cluster:{self.identifier}")


@dataclass(frozen=True)
class Failover:
    """A change of primary under way."""

    source: Cluster
    target: Cluster
    data_loss: bool


@dataclass(eq=False)
class GlobalGroup:
    """An Aurora Global Database; the primary is ``clusters[0]``, and there may be none at all."""

    identifier: str
    clusters: list[Cluster]
    created: Instant
    status: str = "available"
    failover: Failover | None = None
    deletion_protection: bool = False

    @property
    def primary(self) -> Cluster | None:
        """The cluster that is written to; ``None`` when the last one was removed."""
        return self.clusters[0] if self.clusters else None

    @property
    def arn(self) -> str:
        """The ARN, which has no region."""
        return f"arn:aws:rds::{naming.ACCOUNT}:global-cluster:{self.identifier}"


@dataclass(frozen=True)
class Snapshot:
    """A kept volume: the data directory of a cluster's writer at the moment it was fenced."""

    identifier: str
    cluster: str
    region: str
    engine: str
    created: Instant
    cluster_created: Instant
    directory: Path

    @property
    def arn(self) -> str:
        """The snapshot's ARN."""
        return naming.arn("rds", self.region, f"cluster-snapshot:{self.identifier}")


@dataclass(eq=False)
class Backup:
    """A DB snapshot: a base backup of an instance's server, kept under ``directory`` once it is ``available``."""

    identifier: str
    instance: Instance
    zone: str
    directory: Path
    asked: Instant
    created: Instant | None = None
    status: str = "creating"

    @property
    def region(self) -> str:
        """Where it is kept."""
        return self.instance.region

    @property
    def arn(self) -> str:
        """The snapshot's ARN."""
        return naming.arn("rds", self.region, f"snapshot:{self.identifier}")


@dataclass(eq=False)
class Group:
    """A parameter group with the values that a user has set."""

    plan: ParameterGroup
    values: dict[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def arn(self) -> str:
        """The group's ARN."""
        return naming.arn("rds", self.plan.region, f"{'cluster-pg' if self.plan.cluster else 'pg'}:{self.plan.name}")


class Estate:
    """Everything RDS has, and what it works with."""

    def __init__(
        self,
        clock: Clock,
        network: Network,
        names: Names,
        scheduler: Scheduler,
        metrics: MetricSink,
        design: Design,
        state: Path,
    ) -> None:
        self.clock = clock
        self.network = network
        self.names = names
        self.scheduler = scheduler
        self.metrics = metrics
        self.design = design
        self.directory = state / "rds"
        self.lock = threading.RLock()
        self.events = Journal(clock)
        self.instances: dict[str, Instance] = {}
        self.clusters: dict[str, Cluster] = {}
        self.global_groups: dict[str, GlobalGroup] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.backups: dict[tuple[str, str], Backup] = {}
        self.groups = {
            (plan.region, plan.name, plan.cluster): Group(plan, dict(plan.parameters))
            for plan in design.parameter_groups
        }
        """By region, name, and whether it is a cluster's: the two kinds are named independently."""
        self.lost: set[str] = set()
        self.dark_zones: set[tuple[str, str]] = set()
        self.closed = False
        self._tags: dict[str, dict[str, str]] = {}
        self._dice: dict[str, random.Random] = {}

    def draw(self, key: str) -> Duration:
        """The next duration of that kind, drawn from the design's timings with its seed."""
        timing = self.design.timings[key]
        with self.lock:
            dice = self._dice.setdefault(key, random.Random(f"{self.design.seed}:{key}"))
            return seconds(dice.uniform(timing.low, timing.high))

    @property
    def lead(self) -> Duration:
        """How long before its moment a promotion is ordered, so that the first write succeeds at that moment."""
        return seconds(_LEAD_REAL_SECONDS * self.clock.speed)

    def tags(self, arn: str) -> Mapping[str, str]:
        """A resource's tags: what it was made or tagged with, or else the design's."""
        return self._tags.get(arn, self.design.tags)

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Give a resource these tags and no others."""
        self._tags[arn] = dict(tags)

    def forget_tags(self, arn: str) -> None:
        """A resource is gone."""
        self._tags.pop(arn, None)

    def instance(self, identifier: str, region: str) -> Instance:
        """By identifier or ARN; ``DBInstanceNotFound`` when the region has none."""
        wanted = identifier.rsplit(":", 1)[-1].lower()
        found = self.instances.get(wanted)
        if found is None or found.region != region:
            raise AwsError("DBInstanceNotFound", f"DBInstance {wanted} not found.", 404)
        return found

    def cluster(self, identifier: str, region: str) -> Cluster:
        """By identifier or ARN; ``DBClusterNotFoundFault`` when the region has none."""
        wanted = identifier.rsplit(":", 1)[-1].lower()
        found = self.clusters.get(wanted)
        if found is None or found.region != region:
            raise AwsError("DBClusterNotFoundFault", f"DBCluster {wanted} not found.", 404)
        return found

    def members(self, cluster: Cluster) -> list[Instance]:
        """The instances of a cluster, in the order of their joining."""
        return [self.instances[identifier] for identifier in cluster.members]

    def writer(self, cluster: Cluster) -> Instance | None:
        """The cluster's writer; ``None`` for a secondary, or when it has no instance."""
        return self.instances.get(cluster.writer) if cluster.writer else None

    def replicas(self, source: str) -> list[Instance]:
        """The read replicas of an instance or of a cluster."""
        return [instance for instance in self.instances.values() if instance.source == source]

    def is_writer(self, instance: Instance) -> bool:
        """Whether the instance takes writes by design (a replica, a reader or a secondary's member does not)."""
        if instance.cluster:
            return self.clusters[instance.cluster].writer == instance.identifier
        return instance.source is None

    def source_node(self, instance: Instance) -> PostgresNode | None:
        """The node that a reader or replica should stream from now; ``None`` for a writer, or when it is gone."""
        if self.is_writer(instance):
            return None
        if instance.cluster:
            return self._cluster_source(self.clusters[instance.cluster])
        source = str(instance.source)
        if source in self.clusters:
            return self._cluster_source(self.clusters[source])
        found = self.instances.get(source)
        if found is not None and found.cluster:
            return self._cluster_source(self.clusters[found.cluster])
        return found.node if found is not None else None

    def global_of(self, cluster: Cluster) -> GlobalGroup | None:
        """The global cluster that a cluster belongs to."""
        return self.global_groups.get(cluster.global_cluster or "")

    def _cluster_source(self, cluster: Cluster) -> PostgresNode | None:
        writer = self.writer(cluster)
        group = self.global_of(cluster)
        if writer is None and group is not None and group.primary is not None:
            writer = self.writer(group.primary)
        return writer.node if writer else None
