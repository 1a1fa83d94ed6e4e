"""The ECS services of a region with their counts, and one count remembered on the service itself, as a tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.cloud.estate import Estate
from harness.cloud.orders import Order
from harness.cloud.session import Cloud

_TAG = "gameday:desired-count"
_AT_ONCE = 10


@dataclass(frozen=True)
class ServiceSeen:
    """A service as described now; ``remembered`` is the count that it is to have again, if it was stopped."""

    region: str
    cluster: str
    arn: str
    desired: int
    running: int
    remembered: int | None

    @property
    def name(self) -> str:
        """Its short name."""
        return self.arn.rpartition("/")[2]


def listed(cloud: Cloud, region: str) -> Iterator[tuple[str, str]]:
    """The ARNs of the cluster and the service, for every service of a region. Raises ``CloudFault``."""
    for cluster in cloud.pages("ecs", region, "list_clusters", "clusterArns"):
        for service in cloud.pages("ecs", region, "list_services", "serviceArns", cluster=cluster):
            yield str(cluster), str(service)


def described(
    cloud: Cloud, region: str, services: Iterable[tuple[str, str]], *include: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The cluster and the description of each of these services, ten a call: more AWS does not take.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
    """
    clusters: dict[str, list[str]] = {}
    for cluster, arn in services:
        clusters.setdefault(cluster, []).append(arn)
    more = {"include": list(include)} if include else {}
    for cluster, arns in clusters.items():
        for start in range(0, len(arns), _AT_ONCE):
            part = arns[start : start + _AT_ONCE]
            told = cloud.call("ecs", region, "describe_services", cluster=cluster, services=part, **more)
            yield from ((cluster, item) for item in told["services"])


def of_region(estate: Estate, region: str) -> list[ServiceSeen]:
    """Every service of every cluster of a region. Raises ``CloudFault``."""
    cloud, found = estate.cloud, []
    for cluster, item in described(cloud, region, listed(cloud, region), "TAGS"):
        tags = {tag["key"]: tag["value"] for tag in item.get("tags", ())}
        counts = (int(item["desiredCount"]), int(item["runningCount"]))
        kept = int(tags[_TAG]) if _TAG in tags else None
        found.append(ServiceSeen(region, cluster, str(item["serviceArn"]), *counts, kept))
    return found


def remember(seen: ServiceSeen) -> Order:
    """Keep its desired count on it."""
    tag = {"key": _TAG, "value": str(seen.desired)}
    return Order("ecs", seen.region, "tag_resource", {"resourceArn": seen.arn, "tags": [tag]})


def forget(seen: ServiceSeen) -> Order:
    """Take the remembered count off."""
    return Order("ecs", seen.region, "untag_resource", {"resourceArn": seen.arn, "tagKeys": [_TAG]})
