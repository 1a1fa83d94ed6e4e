"""One replication group at run time: its nodes, who is primary, and what happens when the primary is gone.

Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html. Redis replicates asynchronously: a
failover can lose acknowledged writes, as it does on AWS.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from harness.clock import Clock, Instant, seconds
from harness.twin import names
from harness.twin.api.elasticache.events import Events
from harness.twin.api.elasticache.member import NODE, NODE_GROUP, Member, NodeStatus, node_endpoint
from harness.twin.api.elasticache.quota import Quota
from harness.twin.api.spans import Spans
from harness.twin.calls import AwsError
from harness.twin.designs.model import ReplicationGroup
from harness.twin.names import Names, Pointer
from harness.twin.schedule import Scheduler

_LOOK = seconds(1)
_DNS_TTL = 5

Status = Literal["creating", "available", "modifying", "deleting"]


class Group:
    """A replication group of one shard. ``upstream`` says whom its primary follows in a Global Datastore, if anyone.

    Thread-safe. Its lock guards what describes tell, and is not held while a node starts, stops or is given orders;
    what may not overlap is kept apart by the status, as on AWS.
    """

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        registry: Names,
        spans: Spans,
        plan: ReplicationGroup,
        members: Sequence[Member],
        events: Events,
        moved: Callable[[Group], None],
        status: Status = "available",
    ) -> None:
        self.plan = plan
        self.description = f"{plan.identifier} in {plan.region}"
        self.created: Instant = clock.now()
        self._clock = clock
        self._scheduler = scheduler
        self._registry = registry
        self._spans = spans
        self._events = events
        self._moved = moved
        self._lock = threading.RLock()
        self._members = list(members)
        self._primary = self._members[0]
        self._status: Status = status
        self._automatic_failover = self._multi_az = plan.automatic_failover
        self._upstream: str | None = None
        self._closed = False

    @property
    def members(self) -> tuple[Member, ...]:
        """The nodes, oldest first."""
        with self._lock:
            return tuple(self._members)

    @property
    def primary(self) -> Member:
        """The node that the primary endpoint leads to."""
        with self._lock:
            return self._primary

    @property
    def status(self) -> Status:
        """The group's status."""
        with self._lock:
            return self._status

    @property
    def automatic_failover(self) -> bool:
        """Whether a replica takes over by itself when the primary fails."""
        with self._lock:
            return self._automatic_failover

    @property
    def multi_az(self) -> bool:
        """Whether Multi-AZ is on."""
        with self._lock:
            return self._multi_az

    def boot(self, upstream: str | None) -> None:
        """Start the primary, then its replicas; ``upstream`` is the backplane address of another region's primary."""
        self._upstream = upstream
        self._primary.start(upstream)
        replicas = [member for member in self.members if member is not self._primary]
        if replicas:
            with ThreadPoolExecutor(len(replicas)) as pool:
                list(pool.map(lambda member: member.start(self._primary.engine.backplane), replicas))
        for member in self.members:
            self._mark(member, "available")
        self._point()
        self._watch()

    def create(self, upstream: Callable[[], str | None], served: Callable[[], None]) -> None:
        """Boot a group of status ``creating`` after the time that AWS takes; ``served`` is called when it serves."""

        def finish() -> None:
            self.boot(upstream())
            self.release()
            for member in self.members:
                self._tell(f"Added cache node {NODE} in availability zone {self.plan.region}{member.zone}", member)
            self._tell(f"Replication group {self.plan.identifier} created")
            served()

        self._scheduler.later(self._spans.draw("elasticache.create"), finish, f"creation of {self.plan.identifier}")

    def stop(self) -> None:
        """End every node."""
        with self._lock:
            self._closed = True
        for member in self.members:
            member.engine.kill()

    def claim(self, status: Status = "modifying") -> None:
        """Begin a change that no other may overlap; raises ``AwsError`` InvalidReplicationGroupState when one runs."""
        with self._lock:
            if self._status != "available":
                raise AwsError(
                    "InvalidReplicationGroupState",
                    f"Replication group {self.plan.identifier} has status {self._status}, which is not valid for this.",
                )
            self._status = status

    def release(self) -> None:
        """End what ``claim`` began."""
        with self._lock:
            self._status = "available"

    def test_failover(self, node_group: str, quota: Quota) -> None:
        """Fail the primary over for a test; refused as AWS refuses it. The old primary is replaced, empty."""
        if node_group != NODE_GROUP:
            raise AwsError("NodeGroupNotFoundFault", f"Node group {node_group} not found.", 404)
        with self._lock:
            if not self._automatic_failover:
                raise AwsError(
                    "InvalidReplicationGroupState",
                    f"Automatic failover must be enabled on replication group {self.plan.identifier}.",
                )
            if self._status == "available" and self._primary.status != "available":
                raise AwsError(
                    "InvalidCacheClusterState", f"Cache cluster {self._primary.identifier} is not available."
                )
            self.claim()
            try:
                quota.take(self._clock.now())
            except AwsError:
                self.release()
                raise
            old = self._primary
        self._tell(f"Test Failover API called for node group {NODE_GROUP}")
        old.engine.kill()
        self._fail_over_later(old)

    def promote(self, identifier: str) -> None:
        """Make a replica the primary, as an operator asks; the old primary goes on as its replica. Claim it first."""
        new = next((member for member in self.members if member.identifier == identifier), None)
        if new is None:
            raise AwsError("CacheClusterNotFound", f"CacheCluster not found: {identifier}", 404)
        if new.status != "available" or new.gone:
            raise AwsError("InvalidCacheClusterState", f"Cache cluster {identifier} is not available.")
        old = self.primary
        if new is not old:
            self._crown(old, new)

    def reboot(self, identifier: str) -> None:
        """Restart one node; what it held is lost. A primary's replicas wait for it, and then drop their copies too.

        AWS: "A customer-initiated reboot of a primary doesn't trigger automatic failover."
        """
        member = next(item for item in self.members if item.identifier == identifier)
        with self._lock:
            if member.status != "available" or self._status != "available":
                raise AwsError("InvalidCacheClusterState", f"Cache cluster {identifier} is not in available state.")
            member.status = "rebooting cluster nodes"
        self._tell(f"Cache node {NODE} shutdown", member)
        member.engine.kill()
        self._start_later(member, "elasticache.reboot", f"Cache node {NODE} restarted")

    def set_failover(self, *, automatic: bool, multi_az: bool) -> None:
        """Turn automatic failover and Multi-AZ on or off; raises ``AwsError`` for what AWS refuses."""
        with self._lock:
            if automatic and len(self._members) < 2:
                raise AwsError(
                    "InvalidParameterCombination",
                    "Replication group must have at least one read replica to enable autofailover.",
                )
            if multi_az and not automatic:
                raise AwsError("InvalidParameterCombination", "Multi-AZ requires automatic failover to be enabled.")
            self._automatic_failover, self._multi_az = automatic, multi_az

    def grow(self, members: Sequence[Member]) -> None:
        """Add nodes of status ``creating`` and fill them from the primary; claim it first, released when they serve."""
        with self._lock:
            self._members.extend(members)
        self._scheduler.later(
            self._spans.draw("elasticache.create"), lambda: self._fill(members), f"replicas of {self.plan.identifier}"
        )

    def shrink(self, members: Sequence[Member], removed: Callable[[Member], None]) -> None:
        """Take replicas away; claim it first. ``removed`` is told each that is gone; released after the last."""
        for member in members:
            self._mark(member, "deleting")
        self._scheduler.later(
            self._spans.draw("elasticache.delete"),
            lambda: self._drop(members, removed),
            f"removal of replicas of {self.plan.identifier}",
        )

    def join(self, upstream: str | None) -> None:
        """Follow another region's primary from now on, or nobody: then this group takes writes."""
        with self._lock:
            self._upstream = upstream
        self._steer()

    def _watch(self) -> None:
        try:
            self._look()
        finally:
            if not self._closed:
                self._scheduler.later(_LOOK, self._watch, f"health of {self.plan.identifier} in {self.plan.region}")

    def _look(self) -> None:
        """Notice a primary that is gone, and nodes to replace."""
        primary = self.primary
        if self._may_fail_over(primary) and primary.gone and self._ready(primary):
            with self._lock:
                begun = self._may_fail_over(primary)
                if begun:
                    self.claim()
            if begun:
                self._fail_over_later(primary)
        for member in self.members:
            with self._lock:
                if self._closed or self._status == "deleting":
                    return
                waits = member.status != "available" or (member is self._primary and self._status != "available")
            if member.engine.pid is None and not waits and member.placed:
                self._replace(member)

    def _replace(self, member: Member) -> None:
        """Begin to replace a node that is gone, unless somebody does already: from now on it says so."""
        with self._lock:
            if self._closed or member.status != "available":
                return
            member.status = "modifying"
        self._tell(f"Recovering cache nodes {NODE}", member)
        self._start_later(member, "elasticache.replacement", f"Finished recovery for cache nodes {NODE}")

    def _ready(self, old: Member) -> list[Member]:
        """The replicas that can take over; without any a primary that is gone is replaced, empty, where it was."""
        others = (member for member in self.members if member is not old)
        return [member for member in others if member.status == "available" and not member.gone]

    def _may_fail_over(self, primary: Member) -> bool:
        with self._lock:
            able = self._automatic_failover and len(self._members) > 1 and not self._closed
            settled = self._status == "available" and primary.status == "available"
            return able and settled and primary is self._primary

    def _fail_over_later(self, old: Member) -> None:
        self._scheduler.later(
            self._spans.draw("elasticache.failover"), lambda: self._fail_over(old), f"failover of {old.identifier}"
        )

    def _fail_over(self, old: Member) -> None:
        try:
            told = [(offset, member) for member in self._ready(old) if (offset := member.offset) is not None]
            if told and not self._closed and old.gone:
                # AWS fences the old primary; a frozen one would otherwise wake up and take writes.
                old.engine.kill()
                self._crown(old, max(told, key=lambda one: one[0])[1])
                if old.placed:
                    self._replace(old)  # before the group calls itself available
        finally:
            self.release()

    def _crown(self, old: Member, new: Member) -> None:
        with self._lock:
            self._primary = new
        self._steer()
        self._point()
        message = f"Failover from primary node {old.identifier} to replica node {new.identifier} completed"
        self._tell(message, new)
        self._tell(message)
        self._moved(self)

    def _steer(self) -> None:
        """Tell every node whom it follows, until what was told is still what is wanted.

        A node that cannot be told is ended, and its replacement obeys: it would go on as a second writer.
        """
        while True:
            primary, upstream, members = wanted = self._wanted()
            for member in (primary, *(item for item in members if item is not primary)):
                if not member.obey(upstream if member is primary else primary.engine.backplane):
                    member.engine.kill()
            if wanted == self._wanted():
                return

    def _wanted(self) -> tuple[Member, str | None, tuple[Member, ...]]:
        with self._lock:
            return self._primary, self._upstream, tuple(self._members)

    def _start_later(self, member: Member, timing: str, message: str) -> None:
        self._scheduler.later(
            self._spans.draw(timing), lambda: self._start(member, message), f"start of {member.identifier}"
        )

    def _start(self, member: Member, message: str) -> None:
        with self._lock:
            if self._closed or member not in self._members:
                return
            source = self._upstream if member is self._primary else self._primary.engine.backplane
        try:
            member.start(source)
        finally:
            self._mark(member, "available")
        self._steer()
        self._tell(message, member)
        if self._closed:
            member.engine.kill()

    def _fill(self, members: Sequence[Member]) -> None:
        try:
            for member in members:
                self._start(member, f"Added cache node {NODE} in availability zone {self.plan.region}{member.zone}")
            self._point()
        finally:
            self.release()

    def _drop(self, members: Sequence[Member], removed: Callable[[Member], None]) -> None:
        with self._lock:
            self._members = [member for member in self._members if member not in members]
        self._point()
        for member in members:
            member.engine.remove()
            self._registry.forget(node_endpoint(member))
            self._tell(f"Removed cache node {NODE}", member)
            removed(member)
        self.release()

    def remove(self) -> None:
        """End every node and forget every name: the group is deleted."""
        self.stop()
        for member in self.members:
            member.engine.remove()
            self._registry.forget(node_endpoint(member))
        self._registry.forget(names.cache_endpoint(self.plan.identifier, self.plan.region))
        self._registry.forget(reader_endpoint(self.plan))

    def _mark(self, member: Member, status: NodeStatus) -> None:
        with self._lock:
            member.status = status

    def _point(self) -> None:
        primary, _, members = self._wanted()
        readers = [member for member in members if member is not primary and member.status != "creating"]
        pointers = {
            names.cache_endpoint(self.plan.identifier, self.plan.region): [primary],
            reader_endpoint(self.plan): readers or [primary],
            **{node_endpoint(member): [member] for member in members},
        }
        for name, leads in pointers.items():
            self._registry.point(name, Pointer(tuple(member.engine.address for member in leads), ttl=_DNS_TTL))

    def _tell(self, message: str, member: Member | None = None) -> None:
        if member:
            self._events.tell("cache-cluster", member.identifier, message)
        else:
            self._events.tell("replication-group", self.plan.identifier, message)


def reader_endpoint(plan: ReplicationGroup) -> str:
    """The name of a group's replicas."""
    return names.cache_endpoint(plan.identifier, plan.region).replace("master.", "replica.", 1)
