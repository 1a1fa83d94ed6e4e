"""From the design to running servers: all started at once, done when everybody streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.clock import Instant
from harness.twin import names
from harness.twin.api.rds import endpoints, parameters, replication
from harness.twin.api.rds.state import LOG, Cluster, Estate, GlobalGroup, Instance
from harness.twin.calls import AwsError
from harness.twin.designs.model import DbInstance
from harness.twin.engines.postgres import PostgresNode

_UNASSIGNED_ADDRESSES = Path("/proc/sys/net/ipv4/ip_nonlocal_bind")
"""A server may listen at an address that its place does not have yet (of the thread's own network namespace)."""

FIRST_OCTET = 100
FIRST_STANDBY_OCTET = 150
_MOST = 50


def node(estate: Estate, identifier: str, region: str, zone: str, octet: int, *, hidden: bool = False) -> PostgresNode:
    """A server, not yet made, in the data subnet of a zone; its addresses are put there.

    A hidden one gets only its backplane address: what clients would reach it by is added when it takes over.
    """
    plan = estate.design.region(region)
    place = names.place(region, zone, "data")
    address = f"{names.subnet(plan.octet, zone, 'data')}.{octet}"
    backplane = f"{names.backplane(plan.octet, zone)}.{octet}"
    for each in (backplane,) if hidden else (address, backplane):
        estate.network.address(place, each)
    with estate.network.inside(place):
        _UNASSIGNED_ADDRESSES.write_text("1", encoding="ascii")
    name = f"postgres-{identifier}"
    return PostgresNode(estate.network, name, place, address, backplane, estate.directory / name, LOG)


def joining(estate: Estate, identifier: str, region: str, zone: str, *, hidden: bool = False) -> PostgresNode:
    """A server for something made after boot, at an address that nobody has; ``InstanceQuotaExceeded`` without one.

    Called with the lock held.
    """
    first = FIRST_STANDBY_OCTET if hidden else FIRST_OCTET
    servers = [server for item in estate.instances.values() for server in (item.node, item.standby) if server]
    taken = {int(server.address.rpartition(".")[2]) for server in servers}
    octet = next((each for each in range(first, first + _MOST) if each not in taken), None)
    if octet is None:
        raise AwsError("InstanceQuotaExceeded", "The twin has no more addresses for DB instances.")
    return node(estate, identifier, region, zone, octet, hidden=hidden)


def dismantle(estate: Estate, server: PostgresNode) -> None:
    """End a server for good: its data and its addresses go too."""
    server.destroy()
    for address in (server.address, server.backplane_address):
        estate.network.remove_address(server.place, address)


def register(estate: Estate) -> None:
    """Note down the design's instances and clusters; no server runs yet."""
    now = estate.clock.now()
    for index, plan in enumerate(estate.design.instances):
        estate.instances[plan.identifier] = _instance(estate, plan, index, now)
    global_plan = estate.design.global_cluster
    for cluster in estate.design.clusters:
        secondary = global_plan is not None and cluster.identifier in global_plan.clusters[1:]
        estate.clusters[cluster.identifier] = Cluster(
            cluster.identifier,
            cluster.region,
            cluster.engine,
            list(cluster.members),
            None if secondary else cluster.members[0],
            cluster.parameter_group,
            now,
            cluster.global_cluster,
        )
    if global_plan is not None:
        members = [estate.clusters[identifier] for identifier in global_plan.clusters]
        estate.global_groups[global_plan.identifier] = GlobalGroup(global_plan.identifier, members, now)


def start(estate: Estate, template: Path) -> None:
    """Start every server and return when all answer and all standbys stream; ``TwinFault`` when one does not."""
    instances = list(estate.instances.values())
    for instance in instances:
        parameters.apply(estate, instance, everything=True)
        if estate.is_writer(instance):
            replication.insist(estate, instance)
    together(instances, lambda instance: _launch(estate, instance, template))
    together(instances, _await)
    for instance in instances:
        endpoints.point_instance(estate, instance)
    for cluster in estate.clusters.values():
        endpoints.point_cluster(estate, cluster)
    endpoints.point_global(estate)


def together(instances: Iterable[Instance], action: Callable[[Instance], object]) -> None:
    """Do it for all of them at once; raises the first failure."""
    chosen = list(instances)
    with ThreadPoolExecutor(max(1, len(chosen)), thread_name_prefix="rds-boot") as pool:
        list(pool.map(action, chosen))


def _instance(estate: Estate, plan: DbInstance, index: int, now: Instant) -> Instance:
    standby = None
    if plan.standby_zone:
        octet = FIRST_STANDBY_OCTET + index
        standby = node(estate, f"{plan.identifier}-standby", plan.region, plan.standby_zone, octet, hidden=True)
    return Instance(
        plan.identifier,
        plan.region,
        plan.zone,
        plan.instance_class,
        plan.engine,
        plan.parameter_group,
        now,
        node(estate, plan.identifier, plan.region, plan.zone, FIRST_OCTET + index),
        standby,
        plan.standby_zone,
        plan.source,
        plan.cluster,
        retention=0 if plan.source else 7,
    )


def _launch(estate: Estate, instance: Instance, template: Path) -> None:
    upstream = estate.source_node(instance)
    instance.node.create(template)
    if upstream is None:
        instance.node.start(wait=False)
    else:
        instance.node.start_standby(upstream, wait=False)
    if instance.standby is not None:
        instance.standby.create(template)
        instance.standby.start_standby(instance.node, wait=False)


def _await(instance: Instance) -> None:
    for server in (instance.node, instance.standby):
        if server is not None:
            server.wait_until_answering()
            if server.upstream is not None:
                server.wait_until_streaming()
