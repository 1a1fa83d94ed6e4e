"""Kept volumes, and clusters restored from them: how rows that a failover left behind are found again.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-restore-snapshot.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.twin.api.rds import creation, identifiers, listing, parameters, shapes
from harness.twin.api.rds.state import Cluster, Estate, Snapshot
from harness.twin.calls import AwsError, Call, Handler


class Snapshots:
    """DescribeDBClusterSnapshots and RestoreDBClusterFromSnapshot."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "DescribeDBClusterSnapshots": self.describe,
            "RestoreDBClusterFromSnapshot": self.restore,
        }

    def describe(self, call: Call) -> Mapping[str, Any]:
        """One by its identifier, or all of the region, of one cluster or of one type."""
        with self._estate.lock:
            if call.get("DBClusterSnapshotIdentifier"):
                found = [self._snapshot(str(call.get("DBClusterSnapshotIdentifier")), call.region)]
            else:
                found = [item for item in self._estate.snapshots.values() if item.region == call.region]
            kept = [
                item
                for item in found
                if call.get("DBClusterIdentifier") in (None, item.cluster)
                and call.get("SnapshotType") in (None, "automated")
            ]
            shaped = [shapes.snapshot(self._estate, item) for item in kept]
        return listing.page(call, "DBClusterSnapshots", shaped)

    def restore(self, call: Call) -> Mapping[str, Any]:
        """A new cluster over a copy of the volume; it has no instance until one is created in it."""
        estate = self._estate
        with estate.lock:
            snapshot = self._snapshot(str(call.get("SnapshotIdentifier")), call.region)
            identifier = identifiers.fresh(call, "DBClusterIdentifier")
            if identifier in estate.clusters:
                raise AwsError("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {identifier}")
            if call.get("Engine") != snapshot.engine:
                raise AwsError(
                    "InvalidParameterValue", f"The snapshot's engine is {snapshot.engine}, not {call.get('Engine')}."
                )
            group = Cluster(
                identifier,
                snapshot.region,
                snapshot.engine,
                [],
                None,
                self._group(call, snapshot),
                estate.clock.now(),
                status="creating",
                volume=snapshot.directory,
            )
            estate.clusters[identifier] = group
            estate.tag(group.arn, identifiers.tags(call))
            span = estate.draw("rds.restore")
            estate.scheduler.later(span, lambda: creation.created(estate, group), f"restore {identifier}")
            return {"DBCluster": shapes.cluster(estate, group)}

    def _group(self, call: Call, snapshot: Snapshot) -> str:
        estate, wanted = self._estate, call.get("DBClusterParameterGroupName")
        if wanted:
            return parameters.group_of(estate, snapshot.region, str(wanted), cluster=True).plan.name
        return parameters.default_group(estate, snapshot.region, snapshot.engine, cluster=True)

    def _snapshot(self, identifier: str, region: str) -> Snapshot:
        wanted = identifier.rsplit("cluster-snapshot:", 1)[-1]
        found = self._estate.snapshots.get(wanted)
        if found is None or found.region != region:
            raise AwsError("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot not found: {wanted}", 404)
        return found
