"""Who plays which part now: roles worked out from tags and describes, never from names written down beforehand."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.cloud.session import GLOBAL_REGION, Cloud
from harness.errors import CloudFault, Refused
from harness.topology import Region

if TYPE_CHECKING:  # whoever only undoes needs no reader of target files
    from harness.target import Target


@dataclass(frozen=True)
class LoadBalancerSeen:
    """An ALB: its name as clients' records lead to it, and the public subnets that a network ACL can darken."""

    arn: str
    dns_name: str
    subnets: tuple[str, ...]


@dataclass(frozen=True)
class CacheSeen:
    """A replication group and its primary endpoint."""

    identifier: str
    endpoint: str
    port: int


@dataclass(frozen=True)
class InstanceSeen:
    """A DB instance as described: ``role`` is writer, reader (of a cluster) or replica."""

    identifier: str
    region: str
    endpoint: str
    role: str
    status: str
    cluster: str | None
    parameter_group: str
    zone: str = ""
    stands_by: bool = False
    """It has a standby of its own in another zone (Multi-AZ)."""


@dataclass(frozen=True)
class Platform:
    """The system under test as discovered: regions in order of precedence and what each of them holds."""

    regions: tuple[Region, ...]
    zone: str
    load_balancers: Mapping[str, LoadBalancerSeen]
    caches: Mapping[str, CacheSeen]
    clusters: Mapping[str, str]
    global_cluster: str | None
    queues: Mapping[str, str]
    """SQS queues that receive the alarms' notifications, by region."""


def discover(cloud: Cloud, target: Target, *, without_lost: bool = False) -> Platform:
    """The platform behind the target's tags; ``without_lost``: regions that do not answer are left out.

    Where several could play a role the first is taken: ``harness.cloud.doubts`` says so, and the guard refuses then.
    Raises ``Refused`` when no region, or no hosted zone for the API's name, can be found: it says which tag is missing.
    """
    candidates = [hand.region for hand in target.hands if not without_lost or _answers(cloud, hand.region)]
    if not candidates:
        raise Refused("no region of the target file answers.", "Check [[hands]], the network and the credentials.")
    balancers = {region: seen for region in candidates if (seen := _load_balancer(cloud, target, region))}
    if not balancers:
        raise Refused(
            f"no load balancer is tagged {', '.join(f'{key}={value}' for key, value in own_tags(target).items())}.",
            "Tag the platform's resources, or point the target file at the right account.",
        )
    zone = _zone(cloud, target.api.host) if not without_lost or _answers(cloud, GLOBAL_REGION) else ""
    named = _primary(cloud, zone, target.api.host, balancers) if zone else None
    primary = named or _primary_cluster_region(cloud, next(iter(balancers)))
    order = sorted(balancers, key=lambda region: (region != primary, candidates.index(region)))
    clusters = {region: name for region in order if (name := _cluster(cloud, region))}
    return Platform(
        tuple(Region(region) for region in order),
        zone,
        balancers,
        {region: cache for region in order if (cache := _cache(cloud, region))},
        clusters,
        _global_cluster(cloud, order[0]) if clusters else None,
        {region: url for region in order if (url := _queue(cloud, region))},
    )


def _answers(cloud: Cloud, region: str) -> bool:
    try:
        cloud.call("sts", region, "get_caller_identity")
    except CloudFault as error:
        if error.code != "Unreachable":
            raise
        return False
    return True


def own_tags(target: Target) -> dict[str, str]:
    """The tags by which the target's resources are found."""
    return {"Project": target.target.project, "Environment": target.target.environment}


