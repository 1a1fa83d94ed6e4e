"""The calls that change a replication group: its failover, its nodes, its life.

Sources: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/ API_TestFailover, API_RebootCacheCluster,
API_ModifyReplicationGroup, API_CreateReplicationGroup, API_DeleteReplicationGroup, API_IncreaseReplicaCount and
API_DecreaseReplicaCount.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.twin.api.elasticache import shapes
from harness.twin.api.elasticache.datastore import Datastore
from harness.twin.api.elasticache.describe_calls import DescribeCalls
from harness.twin.api.elasticache.estate import Estate
from harness.twin.api.elasticache.group import Group
from harness.twin.api.elasticache.member import NODE, Member
from harness.twin.api.elasticache.quota import Quota
from harness.twin.api.elasticache.tag_calls import tags_of
from harness.twin.api.refusal import unbuilt
from harness.twin.api.spans import Spans
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.designs.model import Design, ReplicationGroup
from harness.twin.schedule import Scheduler

_REPLICAS = 5
_IDENTIFIER = re.compile(r"[a-z](?!.*--)[a-z0-9-]{0,38}(?<!-)")
_UNBUILT = {
    "CreateReplicationGroup": {
        "AuthToken",
        "NodeGroupConfiguration",
        "PrimaryClusterId",
        "SnapshotArns",
        "SnapshotName",
        "TransitEncryptionEnabled",
        "UserGroupIds",
    },
    "DeleteReplicationGroup": {"FinalSnapshotIdentifier", "RetainPrimaryCluster"},
    "ModifyReplicationGroup": {
        "AuthToken",
        "CacheNodeType",
        "EngineVersion",
        "TransitEncryptionEnabled",
        "ClusterMode",
    },
    "IncreaseReplicaCount": {"ReplicaConfiguration"},
    "DecreaseReplicaCount": {"ReplicaConfiguration"},
}


class GroupCalls:
    """Answers at once, as AWS does, with a status that says what goes on."""

    def __init__(
        self,
        scheduler: Scheduler,
        spans: Spans,
        estate: Estate,
        design: Design,
        describes: DescribeCalls,
        quota: Quota,
    ) -> None:
        self._scheduler = scheduler
        self._spans = spans
        self._estate = estate
        self._design = design
        self._describes = describes
        self._quota = quota

    def handlers(self) -> Mapping[str, Handler]:
        """The changes by operation."""
        return {
            "CreateReplicationGroup": self._create,
            "DecreaseReplicaCount": self._decrease,
            "DeleteReplicationGroup": self._delete,
            "IncreaseReplicaCount": self._increase,
            "ModifyReplicationGroup": self._modify,
            "RebootCacheCluster": self._reboot,
            "TestFailover": self._test_failover,
        }

    def _answer(self, group: Group) -> Mapping[str, Any]:
        return {"ReplicationGroup": self._describes.group(group)}

    def _group(self, call: Call) -> Group:
        _refuse_unbuilt(call)
        return self._estate.group(call.region, call.get("ReplicationGroupId"))

    def _test_failover(self, call: Call) -> Mapping[str, Any]:
        group = self._group(call)
        group.test_failover(call.get("NodeGroupId"), self._quota)
        return self._answer(group)

    def _reboot(self, call: Call) -> Mapping[str, Any]:
        group, member = self._estate.member(call.region, call.get("CacheClusterId"))
        if list(call.get("CacheNodeIdsToReboot")) != [NODE]:
            raise AwsError("InvalidParameterValue", f"{member.identifier} has one cache node, {NODE}.")
        group.reboot(member.identifier)
        return {"CacheCluster": shapes.cluster(group, member, nodes=False)}

    def _modify(self, call: Call) -> Mapping[str, Any]:
        group = self._group(call)
        if not call.get("ApplyImmediately"):
            raise unbuilt(
                call.service, "ModifyReplicationGroup without ApplyImmediately (there is no maintenance window)"
            )
        primary = call.get("PrimaryClusterId")
        automatic = call.get("AutomaticFailoverEnabled", group.automatic_failover)
        # Turning automatic failover off turns Multi-AZ off, unless the call says otherwise and is refused.
        multi_az = call.get("MultiAZEnabled", group.multi_az and automatic)
        if primary and automatic:
            raise AwsError(
                "InvalidParameterCombination",
                "Cannot manually promote a new primary cache cluster while automatic failover is enabled.",
            )
        group.claim()
        try:
            group.set_failover(automatic=automatic, multi_az=multi_az)
            group.description = call.get("ReplicationGroupDescription", group.description)
            if primary:
                group.promote(primary.lower())
        except BaseException:
            group.release()
            raise
        answer = self._answer(group)
        self._scheduler.later(
            self._spans.draw("elasticache.modify"), group.release, f"modification of {group.plan.identifier}"
        )
        return answer

    def _create(self, call: Call) -> Mapping[str, Any]:
        _refuse_unbuilt(call)
        if call.get("NumNodeGroups", 1) != 1:
            raise unbuilt(call.service, "CreateReplicationGroup with cluster mode enabled")
        identifier = call.get("ReplicationGroupId").lower()
        if not _IDENTIFIER.fullmatch(identifier):
            raise AwsError("InvalidParameterValue", f"{identifier} is not a valid replication group identifier.")
        if call.get("CacheSubnetGroupName", shapes.SUBNET_GROUP) != shapes.SUBNET_GROUP:
            raise AwsError("CacheSubnetGroupNotFoundFault", f"{call.get('CacheSubnetGroupName')} does not exist.")
        store = (
            self._estate.datastore(call.get("GlobalReplicationGroupId"))
            if call.get("GlobalReplicationGroupId")
            else None
        )
        plan = self._plan(call, identifier, store)
        members = self._make(plan, plan.zones, [])
        group = self._estate.build(plan, members, "creating")
        group.description = call.get("ReplicationGroupDescription")
        try:
            self._estate.add(group, tags_of(call))
        except AwsError:
            for member in members:
                self._estate.nodes.forget(member)
            raise
        if store:
            try:
                store.admit(group)
            except AwsError:
                self._estate.drop(group)
                raise
        group.create(lambda: store.upstream(group) if store else None, lambda: store.admitted(group) if store else None)
        return self._answer(group)

    def _plan(self, call: Call, identifier: str, store: Datastore | None) -> ReplicationGroup:
        """What to build, after AWS's rules: a secondary inherits what its primary has."""
        leader = store.primary if store else None
        zones = self._design.region(call.region).zones
        count = call.get("NumCacheClusters") or call.get("ReplicasPerNodeGroup", 0) + 1
        if not 1 <= count <= _REPLICAS + 1:
            raise AwsError("InvalidParameterValue", f"A replication group has 1 to {_REPLICAS + 1} nodes, not {count}.")
        preferred = [zone.removeprefix(call.region) for zone in call.get("PreferredCacheClusterAZs") or ()]
        if preferred and len(preferred) != count:
            raise AwsError("InvalidParameterCombination", "PreferredCacheClusterAZs must name a zone for each node.")
        if set(preferred) - set(zones):
            raise AwsError("InvalidParameterValue", f"{call.region} has no such Availability Zone: {preferred}.")
        automatic = leader.automatic_failover if leader else bool(call.get("AutomaticFailoverEnabled"))
        if automatic and count < 2:
            raise AwsError(
                "InvalidParameterCombination",
                "Replication group must have at least one read replica to enable autofailover.",
            )
        if call.get("MultiAZEnabled") and not automatic:
            raise AwsError("InvalidParameterCombination", "Multi-AZ requires automatic failover to be enabled.")
        node_type = leader.plan.node_type if leader else call.get("CacheNodeType")
        if not node_type:
            raise AwsError("InvalidParameterCombination", "CacheNodeType is required.")
        placed = preferred or [zones[number % len(zones)] for number in range(count)]
        return ReplicationGroup(identifier, call.region, tuple(placed), node_type, automatic)

    def _make(self, plan: ReplicationGroup, zones: Sequence[str], known: Sequence[Member]) -> list[Member]:
        """New nodes in these zones, with numbers that no known node has."""
        used = {int(member.identifier.rpartition("-")[2]) for member in known}
        free = [number for number in range(1, 100) if number not in used]
        made: list[Member] = []
        try:
            for number, zone in zip(free, zones, strict=False):
                made.append(self._estate.nodes.make(plan.region, plan.identifier, number, zone, "creating"))
        except AwsError:
            for member in made:
                self._estate.nodes.forget(member)
            raise
        return made

    def _delete(self, call: Call) -> Mapping[str, Any]:
        group = self._group(call)
        if self._estate.store_of(group):
            raise AwsError(
                "InvalidReplicationGroupState",
                f"Replication group {group.plan.identifier} is a member of a Global Datastore.",
            )
        group.claim("deleting")

        def finish() -> None:
            group.remove()
            self._estate.drop(group)

        answer = self._answer(group)
        self._scheduler.later(self._spans.draw("elasticache.delete"), finish, f"deletion of {group.plan.identifier}")
        return answer

    def _increase(self, call: Call) -> Mapping[str, Any]:
        group = self._group(call)
        members, wanted = group.members, self._wanted_replicas(call)
        new = wanted + 1 - len(members)
        if new <= 0:
            raise AwsError("InvalidParameterValue", f"{group.plan.identifier} has {len(members) - 1} replicas already.")
        group.claim()
        try:
            zones = self._design.region(call.region).zones
            placed = [zones[(len(members) + number) % len(zones)] for number in range(new)]
            made = self._make(group.plan, placed, members)
        except BaseException:
            group.release()
            raise
        self._estate.adopt(group, made)
        group.grow(made)
        return self._answer(group)

    def _decrease(self, call: Call) -> Mapping[str, Any]:
        group = self._group(call)
        primary, named = group.primary, call.get("ReplicasToRemove")
        replicas = [member for member in group.members if member is not primary]
        if named:
            gone = [member for member in replicas if member.identifier in {name.lower() for name in named}]
            if len(gone) != len(set(named)):
                raise AwsError("InvalidParameterValue", f"{', '.join(named)}: not all are replicas of this group.")
        else:
            gone = replicas[self._wanted_replicas(call) :]
        if not gone:
            raise AwsError("InvalidParameterValue", f"{group.plan.identifier} has {len(replicas)} replicas.")
        if group.automatic_failover and len(gone) == len(replicas):
            raise AwsError(
                "InvalidParameterCombination",
                "Replication group must have at least one read replica while automatic failover is enabled.",
            )
        group.claim()
        group.shrink(gone, self._estate.forget)
        return self._answer(group)

    @staticmethod
    def _wanted_replicas(call: Call) -> int:
        if not call.get("ApplyImmediately"):
            raise AwsError("InvalidParameterValue", "ApplyImmediately=False is not currently supported.")
        wanted = call.get("NewReplicaCount")
        if wanted is None or not 0 <= wanted <= _REPLICAS:
            raise AwsError("InvalidParameterValue", f"NewReplicaCount must be 0 to {_REPLICAS}, not {wanted}.")
        return int(wanted)


def _refuse_unbuilt(call: Call) -> None:
    asked = sorted(name for name in _UNBUILT.get(call.operation, ()) if call.get(name))
    if asked:
        raise unbuilt(call.service, f"{call.operation} with {', '.join(asked)}")
