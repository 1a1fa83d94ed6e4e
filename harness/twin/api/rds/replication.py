"""Who streams from whom, and who must have a row before it is acknowledged."""

from __future__ import annotations

from harness.errors import TwinFault
from harness.twin.api.rds import parameters
from harness.twin.api.rds.state import AURORA, LOG, Estate, Instance
from harness.twin.engines.postgres import PostgresNode

SYNCHRONOUS = "synchronous_standby_names"


def peers(estate: Estate, instance: Instance) -> list[PostgresNode]:
    """The nodes that hold a writer's rows synchronously: a hidden standby, or the working members of its cluster."""
    if not estate.is_writer(instance):
        return []
    if instance.cluster:
        members = estate.members(estate.clusters[instance.cluster])
        return [member.node for member in members if member is not instance and member.working]
    return [instance.standby] if instance.standby else []


def quorum(instance: Instance, nodes: list[PostgresNode]) -> str | None:
    """PostgreSQL's words for it.

    A Multi-AZ DB cluster waits for one of its two readers; Aurora's shared storage, which every reader sees, is stood
    for by waiting for all of them.
    """
    if not nodes:
        return None
    listed = ",".join(f'"{node.name}"' for node in nodes)
    if instance.cluster and instance.engine != AURORA:
        return f"ANY 1 ({listed})"
    return f"FIRST {len(nodes)} ({listed})"


def enough(instance: Instance, nodes: list[PostgresNode], caught_up: set[str]) -> bool:
    """Whether those who have caught up would do for the quorum, so that asking for it again blocks nobody."""
    having = [node.name in caught_up for node in nodes]
    if not having:
        return bool(instance.cluster)  # a lone writer of a cluster waits for nobody
    return any(having) if instance.cluster and instance.engine != AURORA else all(having)


def insist(estate: Estate, instance: Instance) -> None:
    """From now on the writer acknowledges only what its synchronous standbys have."""
    instance.node.set_parameters({SYNCHRONOUS: quorum(instance, peers(estate, instance))})
    instance.in_sync = True


def outdated(estate: Estate, instance: Instance) -> bool:
    """Whether a writer waits for others than it should: its cluster has gained or lost a working reader."""
    return instance.in_sync and instance.node.setting(SYNCHRONOUS) != quorum(instance, peers(estate, instance))


def excuse(estate: Estate, reader: Instance) -> None:
    """A reader of a cluster is about to go away in an orderly way: its writer waits for it no longer.

    The caller has set the reader's status already.
    """
    cluster = estate.clusters.get(reader.cluster or "")
    writer = estate.writer(cluster) if cluster else None
    if writer is not None and writer is not reader and outdated(estate, writer):
        insist(estate, writer)


def is_trusted(writer: Instance, reader: Instance) -> bool:
    """Whether a reader has every row that the writer, while in sync, acknowledged."""
    return f'"{reader.node.name}"' in (writer.node.setting(SYNCHRONOUS) or "")


def relent(instance: Instance) -> None:
    """From now on the writer acknowledges alone; its standbys may miss rows."""
    instance.in_sync = False
    instance.node.set_parameters({SYNCHRONOUS: None})


def leave_alone(instance: Instance) -> None:
    """A writer whose standby is taken away acknowledges alone, and that is as it should be."""
    instance.node.set_parameters({SYNCHRONOUS: None})
    instance.in_sync = True


def launch(estate: Estate, instance: Instance) -> None:
    """Start a stopped instance's server in its role: a writer as primary, all others as standbys of their source."""
    parameters.apply(estate, instance, everything=True)
    if estate.is_writer(instance):
        instance.node.start()
    else:
        instance.node.start_standby(estate.source_node(instance))


def attach(node: PostgresNode, upstream: PostgresNode) -> bool:
    """Let a running standby stream from a newly promoted node; ``False`` when it must be rebuilt first.

    One that had received more than the promoted node is on a dead branch. The supervisor rebuilds: it takes no server
    that it has in hand for crashed.
    """
    try:
        if not node.alive or node.frozen or node.beyond(upstream):
            return False
        node.follow(upstream)
    except TwinFault as error:
        LOG.warning("%s does not follow %s yet: %s", node.name, upstream.name, error)
        return False
    return True


def attach_replicas(estate: Estate, source: str, upstream: PostgresNode) -> None:
    """Let the read replicas of an instance or cluster follow its new writer, wherever they are."""
    with estate.lock:
        replicas = [replica for replica in estate.replicas(source) if replica.settled]
    for replica in replicas:
        if not attach(replica.node, upstream):
            replica.rebuild_from = upstream


def readiest(nodes: list[PostgresNode]) -> PostgresNode | None:
    """The one that has received most, of those that answer."""
    best: tuple[int, PostgresNode] | None = None
    for node in nodes:
        try:
            received = node.received()
        except TwinFault as error:
            LOG.warning("%s cannot take over: %s", node.name, error)
            continue
        if best is None or received > best[0]:
            best = (received, node)
    return best[1] if best else None
