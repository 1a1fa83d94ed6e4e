"""A service of two real backends, behind a load balancer or not, called through boto3."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.clock import Clock, Duration, seconds
from harness.twin.api.ecs import Ecs
from harness.twin.api.ecs.task import Task
from harness.twin.api.elbv2 import ElbV2
from harness.twin.designs import catalogue
from harness.twin.designs.model import Timing
from harness.twin.engines.apps import TaskSpec
from tests.contract.door import REGION, client, opened
from tests.twin import backend
from tests.twin.stage import Stage, stage

CLUSTER, SERVICE, ALB = "agentauri", "api-gateway", "agentauri-alb"


@dataclass
class Running:
    """A task that is a backend process; as ``apps.RunningTask``. Stopping takes it a second."""

    clock: Clock
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def exit_code(self) -> int | None:
        return self.process.poll()

    def stop(self, grace: Duration) -> None:
        self.clock.sleep(seconds(1))
        self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Host:
    """Starts backends instead of the platform's services; or, without ``starts``, processes that end at once."""

    stage: Stage
    starts: bool = True
    started: list[TaskSpec] = field(default_factory=list)

    def start(self, spec: TaskSpec) -> Running:
        self.started.append(spec)
        self.stage.network.address(spec.place, spec.address)
        command = [sys.executable, str(Path(backend.__file__ or "")), spec.address]
        if not self.starts:
            command = [sys.executable, "-c", "raise SystemExit(3)"]
        return Running(self.stage.clock, self.stage.network.spawn(f"task-{spec.task_id}", spec.place, command))


@dataclass
class Rig:
    stage: Stage
    elb: ElbV2
    host: Host
    ecs: Ecs
    api: Any

    def tasks(self, *statuses: str) -> list[Task]:
        """The service's tasks in these states, by default the running ones; they change as time passes."""
        return [task for task in self.ecs.tasks(REGION, SERVICE) if task.status in (statuses or ("RUNNING",))]

    def service(self) -> Any:
        (found,) = self.api.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
        return found

    def update(self, **changes: Any) -> Any:
        return self.api.update_service(cluster=CLUSTER, service=SERVICE, **changes)["service"]

    def percents(self, minimum: int, maximum: int) -> Any:
        return self.update(
            deploymentConfiguration={"minimumHealthyPercent": minimum, "maximumPercent": maximum},
        )

    def stop(self, task: Task, **options: Any) -> Any:
        return self.api.stop_task(cluster=CLUSTER, task=task.arn, **options)["task"]

    def describe(self, *arns: str) -> Any:
        return self.api.describe_tasks(cluster=CLUSTER, tasks=list(arns))["tasks"]

    def list(self, **filters: Any) -> list[str]:
        return list(self.api.list_tasks(cluster=CLUSTER, **filters)["taskArns"])

    def messages(self) -> list[str]:
        """The service's events without their prefix, the oldest first."""
        events = [event["message"] for event in self.service()["events"]]
        return [message.removeprefix(f"(service {SERVICE}) ") for message in reversed(events)]

    def healthy(self) -> set[str]:
        return {name for name, opinion in self.elb.targets(REGION, ALB).items() if opinion.state == "healthy"}

    def steady(self) -> bool:
        """As many running tasks as desired and no others wanted, all healthy targets if they are targets."""
        wanted = [task for task in self.ecs.tasks(REGION, SERVICE) if task.wanted]
        behind = any(plan.load_balancer for plan in self.stage.design.services)
        running = len(wanted) == 2 and all(task.status == "RUNNING" for task in wanted)
        return running and (not behind or {task.address for task in wanted} <= self.healthy())

    def freeze(self, task: Task) -> None:
        assert task.process is not None
        task.process.process.send_signal(signal.SIGSTOP)  # type: ignore[attr-defined]

    def reset(self) -> None:
        """Two healthy tasks of one deployment, under the design's settings."""
        self.host.starts = True
        self.percents(100, 200)
        self.update(desiredCount=2, healthCheckGracePeriodSeconds=0)
        self.stage.until(lambda: self.steady() and len(self.service()["deployments"]) == 1, seconds(300))


@contextmanager
def rig(load_balancer: str | None, speed: float) -> Iterator[Rig]:
    """The service at that speed, from when it is steady; a task takes 4 to 6 s to start, 5 s to drain."""
    design = catalogue.design("read_replicas", "hardened")
    (plan,) = design.load_balancers
    gateway = next(item for item in design.services if item.name == SERVICE)
    wanted = replace(
        design,
        load_balancers=(replace(plan, deregistration_delay=seconds(5)),),
        services=(replace(gateway, load_balancer=load_balancer),),
        timings={**design.timings, "ecs.task_start": Timing(4, 6, "test")},
    )
    with stage(wanted, speed) as built:
        elb = ElbV2(built.clock, built.scheduler, built.network, built.names, built.metrics, built.design, built.state)
        built.exits.callback(elb.stop)
        elb.boot()
        host = Host(built)
        ecs = Ecs(built.clock, built.scheduler, built.network, built.metrics, built.design, elb, host)  # type: ignore[arg-type]
        built.exits.callback(ecs.stop)
        ecs.boot()
        made = Rig(built, elb, host, ecs, client(opened(built, elb, ecs), "ecs"))
        built.until(made.steady)
        yield made
