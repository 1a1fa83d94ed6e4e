"""What the API's services, their targets and the caches look like, read by describes alone, for feasibility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import seconds
from harness.cloud.estate import Estate
from harness.configuration import Cache, Service, Targets, asked, served

API = "api-gateway"


def environment(estate: Estate, region: str) -> Mapping[str, str]:
    """The environment of the API's tasks in a region; empty where there is no such service."""
    found = _service(estate, region)
    if found is None:
        return {}
    told = estate.cloud.call("ecs", region, "describe_task_definition", taskDefinition=found["taskDefinition"])
    containers = told["taskDefinition"]["containerDefinitions"]
    return {item["name"]: item["value"] for one in containers for item in one.get("environment", ())}


def services(estate: Estate, environments: Mapping[str, Mapping[str, str]]) -> tuple[Service, ...]:
    """The API's service of every region that has one."""
    return tuple(
        served(region, found["desiredCount"], told, region in estate.platform.caches, found["serviceArn"])
        for region, told in environments.items()
        if (found := _service(estate, region))
    )


def _service(estate: Estate, region: str) -> Mapping[str, Any] | None:
    for cluster in estate.cloud.pages("ecs", region, "list_clusters", "clusterArns"):
        for arn in estate.cloud.pages("ecs", region, "list_services", "serviceArns", cluster=cluster):
            if arn.endswith(f"/{API}"):
                found = estate.cloud.call("ecs", region, "describe_services", cluster=cluster, services=[arn])
                return dict(found["services"][0])
    return None


def targets(estate: Estate, environments: Mapping[str, Mapping[str, str]]) -> tuple[Targets, ...]:
    """How each region's load balancer checks its targets."""
    found = []
    for region, balancer in estate.platform.load_balancers.items():
        groups = estate.cloud.call("elbv2", region, "describe_target_groups", LoadBalancerArn=balancer.arn)
        for group in groups["TargetGroups"][:1]:
            path = group.get("HealthCheckPath", "")
            found.append(
                Targets(
                    region,
                    path,
                    seconds(group["HealthCheckIntervalSeconds"]),
                    group["UnhealthyThresholdCount"],
                    asked(path, environments.get(region, {})),
                    group["TargetGroupArn"],
                )
            )
    return tuple(found)


def caches(estate: Estate) -> tuple[Cache, ...]:
    """Every replication group of every region."""
    return tuple(
        Cache(
            group["ReplicationGroupId"],
            region.name,
            group.get("CacheNodeType", ""),
            told.get("GlobalReplicationGroupId"),
            told.get("GlobalReplicationGroupMemberRole") == "SECONDARY",
            group.get("ARN", group["ReplicationGroupId"]),
        )
        for region in estate.platform.regions
        for group in estate.cloud.pages("elasticache", region.name, "describe_replication_groups", "ReplicationGroups")
        for told in [group.get("GlobalReplicationGroupInfo", {})]
    )
