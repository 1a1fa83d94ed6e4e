"""The ElastiCache API of the twin, and the hands that acts of nature use directly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from harness.clock import Clock, seconds
from harness.errors import TwinFault
from harness.twin.api.elasticache.datastore_calls import DatastoreCalls
from harness.twin.api.elasticache.describe_calls import DescribeCalls
from harness.twin.api.elasticache.estate import Estate
from harness.twin.api.elasticache.group import Group
from harness.twin.api.elasticache.group_calls import GroupCalls
from harness.twin.api.elasticache.member import Member
from harness.twin.api.elasticache.nodes import Nodes
from harness.twin.api.elasticache.quota import Quota
from harness.twin.api.elasticache.tag_calls import TagCalls
from harness.twin.api.spans import Spans
from harness.twin.calls import Handler, MetricSink
from harness.twin.designs.model import Design, Timing
from harness.twin.engines.redis import RedisNode
from harness.twin.names import Names
from harness.twin.network.network import Network
from harness.twin.nodes import Node
from harness.twin.schedule import Scheduler

_NAMESPACE = "AWS/ElastiCache"
_CACHE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
_SILENT = "AWS gives no figure: "
_FALLBACKS = {
    "elasticache.failover": Timing(5, 20, _CACHE + "AutoFailover.html"),
    "elasticache.replacement": Timing(120, 240, "AWS says minutes and no figure: " + _CACHE + "AutoFailover.html"),
    "elasticache.reboot": Timing(20, 60, "a momentary outage, no figure: " + _CACHE + "nodes.rebooting.html"),
    "elasticache.create": Timing(180, 360, _SILENT + _CACHE + "Replication.CreatingRepGroup.html"),
    "elasticache.delete": Timing(60, 180, _SILENT + _CACHE + "Replication.DeletingRepGroup.html"),
    "elasticache.modify": Timing(10, 30, _SILENT + _CACHE + "Replication.Modify.html"),
    "elasticache.global_create": Timing(60, 180, _SILENT + _CACHE + "Redis-Global-Datastore.html"),
    "elasticache.global_delete": Timing(30, 60, _SILENT + _CACHE + "Redis-Global-Datastore.html"),
    "elasticache.global_disassociate": Timing(30, 60, _SILENT + _CACHE + "Redis-Global-Datastore.html"),
    "elasticache.global_failover": Timing(30, 60, _CACHE + "Redis-Global-Datastore.html: less than a minute"),
}


class ElastiCache:
    """Replication groups of one shard over real Redis, with AWS's refusals, failover, events and a few metrics."""

    name = "elasticache"

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        network: Network,
        registry: Names,
        metrics: MetricSink,
        design: Design,
        state: Path,
    ) -> None:
        self.quota = Quota()
        self._clock = clock
        self._scheduler = scheduler
        self._metrics = metrics
        spans = Spans(design, self.name, _FALLBACKS)
        self._estate = Estate(clock, scheduler, registry, spans, design, Nodes(network, clock, design, state))
        describes = DescribeCalls(self._estate, design)
        self._calls = (
            describes,
            GroupCalls(scheduler, spans, self._estate, design, describes, self.quota),
            DatastoreCalls(self._estate, scheduler, spans),
            TagCalls(self._estate),
        )

    def boot(self) -> None:
        """Start every node; a Global Datastore's primary region first. Returns when all answer."""
        sources = [(group, self._estate.upstream(group)) for group in self._estate.groups()]
        for wave in ([pair for pair in sources if pair[1] is None], [pair for pair in sources if pair[1] is not None]):
            with ThreadPoolExecutor(max(1, len(wave))) as pool:
                list(pool.map(lambda pair: pair[0].boot(pair[1]), wave))
        self._scheduler.every(seconds(60), self._publish, "cache metrics")

    def stop(self) -> None:
        """End every node."""
        for group in self._estate.groups():
            group.stop()

    def primary_node(self, region: str, identifier: str | None = None) -> RedisNode:
        """The node that is primary now, for acts of nature; ``TwinFault`` when the region has no such cache."""
        for group in self._estate.groups(region):
            if identifier in (None, group.plan.identifier):
                return group.primary.engine
        raise TwinFault(f"There is no cache {identifier or ''} in {region}.")

    def nodes(self) -> list[Node]:
        """Every cache node by its cache cluster id, for acts of nature."""
        return [
            Node(
                group.plan.region,
                member.zone,
                member.identifier,
                member.engine,
                partial(_runs, member.engine),
                partial(getattr, member.engine, "frozen"),
            )
            for group in self._estate.groups()
            for member in group.members
        ]

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {name: handler for calls in self._calls for name, handler in calls.handlers().items()}

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Replication groups and their nodes."""
        return self._estate.tagged(region)

    def _publish(self) -> None:
        for group in self._estate.groups():
            for member in group.members:
                self._publish_node(group, member)

    def _publish_node(self, group: Group, member: Member) -> None:
        """One node's metrics; one that is dead, frozen or paused publishes nothing, as on AWS."""
        try:
            clients = member.engine.info("clients")["connected_clients"]
        except TwinFault:
            return
        primary = member is group.primary
        points = [("CurrConnections", float(clients), "Count"), ("IsMaster", float(primary), "Count")]
        behind = member.lag(self._clock)
        if behind is not None:
            points.append(("GlobalDatastoreReplicationLag" if primary else "ReplicationLag", behind.seconds, "Seconds"))
        for name, value, unit in points:
            self._metrics.publish(
                member.region, _NAMESPACE, name, {"CacheClusterId": member.identifier}, value, unit=unit
            )


def _runs(engine: RedisNode) -> bool:
    return engine.pid is not None
