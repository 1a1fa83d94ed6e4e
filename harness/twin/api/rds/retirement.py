"""What becomes of the others when a global database has a new primary: fenced, volume kept, rebuilt as secondaries."""

from __future__ import annotations

from collections.abc import Callable

from harness.clock import seconds
from harness.errors import TwinFault
from harness.twin.api.rds import endpoints, replication
from harness.twin.api.rds.state import LOG, Cluster, Estate, Instance, Snapshot
from harness.twin.engines import postgres_template

_PREFIX = "rds:unplanned-global-failover-"
_AGAIN = seconds(2)


def fence_if_reachable(estate: Estate, cluster: Cluster) -> Callable[[], bool]:
    """End the old primary's servers, best effort: one in a lost region goes on until the region returns.

    Whatever was under way with the cluster or its instances ends too. Returns whether it still is the caller's.
    """
    with estate.lock:
        if cluster.region in estate.lost:
            LOG.info("%s is out of reach and goes on", cluster.identifier)
            return cluster.take(cluster.status)
        mine = cluster.take("modifying")
        members = [member for member in estate.members(cluster) if member.settled]
        for member in members:
            member.take("rebooting")
            member.rebuild_from = None
    for member in sorted(members, key=lambda member: member.identifier != cluster.writer):
        member.node.fence()
        replication.relent(member)
    endpoints.point_cluster(estate, cluster)
    return mine


def retire(estate: Estate, cluster: Cluster, *, keep_volume: bool) -> None:
    """Fence a cluster that is no longer primary, or never was, and have it rebuilt from the new one.

    It cannot be read meanwhile. In a lost region nothing happens until ``returning``.
    """
    with estate.lock:
        cluster.retired = True
    mine = fence_if_reachable(estate, cluster)
    if cluster.region in estate.lost:
        return
    if keep_volume:
        _keep_if_it_wrote(estate, cluster)
    _tell(estate, cluster, "Started resynchronizing members")
    end = estate.clock.now() + estate.draw("aurora.global_rebuild")
    estate.scheduler.at(end, lambda: _rebuild(estate, cluster, mine), f"rebuild {cluster.identifier}")


def returning(estate: Estate, region: str) -> None:
    """A lost region is about to be joined again: whatever lost its office meanwhile is fenced first."""
    with estate.lock:
        estate.lost.discard(region)
        groups = list(estate.global_groups.values())
        old = [item for group in groups for item in group.clusters if item.region == region and item.retired]
    for cluster in old:
        retire(estate, cluster, keep_volume=True)
    for group in groups:
        change = group.failover
        if change is not None and change.data_loss and change.source.region == region:
            fence_if_reachable(estate, change.source)


def _keep_if_it_wrote(estate: Estate, cluster: Cluster) -> None:
    """Not of one that was a secondary; nor can a volume that is not there hold up the rebuilding of the others."""
    writer = estate.instances.get(cluster.deposed or "")
    if writer is None or not writer.settled:
        return
    try:
        keep(estate, cluster, writer)
    except TwinFault as error:
        LOG.warning("no volume of %s is kept: %s", cluster.identifier, error)


def keep(estate: Estate, cluster: Cluster, writer: Instance) -> Snapshot:
    """Keep the fenced writer's volume as the snapshot that AWS makes at an unplanned failover.

    An older writer may be among the members, or what is left of one that was just being rebuilt.
    """
    now = estate.clock.now()
    stamp = now.datetime.strftime("%Y-%m-%d-%H-%M-%S")
    identifier = f"{_PREFIX}{cluster.identifier}-{stamp}"
    directory = estate.directory / "volumes" / identifier.replace(":", "-")
    postgres_template.copy(writer.node.data_directory, directory)
    snapshot = Snapshot(identifier, cluster.identifier, cluster.region, cluster.engine, now, cluster.created, directory)
    with estate.lock:
        estate.snapshots[identifier] = snapshot
    estate.events.tell(
        cluster.region, "db-cluster-snapshot", identifier, "backup", "Automated cluster snapshot created"
    )
    return snapshot


def _rebuild(estate: Estate, cluster: Cluster, mine: Callable[[], bool]) -> None:
    """Rebuild every member from the primary, once that can be reached and stays up; asked again until then."""
    with estate.lock:
        if estate.closed or cluster.region in estate.lost or not mine():
            return
        group = estate.global_of(cluster)
        writer = estate.writer(group.primary) if group and group.primary else None
        members = [member for member in estate.members(cluster) if member.settled]
    try:
        done = writer is not None and all(_rebuilt(member, writer, mine) for member in members)
    except TwinFault as error:
        LOG.warning("%s is not rebuilt yet: %s", cluster.identifier, error)
        done = False
    if not done:
        estate.scheduler.later(_AGAIN, lambda: _rebuild(estate, cluster, mine), f"rebuild {cluster.identifier}")
        return
    with estate.lock:
        if not mine():
            return
        cluster.retired, cluster.deposed = False, None
        cluster.status = "available"
        for member in members:
            member.status, member.in_sync = "available", True
        endpoints.point_cluster(estate, cluster)
    _tell(estate, cluster, "Finished resynchronizing members")


def _rebuilt(member: Instance, writer: Instance, mine: Callable[[], bool]) -> bool:
    """Let a member stream from the primary, unless it does already; ``False`` when that is out of reach."""
    if not member.node.reaches(writer.node):
        return False
    with member.node.alone():
        if not mine():
            return False
        if not (member.node.alive and member.node.upstream is writer.node and member.node.streaming()):
            member.node.rebuild(writer.node)
    return True


def _tell(estate: Estate, cluster: Cluster, what: str) -> None:
    message = f"{what} of DB cluster {cluster.identifier} in Region {cluster.region} after global failover."
    estate.events.tell(cluster.region, "db-cluster", cluster.identifier, "global-failover", message)
