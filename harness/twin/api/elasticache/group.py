"""One replication group at run time: its nodes, who is primary, and what happens when the primary is gone.

Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html. Redis replicates asynchronously: a
failover can lose acknowledged writes, as it does on AWS.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from harness.clock import Clock, Duration, Instant, seconds
from harness.errors import TwinFault
from harness.twin import names
from harness.twin.api.spans import Spans
from harness.twin.calls import AwsError
from harness.twin.designs.model import ReplicationGroup
from harness.twin.engines.redis import RedisNode
from harness.twin.names import Names, Pointer
from harness.twin.schedule import Scheduler

NODE_GROUP = "0001"
FAILOVERS_A_DAY = 15
_DAY = seconds(24 * 3600)
_LOOK = seconds(1)
_LOOK_TIMEOUT = seconds(1)
_DNS_TTL = 5

Status = Literal["available", "modifying"]


@dataclass(frozen=True)
class Event:
    """An event as DescribeEvents tells it."""

    at: Instant
    source: str
    kind: Literal["replication-group", "cache-cluster"]
    message: str


@dataclass
class Member:
    """A node with its own name; ``status`` in ElastiCache's words."""

    identifier: str
    zone: str
    engine: RedisNode
    status: str = "available"


class Group:
    """A replication group of one shard. ``upstream`` says whom its primary follows in a Global Datastore, if anyone.

    Thread-safe; the lock is not held while a node starts.
    """

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        registry: Names,
        spans: Spans,
        plan: ReplicationGroup,
        members: Sequence[Member],
        moved: Callable[[Group], None],
    ) -> None:
        self.plan = plan
        self.created = clock.now()
        self.members = tuple(members)
        self.events: deque[Event] = deque(maxlen=500)
        self._clock = clock
        self._scheduler = scheduler
        self._registry = registry
        self._spans = spans
        self._moved = moved
        self._lock = threading.RLock()
        self._primary = self.members[0]
        self._status: Status = "available"
        self._upstream: str | None = None
        self._tests: deque[Instant] = deque()
        self._replacing: set[str] = set()
        self._closed = False

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

    def boot(self, upstream: str | None) -> None:
        """Start the primary, then its replicas; ``upstream`` is the backplane address of another region's primary."""
        self._upstream = upstream
        self._primary.engine.start(upstream)
        replicas = [member for member in self.members if member is not self._primary]
        if replicas:
            with ThreadPoolExecutor(len(replicas)) as pool:
                list(pool.map(lambda member: member.engine.start(self._primary.engine.backplane), replicas))
        self._point()
        self._scheduler.every(_LOOK, self._look, f"health of {self.plan.identifier} in {self.plan.region}")

    def stop(self) -> None:
        """End every node."""
        with self._lock:
            self._closed = True
        for member in self.members:
            member.engine.kill()

    def test_failover(self, node_group: str) -> None:
        """Fail the primary over for a test; refused as AWS refuses it. The old primary is replaced, empty."""
        with self._lock:
            if node_group != NODE_GROUP:
                raise AwsError("NodeGroupNotFoundFault", f"Node group {node_group} not found.", 404)
            if not self.plan.automatic_failover:
                raise AwsError(
                    "InvalidReplicationGroupState",
                    f"Automatic failover must be enabled on replication group {self.plan.identifier}.",
                )
            if self._status != "available":
                raise AwsError(
                    "InvalidReplicationGroupState", f"Replication group {self.plan.identifier} is not available."
                )
            self._count_test()
            self._tell("replication-group", f"Test Failover API called for node group {NODE_GROUP}")
            old = self._primary
            self._begin_failover(old)
        old.engine.kill()

    def join(self, upstream: str | None) -> None:
        """Follow another region's primary from now on, or nobody: then this group takes writes."""
        with self._lock:
            self._upstream = upstream
            if upstream and self._primary.engine.frozen:
                # It cannot be told, and would wake up as a second writer; its replacement follows.
                self._primary.engine.kill()
            elif self._primary.engine.pid is not None:
                self._lead(self._primary)

    def _count_test(self) -> None:
        now = self._clock.now()
        while self._tests and now - self._tests[0] > _DAY:
            self._tests.popleft()
        if len(self._tests) >= FAILOVERS_A_DAY:
            raise AwsError(
                "APICallRateForCustomerExceeded",
                f"The customer has exceeded the allowed rate of API calls: {FAILOVERS_A_DAY} a day.",
            )
        self._tests.append(now)

    def _look(self) -> None:
        """Notice a primary that is gone and nodes to replace. A paused Redis still accepts connections: not gone."""
        with self._lock:
            if self._closed:
                return
            primary, settled = self._primary, self._status == "available"
        if settled and self._gone(primary) and self._can_fail_over():
            with self._lock:
                if self._status == "available" and self._primary is primary:
                    self._begin_failover(primary)
        for member in self.members:
            waits = member is self._primary and self._status != "available"
            if member.engine.pid is None and not waits:
                self._replace(member)

    def _gone(self, member: Member) -> bool:
        engine = member.engine
        return engine.pid is None or engine.frozen or not engine.reachable(self.plan.region, _LOOK_TIMEOUT)

    def _can_fail_over(self) -> bool:
        return self.plan.automatic_failover and len(self.members) > 1

    def _begin_failover(self, old: Member) -> None:
        self._status = "modifying"
        self._scheduler.later(
            self._spans.draw("elasticache.failover"), lambda: self._fail_over(old), f"failover of {old.identifier}"
        )

    def _fail_over(self, old: Member) -> None:
        candidates = [member for member in self.members if member is not old and not self._gone(member)]
        with self._lock:
            try:
                moved = bool(candidates) and not self._closed and self._gone(old)
                if moved:
                    self._take_over(old, candidates)
            finally:
                self._status = "available"
        if moved:
            self._moved(self)

    def _take_over(self, old: Member, candidates: Sequence[Member]) -> None:
        # AWS fences the old primary; a frozen one would otherwise wake up and take writes.
        old.engine.kill()
        new = self._primary = max(candidates, key=_offset)
        self._lead(new)
        for member in candidates:
            if member is not new:
                member.engine.follow(new.engine.backplane)
        self._point()
        message = f"Failover from primary node {old.identifier} to replica node {new.identifier} completed"
        self._tell("replication-group", message)
        self._tell("cache-cluster", message, new)

    def _lead(self, member: Member) -> None:
        if self._upstream:
            member.engine.follow(self._upstream)
        else:
            member.engine.promote()

    def _replace(self, member: Member) -> None:
        with self._lock:
            if member.identifier in self._replacing:
                return
            self._replacing.add(member.identifier)
            member.status = "rebooting cluster nodes"
            self._tell("cache-cluster", f"Recovering cache nodes {NODE_GROUP}", member)
        self._scheduler.later(
            self._spans.draw("elasticache.replacement"),
            lambda: self._restart(member),
            f"replacement of {member.identifier}",
        )

    def _restart(self, member: Member) -> None:
        with self._lock:
            if self._closed:
                return
            source = self._upstream if member is self._primary else self._primary.engine.backplane
        try:
            member.engine.start(source)
        finally:
            with self._lock:
                self._replacing.discard(member.identifier)
        with self._lock:
            member.status = "available"
            self._tell("cache-cluster", f"Finished recovery for cache nodes {NODE_GROUP}", member)
            closed = self._closed
        if closed:
            member.engine.kill()

    def _point(self) -> None:
        region, name = self.plan.region, self.plan.identifier
        readers = [member for member in self.members if member is not self._primary] or [self._primary]
        primary = Pointer((self._primary.engine.address,), ttl=_DNS_TTL)
        self._registry.point(names.cache_endpoint(name, region), primary)
        self._registry.point(
            reader_endpoint(self.plan), Pointer(tuple(member.engine.address for member in readers), ttl=_DNS_TTL)
        )
        for member in self.members:
            self._registry.point(
                node_endpoint(member.identifier, region), Pointer((member.engine.address,), ttl=_DNS_TTL)
            )

    def _tell(
        self, kind: Literal["replication-group", "cache-cluster"], message: str, member: Member | None = None
    ) -> None:
        source = member.identifier if member else self.plan.identifier
        self.events.append(Event(self._clock.now(), source, kind, message))


def reader_endpoint(plan: ReplicationGroup) -> str:
    """The name of a group's replicas."""
    return names.cache_endpoint(plan.identifier, plan.region).replace("master.", "replica.", 1)


def node_endpoint(identifier: str, region: str) -> str:
    """The name of one node."""
    return f"{identifier}.x7kq3x.{NODE_GROUP}.{names.short(region)}.cache.amazonaws.com"


def lag(member: Member, clock: Clock) -> Duration | None:
    """How long a replica has heard nothing from its primary; ``None`` when it cannot be asked or is no replica."""
    with contextlib.suppress(TwinFault):
        info = member.engine.info("replication")
        if info.get("role") == "slave":
            silent = info.get("master_link_down_since_seconds") or info.get("master_last_io_seconds_ago", "0")
            return seconds(max(0, int(silent)) * clock.speed)
    return None


def _offset(member: Member) -> int:
    return int(member.engine.info("replication").get("slave_repl_offset", "0"))
