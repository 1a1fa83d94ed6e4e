"""Is it clear who plays which part? What is ambiguous or missing, in words, before anything is broken.

Roles are worked out from describes, which tell everything that a region holds, so a database or a cache that does not
carry our tags would be taken for the platform's. Such a one is a doubt, not something to look past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from harness.cloud import discovery, observation, services
from harness.cloud.discovery import Platform
from harness.cloud.session import GLOBAL_REGION, Cloud
from harness.errors import CloudFault
from harness.target import Target

_GOING = "deleting"
_PARTS = ("rds:db", "rds:cluster", "elasticache:replicationgroup", "ecs:service")
"""What plays a part behind a load balancer."""
Tagged = Mapping[str, Mapping[str, str]]
"""ARN and tags of what carries our tags in a region."""


def found(cloud: Cloud, target: Target, platform: Platform, tagged: Mapping[str, Tagged]) -> Iterator[str]:
    """Every doubt about the platform's regions, its zone and the stop alarms, each as a clause. Raises ``CloudFault``.

    ``tagged``: by region. A zone is only looked for where Route 53 answered (``platform.zone``).
    """
    for region in (one.name for one in platform.regions):
        balancers = [arn for arn in tagged[region] if ":loadbalancer/" in arn]
        yield from _several("load balancers with our tags", balancers, region)
        clusters, caches = _clusters(cloud, region), _caches(cloud, region)
        for name, arn in {**_instances(cloud, region), **clusters, **caches}.items():
            if arn not in tagged[region]:
                yield f"{name} in {region} {_lacks(cloud, target, region, arn)}"
        yield from _several("DB clusters", clusters, region)
        yield from _several("caches", caches, region)
        yield from _several("queues for alarms", _queues(cloud, region), region)
        yield from _services(cloud, region)
    yield from _without_front(cloud, target, platform)
    if platform.zone:
        yield from _zones(cloud, target)
    yield from _stop_alarms(cloud, target)


def writer(cloud: Cloud, platform: Platform) -> str | None:
    """What is wrong with the writer: that AWS names none."""
    if discovery.writer(cloud, platform) is not None:
        return None
    return f"AWS names no database that takes writes in {', '.join(region.name for region in platform.regions)}"


def alarm_regions(target: Target) -> tuple[str, ...]:
    """Where the stop alarms are looked for: the target file's regions, and us-east-1, where global services' are."""
    return tuple(dict.fromkeys([*(hand.region for hand in target.hands), GLOBAL_REGION]))


def _without_front(cloud: Cloud, target: Target, platform: Platform) -> Iterator[str]:
    """A region that holds parts of ours and no load balancer would be left out of everything, silently."""
    built = {region.name for region in platform.regions}
    for region in (hand.region for hand in target.hands if hand.region not in built):
        try:
            ours = discovery.tagged(cloud, target, region, _PARTS)
        except CloudFault as error:
            if error.code != "Unreachable":
                raise
            continue  # it is lost: what does not answer is left out on purpose
        if ours:
            wanted = " and ".join(f"{key}={value}" for key, value in discovery.own_tags(target).items())
            yield f"{region} holds {len(ours)} parts with our tags, and no load balancer there is tagged {wanted}"


def _lacks(cloud: Cloud, target: Target, region: str, arn: str) -> str:
    """Which of our tags a resource lacks, in words."""
    carried, wanted = discovery.tags_of(cloud, region, arn), discovery.own_tags(target)
    missing = [f"{key}={value}" for key, value in wanted.items() if carried.get(key) != value]
    other = [f"{key}={carried[key]}" for key, value in wanted.items() if carried.get(key, value) != value]
    return f"lacks the tag {' and '.join(missing)}" + (f" (it has {', '.join(other)})" if other else "")


def _instances(cloud: Cloud, region: str) -> Mapping[str, str]:
    items = cloud.pages("rds", region, "describe_db_instances", "DBInstances")
    staying = [one for one in items if one["DBInstanceStatus"] != _GOING]
    return {f"DB instance {one['DBInstanceIdentifier']}": str(one["DBInstanceArn"]) for one in staying}


def _clusters(cloud: Cloud, region: str) -> Mapping[str, str]:
    items = cloud.pages("rds", region, "describe_db_clusters", "DBClusters")
    staying = [one for one in items if one["Status"] != _GOING]
    return {f"DB cluster {one['DBClusterIdentifier']}": str(one["DBClusterArn"]) for one in staying}


def _caches(cloud: Cloud, region: str) -> Mapping[str, str]:
    items = cloud.pages("elasticache", region, "describe_replication_groups", "ReplicationGroups")
    return {f"cache {one['ReplicationGroupId']}": str(one["ARN"]) for one in items if one["Status"] != _GOING}


def _queues(cloud: Cloud, region: str) -> list[str]:
    urls = cloud.call("sqs", region, "list_queues").get("QueueUrls", [])
    return [str(url) for url in urls if url.endswith("-gameday")]


def _services(cloud: Cloud, region: str) -> Iterator[str]:
    names = Counter(arn.rpartition("/")[2] for _, arn in services.listed(cloud, region))
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        yield f"{region} has more than one ECS service of the name {', '.join(twice)}"


def _zones(cloud: Cloud, target: Target) -> Iterator[str]:
    zones = discovery.zones(cloud, target.api.host)
    if len(zones) > 1:
        yield f"{len(zones)} hosted zones of one name hold {target.api.host}: {', '.join(zones)}"


def _stop_alarms(cloud: Cloud, target: Target) -> Iterator[str]:
    named, regions = target.stop.alarms, alarm_regions(target)
    known = {name for region in regions for name in observation.states(cloud, region, named)}
    for name in named:
        if name not in known:
            yield f"the stop alarm {name} is in none of {', '.join(regions)}"


def _several(what: str, names: Collection[str], region: str) -> Iterator[str]:
    if len(names) > 1:
        yield f"{region} has {len(names)} {what}: {', '.join(sorted(names))}"
