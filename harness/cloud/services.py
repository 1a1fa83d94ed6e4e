"""The ECS services of a region with their counts, and one count remembered on the service itself, as a tag."""

from __future__ import annotations

from dataclasses import dataclass

from harness.cloud.estate import Estate
from harness.cloud.orders import Order

_TAG = "gameday:desired-count"


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


def of_region(estate: Estate, region: str) -> list[ServiceSeen]:
    """Every service of every cluster of a region. Raises ``CloudFault``."""
    cloud, found = estate.cloud, []
    for cluster in cloud.pages("ecs", region, "list_clusters", "clusterArns"):
        arns = list(cloud.pages("ecs", region, "list_services", "serviceArns", cluster=cluster))
        for part in (arns[start : start + 10] for start in range(0, len(arns), 10)):
            told = cloud.call("ecs", region, "describe_services", cluster=cluster, services=part, include=["TAGS"])
            for item in told["services"]:
                tags = {tag["key"]: tag["value"] for tag in item.get("tags", ())}
                counts = (int(item["desiredCount"]), int(item["runningCount"]))
                kept = int(tags[_TAG]) if _TAG in tags else None
                found.append(ServiceSeen(region, str(cluster), str(item["serviceArn"]), *counts, kept))
    return found


def remember(seen: ServiceSeen) -> Order:
    """Keep its desired count on it."""
    tag = {"key": _TAG, "value": str(seen.desired)}
    return Order("ecs", seen.region, "tag_resource", {"resourceArn": seen.arn, "tags": [tag]})


def forget(seen: ServiceSeen) -> Order:
    """Take the remembered count off."""
    return Order("ecs", seen.region, "untag_resource", {"resourceArn": seen.arn, "tagKeys": [_TAG]})
