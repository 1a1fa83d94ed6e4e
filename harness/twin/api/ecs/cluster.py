"""The one cluster of each region: its services by what callers call them, and AWS's refusals for the rest."""

from __future__ import annotations

from collections.abc import Mapping

from harness.twin.api.ecs import shapes
from harness.twin.api.ecs.fleet import Fleet
from harness.twin.api.ecs.task import CLUSTER, Task
from harness.twin.calls import AwsError, Call


class Clusters:
    """Finds what a call names. Without a name AWS takes the cluster ``default``, which is not there."""

    def __init__(self, fleets: Mapping[tuple[str, str], Fleet]) -> None:
        self._fleets = fleets

    def of(self, region: str) -> list[Fleet]:
        """The services of a region's cluster; none where there is no cluster."""
        return [fleet for (where, _), fleet in self._fleets.items() if where == region]

    def has(self, region: str, named: str) -> bool:
        """Whether a name or an ARN is that of the region's cluster."""
        return bool(self.of(region)) and named in (CLUSTER, shapes.cluster_arn(region))

    def fleets(self, call: Call) -> list[Fleet]:
        """The services of the cluster that a call names; raises ``AwsError``."""
        if not self.has(call.region, call.get("cluster") or "default"):
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return self.of(call.region)

    def fleet(self, call: Call, named: str) -> Fleet:
        """The service of that name or ARN; raises ``AwsError``."""
        for fleet in self.fleets(call):
            if named in (fleet.plan.name, shapes.service_arn(fleet.plan)):
                return fleet
        raise AwsError("ServiceNotFoundException", "Service not found.")

    def tasks(self, call: Call) -> dict[str, tuple[Fleet, Task]]:
        """Every remembered task of the cluster by its id, as it is now, with its service; raises ``AwsError``."""
        return {task.identifier: (fleet, task) for fleet in self.fleets(call) for task in fleet.snapshot().tasks}


def task_id(named: str) -> str:
    """The id in a task's id or ARN; raises ``AwsError`` when it cannot be one."""
    identifier = named.rpartition("/")[2]
    if len(identifier) not in (32, 36):
        raise AwsError("InvalidParameterException", "taskId length should be one of [32,36]")
    return identifier


def missing(arn: str) -> dict[str, str]:
    """The Failure of a resource that is not there."""
    return {"arn": arn, "reason": "MISSING"}
