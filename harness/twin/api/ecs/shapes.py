"""ECS's resources in the shape of botocore's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import Instant
from harness.twin import names
from harness.twin.api.ecs.fleet import CHECK_INTERVAL, CHECK_RETRIES, CHECK_TIMEOUT, STOP_TIMEOUT, Fleet
from harness.twin.api.ecs.task import CLUSTER, PORT, Task
from harness.twin.designs.model import EcsService

_CPU, _MEMORY = "256", "512"


def cluster_arn(region: str) -> str:
    """The ARN of a region's cluster."""
    return names.arn("ecs", region, f"cluster/{CLUSTER}")


def service_arn(plan: EcsService) -> str:
    """A service's ARN."""
    return names.arn("ecs", plan.region, f"service/{CLUSTER}/{plan.name}")


def definition_arn(plan: EcsService) -> str:
    """The ARN of a service's one task definition."""
    return names.arn("ecs", plan.region, f"task-definition/{plan.name}:1")


def counts(tasks: Sequence[Task]) -> tuple[int, int]:
    """Running and pending tasks, as ECS counts them."""
    running = sum(task.status == "RUNNING" for task in tasks)
    return running, sum(task.wanted and task.status in ("PROVISIONING", "PENDING") for task in tasks)


def cluster(region: str, fleets: Sequence[Fleet]) -> dict[str, Any]:
    """A Cluster."""
    pairs = [counts(fleet.tasks()) for fleet in fleets]
    return {
        "clusterArn": cluster_arn(region),
        "clusterName": CLUSTER,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": sum(running for running, _ in pairs),
        "pendingTasksCount": sum(pending for _, pending in pairs),
        "activeServicesCount": len(fleets),
        "capacityProviders": ["FARGATE"],
        "settings": [{"name": "containerInsights", "value": "enabled"}],
    }


def service(fleet: Fleet, group_arn: str | None, tags: Mapping[str, str] | None) -> dict[str, Any]:
    """A Service with its one deployment."""
    plan = fleet.plan
    running, pending = counts(fleet.tasks())
    deployment = {
        "id": "ecs-svc/1",
        "status": "PRIMARY",
        "taskDefinition": definition_arn(plan),
        "desiredCount": fleet.desired,
        "pendingCount": pending,
        "runningCount": running,
        "createdAt": fleet.created.datetime,
        "updatedAt": fleet.created.datetime,
        "launchType": "FARGATE",
        "rolloutState": "COMPLETED",
    }
    shape: dict[str, Any] = {
        "serviceArn": service_arn(plan),
        "serviceName": plan.name,
        "clusterArn": cluster_arn(plan.region),
        "loadBalancers": [{"targetGroupArn": group_arn, "containerName": plan.name, "containerPort": PORT}]
        if group_arn
        else [],
        "status": "ACTIVE",
        "desiredCount": fleet.desired,
        "runningCount": running,
        "pendingCount": pending,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "taskDefinition": definition_arn(plan),
        "deploymentConfiguration": {
            "maximumPercent": plan.maximum_percent,
            "minimumHealthyPercent": plan.minimum_healthy_percent,
        },
        "deployments": [deployment],
        "events": [_event(number, at, message) for number, (at, message) in enumerate(tuple(fleet.events))],
        "createdAt": fleet.created.datetime,
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": [names.subnet_id(plan.region, zone, "app") for zone in plan.zones],
                "securityGroups": [f"sg-{names.short(plan.region)}app"],
                "assignPublicIp": "DISABLED",
            }
        },
        "schedulingStrategy": "REPLICA",
    }
    return shape | ({"tags": tag_list(tags)} if tags is not None else {})


def task(item: Task, tags: Mapping[str, str] | None) -> dict[str, Any]:
    """A Task with its network interface and its one container."""
    shape: dict[str, Any] = {
        "taskArn": item.arn,
        "clusterArn": cluster_arn(item.region),
        "taskDefinitionArn": names.arn("ecs", item.region, f"task-definition/{item.service}:1"),
        "group": f"service:{item.service}",
        "startedBy": "ecs-svc/1",
        "launchType": "FARGATE",
        "availabilityZone": f"{item.region}{item.zone}",
        "lastStatus": item.status,
        "desiredStatus": "RUNNING" if item.wanted else "STOPPED",
        "healthStatus": item.health,
        "cpu": _CPU,
        "memory": _MEMORY,
        "createdAt": item.created.datetime,
        "attachments": [_attachment(item)],
        "containers": [_container(item)],
    }
    for name, moment in (("startedAt", item.started), ("stoppingAt", item.stopping), ("stoppedAt", item.stopped)):
        if moment:
            shape[name] = moment.datetime
    if item.stop_code:
        shape |= {"stopCode": item.stop_code, "stoppedReason": item.stopped_reason}
    return shape | ({"tags": tag_list(tags)} if tags is not None else {})


def definition(plan: EcsService) -> dict[str, Any]:
    """A TaskDefinition with its one container."""
    container: dict[str, Any] = {
        "name": plan.name,
        "image": f"agentauri/{plan.name}:1",
        "essential": True,
        "portMappings": [{"containerPort": PORT, "protocol": "tcp"}],
        "stopTimeout": int(STOP_TIMEOUT.seconds),
    }
    if plan.container_health_check:
        container["healthCheck"] = {
            "command": ["CMD-SHELL", f"curl -f http://localhost:{PORT}/api/v1/health || exit 1"],
            "interval": int(CHECK_INTERVAL.seconds),
            "timeout": int(CHECK_TIMEOUT.seconds),
            "retries": CHECK_RETRIES,
        }
    return {
        "taskDefinitionArn": definition_arn(plan),
        "family": plan.name,
        "revision": 1,
        "status": "ACTIVE",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": _CPU,
        "memory": _MEMORY,
        "containerDefinitions": [container],
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in ECS's own lower case."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def _event(number: int, at: Instant, message: str) -> dict[str, Any]:
    return {"id": f"{at.nanoseconds:x}-{number}", "createdAt": at.datetime, "message": message}


def _attachment(item: Task) -> dict[str, Any]:
    return {
        "id": f"eni-{item.identifier[:17]}",
        "type": "ElasticNetworkInterface",
        "status": "DELETED" if item.status == "STOPPED" else "ATTACHED",
        "details": [
            {"name": "subnetId", "value": names.subnet_id(item.region, item.zone, "app")},
            {"name": "privateIPv4Address", "value": item.address},
        ],
    }


def _container(item: Task) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "name": item.service,
        "taskArn": item.arn,
        "containerArn": names.arn("ecs", item.region, f"container/{CLUSTER}/{item.identifier}/1"),
        "lastStatus": "RUNNING" if item.status in ("RUNNING", "DEACTIVATING", "STOPPING") else _ended(item),
        "healthStatus": item.health,
        "networkInterfaces": [{"attachmentId": f"eni-{item.identifier[:17]}", "privateIpv4Address": item.address}],
    }
    return shape | ({"exitCode": item.exit_code} if item.exit_code is not None else {})


def _ended(item: Task) -> str:
    return "STOPPED" if item.status in ("DEPROVISIONING", "STOPPED") else "PENDING"
