"""ECS's resources in the shape of botocore's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.twin import names
from harness.twin.api.ecs.deployment import Deployment
from harness.twin.api.ecs.fleet import Snapshot
from harness.twin.api.ecs.runner import CHECK_INTERVAL, CHECK_RETRIES, CHECK_TIMEOUT, STOP_TIMEOUT
from harness.twin.api.ecs.task import CLUSTER, PORT, Task
from harness.twin.designs.model import AppBehaviour, EcsService

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
    """Running and pending tasks, as ECS counts them; the tasks are those of a snapshot."""
    running = sum(task.status == "RUNNING" for task in tasks)
    return running, sum(task.wanted and task.status in ("PROVISIONING", "PENDING", "ACTIVATING") for task in tasks)


def cluster(
    region: str, services: Sequence[Snapshot], include: Sequence[str], tags: Mapping[str, str]
) -> dict[str, Any]:
    """A Cluster; ``include`` names the parts that AWS gives only when asked."""
    pairs = [counts(one.tasks) for one in services]
    running, pending = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    shape: dict[str, Any] = {
        "clusterArn": cluster_arn(region),
        "clusterName": CLUSTER,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": len(services),
        "capacityProviders": ["FARGATE"],
        "defaultCapacityProviderStrategy": [],
    }
    figures = (
        ("runningFargateTasksCount", running),
        ("pendingFargateTasksCount", pending),
        ("activeFargateServiceCount", len(services)),
    )
    extras: dict[str, Any] = {
        "SETTINGS": {"settings": [{"name": "containerInsights", "value": "enabled"}]},
        "STATISTICS": {"statistics": [{"name": name, "value": str(value)} for name, value in figures]},
        "TAGS": {"tags": tag_list(tags)},
    }
    for part in include:
        shape |= extras.get(part, {})
    return shape


def service(snapshot: Snapshot, tags: Mapping[str, str] | None) -> dict[str, Any]:
    """A Service with its deployments, the newest first."""
    plan, settings, group_arn = snapshot.plan, snapshot.settings, snapshot.group_arn
    running, pending = counts(snapshot.tasks)
    shape: dict[str, Any] = {
        "serviceArn": service_arn(plan),
        "serviceName": plan.name,
        "clusterArn": cluster_arn(plan.region),
        "loadBalancers": [{"targetGroupArn": group_arn, "containerName": plan.name, "containerPort": PORT}]
        if group_arn
        else [],
        "status": "ACTIVE",
        "desiredCount": snapshot.desired,
        "runningCount": running,
        "pendingCount": pending,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "taskDefinition": definition_arn(plan),
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": False, "rollback": False},
            "maximumPercent": settings.maximum_percent,
            "minimumHealthyPercent": settings.minimum_percent,
        },
        "deploymentController": {"type": "ECS"},
        "deployments": [_deployment(snapshot, number) for number in range(len(snapshot.deployments))],
        "events": [
            {"id": event.identifier, "createdAt": event.at.datetime, "message": event.message}
            for event in snapshot.events
        ],
        "createdAt": snapshot.created.datetime,
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": [names.subnet_id(plan.region, zone, "app") for zone in plan.zones],
                "securityGroups": [f"sg-{names.short(plan.region)}app"],
                "assignPublicIp": "DISABLED",
            }
        },
        "schedulingStrategy": "REPLICA",
    }
    if settings.grace is not None:
        shape["healthCheckGracePeriodSeconds"] = int(settings.grace.seconds)
    return shape | ({"tags": tag_list(tags)} if tags is not None else {})


def _deployment(snapshot: Snapshot, number: int) -> dict[str, Any]:
    """A Deployment; an older one wants no more tasks than it still has."""
    one: Deployment = snapshot.deployments[number]
    tasks = [task for task in snapshot.tasks if task.deployment == one.identifier]
    running, pending = counts(tasks)
    state = "COMPLETED" if one.completed else "IN_PROGRESS"
    return {
        "id": one.identifier,
        "status": "ACTIVE" if number else "PRIMARY",
        "taskDefinition": definition_arn(snapshot.plan),
        "desiredCount": sum(task.wanted for task in tasks) if number else snapshot.desired,
        "pendingCount": pending,
        "runningCount": running,
        "failedTasks": one.failed,
        "createdAt": one.created.datetime,
        "updatedAt": one.updated.datetime,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "rolloutState": state,
        "rolloutStateReason": f"ECS deployment {one.identifier} {'completed' if one.completed else 'in progress'}.",
    }


def task(item: Task, tags: Mapping[str, str] | None) -> dict[str, Any]:
    """A Task with its network interface and its one container."""
    shape: dict[str, Any] = {
        "taskArn": item.arn,
        "clusterArn": cluster_arn(item.region),
        "taskDefinitionArn": names.arn("ecs", item.region, f"task-definition/{item.service}:1"),
        "group": f"service:{item.service}",
        "startedBy": item.deployment,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
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
    moments = (
        ("startedAt", item.started),
        ("stoppingAt", item.stopping),
        ("executionStoppedAt", item.ended),
        ("stoppedAt", item.stopped),
    )
    for name, moment in moments:
        if moment:
            shape[name] = moment.datetime
    if item.stop_code:
        shape |= {"stopCode": item.stop_code, "stoppedReason": item.stopped_reason}
    return shape | ({"tags": tag_list(tags)} if tags is not None else {})


def definition(plan: EcsService, app: AppBehaviour) -> dict[str, Any]:
    """A TaskDefinition with its one container, told in its environment what it may know; never the secret."""
    container: dict[str, Any] = {
        "name": plan.name,
        "image": f"agentauri/{plan.name}:1",
        "essential": True,
        "portMappings": [{"containerPort": PORT, "protocol": "tcp"}],
        "stopTimeout": int(STOP_TIMEOUT.seconds),
        "environment": [{"name": name, "value": value} for name, value in _environment(app).items()],
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


def _environment(app: AppBehaviour) -> dict[str, str]:
    return {
        "DATABASE_HOST": app.writer_endpoint,
        "DATABASE_READER_HOST": app.reader_endpoint,
        **({"REDIS_HOST": app.cache_endpoint} if app.cache_endpoint else {}),
        "REDIS_REQUIRED": str(app.cache_required_to_start).lower(),
        "HEALTH_CHECK": app.health,
        "READS_FALL_BACK": str(app.reads_fall_back).lower(),
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in ECS's own lower case."""
    return [{"key": key, "value": value} for key, value in tags.items()]


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
        "image": f"agentauri/{item.service}:1",
        "lastStatus": _container_status(item),
        "healthStatus": item.health,
        "networkInterfaces": [{"attachmentId": f"eni-{item.identifier[:17]}", "privateIpv4Address": item.address}],
    }
    if item.exit_code is not None:
        shape["exitCode"] = item.exit_code if item.exit_code >= 0 else 128 - item.exit_code
    return shape


def _container_status(item: Task) -> str:
    if item.ended is not None or item.status in ("DEPROVISIONING", "STOPPED"):
        return "STOPPED"
    return "RUNNING" if item.status in ("RUNNING", "DEACTIVATING", "STOPPING") else "PENDING"
