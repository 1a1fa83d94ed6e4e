"""Every replication group and Global Datastore of the account, by name, with the tags that they carry."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from harness.clock import Clock
from harness.twin.api.elasticache import shapes
from harness.twin.api.elasticache.datastore import Datastore
from harness.twin.api.elasticache.events import Events
from harness.twin.api.elasticache.group import Group, Status
from harness.twin.api.elasticache.member import Member
from harness.twin.api.elasticache.nodes import Nodes
from harness.twin.api.spans import Spans
from harness.twin.calls import AwsError
from harness.twin.designs.model import Design, ReplicationGroup
from harness.twin.names import Names
from harness.twin.schedule import Scheduler


class Estate:
    """What exists, thread-safe. Lookups raise ``AwsError`` with AWS's code for what does not."""

    def __init__(
        self, clock: Clock, scheduler: Scheduler, registry: Names, spans: Spans, design: Design, nodes: Nodes
    ) -> None:
        self.nodes = nodes
        self.events = {region.name: Events(clock) for region in design.regions}
        self._clock = clock
        self._scheduler = scheduler
        self._registry = registry
        self._spans = spans
        self._design = design
        self._lock = threading.Lock()
        self._groups: dict[tuple[str, str], Group] = {}
        self._datastores: dict[str, Datastore] = {}
        self._tags: dict[str, dict[str, str]] = {}
        for plan in design.caches:
            members = [
                nodes.make(plan.region, plan.identifier, number, zone) for number, zone in enumerate(plan.zones, 1)
            ]
            self.add(self.build(plan, members, "available"), design.tags)
        united = [group for group in self._groups.values() if group.plan.global_datastore]
        if design.global_datastore and united:
            self.unite(design.global_datastore, design.global_datastore, united, design.tags)

    def build(self, plan: ReplicationGroup, members: list[Member], status: Status) -> Group:
        """A group of these nodes, known to nobody yet."""
        return Group(
            self._clock,
            self._scheduler,
            self._registry,
            self._spans,
            plan,
            members,
            self.events[plan.region],
            self._moved,
            status,
        )

    def add(self, group: Group, tags: Mapping[str, str]) -> None:
        """Make a group known; raises ``AwsError`` ReplicationGroupAlreadyExists."""
        key = (group.plan.region, group.plan.identifier)
        with self._lock:
            if key in self._groups:
                raise AwsError("ReplicationGroupAlreadyExists", f"Replication group {key[1]} already exists.")
            self._groups[key] = group
            self._tags[shapes.group_arn(group)] = dict(tags)
            for member in group.members:
                self._tags[shapes.member_arn(member)] = dict(tags)

    def drop(self, group: Group) -> None:
        """Forget a group and its nodes' addresses; its nodes must be removed by then."""
        with self._lock:
            self._groups.pop((group.plan.region, group.plan.identifier))
            self._tags.pop(shapes.group_arn(group), None)
        for member in group.members:
            self.forget(member)

    def adopt(self, group: Group, members: Iterable[Member]) -> None:
        """New nodes carry their group's tags."""
        with self._lock:
            tags = self._tags.get(shapes.group_arn(group), {})
            self._tags.update({shapes.member_arn(member): dict(tags) for member in members})

    def forget(self, member: Member) -> None:
        """A node is no more."""
        with self._lock:
            self._tags.pop(shapes.member_arn(member), None)
        self.nodes.forget(member)

    def unite(self, identifier: str, description: str, groups: list[Group], tags: Mapping[str, str]) -> Datastore:
        """A Global Datastore of these groups, the primary first; raises GlobalReplicationGroupAlreadyExistsFault."""
        store = Datastore(identifier, description, groups, self._scheduler, self._spans)
        with self._lock:
            if identifier in self._datastores:
                raise AwsError("GlobalReplicationGroupAlreadyExistsFault", f"{identifier} already exists.")
            self._datastores[identifier] = store
            self._tags[shapes.global_arn(identifier)] = dict(tags)
        return store

    def dissolve(self, store: Datastore) -> None:
        """Forget a Global Datastore; its groups stay."""
        with self._lock:
            self._datastores.pop(store.identifier, None)
            self._tags.pop(shapes.global_arn(store.identifier), None)

    def groups(self, region: str | None = None) -> list[Group]:
        """The groups of a region, or all."""
        with self._lock:
            return [group for (where, _), group in self._groups.items() if region in (None, where)]

    def group(self, region: str, identifier: str) -> Group:
        """One group; raises ReplicationGroupNotFoundFault."""
        with self._lock:
            found = self._groups.get((region, identifier.lower()))
        if found is None:
            raise AwsError("ReplicationGroupNotFoundFault", f"ReplicationGroup {identifier} not found.", 404)
        return found

    def member(self, region: str, identifier: str) -> tuple[Group, Member]:
        """One node and its group; raises CacheClusterNotFound."""
        for group in self.groups(region):
            for member in group.members:
                if member.identifier == identifier.lower():
                    return group, member
        raise AwsError("CacheClusterNotFound", f"CacheCluster not found: {identifier}", 404)

    def datastores(self) -> list[Datastore]:
        """Every Global Datastore; they belong to no region."""
        with self._lock:
            return list(self._datastores.values())

    def datastore(self, identifier: str) -> Datastore:
        """One Global Datastore; raises GlobalReplicationGroupNotFoundFault."""
        with self._lock:
            found = self._datastores.get(identifier)
        if found is None:
            raise AwsError(
                "GlobalReplicationGroupNotFoundFault", f"Global replication group {identifier} does not exist.", 404
            )
        return found

    def store_of(self, group: Group) -> Datastore | None:
        """The Global Datastore that a group is a member of."""
        return next((store for store in self.datastores() if store.holds(group)), None)

    def upstream(self, group: Group) -> str | None:
        """Whom a group's primary follows in another region."""
        store = self.store_of(group)
        return store.upstream(group) if store else None

    def tags(self, arn: str) -> dict[str, str] | None:
        """The tags of a resource, ``None`` when there is no such resource."""
        with self._lock:
            tags = self._tags.get(arn)
            return None if tags is None else dict(tags)

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Replace a resource's tags."""
        with self._lock:
            self._tags[arn] = dict(tags)

    def tagged(self, region: str) -> list[tuple[str, Mapping[str, str]]]:
        """ARN and tags of everything in a region."""
        with self._lock:
            return [(arn, dict(tags)) for arn, tags in self._tags.items() if arn.split(":")[3] == region]

    def _moved(self, group: Group) -> None:
        store = self.store_of(group)
        if store:
            store.moved(group)
