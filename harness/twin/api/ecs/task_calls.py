"""The calls about tasks.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html and its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.twin import names
from harness.twin.api.ecs import shapes
from harness.twin.api.ecs.cluster import Clusters, missing, task_id
from harness.twin.api.ecs.service_calls import paged
from harness.twin.api.ecs.task import CLUSTER, Task
from harness.twin.calls import AwsError, Call, Handler

_MOST_TASKS = 100
_LONGEST_REASON = 255


class TaskCalls:
    """Handlers of tasks. ``tags`` gives the tags of an ARN."""

    def __init__(self, clusters: Clusters, tags: Callable[[str], Mapping[str, str]]) -> None:
        self._clusters = clusters
        self._tags = tags

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by botocore's name."""
        return {
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "StopTask": self._stop_task,
        }

    def _list_tasks(self, call: Call) -> Mapping[str, Any]:
        """By default the tasks that shall run; with desiredStatus STOPPED those of the last hour that shall not."""
        if call.get("containerInstance"):
            raise AwsError("InvalidParameterException", "Fargate tasks run on no container instance.")
        named = call.get("serviceName")
        if named and call.get("family"):
            raise AwsError("InvalidParameterException", "Specify either a service name or a family, not both.")
        fleets = [self._clusters.fleet(call, named)] if named else self._clusters.fleets(call)
        arns = [task.arn for fleet in fleets for task in fleet.snapshot().tasks if _fits(task, call)]
        return paged("taskArns", arns, call)

    def _describe_tasks(self, call: Call) -> Mapping[str, Any]:
        wanted = call.get("tasks")
        if not wanted:
            raise AwsError("InvalidParameterException", "Tasks cannot be empty.")
        if len(wanted) > _MOST_TASKS:
            raise AwsError("InvalidParameterException", f"Tasks cannot be more than {_MOST_TASKS}.")
        known = self._clusters.tasks(call)
        found, failures = [], []
        for identifier in map(task_id, wanted):
            if identifier in known:
                task = known[identifier][1]
                tags = self._tags(task.arn) if "TAGS" in (call.get("include") or ()) else None
                found.append(shapes.task(task, tags))
            else:
                failures.append(missing(names.arn("ecs", call.region, f"task/{CLUSTER}/{identifier}")))
        return {"tasks": found, "failures": failures}

    def _stop_task(self, call: Call) -> Mapping[str, Any]:
        identifier, reason = task_id(str(call.get("task"))), call.get("reason") or ""
        if len(reason) > _LONGEST_REASON:
            raise AwsError("InvalidParameterException", f"reason must not be longer than {_LONGEST_REASON}.")
        known = self._clusters.tasks(call)
        if identifier not in known:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        known[identifier][0].stop_task(identifier, reason)
        return {"task": shapes.task(self._clusters.tasks(call)[identifier][1], None)}


def _fits(task: Task, call: Call) -> bool:
    """AWS sets no task's desired status to PENDING, so that asking for it lists nothing."""
    return (
        call.get("desiredStatus", "RUNNING") == ("RUNNING" if task.wanted else "STOPPED")
        and call.get("family") in (None, task.service)
        and call.get("launchType") in (None, "FARGATE")
        and call.get("startedBy") in (None, task.deployment)
    )
