"""Instances and clusters are deleted: what stands in the way, what stays behind, what becomes of the replicas.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html,
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_DeleteCluster.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO, Instant, seconds
from harness.twin.api.rds import backups, boot, endpoints, failovers, instances, replicas, replication, shapes
from harness.twin.api.rds.state import AURORA, Cluster, Estate, Instance
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.engines import postgres_template

_AGAIN = seconds(1)


class Deletion:
    """DeleteDBInstance and DeleteDBCluster."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {"DeleteDBInstance": self.instance, "DeleteDBCluster": self.cluster}

    def instance(self, call: Call) -> Mapping[str, Any]:
        """Its replicas of the same region are promoted; those of other regions stay behind, cut off."""
        estate = self._estate
        with estate.lock:
            item = estate.instance(str(call.get("DBInstanceIdentifier")), call.region)
            group = estate.clusters.get(item.cluster or "")
            self._may_go(item, group, call)
            item.take("deleting")
            if group is not None:
                self._leave(group, item)
            end = estate.clock.now() + estate.draw("rds.delete")
            estate.scheduler.later(ZERO, lambda: self._delete(item, end), f"delete {item.identifier}")
            return {"DBInstance": shapes.instance(estate, item)}

    def cluster(self, call: Call) -> Mapping[str, Any]:
        """An Aurora cluster without instances, or a Multi-AZ DB cluster with its own; outside any global cluster."""
        estate = self._estate
        with estate.lock:
            group = estate.cluster(str(call.get("DBClusterIdentifier")), call.region)
            if group.status == "deleting":
                raise AwsError("InvalidDBClusterStateFault", f"DB cluster {group.identifier} is already being deleted.")
            if not call.get("SkipFinalSnapshot") and not call.get("FinalDBSnapshotIdentifier"):
                raise AwsError(
                    "InvalidParameterCombination",
                    "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
                )
            if not call.get("SkipFinalSnapshot"):
                raise AwsError("NotImplementedByTwin", "The twin takes no final snapshot of a DB cluster.", 501)
            if group.global_cluster:
                raise AwsError(
                    "InvalidDBClusterStateFault",
                    "This cluster is a part of a global cluster, please remove it from globalcluster first",
                )
            staying = [member for member in estate.members(group) if member.status != "deleting"]
            if staying and group.engine == AURORA:
                raise AwsError(
                    "InvalidDBClusterStateFault",
                    "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
                )
            group.take("deleting")
            for member in staying:
                member.take("deleting")
                self._later(member)
            estate.scheduler.later(ZERO, lambda: self._remove(group), f"delete {group.identifier}")
            return {"DBCluster": shapes.cluster(estate, group)}

    def _later(self, item: Instance) -> None:
        end = self._estate.clock.now() + self._estate.draw("rds.delete")
        self._estate.scheduler.later(ZERO, lambda: self._delete(item, end), f"delete {item.identifier}")

    def _may_go(self, item: Instance, group: Cluster | None, call: Call) -> None:
        """Raises what RDS raises when an instance cannot be deleted like this."""
        snapshot, skipped = call.get("FinalDBSnapshotIdentifier"), call.get("SkipFinalSnapshot")
        if item.status == "deleting":
            raise AwsError("InvalidDBInstanceState", f"Instance {item.identifier} is already being deleted.")
        if item.deletion_protection:
            raise AwsError(
                "InvalidParameterCombination",
                "Cannot delete protected DB Instance, please disable deletion protection and try again.",
            )
        if group is not None:
            self._may_leave(group, item)
        elif skipped and snapshot:
            raise AwsError(
                "InvalidParameterCombination", "FinalDBSnapshotIdentifier can't be specified with SkipFinalSnapshot."
            )
        elif item.source and not skipped:
            raise AwsError("InvalidParameterCombination", "A final snapshot of a read replica can't be taken.")
        elif not skipped and not snapshot:
            raise AwsError(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            )
        elif snapshot:
            if not item.working:
                raise AwsError("InvalidDBInstanceState", f"{item.identifier} is {item.status}: skip the snapshot.")
            backups.final(self._estate, item, call, "FinalDBSnapshotIdentifier")

    def _may_leave(self, group: Cluster, item: Instance) -> None:
        if group.engine != AURORA:
            raise AwsError(
                "InvalidDBInstanceState", f"{item.identifier} is a member of a Multi-AZ DB cluster: delete the cluster."
            )
        if group.status != "available":
            raise AwsError("InvalidDBClusterStateFault", f"DB cluster {group.identifier} is {group.status}.")
        lonely = [member for member in self._estate.members(group) if member.status != "deleting"] == [item]
        everywhere = self._estate.global_of(group)
        if lonely and everywhere is not None and everywhere.primary is not group:
            raise AwsError(
                "InvalidDBClusterStateFault",
                "Cannot delete the last instance of the read replica DB cluster. Promote the DB cluster to a "
                "standalone DB cluster in order to delete it.",
            )

    def _leave(self, group: Cluster, item: Instance) -> None:
        """A writer hands over to a reader before it goes; a reader is waited for no longer."""
        if group.writer != item.identifier:
            replication.excuse(self._estate, item)
        elif any(member.working for member in self._estate.members(group)):
            failovers.cluster(self._estate, group, None)
        endpoints.point_cluster(self._estate, group)

    def _delete(self, item: Instance, end: Instant) -> None:
        estate = self._estate
        group = estate.clusters.get(item.cluster or "")
        if group is not None and group.status == "failing-over":
            estate.scheduler.later(_AGAIN, lambda: self._delete(item, end), f"delete {item.identifier}")
            return
        backups.take(estate, item)
        self._orphan(item)
        self._keep_volume(item, group)
        for server in (item.node, item.standby):
            if server is not None:
                boot.dismantle(estate, server)
        estate.scheduler.at(end, lambda: self._gone(item), f"delete {item.identifier}")

    def _keep_volume(self, item: Instance, group: Cluster | None) -> None:
        """An Aurora cluster keeps its data when its writer is deleted and nobody has taken over from it."""
        if group is None or group.status == "deleting" or group.writer != item.identifier:
            return
        item.node.stop()
        kept = self._estate.directory / "volumes" / f"cluster-{group.identifier}"
        postgres_template.remove(kept)
        postgres_template.copy(item.node.data_directory, kept)
        with self._estate.lock:
            group.volume, group.writer = kept, None
            endpoints.point_cluster(self._estate, group)

    def _orphan(self, item: Instance) -> None:
        estate = self._estate
        with estate.lock:
            left = estate.replicas(item.identifier)
        for replica in left:
            if replica.node.alive:
                replica.node.follow(None)
            with estate.lock:
                replica.replicating, replica.rebuild_from = False, None
                if replica.region == item.region and replica.status == "available":
                    replicas.promotion(estate, replica)
            instances.tell(estate, replica, "read replica", "Replication on the Read Replica was terminated")

    def _gone(self, item: Instance) -> None:
        estate = self._estate
        with estate.lock:
            group = estate.clusters.get(item.cluster or "")
            if group is not None:
                group.members.remove(item.identifier)
                group.writer = None if group.writer == item.identifier else group.writer
                endpoints.point_cluster(estate, group)
            estate.instances.pop(item.identifier, None)
            estate.forget_tags(item.arn)
            endpoints.forget_instance(estate, item)
        instances.tell(estate, item, "deletion", "DB instance deleted")

    def _remove(self, group: Cluster) -> None:
        estate = self._estate
        if group.members:  # its last instances are still being deleted
            estate.scheduler.later(_AGAIN, lambda: self._remove(group), f"delete {group.identifier}")
            return
        with estate.lock:
            estate.clusters.pop(group.identifier, None)
            estate.forget_tags(group.arn)
        postgres_template.remove(estate.directory / "volumes" / f"cluster-{group.identifier}")
        endpoints.forget_cluster(estate, group)
        estate.events.tell(group.region, "db-cluster", group.identifier, "deletion", "DB cluster deleted")
