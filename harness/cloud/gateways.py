"""What the API's services, their targets and the caches look like, read by describes alone, for feasibility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import seconds
from harness.cloud import services as ecs
from harness.cloud.estate import Estate
from harness.configuration import Cache, Service, Targets, asked, served

API = "api-gateway"


def found(estate: Estate) -> dict[str, Mapping[str, Any]]:
    """The API's ECS service of every region that has one, as described now."""
    cloud, seen = estate.cloud, dict[str, Mapping[str, Any]]()
    for region in (item.name for item in estate.platform.regions):
        mine = next((one for one in ecs.listed(cloud, region) if one[1].endswith(f"/{API}")), None)
        if mine:
            _, seen[region] = next(ecs.described(cloud, region, [mine]))
    return seen


def environments(estate: Estate, gateways: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, str]]:
    """The environment of the API's tasks in each region; empty where there is no such service."""
    return {
        region.name: _environment(estate, region.name, gateways[region.name]) if region.name in gateways else {}
        for region in estate.platform.regions
    }


def _environment(estate: Estate, region: str, gateway: Mapping[str, Any]) -> Mapping[str, str]:
    told = estate.cloud.call("ecs", region, "describe_task_definition", taskDefinition=gateway["taskDefinition"])
    containers = told["taskDefinition"]["containerDefinitions"]
    return {item["name"]: item["value"] for one in containers for item in one.get("environment", ())}


def services(
    estate: Estate, gateways: Mapping[str, Mapping[str, Any]], told: Mapping[str, Mapping[str, str]]
) -> tuple[Service, ...]:
    """The API's service of every region that has one; ``told``: its environment, by region."""
    return tuple(
        served(region, item["desiredCount"], told[region], region in estate.platform.caches, item["serviceArn"])
        for region, item in gateways.items()
    )


def targets(estate: Estate, told: Mapping[str, Mapping[str, str]]) -> tuple[Targets, ...]:
    """How each region's load balancer checks its targets."""
    checked = []
    for region, balancer in estate.platform.load_balancers.items():
        groups = estate.cloud.call("elbv2", region, "describe_target_groups", LoadBalancerArn=balancer.arn)
        for group in groups["TargetGroups"][:1]:
            path = group.get("HealthCheckPath", "")
            checked.append(
                Targets(
                    region,
                    path,
                    seconds(group["HealthCheckIntervalSeconds"]),
                    group["UnhealthyThresholdCount"],
                    asked(path, told.get(region, {})),
                    group["TargetGroupArn"],
                )
            )
    return tuple(checked)


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
