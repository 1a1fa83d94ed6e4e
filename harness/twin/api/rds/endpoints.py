"""Where RDS's names lead: an instance's to its address, a cluster's to its writer and readers, a global one's on."""

from __future__ import annotations

from harness.twin import names
from harness.twin.api.rds.state import Cluster, Estate, Instance
from harness.twin.names import Pointer


def point_instance(estate: Estate, instance: Instance) -> None:
    """The instance's own endpoint; that of a Multi-AZ instance moves with its writer."""
    estate.names.point(
        names.instance_endpoint(instance.identifier, instance.region), Pointer(addresses=(instance.node.address,))
    )


def point_cluster(estate: Estate, cluster: Cluster) -> None:
    """Writer and reader endpoints. A secondary's writer endpoint is inactive; a lone writer serves readers too.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Endpoints.Reader.html
    """
    writer_name = names.cluster_endpoint(cluster.identifier, cluster.region)
    reader_name = names.cluster_endpoint(cluster.identifier, cluster.region, reader=True)
    writer = estate.writer(cluster)
    readers = [member for member in estate.members(cluster) if member is not writer]
    serving = [member for member in readers if member.working]
    chosen = serving or ([writer] if writer else readers)
    if writer:
        estate.names.point(writer_name, Pointer(cname=names.instance_endpoint(writer.identifier, writer.region)))
    else:
        estate.names.forget(writer_name)
    if chosen:
        estate.names.point(reader_name, Pointer(addresses=tuple(member.node.address for member in chosen)))
    else:
        estate.names.forget(reader_name)


def point_global(estate: Estate) -> None:
    """The global writer endpoints: aliases of the primary clusters'."""
    for group in estate.global_groups.values():
        if group.primary is None:
            estate.names.forget(names.global_endpoint(group.identifier))
        else:
            target = names.cluster_endpoint(group.primary.identifier, group.primary.region)
            estate.names.point(names.global_endpoint(group.identifier), Pointer(cname=target))


def forget_global(estate: Estate, identifier: str) -> None:
    """The endpoint of a deleted or renamed global cluster answers no more."""
    estate.names.forget(names.global_endpoint(identifier))


def forget_instance(estate: Estate, instance: Instance) -> None:
    """The endpoint of a deleted instance answers no more."""
    estate.names.forget(names.instance_endpoint(instance.identifier, instance.region))


def forget_cluster(estate: Estate, cluster: Cluster) -> None:
    """The endpoints of a deleted cluster answer no more."""
    for reader in (False, True):
        estate.names.forget(names.cluster_endpoint(cluster.identifier, cluster.region, reader=reader))
