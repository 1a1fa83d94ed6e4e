from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Duration, seconds
from harness.twin.api.ecs import Ecs
from harness.twin.api.ecs.task import Task
from harness.twin.api.elbv2 import ElbV2
from harness.twin.calls import AwsError
from harness.twin.designs import catalogue
from harness.twin.designs.model import Timing
from harness.twin.engines.apps import TaskSpec
from tests.twin.stage import Stage, needs_root, stage

pytestmark = needs_root
REGION, SERVICE, ALB = "us-east-1", "api-gateway", "agentauri-alb"


@dataclass
class Running:
    """A task that is a backend process; as ``apps.RunningTask``."""

    process: subprocess.Popen[bytes]
    stopped_with: list[Duration] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def exit_code(self) -> int | None:
        return self.process.poll()

    def stop(self, grace: Duration) -> None:
        self.stopped_with.append(grace)
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
        command = [sys.executable, str(Path(__file__).with_name("backend.py")), spec.address]
        if not self.starts:
            command = [sys.executable, "-c", "raise SystemExit(3)"]
        return Running(self.stage.network.spawn(f"task-{spec.task_id}", spec.place, command))


@dataclass
class World:
    stage: Stage
    elb: ElbV2
    host: Host
    ecs: Ecs

    def __call__(self, operation: str, **parameters: Any) -> Any:
        return self.stage.call(self.ecs, operation, **({"cluster": "agentauri"} | parameters))

    def tasks(self, *statuses: str) -> list[Task]:
        return [task for task in self.ecs.tasks(REGION, SERVICE) if task.status in (statuses or ("RUNNING",))]

    def service(self) -> Any:
        (found,) = self("DescribeServices", services=[SERVICE])["services"]
        return found

    def healthy(self) -> set[str]:
        return {name for name, opinion in self.elb.targets(REGION, ALB).items() if opinion.state == "healthy"}

    def steady(self) -> bool:
        """Two running tasks, both healthy targets if they are targets."""
        running = [task for task in self.tasks() if task.wanted]
        behind = any(fleet.load_balancer for fleet in self.stage.design.services)
        return len(running) == 2 and (not behind or {task.address for task in running} <= self.healthy())

    def messages(self) -> list[str]:
        return [event["message"] for event in self.service()["events"]]


@pytest.fixture
def world() -> Iterator[World]:
    yield from world_of(ALB)


@pytest.fixture
def alone() -> Iterator[World]:
    yield from world_of(None, speed=40)


def world_of(load_balancer: str | None, speed: float = 10) -> Iterator[World]:
    design = catalogue.design("read_replicas", "hardened")
    (plan,) = design.load_balancers
    gateway = next(item for item in design.services if item.name == SERVICE)
    wanted = replace(
        design,
        load_balancers=(replace(plan, deregistration_delay=seconds(20)),),
        services=(replace(gateway, load_balancer=load_balancer),),
        timings={**design.timings, "ecs.task_start": Timing(8, 12, "test")},
    )
    with stage(wanted, speed) as built:
        elb = ElbV2(built.clock, built.scheduler, built.network, built.names, built.metrics, built.design, built.state)
        built.exits.callback(elb.stop)
        elb.boot()
        host = Host(built)
        ecs = Ecs(built.clock, built.scheduler, built.network, built.metrics, built.design, elb, host)  # type: ignore[arg-type]
        built.exits.callback(ecs.stop)
        ecs.boot()
        world = World(built, elb, host, ecs)
        built.until(world.steady)
        yield world


def test_boot_starts_the_desired_tasks_over_the_zones_as_described(world: World) -> None:
    assert {task.address for task in world.tasks()} == {"10.1.11.20", "10.1.21.20"}
    service = world.service()
    assert (service["desiredCount"], service["runningCount"], service["pendingCount"]) == (2, 2, 0)
    arns = world("ListTasks", serviceName=SERVICE)["taskArns"]
    described = world("DescribeTasks", tasks=[*arns, "0" * 32])
    assert {task["lastStatus"] for task in described["tasks"]} == {"RUNNING"}
    assert [failure["reason"] for failure in described["failures"]] == ["MISSING"]
    details = {item["name"]: item["value"] for item in described["tasks"][0]["attachments"][0]["details"]}
    assert details["privateIPv4Address"] in {"10.1.11.20", "10.1.21.20"}
    assert world("DescribeClusters", clusters=["agentauri", "x"])["clusters"][0]["runningTasksCount"] == 2
    definition = world("DescribeTaskDefinition", taskDefinition=service["taskDefinition"])["taskDefinition"]
    assert definition["containerDefinitions"][0]["healthCheck"]["retries"] == 3
    world.ecs._publish()
    assert world.stage.metrics.last["RunningTaskCount"] == 2


