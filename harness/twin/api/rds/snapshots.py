"""Kept volumes, and clusters restored from them: how rows that a failover left behind are found again.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-restore-snapshot.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO
from harness.twin.api.paging import page
from harness.twin.api.rds import boot, endpoints, parameters, replication, shapes
from harness.twin.api.rds.state import Cluster, Estate, Instance, Snapshot
from harness.twin.calls import AwsError, Call, Handler

_PAGE = 100
_LAST_OCTET = 149


class Snapshots:
    """DescribeDBClusterSnapshots, RestoreDBClusterFromSnapshot, and instances of restored clusters."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "DescribeDBClusterSnapshots": self.describe,
            "RestoreDBClusterFromSnapshot": self.restore,
            "CreateDBInstance": self.create,
            "DeleteDBInstance": self.delete,
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
        items, marker = page(shaped, call.get("Marker"), call.get("MaxRecords", _PAGE))
        return {"DBClusterSnapshots": items, **({"Marker": marker} if marker else {})}

    def restore(self, call: Call) -> Mapping[str, Any]:
        """A new cluster over a copy of the volume; it has no instance until one is created in it."""
        estate = self._estate
        with estate.lock:
            snapshot = self._snapshot(str(call.get("SnapshotIdentifier")), call.region)
            identifier = str(call.get("DBClusterIdentifier")).lower()
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
                str(call.get("DBClusterParameterGroupName") or estate.clusters[snapshot.cluster].parameter_group),
                estate.clock.now(),
                status="creating",
                volume=snapshot.directory,
            )
            estate.clusters[identifier] = group
            estate.scheduler.later(estate.draw("rds.restore"), lambda: self._restored(group), f"restore {identifier}")
            return {"DBCluster": shapes.cluster(estate, group)}

    def create(self, call: Call) -> Mapping[str, Any]:
        """An instance in a restored cluster; any other kind is not built."""
        estate = self._estate
        with estate.lock:
            if not call.get("DBClusterIdentifier"):
                raise AwsError("NotImplementedByTwin", "The twin creates DB instances only in restored clusters.", 501)
            group = estate.cluster(str(call.get("DBClusterIdentifier")), call.region)
            if group.volume is None or group.members:
                raise AwsError("NotImplementedByTwin", "The twin gives a restored cluster one DB instance.", 501)
            identifier = str(call.get("DBInstanceIdentifier")).lower()
            if identifier in estate.instances:
                raise AwsError("DBInstanceAlreadyExists", "DB instance already exists")
            item = self._new(group, identifier, call)
            end = estate.clock.now() + estate.draw("rds.restore")
            estate.scheduler.at(end, lambda: self._created(group, item), f"create {identifier}")
            return {"DBInstance": shapes.instance(estate, item)}

    def delete(self, call: Call) -> Mapping[str, Any]:
        """An instance of a restored cluster; those of the design are kept."""
        estate = self._estate
        with estate.lock:
            item = estate.instance(str(call.get("DBInstanceIdentifier")), call.region)
            group = estate.clusters.get(item.cluster or "")
            if item.status == "deleting":
                raise AwsError("InvalidDBInstanceState", f"Instance {item.identifier} is already being deleted.")
            if group is None or group.volume is None:
                raise AwsError("NotImplementedByTwin", "The twin deletes only DB instances of restored clusters.", 501)
            item.status = "deleting"
            estate.scheduler.later(ZERO, lambda: self._delete(group, item), f"delete {item.identifier}")
            return {"DBInstance": shapes.instance(estate, item)}

    def _snapshot(self, identifier: str, region: str) -> Snapshot:
        wanted = identifier.rsplit("cluster-snapshot:", 1)[-1]
        found = self._estate.snapshots.get(wanted)
        if found is None or found.region != region:
            raise AwsError("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot not found: {wanted}", 404)
        return found

    def _restored(self, group: Cluster) -> None:
        with self._estate.lock:
            group.status = "available"
        self._estate.events.tell(group.region, "db-cluster", group.identifier, "creation", "DB cluster created")

    def _new(self, group: Cluster, identifier: str, call: Call) -> Instance:
        estate = self._estate
        plan = estate.design.region(group.region)
        wanted = str(call.get("AvailabilityZone") or f"{plan.name}{plan.zones[0]}")
        zone = wanted.removeprefix(plan.name)
        if zone not in plan.zones:
            raise AwsError("InvalidParameterValue", f"{wanted} is no zone of {plan.name}.")
        octet = boot.FIRST_OCTET + estate.made
        if octet > _LAST_OCTET:
            raise AwsError("InstanceQuotaExceeded", "The twin has no more addresses for DB instances.")
        estate.made += 1
        model = next(each for each in estate.instances.values() if each.region == group.region)
        item = Instance(
            identifier,
            group.region,
            zone,
            str(call.get("DBInstanceClass")),
            group.engine,
            str(call.get("DBParameterGroupName") or model.parameter_group),
            estate.clock.now(),
            boot.node(estate, identifier, group.region, zone, octet),
            cluster=group.identifier,
            status="creating",
        )
        estate.instances[identifier] = item
        group.members.append(identifier)
        group.writer = identifier
        return item

    def _created(self, group: Cluster, item: Instance) -> None:
        estate = self._estate
        if group.volume is not None:
            item.node.create(group.volume)
        parameters.apply(estate, item, everything=True)
        replication.relent(item)
        item.node.start()
        with estate.lock:
            item.status, item.in_sync = "available", True
            endpoints.point_instance(estate, item)
            endpoints.point_cluster(estate, group)
        estate.events.tell(item.region, "db-instance", item.identifier, "creation", "DB instance created")

    def _delete(self, group: Cluster, item: Instance) -> None:
        estate = self._estate
        item.node.destroy()
        for address in (item.node.address, item.node.backplane_address):
            estate.network.remove_address(item.node.place, address)
        with estate.lock:
            group.members.remove(item.identifier)
            group.writer = None
            estate.instances.pop(item.identifier)
        endpoints.forget_instance(estate, item)
        endpoints.point_cluster(estate, group)
        estate.events.tell(item.region, "db-instance", item.identifier, "deletion", "DB instance deleted")
