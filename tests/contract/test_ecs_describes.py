"""What ECS tells about clusters, services and tasks: lists, describes, tags, metrics, and its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.door import code
from tests.contract.ecs_rig import ALB, CLUSTER, SERVICE, Rig, rig
from tests.twin.stage import needs_root

pytestmark = needs_root
ACCOUNT = "arn:aws:ecs:us-east-1:123456789012"


@pytest.fixture(scope="module")
def world() -> Iterator[Rig]:
    with rig(ALB, speed=15) as built:
        yield built


def test_a_cluster_counts_its_tasks_and_tells_more_when_asked(world: Rig) -> None:
    (arn,) = world.api.list_clusters()["clusterArns"]
    answer = world.api.describe_clusters(clusters=[CLUSTER, arn, "other"])
    assert [one["clusterArn"] for one in answer["clusters"]] == [arn, arn]
    assert answer["failures"] == [{"arn": f"{ACCOUNT}:cluster/other", "reason": "MISSING"}]
    plain = answer["clusters"][0]
    assert (plain["runningTasksCount"], plain["pendingTasksCount"], plain["activeServicesCount"]) == (2, 0, 1)
    assert not {"settings", "statistics", "tags"} & {key for key, value in plain.items() if value}
    (full,) = world.api.describe_clusters(clusters=[CLUSTER], include=["SETTINGS", "STATISTICS", "TAGS"])["clusters"]
    assert {"name": "runningFargateTasksCount", "value": "2"} in full["statistics"]
    assert full["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert {"key": "gameday:allowed", "value": "true"} in full["tags"]
    assert world.api.describe_clusters()["failures"][0]["arn"] == f"{ACCOUNT}:cluster/default"


def test_services_are_listed_and_described_by_name_and_arn(world: Rig) -> None:
    (arn,) = world.api.list_services(cluster=CLUSTER)["serviceArns"]
    assert world.api.list_services(cluster=CLUSTER, launchType="EC2")["serviceArns"] == []
    answer = world.api.describe_services(cluster=CLUSTER, services=[SERVICE, arn, "other"], include=["TAGS"])
    assert [one["serviceName"] for one in answer["services"]] == [SERVICE, SERVICE]
    assert answer["failures"] == [{"arn": f"{ACCOUNT}:service/{CLUSTER}/other", "reason": "MISSING"}]
    service = answer["services"][0]
    assert service["deploymentConfiguration"]["maximumPercent"] == 200
    assert service["healthCheckGracePeriodSeconds"] == 0
    (deployment,) = service["deployments"]
    assert (deployment["status"], deployment["rolloutState"], deployment["failedTasks"]) == ("PRIMARY", "COMPLETED", 0)
    assert {"key": "gameday:allowed", "value": "true"} in service["tags"]
    messages = [event["message"] for event in service["events"]]
    group = world.elb.group_arn("us-east-1", ALB)
    assert f"(service {SERVICE}) registered 1 targets in (target-group {group})" in messages
    again = world.service()["events"]
    assert {event["id"] for event in service["events"]} <= {event["id"] for event in again}, "ids are stable"


def test_lists_come_in_pages(world: Rig) -> None:
    pages = world.api.get_paginator("list_tasks").paginate(cluster=CLUSTER, PaginationConfig={"PageSize": 1})
    assert [len(page["taskArns"]) for page in pages] == [1, 1]


def test_tasks_are_described_with_their_network_interface(world: Rig) -> None:
    arns = world.list(serviceName=SERVICE)
    answer = world.api.describe_tasks(cluster=CLUSTER, tasks=[*arns, "0" * 32])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]
    for task in answer["tasks"]:
        assert (task["lastStatus"], task["desiredStatus"], task["launchType"]) == ("RUNNING", "RUNNING", "FARGATE")
        details = {item["name"]: item["value"] for item in task["attachments"][0]["details"]}
        assert details["privateIPv4Address"] in world.healthy()
        assert task["startedBy"] == world.service()["deployments"][0]["id"]


def test_tasks_are_filtered_as_asked(world: Rig) -> None:
    deployment = world.service()["deployments"][0]["id"]
    both: tuple[dict[str, str], ...] = ({"family": SERVICE}, {"startedBy": deployment}, {"launchType": "FARGATE"})
    assert [len(world.list(**one)) for one in both] == [2, 2, 2]
    none: tuple[dict[str, str], ...] = (
        {"family": "other"},
        {"startedBy": "somebody"},
        {"launchType": "EC2"},
        {"desiredStatus": "STOPPED"},
        {"desiredStatus": "PENDING"},
    )
    assert [world.list(**one) for one in none] == [[]] * 5


def test_the_task_definition_tells_what_the_tasks_run(world: Rig) -> None:
    wanted = world.service()["taskDefinition"]
    for named in (wanted, SERVICE, f"{SERVICE}:1"):
        definition = world.api.describe_task_definition(taskDefinition=named)["taskDefinition"]
        assert (definition["taskDefinitionArn"], definition["networkMode"]) == (wanted, "awsvpc")
    (container,) = definition["containerDefinitions"]
    assert (container["healthCheck"]["retries"], container["stopTimeout"]) == (3, 30)
    told = {variable["name"]: variable["value"] for variable in container["environment"]}
    assert told["HEALTH_CHECK"] in ("shallow", "select_1")
    assert not any("secret" in f"{name} {value}".lower() for name, value in told.items())


def test_tags_can_be_added_read_and_removed(world: Rig) -> None:
    arn, task = world.service()["serviceArn"], world.list()[0]

    def tags(of: str) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in world.api.list_tags_for_resource(resourceArn=of)["tags"]}

    for one in (arn, task):
        world.api.tag_resource(resourceArn=one, tags=[{"key": "night", "value": "7"}])
        assert tags(one)["night"] == "7"
    assert ("night", "7") in dict(world.ecs.tagged("us-east-1"))[arn].items(), "the tagging API sees it"
    world.api.untag_resource(resourceArn=arn, tagKeys=["night"])
    assert ("night" in tags(arn), "night" in tags(task)) == (False, True)


@pytest.mark.parametrize(
    ("operation", "parameters", "wanted"),
    [
        ("list_tasks", {"cluster": "other"}, "ClusterNotFoundException"),
        ("list_tasks", {}, "ClusterNotFoundException"),
        ("list_tasks", {"serviceName": "other"}, "ServiceNotFoundException"),
        ("list_tasks", {"serviceName": SERVICE, "family": SERVICE}, "InvalidParameterException"),
        ("list_tasks", {"desiredStatus": "SLEEPING"}, "InvalidParameterException"),
        ("list_tasks", {"maxResults": 101}, "InvalidParameterException"),
        ("list_tasks", {"nextToken": "nobody gave it"}, "InvalidParameterException"),
        ("describe_tasks", {"tasks": []}, "InvalidParameterException"),
        ("describe_tasks", {"tasks": ["None"]}, "InvalidParameterException"),
        ("describe_services", {"services": []}, "InvalidParameterException"),
        ("describe_services", {"services": ["x"] * 11}, "InvalidParameterException"),
        ("describe_services", {"services": ["x"], "cluster": "other"}, "ClusterNotFoundException"),
        ("stop_task", {"task": "0" * 32}, "InvalidParameterException"),
        ("stop_task", {"task": "nonsense"}, "InvalidParameterException"),
        ("update_service", {"service": "other"}, "ServiceNotFoundException"),
        ("update_service", {"service": SERVICE, "desiredCount": -1}, "InvalidParameterException"),
        ("update_service", {"service": SERVICE, "desiredCount": 99}, "NotImplementedByTwin"),
        ("update_service", {"service": SERVICE, "healthCheckGracePeriodSeconds": -1}, "InvalidParameterException"),
        ("update_service", {"service": SERVICE, "taskDefinition": "other:7"}, "ClientException"),
        ("update_service", {"service": SERVICE, "platformVersion": "1.3.0"}, "NotImplementedByTwin"),
        ("describe_task_definition", {"taskDefinition": "other"}, "ClientException"),
        ("list_tags_for_resource", {"resourceArn": f"{ACCOUNT}:service/x/y"}, "InvalidParameterException"),
        ("tag_resource", {"resourceArn": f"{ACCOUNT}:service/x/y", "tags": []}, "ResourceNotFoundException"),
        ("run_task", {"taskDefinition": SERVICE}, "NotImplementedByTwin"),
    ],
    ids=str,
)
def test_bad_input_gets_awss_codes(world: Rig, operation: str, parameters: dict[str, Any], wanted: str) -> None:
    clustered = operation not in ("describe_task_definition", "list_tags_for_resource", "tag_resource")
    named = {"cluster": CLUSTER} if clustered and parameters else {}
    with pytest.raises(ClientError) as refusal:
        getattr(world.api, operation)(**(named | parameters))
    assert code(refusal.value) == wanted


@pytest.mark.parametrize(("minimum", "maximum"), [(100, 100), (101, 200), (-1, 200), (50, 99)])
def test_a_deployment_configuration_that_aws_refuses_changes_nothing(world: Rig, minimum: int, maximum: int) -> None:
    with pytest.raises(ClientError) as refusal:
        world.percents(minimum, maximum)
    assert code(refusal.value) == "InvalidParameterException"
    configuration = world.service()["deploymentConfiguration"]
    assert (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) == (100, 200)


def test_metrics_are_the_counts_of_the_describes(world: Rig) -> None:
    world.stage.metrics.all.clear()
    world.ecs._publish()
    whole = {metric: value for metric, where, value in world.stage.metrics.all if set(where) == {"ClusterName"}}
    service = {metric: value for metric, where, value in world.stage.metrics.all if where.get("ServiceName") == SERVICE}
    assert whole == {"TaskCount": 2, "ServiceCount": 1}
    assert service == {"RunningTaskCount": 2, "PendingTaskCount": 0, "DesiredTaskCount": 2, "DeploymentCount": 1}
