"""The ECS API of the twin over one cluster in every region, and the hands that acts of nature use directly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from harness.clock import Clock, seconds
from harness.twin import names
from harness.twin.api.ecs import shapes
from harness.twin.api.ecs.fleet import Fleet, Hands
from harness.twin.api.ecs.task import CLUSTER, Task
from harness.twin.api.elbv2 import ElbV2
from harness.twin.api.paging import page
from harness.twin.api.spans import Spans
from harness.twin.calls import AwsError, Call, Handler, MetricSink
from harness.twin.designs.model import Design
from harness.twin.engines.apps import AppHost
from harness.twin.network.network import Network
from harness.twin.nodes import Node
from harness.twin.schedule import Scheduler

_NAMESPACE = "ECS/ContainerInsights"
_WORKERS = 16
_LONGEST_COUNT = 5


class Ecs:
    """The cluster ``agentauri`` of every region. Boot the load balancers first, or tasks cannot register."""

    name = "ecs"

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        network: Network,
        metrics: MetricSink,
        design: Design,
        balancers: ElbV2,
        apps: AppHost,
    ) -> None:
        self._scheduler = scheduler
        self._metrics = metrics
        self._design = design
        self._balancers = balancers
        # Health checks and graceful stops block; they must not use up the timer's workers.
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="ecs")
        hands = Hands(clock, scheduler, network, design, balancers, apps, Spans(design, self.name), self._pool)
        self._fleets = {(plan.region, plan.name): Fleet(hands, plan) for plan in design.services}

    def boot(self) -> None:
        """Start every service's tasks at once, all together; returns when each listens or has ended by itself."""
        if self._fleets:
            with ThreadPoolExecutor(len(self._fleets)) as pool:
                list(pool.map(Fleet.boot, self._fleets.values()))
        for (region, name), fleet in self._fleets.items():
            self._scheduler.every(seconds(1), fleet.tick, f"service {name} of {region}")
        self._scheduler.every(seconds(60), self._publish, "container metrics")

    def stop(self) -> None:
        """Kill every task."""
        for fleet in self._fleets.values():
            fleet.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def tasks(self, region: str, service: str) -> list[Task]:
        """A service's tasks with their processes, for acts of nature."""
        return self._fleets[region, service].tasks()

    def nodes(self) -> list[Node]:
        """Every task that has a process, by its id, for acts of nature."""
        return [
            Node(region, task.zone, task.identifier, process, process.alive, partial(getattr, process, "frozen"))
            for (region, _), fleet in self._fleets.items()
            for task in fleet.tasks()
            if (process := task.process) is not None and process.alive()
        ]

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {
            "ListClusters": self._list_clusters,
            "DescribeClusters": self._describe_clusters,
            "ListServices": self._list_services,
            "DescribeServices": self._describe_services,
            "UpdateService": self._update_service,
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "StopTask": self._stop_task,
            "DescribeTaskDefinition": self._describe_task_definition,
            "ListTagsForResource": self._list_tags_for_resource,
        }

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """The cluster and its services."""
        fleets = self._of(region)
        if fleets:
            yield shapes.cluster_arn(region), self._design.tags
        for fleet in fleets:
            yield shapes.service_arn(fleet.plan), self._design.tags

    def _publish(self) -> None:
        for (region, name), fleet in self._fleets.items():
            where = {"ClusterName": CLUSTER, "ServiceName": name}
            running, pending = shapes.counts(fleet.tasks())
            for metric, count in (
                ("RunningTaskCount", running),
                ("PendingTaskCount", pending),
                ("DesiredTaskCount", fleet.desired),
            ):
                self._metrics.publish(region, _NAMESPACE, metric, where, count, unit="Count")

    def _of(self, region: str) -> list[Fleet]:
        return [fleet for (where, _), fleet in self._fleets.items() if where == region]

    def _cluster(self, call: Call) -> list[Fleet]:
        """The fleets of the cluster that a call names; without a name AWS takes ``default``, which is not there."""
        fleets = self._of(call.region)
        if not fleets or call.get("cluster", "default") not in (CLUSTER, shapes.cluster_arn(call.region)):
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return fleets

    def _fleet(self, call: Call, named: str) -> Fleet:
        for fleet in self._cluster(call):
            if named in (fleet.plan.name, shapes.service_arn(fleet.plan)):
                return fleet
        raise AwsError("ServiceNotFoundException", "Service not found.")

    def _list_clusters(self, call: Call) -> Mapping[str, Any]:
        return _paged("clusterArns", [shapes.cluster_arn(call.region)] if self._of(call.region) else [], call)

    def _describe_clusters(self, call: Call) -> Mapping[str, Any]:
        fleets, arn = self._of(call.region), shapes.cluster_arn(call.region)
        found, missing = [], []
        for named in call.get("clusters") or ["default"]:
            if fleets and named in (CLUSTER, arn):
                found.append(shapes.cluster(call.region, fleets))
            else:
                missing.append(_failure(named if ":" in named else names.arn("ecs", call.region, f"cluster/{named}")))
        return {"clusters": found, "failures": missing}

    def _list_services(self, call: Call) -> Mapping[str, Any]:
        return _paged("serviceArns", [shapes.service_arn(fleet.plan) for fleet in self._cluster(call)], call, 10)

    def _describe_services(self, call: Call) -> Mapping[str, Any]:
        found, missing = [], []
        self._cluster(call)
        for named in call.get("services"):
            try:
                found.append(self._described(self._fleet(call, named), tags="TAGS" in (call.get("include") or ())))
            except AwsError:
                arn = names.arn("ecs", call.region, f"service/{CLUSTER}/{named}")
                missing.append(_failure(named if ":" in named else arn))
        return {"services": found, "failures": missing}

    def _described(self, fleet: Fleet, *, tags: bool = False) -> dict[str, Any]:
        plan = fleet.plan
        group = self._balancers.group_arn(plan.region, plan.load_balancer) if plan.load_balancer else None
        return shapes.service(fleet, group, self._design.tags if tags else None)

    def _update_service(self, call: Call) -> Mapping[str, Any]:
        fleet = self._fleet(call, call.get("service"))
        unbuilt = set(call.parameters) - {"cluster", "service", "desiredCount"}
        if unbuilt:
            raise AwsError("NotImplementedByTwin", f"UpdateService can change desiredCount only, not {unbuilt}.", 501)
        desired = call.get("desiredCount")
        if desired is not None:
            if desired < 0:
                raise AwsError("InvalidParameterException", "desiredCount must not be negative.")
            if desired > _LONGEST_COUNT:
                raise AwsError("NotImplementedByTwin", f"The twin runs {_LONGEST_COUNT} tasks of a service.", 501)
            fleet.resize(desired)
        return {"service": self._described(fleet)}

    def _list_tasks(self, call: Call) -> Mapping[str, Any]:
        named = call.get("serviceName")
        fleets = [self._fleet(call, named)] if named else self._cluster(call)
        wanted = call.get("desiredStatus", "RUNNING") != "STOPPED"
        family = call.get("family")
        arns = [
            task.arn
            for fleet in fleets
            if family in (None, fleet.plan.name)
            for task in fleet.tasks()
            if task.wanted == wanted
        ]
        return _paged("taskArns", arns, call, 100)

    def _describe_tasks(self, call: Call) -> Mapping[str, Any]:
        known = self._known(call)
        tags = self._design.tags if "TAGS" in (call.get("include") or ()) else None
        found, missing = [], []
        for named in call.get("tasks"):
            identifier = named.rpartition("/")[2]
            if identifier in known:
                found.append(shapes.task(known[identifier][1], tags))
            else:
                missing.append(_failure(names.arn("ecs", call.region, f"task/{CLUSTER}/{identifier}")))
        return {"tasks": found, "failures": missing}

    def _stop_task(self, call: Call) -> Mapping[str, Any]:
        known = self._known(call)
        identifier = str(call.get("task")).rpartition("/")[2]
        if identifier not in known:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        fleet, task = known[identifier]
        fleet.stop_task(task, call.get("reason", ""))
        return {"task": shapes.task(task, None)}

    def _known(self, call: Call) -> dict[str, tuple[Fleet, Task]]:
        return {task.identifier: (fleet, task) for fleet in self._cluster(call) for task in fleet.tasks()}

    def _describe_task_definition(self, call: Call) -> Mapping[str, Any]:
        wanted = str(call.get("taskDefinition"))
        for fleet in self._of(call.region):
            if wanted in (fleet.plan.name, f"{fleet.plan.name}:1", shapes.definition_arn(fleet.plan)):
                return {"taskDefinition": shapes.definition(fleet.plan)}
        raise AwsError("ClientException", "Unable to describe task definition.")

    def _list_tags_for_resource(self, call: Call) -> Mapping[str, Any]:
        known = dict(self.tagged(call.region))
        arn = call.get("resourceArn")
        if arn not in known:
            raise AwsError("InvalidParameterException", f"The specified resource {arn} was not found.")
        return {"tags": shapes.tag_list(known[arn])}


def _paged(member: str, arns: Sequence[str], call: Call, size: int = 100) -> Mapping[str, Any]:
    token, wanted = call.get("nextToken"), call.get("maxResults") or size
    found, following = page(arns, token, wanted, error="InvalidParameterException")
    return {member: found, **({"nextToken": following} if following else {})}


def _failure(arn: str) -> dict[str, str]:
    return {"arn": arn, "reason": "MISSING"}
