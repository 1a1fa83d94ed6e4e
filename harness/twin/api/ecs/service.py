"""The ECS API of the twin over one cluster in every region, and the hands that acts of nature use directly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from harness.clock import Clock, seconds
from harness.twin.api.ecs import shapes
from harness.twin.api.ecs.cluster import Clusters
from harness.twin.api.ecs.fleet import Fleet
from harness.twin.api.ecs.runner import Hands
from harness.twin.api.ecs.service_calls import ServiceCalls
from harness.twin.api.ecs.tag_calls import TagCalls
from harness.twin.api.ecs.task import CLUSTER, Task
from harness.twin.api.ecs.task_calls import TaskCalls
from harness.twin.api.elbv2 import ElbV2
from harness.twin.api.spans import Spans
from harness.twin.calls import Handler, MetricSink
from harness.twin.designs.model import Design
from harness.twin.engines.apps import AppHost
from harness.twin.network.network import Network
from harness.twin.nodes import Node
from harness.twin.schedule import Scheduler

_NAMESPACE = "ECS/ContainerInsights"
_WORKERS = 16


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
        # Health checks and graceful stops block; they must not use up the timer's workers.
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="ecs")
        hands = Hands(clock, scheduler, network, design, balancers, apps, Spans(design, self.name), self._pool)
        self._fleets = {(plan.region, plan.name): Fleet(hands, plan) for plan in design.services}
        clusters = Clusters(self._fleets)
        self._tags = TagCalls(clusters, design.tags)
        self._parts = (
            ServiceCalls(clusters, self._tags.of, design.app),
            TaskCalls(clusters, self._tags.of),
            self._tags,
        )

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
        return {name: handler for part in self._parts for name, handler in part.handlers().items()}

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """The cluster and its services."""
        return self._tags.tagged(region)

    def _publish(self) -> None:
        """Container Insights: a service's counts with its name, the sums with the cluster's alone."""
        sums: Counter[tuple[str, str]] = Counter()
        for (region, name), fleet in self._fleets.items():
            seen = fleet.snapshot()
            where = {"ClusterName": CLUSTER, "ServiceName": name}
            running, pending = shapes.counts(seen.tasks)
            for metric, count in (
                ("RunningTaskCount", running),
                ("PendingTaskCount", pending),
                ("DesiredTaskCount", seen.desired),
                ("DeploymentCount", len(seen.deployments)),
            ):
                self._metrics.publish(region, _NAMESPACE, metric, where, count, unit="Count")
            sums[region, "TaskCount"] += running
            sums[region, "ServiceCount"] += 1
        for (region, metric), count in sums.items():
            self._metrics.publish(region, _NAMESPACE, metric, {"ClusterName": CLUSTER}, count, unit="Count")
