"""An Aurora Global Database changes its primary region: planned (switchover) or not (failover).

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO, Instant
from harness.errors import TwinFault
from harness.twin.api.rds import endpoints, listing, reboots, replication, retirement, shapes
from harness.twin.api.rds.membership import global_cluster, member, promoted
from harness.twin.api.rds.state import LOG, Cluster, Estate, Failover, GlobalGroup, Instance
from harness.twin.calls import AwsError, Call, Handler


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
            every = list(self._estate.global_groups.values())
            found = [global_cluster(self._estate, call)] if call.get("GlobalClusterIdentifier") else every
            found = [item for item in found if _passes(item, call)]
            shaped = [shapes.global_cluster(self._estate, item) for item in found]
        return listing.page(call, "GlobalClusters", shaped)

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
            group = global_cluster(estate, call)
            target = member(group, str(call.get("TargetDbClusterIdentifier")))
            if group.status != "available":
                raise AwsError(
                    "InvalidGlobalClusterStateFault", f"Global cluster {group.identifier} is {group.status}."
                )
            change = Failover(self._fit(group, target, data_loss=data_loss), target, data_loss)
            group.failover = change
            group.status = "failing-over" if data_loss else "switching-over"
            target.take("promoting")
            word = "failover" if data_loss else "switchover"
            _tell(estate, target, word, "started")
            span = estate.draw(f"aurora.global_{word}")
            end = estate.clock.now() + span
            if data_loss:
                estate.scheduler.later(ZERO, lambda: retirement.fence_if_reachable(estate, change.source), "fence")
                estate.scheduler.at(end.back(estate.lead), lambda: self._finish(group, change, end), f"global {word}")
            else:
                change.source.take("modifying")
                estate.scheduler.at(end.back(span / 2), lambda: self._quiesce(group, change, end), "quiesce")
            return {"GlobalCluster": shapes.global_cluster(estate, group)}

    def _fit(self, group: GlobalGroup, target: Cluster, *, data_loss: bool) -> Cluster:
        """The primary that is to be replaced; raises what RDS raises when that cannot be done now."""
        primary = group.primary
        if primary is None or target is primary:
            raise AwsError(
                "InvalidDBClusterStateFault", f"DB cluster {target.identifier} is already the primary DB cluster."
            )
        for cluster in (target,) if data_loss else (target, primary):
            if cluster.status != "available" or cluster.retired or cluster.region in self._estate.lost:
                raise AwsError("InvalidDBClusterStateFault", f"DB cluster {cluster.identifier} is not available.")
        if not self._estate.members(target):
            raise AwsError("InvalidDBClusterStateFault", f"DB cluster {target.identifier} has no DB instance.")
        return primary

    def _quiesce(self, group: GlobalGroup, change: Failover, end: Instant) -> None:
        """The old primary stops taking writes; its clean end hands every row to those who stream from it.

        Only then is the target promoted: while it does not stream, everything stays as it was.
        """
        estate, source = self._estate, change.source
        if not any(_streams(each) for each in estate.members(change.target)):
            self._cancel(group, change)
            return
        writer = estate.writer(source)
        if writer is not None:
            replication.relent(writer)
            with estate.lock:
                writer.take("rebooting")
            with writer.node.alone():
                writer.node.stop()
        estate.events.tell(
            source.region,
            "db-cluster",
            source.identifier,
            "global-failover",
            f"Old primary DB cluster {source.identifier} in Region {source.region} successfully shut down",
        )
        estate.scheduler.at(end.back(estate.lead), lambda: self._finish(group, change, end), "global switchover")

    def _cancel(self, group: GlobalGroup, change: Failover) -> None:
        """Nobody can take over: everything stays as it was."""
        with self._estate.lock:
            group.status, group.failover, change.target.status = "available", None, "available"
        _tell(self._estate, change.target, "failover" if change.data_loss else "switchover", "failed")
        self._take_back(change.source)

    def _finish(self, group: GlobalGroup, change: Failover, end: Instant) -> None:
        estate = self._estate
        word = "failover" if change.data_loss else "switchover"
        try:
            chosen = promoted(estate, change.target)
        except TwinFault as error:
            LOG.warning("%s was not promoted: %s", change.target.identifier, error)
            chosen = None
        if chosen is None:
            self._cancel(group, change)
            return
        estate.clock.sleep_until(end)
        with estate.lock:
            self._crown(group, change, chosen)
        _tell(estate, change.target, word, "completed" if change.data_loss else "finished")
        for each in estate.members(change.target):
            if each is not chosen and each.settled and not replication.attach(each.node, chosen.node):
                each.rebuild_from = chosen.node
        for cluster in group.clusters[1:]:
            if change.data_loss:
                retirement.retire(estate, cluster, keep_volume=cluster is change.source)
            else:
                self._turn(cluster, chosen, demoted=cluster is change.source)

    def _turn(self, cluster: Cluster, writer: Instance, *, demoted: bool) -> None:
        """After a switchover nobody is rebuilt: the secondaries follow the new primary, the old one joins them."""
        estate = self._estate
        with estate.lock:
            members = [each for each in estate.members(cluster) if each.settled]
            turns = {each.identifier: each.take("rebooting") for each in members if demoted}
        for each in members:
            each.node.set_parameters({replication.SYNCHRONOUS: None})
            if demoted:
                self._demote(each, writer)
            elif not replication.attach(each.node, writer.node):
                each.rebuild_from = writer.node
        with estate.lock:
            if demoted:
                cluster.status = "available"
            for each in members:
                if demoted and turns[each.identifier]() and each.rebuild_from is None:
                    each.status = "available"
            endpoints.point_cluster(estate, cluster)

    def _demote(self, item: Instance, writer: Instance) -> None:
        """Follow the new primary; whoever cannot is left to the supervisor."""
        try:
            with item.node.alone():
                item.node.stop()
                item.node.start_standby(writer.node)
            followed = not item.node.beyond(writer.node)
        except TwinFault as error:
            LOG.warning("%s does not follow %s yet: %s", item.identifier, writer.identifier, error)
            followed = False
        if not followed:
            item.rebuild_from = writer.node

    def _crown(self, group: GlobalGroup, change: Failover, chosen: Instance) -> None:
        change.target.writer = chosen.identifier
        change.target.status = "available"
        chosen.in_sync = False
        change.source.deposed, change.source.writer = (change.source.writer if change.data_loss else None), None
        change.source.take(change.source.status)  # a failover within its region, wherever that is, crowns nobody now
        group.clusters.remove(change.target)
        group.clusters.insert(0, change.target)
        group.status, group.failover = "available", None
        for cluster in group.clusters[1:]:
            cluster.retired |= change.data_loss  # from this moment none of them can be the next one's target
        for cluster in (change.target, change.source):
            endpoints.point_cluster(self._estate, cluster)
        endpoints.point_global(self._estate)

    def _take_back(self, source: Cluster) -> None:
        """The old primary writes again, should it have been stopped or fenced; its writer starts first."""
        estate = self._estate
        with estate.lock:
            if source.status != "modifying":
                return  # it was out of reach all the time
            mine = source.take("modifying")
            members = [each for each in estate.members(source) if each.settled]
            members.sort(key=lambda each: each.identifier != source.writer)
            turns = [(each, each.take(each.status)) for each in members]
        for each, turn in turns:
            reboots.come_up(estate, each, turn)
        with estate.lock:
            if mine():
                source.status = "available"
                endpoints.point_cluster(estate, source)


def _streams(item: Instance) -> bool:
    try:
        return item.node.streaming()
    except TwinFault as error:
        LOG.info("%s does not stream: %s", item.identifier, error)
        return False


def _tell(estate: Estate, target: Cluster, word: str, end: str) -> None:
    message = f"Global {word} to DB cluster {target.identifier} in Region {target.region} {end}."
    estate.events.tell(target.region, "db-cluster", target.identifier, "global-failover", message)


def _passes(item: GlobalGroup, call: Call) -> bool:
    known = {
        "db-cluster-id": tuple(each for cluster in item.clusters for each in (cluster.identifier, cluster.arn)),
        "region": tuple(cluster.region for cluster in item.clusters),
    }
    return listing.passes(known, call)
