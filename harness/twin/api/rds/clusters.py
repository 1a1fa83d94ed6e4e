"""DB clusters: described, failed over, rebooted, stopped, started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO, Instant, seconds
from harness.twin.api.rds import endpoints, failovers, listing, reboots, replication, shapes
from harness.twin.api.rds.state import AURORA, LONGEST_STOP, Cluster, Estate, Instance
from harness.twin.calls import AwsError, Call, Handler

_AGAIN = seconds(1)


class Clusters:
    """The operations on clusters; each answers at once with AWS's state in between."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "DescribeDBClusters": self.describe,
            "FailoverDBCluster": self.failover,
            "RebootDBCluster": self.reboot,
            "StopDBCluster": self.stop,
            "StartDBCluster": self.start,
        }

    def describe(self, call: Call) -> Mapping[str, Any]:
        """One by its identifier, or all of the region that pass the filters."""
        with self._estate.lock:
            if call.get("DBClusterIdentifier"):
                found = [self._estate.cluster(str(call.get("DBClusterIdentifier")), call.region)]
            else:
                found = [item for item in self._estate.clusters.values() if item.region == call.region]
            kept = [item for item in found if _passes(item, call)]
            shaped = [shapes.cluster(self._estate, item) for item in kept]
        return listing.page(call, "DBClusters", shaped)

    def failover(self, call: Call) -> Mapping[str, Any]:
        """To a reader: the named one, or the one that is furthest on."""
        estate = self._estate
        with estate.lock:
            group = self._available(call)
            if group.writer is None:
                raise AwsError(
                    "InvalidDBClusterStateFault",
                    f"DB cluster {group.identifier} is a secondary of a global cluster and has no writer.",
                )
            target = self._target(group, call.get("TargetDBInstanceIdentifier"))
            failovers.cluster(estate, group, target)
            return {"DBCluster": shapes.cluster(estate, group)}

    def reboot(self, call: Call) -> Mapping[str, Any]:
        """All instances of a Multi-AZ DB cluster at once; Aurora's are rebooted one by one.

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/multi-az-db-clusters-concepts-rebooting.html
        """
        estate = self._estate
        with estate.lock:
            group = self._available(call)
            if group.engine == AURORA:
                raise AwsError("InvalidDBClusterStateFault", "Reboot the DB instances of an Aurora DB cluster instead.")
            group.take("rebooting")
            writer = estate.writer(group)
            if writer is not None:
                replication.relent(writer)
            for member in estate.members(group):
                reboots.begin(estate, member)
            self._when_all(group, "rebooting", ("available", "incompatible-parameters"), "available", None)
            return {"DBCluster": shapes.cluster(estate, group)}

    def stop(self, call: Call) -> Mapping[str, Any]:
        """An Aurora cluster that is in no global cluster, with all its instances.

        Sources: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-cluster-stop-start.html,
        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/multi-az-db-clusters-concepts.Limitations.html
        """
        estate = self._estate
        with estate.lock:
            group = self._available(call)
            if group.engine != AURORA:
                raise AwsError("InvalidDBClusterStateFault", "A Multi-AZ DB cluster can't be stopped.")
            if group.global_cluster:
                raise AwsError(
                    "InvalidDBClusterStateFault",
                    f"{group.identifier} is part of a global cluster and can't be stopped.",
                )
            members = estate.members(group)
            if any(member.status != "available" for member in members):
                raise AwsError("InvalidDBInstanceState", f"Not every instance of {group.identifier} is available.")
            group.take("stopping")
            for member in members:
                member.take("stopping")
            end = estate.clock.now() + estate.draw("rds.stop")
            estate.scheduler.later(ZERO, lambda: self._halt(group, end), f"stop {group.identifier}")
            return {"DBCluster": shapes.cluster(estate, group)}

    def start(self, call: Call) -> Mapping[str, Any]:
        """Only a stopped one."""
        estate = self._estate
        with estate.lock:
            group = estate.cluster(str(call.get("DBClusterIdentifier")), call.region)
            if group.status != "stopped":
                raise AwsError(
                    "InvalidDBClusterStateFault", f"DB cluster {group.identifier} is in {group.status} state."
                )
            self._start(group)
            return {"DBCluster": shapes.cluster(estate, group)}

    def _available(self, call: Call) -> Cluster:
        group = self._estate.cluster(str(call.get("DBClusterIdentifier")), call.region)
        if group.status != "available":
            raise AwsError("InvalidDBClusterStateFault", f"DB cluster {group.identifier} is in {group.status} state.")
        return group

    def _halt(self, group: Cluster, end: Instant) -> None:
        """The writer first: its clean end hands every row to its readers."""
        estate = self._estate
        for member in sorted(estate.members(group), key=lambda member: member.identifier != group.writer):
            member.node.stop()

        def rest() -> None:
            with estate.lock:
                stopped = group.stopped = estate.clock.now()
                group.status = "stopped"
                for member in estate.members(group):
                    member.status = "stopped"
            estate.scheduler.later(LONGEST_STOP, lambda: self._wake(group, stopped), "start a cluster again")
            self._tell(group, "notification", "DB cluster stopped")

        estate.scheduler.at(end, rest, f"stop {group.identifier}")

    def _wake(self, group: Cluster, stopped: Instant) -> None:
        with self._estate.lock:
            if group.status != "stopped" or group.stopped != stopped:
                return
            self._start(group)
        told = "DB cluster is being started due to it exceeding the maximum allowed time being stopped."
        self._tell(group, "notification", told)

    def _start(self, group: Cluster) -> None:
        estate = self._estate
        group.take("starting")
        group.stopped = None
        members = sorted(estate.members(group), key=lambda member: member.identifier != group.writer)
        turns = [(member, member.take("starting")) for member in members]
        end = estate.clock.now() + estate.draw("rds.start")

        def begin() -> None:
            for member, mine in turns:
                if mine():
                    reboots.come_up(estate, member, mine)

        estate.scheduler.at(end.back(estate.lead), begin, f"start {group.identifier}")
        settled = ("available", "incompatible-parameters", "deleting")
        self._when_all(group, "starting", settled, "available", "DB cluster started")

    def _when_all(self, group: Cluster, during: str, settled: tuple[str, ...], then: str, told: str | None) -> None:
        """Give the cluster its next status when all its instances have settled."""
        estate = self._estate

        def look() -> None:
            with estate.lock:
                if group.status != during or estate.closed:
                    return
                if any(member.status not in settled for member in estate.members(group)):
                    estate.scheduler.later(_AGAIN, look, f"wait for {group.identifier}")
                    return
                group.status = then
                endpoints.point_cluster(estate, group)
            if told:
                self._tell(group, "notification", told)

        estate.scheduler.later(_AGAIN, look, f"wait for {group.identifier}")

    def _tell(self, group: Cluster, category: str, message: str) -> None:
        self._estate.events.tell(group.region, "db-cluster", group.identifier, category, message)

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


def _passes(item: Cluster, call: Call) -> bool:
    known = {
        "db-cluster-id": (item.identifier, item.arn),
        "engine": (item.engine,),
        "db-cluster-resource-id": (shapes.resource_id("cluster", item.arn),),
    }
    return listing.passes(known, call)
