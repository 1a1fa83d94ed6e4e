"""The ElastiCache API of the twin, and the hands that acts of nature use directly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from harness.clock import Clock, Instant, minutes, seconds
from harness.errors import TwinFault
from harness.twin import names
from harness.twin.api.elasticache import shapes
from harness.twin.api.elasticache.datastore import Datastore
from harness.twin.api.elasticache.group import Event, Group, Member, lag
from harness.twin.api.paging import page
from harness.twin.api.spans import Spans
from harness.twin.calls import AwsError, Call, Handler, MetricSink
from harness.twin.designs.model import Design, ReplicationGroup, Timing
from harness.twin.engines.redis import RedisNode
from harness.twin.names import Names
from harness.twin.network.network import Network
from harness.twin.nodes import Node
from harness.twin.schedule import Scheduler

_NAMESPACE = "AWS/ElastiCache"
_FIRST_OCTET = 200
_CACHE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
_FALLBACKS = {
    "elasticache.failover": Timing(5, 20, _CACHE + "AutoFailover.html"),
    "elasticache.replacement": Timing(120, 240, "AWS says minutes and no figure: " + _CACHE + "AutoFailover.html"),
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
        self._clock = clock
        self._scheduler = scheduler
        self._metrics = metrics
        self._design = design
        spans = Spans(design, self.name, _FALLBACKS)
        self._groups: dict[tuple[str, str], Group] = {}
        octet = _FIRST_OCTET
        for plan in design.caches:
            members = [
                _member(network, clock, design, state, plan, number, octet + number)
                for number in range(len(plan.zones))
            ]
            octet += len(members)
            group = Group(clock, scheduler, registry, spans, plan, members, self._moved)
            self._groups[plan.region, plan.identifier] = group
        global_groups = [group for group in self._groups.values() if group.plan.global_datastore]
        self._datastore = (
            Datastore(design.global_datastore, global_groups, scheduler, spans)
            if design.global_datastore and global_groups
            else None
        )

    def boot(self) -> None:
        """Start every node; a Global Datastore's primary region first. Returns when all answer."""
        leaders = [group for group in self._groups.values() if self._upstream(group) is None]
        followers = [group for group in self._groups.values() if self._upstream(group) is not None]
        for wave in (leaders, followers):
            with ThreadPoolExecutor(max(1, len(wave))) as pool:
                list(pool.map(lambda group: group.boot(self._upstream(group)), wave))
        self._scheduler.every(seconds(60), self._publish, "cache metrics")

    def stop(self) -> None:
        """End every node."""
        for group in self._groups.values():
            group.stop()

    def primary_node(self, region: str, identifier: str | None = None) -> RedisNode:
        """The node that is primary now, for acts of nature; ``TwinFault`` when the region has no such cache."""
        for (where, name), group in self._groups.items():
            if where == region and identifier in (None, name):
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
            for group in self._groups.values()
            for member in group.members
        ]

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {
            "DescribeReplicationGroups": self._describe_replication_groups,
            "DescribeCacheClusters": self._describe_cache_clusters,
            "DescribeCacheSubnetGroups": self._describe_cache_subnet_groups,
            "DescribeEvents": self._describe_events,
            "DescribeGlobalReplicationGroups": self._describe_global_replication_groups,
            "FailoverGlobalReplicationGroup": self._failover_global_replication_group,
            "ListTagsForResource": self._list_tags_for_resource,
            "TestFailover": self._test_failover,
        }

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Replication groups and their nodes."""
        for group in self._of(region):
            yield shapes.group_arn(group), self._design.tags
            for member in group.members:
                yield shapes.member_arn(group, member), self._design.tags

    def _of(self, region: str) -> list[Group]:
        return [group for (where, _), group in self._groups.items() if where == region]

    def _upstream(self, group: Group) -> str | None:
        return self._datastore.upstream(group) if self._datastore and group.plan.global_datastore else None

    def _moved(self, group: Group) -> None:
        if self._datastore and group.plan.global_datastore:
            self._datastore.moved(group)

    def _group(self, call: Call) -> Group:
        identifier = str(call.get("ReplicationGroupId")).lower()
        if (call.region, identifier) not in self._groups:
            raise AwsError("ReplicationGroupNotFoundFault", f"ReplicationGroup {identifier} not found.", 404)
        return self._groups[call.region, identifier]

    def _role(self, group: Group) -> str | None:
        if not (self._datastore and group.plan.global_datastore):
            return None
        return "PRIMARY" if group is self._datastore.primary else "SECONDARY"

    def _describe_replication_groups(self, call: Call) -> Mapping[str, Any]:
        found = [self._group(call)] if call.get("ReplicationGroupId") else self._of(call.region)
        return _paged("ReplicationGroups", [shapes.group(group, self._role(group)) for group in found], call)

    def _describe_cache_clusters(self, call: Call) -> Mapping[str, Any]:
        wanted = call.get("CacheClusterId")
        found = [
            shapes.cluster(group, member, nodes=bool(call.get("ShowCacheNodeInfo")))
            for group in self._of(call.region)
            for member in group.members
            if wanted in (None, member.identifier)
        ]
        if wanted and not found:
            raise AwsError("CacheClusterNotFound", f"CacheCluster not found: {wanted}", 404)
        # Every node of the twin belongs to a replication group.
        alone = bool(call.get("ShowCacheClustersNotInReplicationGroups"))
        return _paged("CacheClusters", [] if alone else found, call)

    def _describe_cache_subnet_groups(self, call: Call) -> Mapping[str, Any]:
        if call.get("CacheSubnetGroupName") not in (None, shapes.SUBNET_GROUP):
            raise AwsError("CacheSubnetGroupNotFoundFault", f"{call.get('CacheSubnetGroupName')} does not exist.", 400)
        return _paged("CacheSubnetGroups", [shapes.subnet_group(self._design.region(call.region))], call)

    def _describe_events(self, call: Call) -> Mapping[str, Any]:
        source, kind = call.get("SourceIdentifier"), call.get("SourceType")
        if source and not kind:
            raise AwsError("InvalidParameterCombination", "SourceIdentifier needs a SourceType.")
        first, last = _window(call)
        events = [
            event
            for group in self._of(call.region)
            for event in tuple(group.events)
            if _wanted(event, source, kind) and first <= event.at <= last
        ]
        events.sort(key=lambda event: event.at)
        return _paged("Events", [shapes.event(event) for event in events], call)

    def _describe_global_replication_groups(self, call: Call) -> Mapping[str, Any]:
        wanted, known = call.get("GlobalReplicationGroupId"), self._datastore
        if wanted and (known is None or known.identifier != wanted):
            raise _no_datastore(wanted)
        if known is None:
            return {"GlobalReplicationGroups": []}
        return _paged("GlobalReplicationGroups", [_described(known, members=bool(call.get("ShowMemberInfo")))], call)

    def _failover_global_replication_group(self, call: Call) -> Mapping[str, Any]:
        wanted, known = call.get("GlobalReplicationGroupId"), self._datastore
        if known is None or known.identifier != wanted:
            raise _no_datastore(wanted)
        known.fail_over(call.get("PrimaryRegion"), call.get("PrimaryReplicationGroupId"))
        return {"GlobalReplicationGroup": _described(known, members=True)}

    def _list_tags_for_resource(self, call: Call) -> Mapping[str, Any]:
        known = dict(self.tagged(call.region))
        if call.get("ResourceName") not in known:
            raise AwsError("ReplicationGroupNotFoundFault", f"{call.get('ResourceName')} not found.", 404)
        return {"TagList": [{"Key": key, "Value": value} for key, value in known[call.get("ResourceName")].items()]}

    def _test_failover(self, call: Call) -> Mapping[str, Any]:
        group = self._group(call)
        group.test_failover(call.get("NodeGroupId"))
        return {"ReplicationGroup": shapes.group(group, self._role(group))}

    def _publish(self) -> None:
        for (region, _), group in self._groups.items():
            for member in group.members:
                node = {"CacheClusterId": member.identifier}
                try:
                    clients = member.engine.info("clients")["connected_clients"]
                except TwinFault:
                    continue  # a node that is dead, frozen or paused publishes nothing, as on AWS
                self._metrics.publish(region, _NAMESPACE, "CurrConnections", node, float(clients), unit="Count")
                behind = lag(member, self._clock)
                if behind is not None:
                    self._metrics.publish(region, _NAMESPACE, "ReplicationLag", node, behind.seconds, unit="Seconds")


def _runs(engine: RedisNode) -> bool:
    return engine.pid is not None


def _member(
    network: Network, clock: Clock, design: Design, state: Path, plan: ReplicationGroup, number: int, octet: int
) -> Member:
    zone, region = plan.zones[number], design.region(plan.region)
    identifier = f"{plan.identifier}-{number + 1:03d}"
    engine = RedisNode(
        network,
        clock,
        state,
        f"redis-{names.short(plan.region)}-{identifier}",
        names.place(plan.region, zone, "data"),
        f"{names.subnet(region.octet, zone, 'data')}.{octet}",
        f"{names.backplane(region.octet, zone)}.{octet}",
    )
    return Member(identifier, zone, engine)


def _described(known: Datastore, *, members: bool) -> dict[str, Any]:
    return shapes.datastore(known.identifier, known.groups, known.primary, known.status, members=members)


def _no_datastore(identifier: str) -> AwsError:
    return AwsError(
        "GlobalReplicationGroupNotFoundFault", f"Global replication group {identifier} does not exist.", 404
    )


def _window(call: Call) -> tuple[Instant, Instant]:
    """The span of DescribeEvents: the last hour unless the call says otherwise."""
    last = Instant.of(call.get("EndTime")) if call.get("EndTime") else call.at
    if call.get("StartTime"):
        return Instant.of(call.get("StartTime")), last
    return last.back(minutes(call.get("Duration") or 60)), last


def _wanted(event: Event, source: str | None, kind: str | None) -> bool:
    return source in (None, event.source) and kind in (None, event.kind)


def _paged(member: str, items: list[dict[str, Any]], call: Call) -> Mapping[str, Any]:
    found, marker = page(items, call.get("Marker"), call.get("MaxRecords") or 100)
    return {member: found, **({"Marker": marker} if marker else {})}
