"""A writer hands over within its region: Multi-AZ instance, Multi-AZ DB cluster, Aurora.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZSingleStandby.html,
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.clock import ZERO, Duration, Instant, real_sleep
from harness.errors import TwinFault
from harness.twin.api.rds import endpoints, parameters, reboots, replication
from harness.twin.api.rds.state import AURORA, LOG, Cluster, Estate, Instance
from harness.twin.engines import postgres_template
from harness.twin.engines.postgres import PostgresNode
from harness.twin.engines.postgres_sql import Deadline

_CATCH_UP_SECONDS = 5.0


def multi_az(estate: Estate, instance: Instance) -> None:
    """Begin the failover of a Multi-AZ instance. Called with the lock held."""
    mine = instance.take("rebooting")
    estate.events.tell(
        instance.region, "db-instance", instance.identifier, "failover", "Multi-AZ instance failover started."
    )
    end = estate.clock.now() + estate.draw("rds.multi_az_instance.failover")
    estate.scheduler.later(ZERO, instance.node.fence, f"kill {instance.identifier}")
    estate.scheduler.at(
        end.back(estate.lead),
        lambda: _finish_multi_az(estate, instance, end, mine),
        f"fail {instance.identifier} over",
    )


def _finish_multi_az(estate: Estate, instance: Instance, end: Instant, mine: Callable[[], bool]) -> None:
    old, new = instance.node, instance.standby
    if not mine():
        return
    if new is None or not _promote(new):
        _restart_instead(estate, instance, mine)
        return
    estate.clock.sleep_until(end)
    with estate.lock:
        if not mine():
            return
        instance.node, instance.standby = new, old
        instance.zone, instance.standby_zone = instance.standby_zone or instance.zone, instance.zone
        instance.in_sync = False
        estate.network.remove_address(old.place, old.address)
        estate.network.address(new.place, new.address)
        parameters.apply(estate, instance, everything=True)
        endpoints.point_instance(estate, instance)
        instance.status = "available"
    tell = estate.events.tell
    tell(instance.region, "db-instance", instance.identifier, "availability", "DB instance restarted")
    tell(instance.region, "db-instance", instance.identifier, "failover", "Multi-AZ instance failover completed")
    replication.attach_replicas(estate, instance.identifier, new)


def restore_standby(instance: Instance) -> None:
    """Rebuild a hidden standby that is down (after a failover: the old writer) from the writer, if that is in reach."""
    old, new = instance.standby, instance.node
    if old is None or old.alive or not old.reaches(new):
        return
    old.set_parameters({replication.SYNCHRONOUS: None})
    old.rebuild(new)


def vacant(estate: Estate, group: Cluster) -> bool:
    """Whether a cluster should have a writer, has none, and has a member that could be it. Lock held."""
    everywhere = estate.global_of(group)
    if group.writer is not None or group.retired or group.status != "available":
        return False
    if everywhere is not None and everywhere.primary is not group:
        return False
    return any(member.working and member.node.alive and not member.node.frozen for member in estate.members(group))


def cluster(estate: Estate, group: Cluster, target: Instance | None) -> None:
    """Begin a cluster's failover to ``target`` or to the reader that has received most. Called with the lock held."""
    mine = group.take("failing-over")
    old = estate.writer(group)
    chosen = target or _first_reader(estate, group)
    where = "same" if old and chosen and old.zone == chosen.zone else "cross"
    if chosen:
        message = f"Started {where} AZ failover to DB instance: {chosen.identifier}"
        estate.events.tell(group.region, "db-cluster", group.identifier, "failover", message)
    end = estate.clock.now() + cluster_span(estate, group)
    trusted = _trusted(estate, group, old)
    still: Callable[[], bool] | None = None
    if old:
        if old.status != "deleting":
            still = old.take("modifying" if old.status == "modifying" else "rebooting")
        # Out of sync, an orderly end lets those who stream receive what they miss; a crash would lose it.
        if not old.in_sync:
            estate.scheduler.later(ZERO, old.node.stop, f"stop {old.identifier}")
        else:
            estate.scheduler.later(ZERO, old.node.fence, f"end {old.identifier}")

    def finish() -> None:
        if not mine():
            return
        if not _finish_cluster(estate, group, target, trusted, end, mine):
            _promote_previous(estate, group, old, still, mine)

    estate.scheduler.at(end.back(estate.lead), finish, f"fail {group.identifier} over")


def cluster_span(estate: Estate, group: Cluster) -> Duration:
    """How long this failover takes."""
    return estate.draw("aurora.failover" if group.engine == AURORA else "rds.multi_az_cluster.failover")


def _trusted(estate: Estate, group: Cluster, old: Instance | None) -> list[Instance]:
    """The readers that may take over: of a writer in sync, those it waited for, so that nothing is lost."""
    readers = [member for member in estate.members(group) if member is not old]
    if old is None or not old.in_sync:
        return [reader for reader in readers if reader.working]
    return [reader for reader in readers if replication.is_trusted(old, reader)]