def test_a_stopped_task_drains_and_is_replaced_first(world: World) -> None:
    victim = world.tasks()[0]
    answer = world("StopTask", task=victim.arn, reason="game day")["task"]
    assert (answer["lastStatus"], answer["desiredStatus"]) == ("DEACTIVATING", "STOPPED")
    assert victim.process is not None
    assert {world.stage.get("10.1.10.80")[0] for _ in range(4)} == {200}
    world.stage.until(world.steady)
    assert victim.process.alive(), "still draining when the replacement serves"
    assert victim.address not in {task.address for task in world.tasks()}
    world.stage.until(lambda: victim.status == "STOPPED", seconds(60))
    assert not victim.process.alive()
    (seen,) = world("DescribeTasks", tasks=[victim.arn])["tasks"]
    assert (seen["stopCode"], seen["stoppedReason"]) == ("UserInitiated", "game day")
    assert victim.arn in world("ListTasks", desiredStatus="STOPPED")["taskArns"]


def test_a_crashed_task_is_replaced_by_one_with_another_address(world: World) -> None:
    victim = world.tasks()[0]
    assert victim.process is not None
    victim.process.kill()
    world.stage.until(lambda: victim.status == "STOPPED")
    assert (victim.stop_code, victim.exit_code) == ("EssentialContainerExited", -9)
    world.stage.until(lambda: world.service()["pendingCount"] == 1)
    world.stage.until(world.steady)
    assert {task.address for task in world.tasks()} < {"10.1.11.20", "10.1.21.20", "10.1.11.21", "10.1.21.21"}


def test_a_service_that_cannot_start_waits_longer_each_time(world: World) -> None:
    world.host.starts = False
    for task in world.tasks():
        assert task.process is not None
        task.process.kill()
    world.stage.until(
        lambda: any("unable to consistently start" in message for message in world.messages()), seconds(120)
    )
    assert world.service()["runningCount"] == 0
    world.host.starts = True
    world.stage.until(world.steady, seconds(200))


def test_a_task_that_fails_its_load_balancer_checks_is_replaced_before_it_stops(world: World) -> None:
    victim = world.tasks()[0]
    world.stage.network.remove_address(victim.place, victim.address)
    world.stage.until(lambda: victim.status == "DEACTIVATING", seconds(90))
    assert "Task failed ELB health checks" in victim.stopped_reason
    assert world.steady(), "the replacement was healthy before the unhealthy task went"


def test_desired_count_to_zero_and_back(world: World) -> None:
    assert world("UpdateService", service=SERVICE, desiredCount=0)["service"]["desiredCount"] == 0
    world.stage.until(lambda: not world.tasks())
    world.stage.until(lambda: world.stage.get("10.1.10.80")[0] == 503)
    world.stage.until(lambda: not world.tasks("DEACTIVATING", "STOPPING", "DEPROVISIONING"), seconds(60))
    world("UpdateService", service=SERVICE, desiredCount=2)
    world.stage.until(world.steady)
    assert world.service()["desiredCount"] == 2


def test_refusals(world: World) -> None:
    with pytest.raises(AwsError, match=r"^ClusterNotFoundException"):
        world("ListTasks", cluster="other")
    with pytest.raises(AwsError, match=r"^ServiceNotFoundException"):
        world("UpdateService", service="other", desiredCount=1)
    with pytest.raises(AwsError, match=r"^InvalidParameterException"):
        world("StopTask", task="0" * 32)
    with pytest.raises(AwsError, match=r"^NotImplementedByTwin"):
        world("UpdateService", service=SERVICE, forceNewDeployment=True)
    assert world("DescribeServices", services=["other"])["failures"][0]["reason"] == "MISSING"


def test_three_failed_container_checks_replace_a_task_that_no_load_balancer_watches(alone: World) -> None:
    victim = alone.tasks()[0]
    alone.stage.until(lambda: {task.health for task in alone.tasks()} == {"HEALTHY"}, seconds(80))
    os.kill(victim.process.pid if victim.process else 0, signal.SIGSTOP)
    took = alone.stage.until(lambda: victim.health == "UNHEALTHY", seconds(200))
    assert seconds(70) < took < seconds(130)
    assert victim.status == "RUNNING"
    alone.stage.until(lambda: victim.status == "STOPPED", seconds(200))
    assert victim.stopped_reason == "Task failed container health checks"
    assert alone.steady()
