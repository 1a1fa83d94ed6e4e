"""The describes: groups, nodes, subnet groups, events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import Instant, minutes
from harness.twin.api.elasticache import shapes
from harness.twin.api.elasticache.estate import Estate
from harness.twin.api.elasticache.events import Event
from harness.twin.api.elasticache.group import Group
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.designs.model import Design

_PAGE = range(20, 101)
_MEMORY = minutes(14 * 24 * 60)


class DescribeCalls:
    """Answers from the estate as it is at the moment of the call."""

    def __init__(self, estate: Estate, design: Design) -> None:
        self._estate = estate
        self._design = design

    def handlers(self) -> Mapping[str, Handler]:
        """The describes by operation."""
        return {
            "DescribeReplicationGroups": self._replication_groups,
            "DescribeCacheClusters": self._cache_clusters,
            "DescribeCacheSubnetGroups": self._cache_subnet_groups,
            "DescribeEvents": self._events,
        }

    def group(self, group: Group) -> dict[str, Any]:
        """A ReplicationGroup in botocore's shape."""
        return shapes.group(group, self._estate.store_of(group))

    def _replication_groups(self, call: Call) -> Mapping[str, Any]:
        wanted = call.get("ReplicationGroupId")
        found = [self._estate.group(call.region, wanted)] if wanted else self._estate.groups(call.region)
        return paged("ReplicationGroups", [self.group(group) for group in found], call)

    def _cache_clusters(self, call: Call) -> Mapping[str, Any]:
        wanted, nodes = call.get("CacheClusterId"), bool(call.get("ShowCacheNodeInfo"))
        if wanted:
            found = [self._estate.member(call.region, wanted)]
        elif call.get("ShowCacheClustersNotInReplicationGroups"):
            found = []  # every node of the twin belongs to a replication group
        else:
            groups = self._estate.groups(call.region)
            found = [(group, member) for group in groups for member in group.members]
        return paged("CacheClusters", [shapes.cluster(group, member, nodes=nodes) for group, member in found], call)

    def _cache_subnet_groups(self, call: Call) -> Mapping[str, Any]:
        if call.get("CacheSubnetGroupName") not in (None, shapes.SUBNET_GROUP):
            raise AwsError("CacheSubnetGroupNotFoundFault", f"{call.get('CacheSubnetGroupName')} does not exist.", 400)
        return paged("CacheSubnetGroups", [shapes.subnet_group(self._design.region(call.region))], call)

    def _events(self, call: Call) -> Mapping[str, Any]:
        source, kind = call.get("SourceIdentifier"), call.get("SourceType")
        if source and not kind:
            raise AwsError("InvalidParameterCombination", "SourceIdentifier needs a SourceType.")
        first, last = _window(call)
        events = [
            event
            for event in self._estate.events.get(call.region, ())
            if _wanted(event, source, kind) and first <= event.at <= last
        ]
        return paged("Events", [shapes.event(event) for event in events], call)


def paged(member: str, items: list[dict[str, Any]], call: Call) -> Mapping[str, Any]:
    """A page of a describe: 20 to 100 records; raises ``AwsError`` InvalidParameterValue otherwise."""
    size = call.get("MaxRecords", 100)
    if size not in _PAGE:
        raise AwsError("InvalidParameterValue", f"MaxRecords must be between 20 and 100, not {size}.")
    found, marker = page(items, call.get("Marker"), size)
    return {member: found, **({"Marker": marker} if marker else {})}


def _window(call: Call) -> tuple[Instant, Instant]:
    """The span of DescribeEvents: ``Duration`` minutes, or the hour before ``EndTime``; at most 14 days back."""
    start, end, duration = call.get("StartTime"), call.get("EndTime"), call.get("Duration", 60)
    last = Instant.of(end) if end else call.at
    first = Instant.of(start) if start else last.back(minutes(60 if end else duration))
    if duration < 0 or first > last:
        raise AwsError("InvalidParameterCombination", "The start of the period must be before its end.")
    if call.at - first > _MEMORY:
        raise AwsError("InvalidParameterValue", "Events are kept for 14 days.")
    return first, last


def _wanted(event: Event, source: str | None, kind: str | None) -> bool:
    return source in (None, event.source) and kind in (None, event.kind)
