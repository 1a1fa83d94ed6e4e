"""Tasks are killed, or a service goes to zero: ECS itself decides what is started in their place.

``StopTask`` and ``UpdateService`` (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-concepts.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import Duration, Instant, minutes
from harness.cloud import levers, services
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.faults import Shrink, Stop
from harness.topology import Service, Tasks
from harness.undo import Act

_REASON = "game day"


class _EcsCarrier(Carrier):
    """What both have in common: the service, its cluster, and its counts."""

    patience: Duration = minutes(5)

    def __init__(self, estate: Estate, service: Service) -> None:
        self._estate = estate
        self._region = service.region.name
        self._cluster, self._service = find(estate, service)
        self._seen = "not looked at yet"

    def sight(self) -> str:
        """The service's counts as they were seen last."""
        return self._seen

    def _look(self) -> Mapping[str, Any]:
        seen = levers.service(self._estate.cloud, self._region, self._cluster, self._service)
        counts = (seen["runningCount"], seen["desiredCount"], seen["pendingCount"])
        self._seen = "{} runs {} of {} tasks, {} pending".format(self._service.rpartition("/")[2], *counts)
        return seen

    def _tasks(self) -> set[str]:
        return set(
            self._estate.cloud.pages(
                "ecs", self._region, "list_tasks", "taskArns", cluster=self._cluster, serviceName=self._service
            )
        )


class StopTasksCarrier(_EcsCarrier):
    """Carries out ``Stop(Tasks(service))``: every task that runs now is stopped, once."""

    def __init__(self, estate: Estate, fault: Stop) -> None:
        assert isinstance(fault.target, Tasks)
        super().__init__(estate, fault.target.service)
        self._stopped: set[str] = set()

    def change(self, arm: Arm) -> None:
        """Nothing to arm: what ECS keeps at its desired count needs no way back."""
        for task in sorted(self._tasks()):
            self._estate.cloud.call("ecs", self._region, "stop_task", cluster=self._cluster, task=task, reason=_REASON)
            self._stopped.add(task)

    def bites(self, since: Instant) -> Proof | None:
        """None of the tasks is among those that run."""
        self._look()
        left = self._stopped & self._tasks()
        return None if left else Proof(self._estate.clock.now(), f"{len(self._stopped)} tasks stopped; {self._seen}")

    def healed(self, since: Instant) -> Proof | None:
        """As many run as are desired, none of them one of those that were stopped."""
        seen = self._look()
        whole = seen["runningCount"] >= seen["desiredCount"] and not seen["pendingCount"]
        return Proof(self._estate.clock.now(), self._seen) if whole and not self._stopped & self._tasks() else None


class ServiceCountCarrier(_EcsCarrier):
    """Carries out ``Stop(Service)`` and ``Shrink(Service, to)``: a smaller desired count, and later what it was."""

    def __init__(self, estate: Estate, fault: Stop | Shrink) -> None:
        assert isinstance(fault.target, Service)
        super().__init__(estate, fault.target)
        self._to = fault.to if isinstance(fault, Shrink) else 0
        self._wanted = self._ran = 0
        if fault.target.name == "api-gateway" and not self._to:
            self.regions = (self._region,)

    def change(self, arm: Arm) -> None:
        """The smaller count; raises ``Refused`` when it is no smaller."""
        seen = self._look()
        self._wanted, self._ran = int(seen["desiredCount"]), int(seen["runningCount"])
        if self._to and self._wanted <= self._to:
            raise Refused(f"{self._service.rpartition('/')[2]} of {self._region} wants {self._wanted} tasks already.")
        parameters = {"Cluster": self._cluster, "Service": self._service, "DesiredCount": self._wanted}
        arm(Act("ecs", self._region, "UpdateService", parameters, {"DesiredCount": self._to}))
        levers.set_desired(self._estate.cloud, self._region, self._cluster, self._service, self._to)

    def bites(self, since: Instant) -> Proof | None:
        """No more tasks run than it was left."""
        seen = self._look()
        return Proof(self._estate.clock.now(), self._seen) if seen["runningCount"] <= self._to else None

    def healed(self, since: Instant) -> Proof | None:
        """As many are wanted, and run, as before."""
        seen = self._look()
        whole = seen["desiredCount"] == self._wanted and seen["runningCount"] >= min(self._wanted, self._ran)
        return Proof(self._estate.clock.now(), self._seen) if whole else None


def find(estate: Estate, service: Service) -> tuple[str, str]:
    """ARNs of the cluster and the service of that name in its region; raises ``Refused`` when there is none."""
    region = service.region.name
    for cluster, arn in services.listed(estate.cloud, region):
        if arn.rpartition("/")[2] == service.name:
            return cluster, arn
    raise Refused(f"{region} has no ECS service {service.name}.")
