"""An Aurora Global Database changes its primary region: planned (switchover) or not (failover).

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO, Instant
from harness.errors import TwinFault
from harness.twin.api.paging import page
from harness.twin.api.rds import endpoints, replication, retirement, shapes
from harness.twin.api.rds.state import LOG, Cluster, Estate, Failover, GlobalGroup, Instance
from harness.twin.calls import AwsError, Call, Handler

_PAGE = 100


class GlobalClusters:
    """The operations on global clusters; they answer in every region."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "DescribeGlobalClusters": self.describe,
            "FailoverGlobalCluster": self.failover,
            "SwitchoverGlobalCluster": self.switchover,
        }

    def describe(self, call: Call) -> Mapping[str, Any]:
        """All of them, or one by its identifier."""
        with self._estate.lock:
            group = self._estate.global_group
            every = [group] if group else []
            found = [self._group(call)] if call.get("GlobalClusterIdentifier") else every
            shaped = [shapes.global_cluster(self._estate, item) for item in found]
        items, marker = page(shaped, call.get("Marker"), call.get("MaxRecords", _PAGE))
        return {"GlobalClusters": items, **({"Marker": marker} if marker else {})}

    def failover(self, call: Call) -> Mapping[str, Any]:
        """With ``AllowDataLoss`` a failover, which needs nothing of the old primary; else a switchover."""
        if call.get("AllowDataLoss") and call.get("Switchover"):
            raise AwsError(
                "InvalidParameterCombination", "AllowDataLoss and Switchover can't be specified at the same time."
            )
        return self._begin(call, data_loss=bool(call.get("AllowDataLoss")))

    def switchover(self, call: Call) -> Mapping[str, Any]:
        """Planned, without loss: the old primary must answer."""
        return self._begin(call, data_loss=False)

    def _begin(self, call: Call, *, data_loss: bool) -> Mapping[str, Any]:
        estate = self._estate
        with estate.lock:
            group = self._group(call)
            target = self._target(group, str(call.get("TargetDbClusterIdentifier")))
            if group.status != "available":
                raise AwsError(
                    "InvalidGlobalClusterStateFault", f"Global cluster {group.identifier} is {group.status}."
                )
            self._fit(group, target, data_loss=data_loss)
            change = Failover(group.primary, target, data_loss)
            group.failover = change
            group.status = "failing-over" if data_loss else "switching-over"
            target.status = "promoting"
            word = "failover" if data_loss else "switchover"
            _tell(estate, target, word, "started")
            span = estate.draw(f"aurora.global_{word}")
            end = estate.clock.now() + span
            if data_loss:
                estate.scheduler.later(ZERO, lambda: retirement.fence_if_reachable(estate, change.source), "fence")
            else:
                change.source.status = "modifying"
                estate.scheduler.at(end.back(span / 2), lambda: self._quiesce(change.source), "quiesce")
            estate.scheduler.at(end.back(estate.lead), lambda: self._finish(group, change, end), f"global {word}")
            return {"GlobalCluster": shapes.global_cluster(estate, group)}

    def _group(self, call: Call) -> GlobalGroup:
        wanted = str(call.get("GlobalClusterIdentifier")).rsplit(":", 1)[-1]
        group = self._estate.global_group
        if group is None or group.identifier != wanted:
            raise AwsError("GlobalClusterNotFoundFault", f"Global cluster {wanted} not found.", 404)
        return group

    def _target(self, group: GlobalGroup, identifier: str) -> Cluster:
        found = next((item for item in group.clusters if identifier in (item.arn, item.identifier)), None)
        if found is None:
            raise AwsError(
                "DBClusterNotFoundFault", f"DB cluster {identifier} is no member of {group.identifier}.", 404
            )
        return found

    def _fit(self, group: GlobalGroup, target: Cluster, *, data_loss: bool) -> None:
        if target is group.primary:
            raise AwsError(
                "InvalidDBClusterStateFault", f"DB cluster {target.identifier} is already the primary DB cluster."
            )
        for cluster in (target,) if data_loss else (target, group.primary):
            if cluster.status != "available" or cluster.retired or cluster.region in self._estate.lost:
                raise AwsError("InvalidDBClusterStateFault", f"DB cluster {cluster.identifier} is not available.")

    def _quiesce(self, source: Cluster) -> None:
        """The old primary stops taking writes; its clean end hands every row to those who stream from it."""
        writer = self._estate.writer(source)
        if writer is not None:
            replication.relent(writer)
            writer.status = "rebooting"
            writer.node.stop()
        self._estate.events.tell(
            source.region,
            "db-cluster",
            source.identifier,
            "global-failover",
            f"Old primary DB cluster {source.identifier} in Region {source.region} successfully shut down",
        )

    def _finish(self, group: GlobalGroup, change: Failover, end: Instant) -> None:
        estate = self._estate
        word = "failover" if change.data_loss else "switchover"
        chosen = self._promote(change.target)
        if chosen is None:
            with estate.lock:
                group.status, group.failover, change.target.status = "available", None, "available"
            _tell(estate, change.target, word, "failed")
            if not change.data_loss:
                self._take_back(change.source)
            return
        estate.clock.sleep_until(end)
        with estate.lock:
            self._crown(group, change, chosen)
        _tell(estate, change.target, word, "completed" if change.data_loss else "finished")
        for member in estate.members(change.target):
            if member is not chosen and not replication.attach(member.node, chosen.node):
                member.rebuild_from = chosen.node
        for cluster in group.clusters[1:]:
            retirement.retire(estate, cluster, keep_volume=change.data_loss and cluster is change.source)

    def _promote(self, target: Cluster) -> Instance | None:
        """The target's reader that has received most takes writes."""
        members = self._estate.members(target)
        best = replication.readiest([member.node for member in members])
        try:
            if best is not None:
                best.promote()
                return next(member for member in members if member.node is best)
        except TwinFault as error:
            LOG.warning("%s was not promoted: %s", target.identifier, error)
        return None

    def _crown(self, group: GlobalGroup, change: Failover, chosen: Instance) -> None:
        change.target.writer = chosen.identifier
        change.target.status = "available"
        chosen.in_sync = False
        change.source.writer = None
        group.clusters.remove(change.target)
        group.clusters.insert(0, change.target)
        group.status, group.failover = "available", None
        for cluster in (change.target, change.source):
            endpoints.point_cluster(self._estate, cluster)
        endpoints.point_global(self._estate)

    def _take_back(self, source: Cluster) -> None:
        writer = self._estate.writer(source)
        if writer is not None and not writer.node.alive:
            writer.node.start()
        with self._estate.lock:
            source.status = "available"
            if writer is not None:
                writer.status = "available"


def _tell(estate: Estate, target: Cluster, word: str, end: str) -> None:
    message = f"Global {word} to DB cluster {target.identifier} in Region {target.region} {end}."
    estate.events.tell(target.region, "db-cluster", target.identifier, "global-failover", message)