def _first_reader(estate: Estate, group: Cluster) -> Instance | None:
    return next((member for member in estate.members(group) if member.identifier != group.writer), None)


def _finish_cluster(
    estate: Estate,
    group: Cluster,
    target: Instance | None,
    trusted: list[Instance],
    end: Instant,
    mine: Callable[[], bool],
) -> bool:
    """Promote a reader; ``False`` when none can take over."""
    with estate.lock:
        old = estate.writer(group)
        members = estate.members(group)
    chosen = _elect([reader for reader in trusted if reader in members], target)
    if chosen is None or not _take_over(chosen.node, group.volume if old is None else None):
        return False
    estate.clock.sleep_until(end)
    with estate.lock:
        if not mine():
            return True
        group.writer, group.volume = chosen.identifier, None
        chosen.in_sync = False
        group.status = "available"
        endpoints.point_cluster(estate, group)
        endpoints.point_global(estate)
    estate.events.tell(
        group.region,
        "db-cluster",
        group.identifier,
        "failover",
        f"Completed failover to DB instance: {chosen.identifier}",
    )
    rejoin(estate, group, chosen, old)
    return True


def rejoin(estate: Estate, group: Cluster, writer: Instance, old: Instance | None) -> None:
    """After a promotion: the other readers, read replicas and secondary clusters follow; the old writer is rebuilt."""
    for member in estate.members(group):
        if member not in (writer, old) and member.settled and not replication.attach(member.node, writer.node):
            member.rebuild_from = writer.node
    replication.attach_replicas(estate, group.identifier, writer.node)
    for member in estate.members(group):
        replication.attach_replicas(estate, member.identifier, writer.node)
    everywhere = estate.global_of(group)
    if everywhere is not None and everywhere.primary is group:
        for secondary in everywhere.clusters[1:]:
            for member in estate.members(secondary):
                if not secondary.retired and member.settled and not replication.attach(member.node, writer.node):
                    member.rebuild_from = writer.node
    if old is not None:
        old.node.set_parameters({replication.SYNCHRONOUS: None})
        if old.status != "deleting":
            old.rebuild_from = writer.node


def _elect(readers: list[Instance], target: Instance | None) -> Instance | None:
    """The reader to promote; a chosen one first catches up with whoever has more."""
    best = replication.readiest([reader.node for reader in readers])
    if best is None:
        return None
    if target not in readers or target is None or target.node is best:
        return next(reader for reader in readers if reader.node is best)
    try:
        _catch_up(target.node, best)
    except TwinFault as error:
        LOG.warning("%s cannot be the target: %s", target.identifier, error)
        return next(reader for reader in readers if reader.node is best)
    return target


def _catch_up(node: PostgresNode, ahead: PostgresNode) -> None:
    """Stream from another standby until nothing is missing."""
    wanted = ahead.received()
    if node.received() >= wanted:
        return
    node.follow(ahead)
    deadline = Deadline(_CATCH_UP_SECONDS)
    while node.received() < wanted:
        if deadline.passed:
            raise TwinFault(f"{node.name} did not catch up with {ahead.name}")
        real_sleep(0.005)


def _take_over(node: PostgresNode, volume: Path | None) -> bool:
    """Take writes; over the volume, if the last writer left one when it was deleted: nobody else has all of it."""
    if volume is None:
        return _promote(node)
    try:
        with node.alone():
            node.stop()
            postgres_template.remove(node.data_directory)
            node.create(volume)
            node.start()
    except TwinFault as error:
        LOG.warning("%s does not take over: %s", node.name, error)
        return False
    return True


def _promote(node: PostgresNode) -> bool:
    try:
        node.promote()
    except TwinFault as error:
        LOG.warning("%s was not promoted: %s", node.name, error)
        return False
    return True


def _promote_previous(
    estate: Estate,
    group: Cluster,
    old: Instance | None,
    still: Callable[[], bool] | None,
    mine: Callable[[], bool],
) -> None:
    """No reader can take over: the old writer starts again."""
    if old is not None and still is not None:
        estate.events.tell(
            group.region,
            "db-cluster",
            group.identifier,
            "failover",
            f"Promoting previous primary again: {old.identifier}",
        )
        _restart_instead(estate, old, still)
    with estate.lock:
        if mine():
            group.status = "available"


def _restart_instead(estate: Estate, instance: Instance, mine: Callable[[], bool]) -> None:
    replication.relent(instance)
    with instance.node.alone():
        if mine():
            instance.node.kill()
    reboots.come_up(estate, instance, mine)
    estate.events.tell(instance.region, "db-instance", instance.identifier, "availability", "DB instance restarted")
