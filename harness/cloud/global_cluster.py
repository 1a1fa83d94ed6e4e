"""The Aurora global database as RDS describes it: who writes, who follows, and how far each has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.cloud import discovery
from harness.cloud.estate import Estate
from harness.errors import CloudFault, Refused

SYNCHRONIZED = "connected"


@dataclass(frozen=True)
class MemberSeen:
    """A DB cluster of the global database; ``synchronization`` is RDS's word for it."""

    arn: str
    synchronization: str


@dataclass(frozen=True)
class GlobalClusterSeen:
    """``writer`` is the region of the primary, empty while there is none; ``members`` are by region."""

    identifier: str
    status: str
    writer: str
    members: Mapping[str, MemberSeen]

    def __str__(self) -> str:
        return f"{self.identifier} is {self.status}, {self.writer or 'nobody'} writes"


def name_of(estate: Estate) -> str:
    """The platform's global cluster; raises ``Refused`` when it has none."""
    name = estate.platform.global_cluster
    if name is None:
        raise Refused("the platform has no global cluster.", "Aim at a design with Aurora Global Database.")
    return name


def look(estate: Estate, region: str) -> GlobalClusterSeen:
    """The global cluster as the RDS API of a region tells it. Raises ``CloudFault``."""
    name = name_of(estate)
    found = estate.cloud.call("rds", region, "describe_global_clusters", GlobalClusterIdentifier=name)
    told = found["GlobalClusters"][0]
    members = {member["DBClusterArn"].split(":")[3]: member for member in told["GlobalClusterMembers"]}
    return GlobalClusterSeen(
        name,
        str(told["Status"]),
        next((region for region, member in members.items() if member["IsWriter"]), ""),
        {
            region: MemberSeen(str(member["DBClusterArn"]), str(member.get("SynchronizationStatus", SYNCHRONIZED)))
            for region, member in members.items()
        },
    )


def member(seen: GlobalClusterSeen, region: str) -> MemberSeen:
    """The cluster of a region; raises ``Refused`` when it has none."""
    if region not in seen.members:
        raise Refused(f"{seen.identifier} has no DB cluster in {region}.", f"One of {', '.join(seen.members)}.")
    return seen.members[region]


def busy(estate: Estate, regions: tuple[str, ...]) -> list[str]:
    """The DB instances of these regions that are not available, with their status. Raises ``CloudFault``."""
    return [
        f"{item.identifier} is {item.status}"
        for region in regions
        for item in discovery.instances(estate.cloud, region)
        if item.status != "available"
    ]


def cluster_status(estate: Estate, region: str, arn: str) -> str:
    """The status of a member cluster, in its own region. Raises ``CloudFault``."""
    found = estate.cloud.call("rds", region, "describe_db_clusters", DBClusterIdentifier=arn.rpartition(":")[2])
    if not found["DBClusters"]:
        raise CloudFault("rds.describe_db_clusters", "DBClusterNotFoundFault", f"{arn} is not there")
    return str(found["DBClusters"][0]["Status"])
