"""DB clusters: described, failed over, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO, seconds
from harness.twin.api.paging import page
from harness.twin.api.rds import endpoints, failovers, shapes
from harness.twin.api.rds.state import Cluster, Estate, Instance
from harness.twin.calls import AwsError, Call, Handler

_PAGE = 100


class Clusters:
    """The operations on clusters; stopping and starting a whole cluster is not built."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "DescribeDBClusters": self.describe,
            "FailoverDBCluster": self.failover,
            "DeleteDBCluster": self.delete,
        }

    def describe(self, call: Call) -> Mapping[str, Any]:
        """One by its identifier, or all of the region that pass the filters."""
        with self._estate.lock:
            if call.get("DBClusterIdentifier"):
                found = [self._estate.cluster(str(call.get("DBClusterIdentifier")), call.region)]
            else:
                found = [item for item in self._estate.clusters.values() if item.region == call.region]
            kept = [item for item in found if _passes(item, call.get("Filters") or ())]
            shaped = [shapes.cluster(self._estate, item) for item in kept]
        items, marker = page(shaped, call.get("Marker"), call.get("MaxRecords", _PAGE))
        return {"DBClusters": items, **({"Marker": marker} if marker else {})}

    def failover(self, call: Call) -> Mapping[str, Any]:
        """To a reader: the named one, or the one that is furthest on."""
        estate = self._estate
        with estate.lock:
            group = estate.cluster(str(call.get("DBClusterIdentifier")), call.region)
            if group.status != "available":
                raise AwsError(
                    "InvalidDBClusterStateFault", f"DB cluster {group.identifier} is in {group.status} state."
                )
            if group.writer is None:
                raise AwsError(
                    "InvalidDBClusterStateFault",
                    f"DB cluster {group.identifier} is a secondary of a global cluster and has no writer.",
                )
            target = self._target(group, call.get("TargetDBInstanceIdentifier"))
            failovers.cluster(estate, group, target)
            return {"DBCluster": shapes.cluster(estate, group)}

    def delete(self, call: Call) -> Mapping[str, Any]:
        """Only one without instances and outside any global cluster; its kept volume stays."""
        estate = self._estate
        with estate.lock:
            group = estate.cluster(str(call.get("DBClusterIdentifier")), call.region)
            if not call.get("SkipFinalSnapshot") and not call.get("FinalDBSnapshotIdentifier"):
                raise AwsError(
                    "InvalidParameterCombination",
                    "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
                )
            if group.global_cluster:
                raise AwsError(
                    "InvalidDBClusterStateFault",
                    "This cluster is a part of a global cluster, please remove it from globalcluster first",
                )
            if any(member.status != "deleting" for member in estate.members(group)):
                raise AwsError(
                    "InvalidDBClusterStateFault",
                    "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
                )
            group.status = "deleting"
            estate.scheduler.later(ZERO, lambda: self._remove(group), f"delete {group.identifier}")
            return {"DBCluster": shapes.cluster(estate, group)}

    def _target(self, group: Cluster, identifier: Any) -> Instance | None:
        estate = self._estate
        readers = [member for member in estate.members(group) if member.identifier != group.writer]
        if identifier:
            found = estate.instance(str(identifier), group.region)
            if found not in readers:
                raise AwsError(
                    "InvalidDBInstanceState", f"DB instance {found.identifier} is no reader of {group.identifier}."
                )
            readers = [found]
        if not [reader for reader in readers if reader.status == "available"]:
            raise AwsError(
                "InvalidDBClusterStateFault",
                f"DB cluster {group.identifier} has no DB instance that can be failed over to.",
            )
        return readers[0] if identifier else None

    def _remove(self, group: Cluster) -> None:
        if group.members:  # its last instances are still being deleted
            self._estate.scheduler.later(seconds(1), lambda: self._remove(group), f"delete {group.identifier}")
            return
        with self._estate.lock:
            self._estate.clusters.pop(group.identifier, None)
        endpoints.forget_cluster(self._estate, group)
        self._estate.events.tell(group.region, "db-cluster", group.identifier, "deletion", "DB cluster deleted")


def _passes(item: Cluster, filters: Any) -> bool:
    known = {
        "db-cluster-id": (item.identifier, item.arn),
        "engine": (item.engine,),
        "db-cluster-resource-id": (shapes.resource_id("cluster", item.arn),),
    }
    for each in filters:
        if each["Name"] not in known:
            raise AwsError("InvalidParameterValue", f"Unrecognized filter name: {each['Name']}")
        if not set(each["Values"]).intersection(known[each["Name"]]):
            return False
    return True
