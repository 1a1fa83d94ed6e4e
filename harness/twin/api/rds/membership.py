"""Global clusters are made over a cluster, renamed, emptied and deleted; a cluster leaves one and stands alone.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-detaching.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import Instant
from harness.errors import TwinFault
from harness.twin.api.rds import endpoints, identifiers, replication, shapes
from harness.twin.api.rds.state import AURORA, LOG, Cluster, Estate, GlobalGroup, Instance
from harness.twin.calls import AwsError, Call, Handler


class Membership:
    """CreateGlobalCluster, ModifyGlobalCluster, RemoveFromGlobalCluster and DeleteGlobalCluster."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "CreateGlobalCluster": self.create,
            "ModifyGlobalCluster": self.modify,
            "RemoveFromGlobalCluster": self.remove,
            "DeleteGlobalCluster": self.delete,
        }

    def create(self, call: Call) -> Mapping[str, Any]:
        """Around an Aurora cluster that stands alone; it becomes the primary."""
        estate = self._estate
        identifier = identifiers.fresh(call, "GlobalClusterIdentifier")
        given = identifiers.tags(call)
        source = str(call.get("SourceDBClusterIdentifier") or "")
        if not source:
            raise AwsError("NotImplementedByTwin", "The twin makes global clusters over existing DB clusters.", 501)
        if call.get("Engine"):
            raise AwsError(
                "InvalidParameterCombination",
                "When creating global cluster from existing db cluster, value for engineName should not be specified "
                "since it will be inherited from source cluster",
            )
        with estate.lock:
            if identifier in estate.global_groups:
                raise AwsError("GlobalClusterAlreadyExistsFault", f"Global cluster {identifier} already exists")
            primary = estate.cluster(source, source.split(":")[3] if source.startswith("arn:") else call.region)
            if primary.engine != AURORA:
                raise AwsError("InvalidParameterValue", f"{primary.identifier} is no Aurora DB cluster.")
            if primary.global_cluster or primary.status != "available":
                raise AwsError(
                    "InvalidDBClusterStateFault",
                    f"Source cluster {primary.identifier} is part of a global cluster already or not available.",
                )
            group = GlobalGroup(identifier, [primary], estate.clock.now())
            group.deletion_protection = bool(call.get("DeletionProtection"))
            primary.global_cluster = identifier
            estate.global_groups[identifier] = group
            estate.tag(group.arn, given)
            endpoints.point_global(estate)
            return {"GlobalCluster": shapes.global_cluster(estate, group)}

    def modify(self, call: Call) -> Mapping[str, Any]:
        """A new name, with a new endpoint, or deletion protection."""
        estate = self._estate
        if call.get("EngineVersion") or call.get("AllowMajorVersionUpgrade"):
            raise AwsError("NotImplementedByTwin", "The twin upgrades no engine.", 501)
        with estate.lock:
            group = _settled(estate, call)
            if call.get("NewGlobalClusterIdentifier"):
                wanted = identifiers.fresh(call, "NewGlobalClusterIdentifier")
                if wanted in estate.global_groups:
                    raise AwsError("GlobalClusterAlreadyExistsFault", f"Global cluster {wanted} already exists")
                self._rename(group, wanted)
            if call.get("DeletionProtection") is not None:
                group.deletion_protection = bool(call.get("DeletionProtection"))
            return {"GlobalCluster": shapes.global_cluster(estate, group)}

    def remove(self, call: Call) -> Mapping[str, Any]:
        """A secondary takes writes of its own from then on; the primary can only be the last to go."""
        estate = self._estate
        with estate.lock:
            group = _settled(estate, call)
            cluster = member(group, str(call.get("DbClusterIdentifier")))
            if cluster.status != "available" or cluster.retired or cluster.region in estate.lost:
                raise AwsError("InvalidDBClusterStateFault", f"DB cluster {cluster.identifier} is not available.")
            if cluster is group.primary and len(group.clusters) > 1:
                raise AwsError(
                    "InvalidGlobalClusterStateFault",
                    f"{cluster.identifier} is the primary of {group.identifier}: remove the secondaries first.",
                )
            if cluster is group.primary:
                self._detach(group, cluster)
            else:
                cluster.status = "promoting"
                end = estate.clock.now() + estate.draw("aurora.global_remove")
                estate.scheduler.at(
                    end.back(estate.lead),
                    lambda: self._stand_alone(group, cluster, end),
                    f"remove {cluster.identifier}",
                )
            return {"GlobalCluster": shapes.global_cluster(estate, group)}

    def delete(self, call: Call) -> Mapping[str, Any]:
        """Only an empty one."""
        estate = self._estate
        with estate.lock:
            group = _settled(estate, call)
            if group.deletion_protection:
                raise AwsError("InvalidParameterCombination", "Cannot delete a protected global cluster.")
            if group.clusters:
                raise AwsError("InvalidGlobalClusterStateFault", f"Global Cluster {group.identifier} is not empty")
            del estate.global_groups[group.identifier]
            estate.forget_tags(group.arn)
            endpoints.forget_global(estate, group.identifier)
            return {"GlobalCluster": {**shapes.global_cluster(estate, group), "Status": "deleting"}}

    def _rename(self, group: GlobalGroup, wanted: str) -> None:
        estate = self._estate
        tags, old = estate.tags(group.arn), group.identifier
        estate.forget_tags(group.arn)
        endpoints.forget_global(estate, old)
        del estate.global_groups[old]
        group.identifier = wanted
        estate.global_groups[wanted] = group
        estate.tag(group.arn, tags)
        for cluster in group.clusters:
            cluster.global_cluster = wanted
        endpoints.point_global(estate)

    def _detach(self, group: GlobalGroup, cluster: Cluster) -> None:
        group.clusters.remove(cluster)
        cluster.global_cluster = None
        endpoints.point_global(self._estate)

    def _stand_alone(self, group: GlobalGroup, cluster: Cluster, end: Instant) -> None:
        estate = self._estate
        try:
            chosen = promoted(estate, cluster)
        except TwinFault as error:
            LOG.warning("%s stands alone without a writer for now: %s", cluster.identifier, error)
            chosen = None
        estate.clock.sleep_until(end)
        with estate.lock:
            self._detach(group, cluster)
            cluster.writer = chosen.identifier if chosen else None
            cluster.status = "available"
            if chosen is not None:
                chosen.in_sync = False
            endpoints.point_cluster(estate, cluster)
            others = [each for each in estate.members(cluster) if each is not chosen]
        for other in others:
            if chosen is not None and not replication.attach(other.node, chosen.node):
                other.rebuild_from = chosen.node


