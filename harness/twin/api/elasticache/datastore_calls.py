"""The calls of Global Datastores; any region's endpoint answers them.

Sources: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastores-Getting-Started.html and
https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/ API_CreateGlobalReplicationGroup and its siblings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.twin.api.elasticache import shapes
from harness.twin.api.elasticache.datastore import Datastore
from harness.twin.api.elasticache.describe_calls import paged
from harness.twin.api.elasticache.estate import Estate
from harness.twin.api.elasticache.tag_calls import tags_of
from harness.twin.api.spans import Spans
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.schedule import Scheduler

_PREFIX = "ldgnf"
_LARGE = re.compile(r"cache\.(m5|m6g|m7g|r5|r6g|r6gd|r7g|c7gn)\.(\d*x?large)")


class DatastoreCalls:
    """Create, describe, fail over, disassociate, delete."""

    def __init__(self, estate: Estate, scheduler: Scheduler, spans: Spans) -> None:
        self._estate = estate
        self._scheduler = scheduler
        self._spans = spans

    def handlers(self) -> Mapping[str, Handler]:
        """The calls by operation."""
        return {
            "CreateGlobalReplicationGroup": self._create,
            "DeleteGlobalReplicationGroup": self._delete,
            "DescribeGlobalReplicationGroups": self._describe,
            "DisassociateGlobalReplicationGroup": self._disassociate,
            "FailoverGlobalReplicationGroup": self._fail_over,
        }

    def _store(self, call: Call) -> Datastore:
        return self._estate.datastore(call.get("GlobalReplicationGroupId"))

    def _describe(self, call: Call) -> Mapping[str, Any]:
        found = [self._store(call)] if call.get("GlobalReplicationGroupId") else self._estate.datastores()
        members = bool(call.get("ShowMemberInfo"))
        return paged("GlobalReplicationGroups", [shapes.datastore(store, members=members) for store in found], call)

    def _create(self, call: Call) -> Mapping[str, Any]:
        group = self._estate.group(call.region, call.get("PrimaryReplicationGroupId"))
        plan = group.plan
        if not _LARGE.fullmatch(plan.node_type):
            raise AwsError("InvalidParameterValue", f"{plan.node_type} does not support Global Datastores.")
        if self._estate.store_of(group):
            raise AwsError("InvalidReplicationGroupState", f"{plan.identifier} is in a Global Datastore already.")
        if group.status != "available":
            raise AwsError("InvalidReplicationGroupState", f"{plan.identifier} is {group.status}.")
        identifier = f"{_PREFIX}-{call.get('GlobalReplicationGroupIdSuffix')}"
        description = call.get("GlobalReplicationGroupDescription", "")
        store = self._estate.unite(identifier, description, [group], tags_of(call))
        store.create()
        return {"GlobalReplicationGroup": shapes.datastore(store, members=True)}

    def _fail_over(self, call: Call) -> Mapping[str, Any]:
        store = self._store(call)
        store.fail_over(call.get("PrimaryRegion"), call.get("PrimaryReplicationGroupId").lower())
        return {"GlobalReplicationGroup": shapes.datastore(store, members=True)}

    def _disassociate(self, call: Call) -> Mapping[str, Any]:
        store = self._store(call)
        store.dismiss(call.get("ReplicationGroupRegion"), call.get("ReplicationGroupId").lower())
        return {"GlobalReplicationGroup": shapes.datastore(store, members=True)}

    def _delete(self, call: Call) -> Mapping[str, Any]:
        store = self._store(call)
        if not call.get("RetainPrimaryReplicationGroup"):
            raise AwsError("InvalidParameterValue", "The primary replication group is never deleted: retain it.")
        store.retire()
        self._scheduler.later(
            self._spans.draw("elasticache.global_delete"),
            lambda: self._estate.dissolve(store),
            f"deletion of {store.identifier}",
        )
        return {"GlobalReplicationGroup": shapes.datastore(store, members=True)}