def tagged(cloud: Cloud, target: Target, region: str, kinds: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """ARN and tags of everything in a region that carries the target's project and environment."""
    filters = [{"Key": key, "Values": [value]} for key, value in own_tags(target).items()]
    extra: dict[str, Any] = {"ResourceTypeFilters": list(kinds)} if kinds else {}
    pages = cloud.pages(
        "resourcegroupstaggingapi", region, "get_resources", "ResourceTagMappingList", TagFilters=filters, **extra
    )
    return {item["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in item["Tags"]} for item in pages}


def tags_of(cloud: Cloud, region: str, arn: str) -> dict[str, str]:
    """The tags of one resource, empty when it has none."""
    found = cloud.call("resourcegroupstaggingapi", region, "get_resources", ResourceARNList=[arn])
    return {tag["Key"]: tag["Value"] for item in found["ResourceTagMappingList"] for tag in item["Tags"]}


def _load_balancer(cloud: Cloud, target: Target, region: str) -> LoadBalancerSeen | None:
    arns = tagged(cloud, target, region, ("elasticloadbalancing:loadbalancer",))
    if not arns:
        return None
    found = cloud.call("elbv2", region, "describe_load_balancers", LoadBalancerArns=[next(iter(arns))])
    balancer = found["LoadBalancers"][0]
    return LoadBalancerSeen(
        balancer["LoadBalancerArn"],
        balancer["DNSName"],
        tuple(zone["SubnetId"] for zone in balancer["AvailabilityZones"]),
    )


def _zone(cloud: Cloud, host: str) -> str:
    found = zones(cloud, host)
    if not found:
        raise Refused(f"no public hosted zone holds {host}.", "Check [api] host in the target file.")
    return found[0]


def zones(cloud: Cloud, host: str) -> list[str]:
    """The ids of the public hosted zones that answer for a name: those with the longest name that it ends with.

    More than one is ambiguous: only the registrar's delegation says which of them is asked, and AWS does not tell it.
    """
    held: dict[str, list[str]] = {}
    for zone in cloud.pages("route53", GLOBAL_REGION, "list_hosted_zones", "HostedZones"):
        name = str(zone["Name"]).rstrip(".").lower()
        private = zone.get("Config", {}).get("PrivateZone", False)
        if not private and (host.lower() == name or host.lower().endswith(f".{name}")):
            held.setdefault(name, []).append(str(zone["Id"]).removeprefix("/hostedzone/"))
    return held[max(held, key=len)] if held else []


def records(cloud: Cloud, zone: str, host: str) -> list[Mapping[str, Any]]:
    """The API name's record sets."""
    answer = cloud.call("route53", GLOBAL_REGION, "list_resource_record_sets", HostedZoneId=zone)
    return [item for item in answer["ResourceRecordSets"] if item["Name"].rstrip(".") == host]


def record_target(record: Mapping[str, Any]) -> str:
    """The name that a record leads to."""
    if "AliasTarget" in record:
        return str(record["AliasTarget"]["DNSName"]).rstrip(".").removeprefix("dualstack.")
    return str(record["ResourceRecords"][0]["Value"]).rstrip(".")


def _primary(cloud: Cloud, zone: str, host: str, balancers: Mapping[str, LoadBalancerSeen]) -> str | None:
    by_name = {seen.dns_name.lower(): region for region, seen in balancers.items()}
    for record in records(cloud, zone, host):
        if record.get("Failover") == "PRIMARY" and record_target(record).lower() in by_name:
            return by_name[record_target(record).lower()]
    return None


def _cluster(cloud: Cloud, region: str) -> str | None:
    found = cloud.call("rds", region, "describe_db_clusters")["DBClusters"]
    return str(found[0]["DBClusterIdentifier"]) if found else None


def _global_cluster(cloud: Cloud, region: str) -> str | None:
    found = cloud.call("rds", region, "describe_global_clusters")["GlobalClusters"]
    return str(found[0]["GlobalClusterIdentifier"]) if found else None


def _cache(cloud: Cloud, region: str) -> CacheSeen | None:
    for group in cloud.pages("elasticache", region, "describe_replication_groups", "ReplicationGroups"):
        endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
        return CacheSeen(group["ReplicationGroupId"], endpoint["Address"], endpoint["Port"])
    return None


def _queue(cloud: Cloud, region: str) -> str | None:
    urls = cloud.call("sqs", region, "list_queues").get("QueueUrls", [])
    return next((str(url) for url in urls if url.endswith("-gameday")), None)


def subnets(cloud: Cloud, target: Target, region: str) -> list[Mapping[str, Any]]:
    """The subnets of a region that carry the target's tags: another team's, or a default VPC's, are never darkened."""
    wanted = {"Project": target.target.project, "Environment": target.target.environment}
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in wanted.items()]
    return list(cloud.pages("ec2", region, "describe_subnets", "Subnets", Filters=filters))


def within(addresses: Iterable[str], networks: Sequence[str]) -> tuple[str, ...]:
    """Those of the addresses that lie in one of these CIDR blocks."""
    known = [ipaddress.ip_network(network) for network in networks]
    return tuple(one for one in addresses if any(ipaddress.ip_address(one) in network for network in known))


def instances(cloud: Cloud, region: str) -> list[InstanceSeen]:
    """The DB instances of a region with the role that each plays now."""
    writers = {
        member["DBInstanceIdentifier"]
        for cluster in cloud.call("rds", region, "describe_db_clusters")["DBClusters"]
        for member in cluster["DBClusterMembers"]
        if member["IsClusterWriter"]
    }
    found = []
    for item in cloud.pages("rds", region, "describe_db_instances", "DBInstances"):
        name, cluster = item["DBInstanceIdentifier"], item.get("DBClusterIdentifier")
        source = item.get("ReadReplicaSourceDBInstanceIdentifier") or item.get("ReadReplicaSourceDBClusterIdentifier")
        role = "replica" if source else "writer" if name in writers or not cluster else "reader"
        groups = item.get("DBParameterGroups") or [{"DBParameterGroupName": ""}]
        found.append(
            InstanceSeen(
                name,
                region,
                item.get("Endpoint", {}).get("Address", ""),
                role,
                item["DBInstanceStatus"],
                cluster,
                groups[0]["DBParameterGroupName"],
                item.get("AvailabilityZone", ""),
                bool(item.get("MultiAZ", False)),
            )
        )
    return found


def writer(cloud: Cloud, platform: Platform) -> InstanceSeen | None:
    """The instance that takes writes now, as AWS describes it; ``None`` while it says there is none.

    Asked of every region that answers, since the region that would know best may be the one that is lost. A global
    cluster's members say which region is primary, whoever answers first. A replica that was promoted is a writer too,
    of nobody's: a cluster's writer, or one with a standby of its own, goes before it.
    """
    answering = []
    for region in platform.regions:
        try:
            answering.append((region.name, instances(cloud, region.name)))
        except CloudFault as error:
            if error.code != "Unreachable":
                raise
    if platform.global_cluster and answering:
        primary = _primary_cluster_region(cloud, answering[-1][0])
        answering = [(region, seen) for region, seen in answering if region == primary]
    writers = [instance for _, seen in answering for instance in seen if instance.role == "writer"]
    return min(writers, key=lambda one: not (one.cluster or one.stands_by), default=None)


def _primary_cluster_region(cloud: Cloud, region: str) -> str | None:
    for group in cloud.call("rds", region, "describe_global_clusters")["GlobalClusters"]:
        for member in group["GlobalClusterMembers"]:
            if member["IsWriter"]:
                return str(member["DBClusterArn"]).split(":")[3]
    return None