def promoted(estate: Estate, cluster: Cluster) -> Instance | None:
    """Let the member of a secondary that has received most take writes; ``None`` when it has no members.

    Raises ``TwinFault`` when none of them could.
    """
    with estate.lock:
        members = [each for each in estate.members(cluster) if each.working]
    if not members:
        return None
    best = replication.readiest([each.node for each in members])
    if best is None:
        raise TwinFault(f"no DB instance of {cluster.identifier} answers")
    best.promote()
    return next(each for each in members if each.node is best)


def global_cluster(estate: Estate, call: Call) -> GlobalGroup:
    """The global cluster that a call names; ``GlobalClusterNotFoundFault`` when there is none. Lock held."""
    wanted = str(call.get("GlobalClusterIdentifier")).rsplit(":", 1)[-1].lower()
    found = estate.global_groups.get(wanted)
    if found is None:
        raise AwsError("GlobalClusterNotFoundFault", f"Global cluster {wanted} not found.", 404)
    return found


def member(group: GlobalGroup, identifier: str) -> Cluster:
    """The cluster of that ARN or identifier; ``DBClusterNotFoundFault`` when the global cluster has none."""
    found = next((item for item in group.clusters if identifier in (item.arn, item.identifier)), None)
    if found is None:
        raise AwsError("DBClusterNotFoundFault", f"DB cluster {identifier} is no member of {group.identifier}.", 404)
    return found


def _settled(estate: Estate, call: Call) -> GlobalGroup:
    group = global_cluster(estate, call)
    if group.status != "available":
        raise AwsError("InvalidGlobalClusterStateFault", f"Global cluster {group.identifier} is {group.status}.")
    return group
