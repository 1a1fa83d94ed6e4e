"""One ECS service at run time: it keeps its number of tasks, replaces what is unhealthy, and rolls deployments out."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.clock import Instant, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import TwinFault
from harness.twin.api.ecs import decisions
from harness.twin.api.ecs.decisions import Decision, Health, View
from harness.twin.api.ecs.deployment import Deployment, Diary, Event, Settings
from harness.twin.api.ecs.runner import Hands, Runner
from harness.twin.api.ecs.task import PORT, Addresses, Task
from harness.twin.api.elbv2.opinions import Opinion
from harness.twin.designs.model import EcsService

_REMEMBERED = seconds(3600)
_BOOT_SECONDS = 20


@dataclass(frozen=True)
class Snapshot:
    """A service at one moment: nothing in it changes, and its parts agree with one another."""

    plan: EcsService
    group_arn: str | None
    created: Instant
    desired: int
    settings: Settings
    tasks: tuple[Task, ...]
    deployments: tuple[Deployment, ...]
    events: tuple[Event, ...]


class Fleet:
    """A service and its tasks. Thread-safe; the lock is never held while a process starts or stops."""

    def __init__(self, hands: Hands, plan: EcsService) -> None:
        self.plan = plan
        self._created: Instant = hands.clock.now()
        self._desired = plan.desired_count
        self._settings = Settings.of(plan)
        self._hands = hands
        self._lock = threading.RLock()
        self._diary = Diary(plan.name)
        self._runner = Runner(hands, plan, self._lock, self._diary, self._mourn)
        self._tasks: list[Task] = []
        self._deployments = [Deployment(self._created, self._created, completed=True)]
        self._steady = False
        self._quick_failures = 0
        self._not_before: Instant = self._created
        self._closed = False
        region = hands.design.region(plan.region)
        self._addresses = {zone: Addresses(plan.name, region, zone) for zone in plan.zones}

    def tasks(self) -> list[Task]:
        """Every task that is remembered, the oldest first; stopped ones for an hour. They change as time passes."""
        with self._lock:
            return list(self._tasks)

    def snapshot(self) -> Snapshot:
        """The service as it is, with every task noticed whose process has ended by itself."""
        with self._lock:
            self._look()
            return Snapshot(
                self.plan,
                self._runner.group_arn,
                self._created,
                self._desired,
                self._settings,
                tuple(replace(task) for task in self._tasks),
                tuple(replace(deployment) for deployment in self._deployments),
                self._diary.events(),
            )

    def boot(self) -> None:
        """Start the desired tasks at once and register them; returns when each accepts connections or has ended."""
        fresh = self._create(Decision(start=self._desired))
        list(self._hands.pool.map(self._runner.begin, fresh))
        deadline = monotonic_nanoseconds() + _BOOT_SECONDS * 1_000_000_000
        for task in fresh:
            while self.plan.load_balancer and not self._accepts(task):
                if task.process is None or not task.process.alive():
                    break
                if monotonic_nanoseconds() > deadline:
                    raise TwinFault(f"{self.plan.name} of {self.plan.region} does not listen.", "Read its log.")
                real_sleep(0.02)
            else:
                self._runner.run(task)

    def close(self) -> None:
        """Kill every task and do nothing more."""
        with self._lock:
            self._closed = True
            self._runner.close()
            processes = [task.process for task in self._tasks if task.process]
        for process in processes:
            if process.alive():
                process.kill()

    def update(self, wanted: Mapping[str, Any]) -> None:
        """UpdateService: counts and settings hold at once, the next tick acts on them. Raises ``AwsError``."""
        with self._lock:
            self._settings = self._settings.changed(wanted)
            now = self._hands.clock.now()
            if wanted.get("desiredCount") not in (None, self._desired):
                self._desired = wanted["desiredCount"]
                self._steady = False
            self._deployments[0].updated = now
            if wanted.get("forceNewDeployment"):
                self._deployments.insert(0, Deployment(now, now))
                self._steady, self._quick_failures, self._not_before = False, 0, now

    def stop_task(self, identifier: str, reason: str) -> None:
        """StopTask: the task drains and stops, and the service replaces it; a stopped or unknown one is left alone."""
        with self._lock:
            chosen = [task for task in self._tasks if task.identifier == identifier]
            self._runner.retire(chosen, "UserInitiated", [reason or "Task stopped by user"] * len(chosen))

    def tick(self) -> None:
        """Notice ended tasks, check containers, and take the next decision."""
        targets = self._targets()
        with self._lock:
            if self._closed:
                return
            self._look()
            for task in self._tasks:
                self._runner.examine(task)
            self._forget()
            views = [self._view(task, self._health(task, targets)) for task in self._tasks if task.wanted]
            self._report(views, targets)
            percents = self._settings.maximum_percent, self._settings.minimum_percent
            decision = decisions.decide(views, self._desired, *percents)
            may_start = self._hands.clock.now() >= self._not_before
            sick = sum(view.health == "unhealthy" for view in views)
            fresh = self._create(decision, replaced=min(sick, decision.start)) if may_start else []
            self._retire(decision.stop, views)
            self._settle(views, calm=decision == Decision())
        for task in fresh:
            self._runner.provision(task)

    def _look(self) -> None:
        for task in self._tasks:
            self._runner.notice(task)

    def _targets(self) -> Mapping[str, Opinion]:
        if not self.plan.load_balancer:
            return {}
        return self._hands.balancers.targets(self.plan.region, self.plan.load_balancer)

    def _health(self, task: Task, targets: Mapping[str, Opinion]) -> Health:
        """Container and load balancer together; while the grace period lasts nothing counts as unhealthy."""
        if task.status != "RUNNING" or task.started is None:
            return "unknown"
        opinions = []
        if self.plan.container_health_check:
            opinions.append(task.health.lower())
        if self.plan.load_balancer:
            opinions.append(targets[task.address].state if task.address in targets else "initial")
        if "unhealthy" in opinions:
            grace = self._settings.grace or seconds(0)
            return "unknown" if self._hands.clock.now() < task.started + grace else "unhealthy"
        return "healthy" if all(opinion == "healthy" for opinion in opinions) else "unknown"

    def _view(self, task: Task, health: Health) -> View:
        current = task.deployment == self._deployments[0].identifier
        return View(task.identifier, task.zone, task.status == "RUNNING", health, current)

    def _create(self, decision: Decision, replaced: int = 0) -> list[Task]:
        fresh: list[Task] = []
        with self._lock:
            for _ in range(decision.start):
                views = [self._view(task, "unknown") for task in self._tasks if task.wanted]
                zone = decisions.place(self._open_zones(), views)
                address = self._addresses[zone].take(self._used())
                if address is None:
                    self._tell("was unable to place a task. Reason: no address is free.")
                    break
                now, deployment = self._hands.clock.now(), self._deployments[0].identifier
                task = Task(self.plan.name, self.plan.region, zone, address, now, deployment)
                self._tasks.append(task)
                fresh.append(task)
            if fresh:
                named = " ".join(f"(task {task.identifier})" for task in fresh)
                why = f" Amazon ECS replaced {replaced} tasks due to an unhealthy status." if replaced else ""
                self._tell(f"has started {len(fresh)} tasks: {named}.{why}")
        return fresh

    def _open_zones(self) -> Sequence[str]:
        """The zones that have capacity: not those without power, unless all are."""
        lost = self._hands.network.is_lost
        return [zone for zone in self.plan.zones if not lost(self.plan.region, zone)] or self.plan.zones

    def _used(self) -> set[str]:
        return {task.address for task in self._tasks if task.status != "STOPPED"} | set(self._targets())

    def _accepts(self, task: Task) -> bool:
        try:
            with self._hands.network.connect(task.place, (task.address, PORT), seconds(1)):
                return True
        except OSError:
            return False

    def _mourn(self, task: Task) -> None:
        """A task has ended by itself; after several quick ends in a row the next start waits."""
        now, deployment = self._hands.clock.now(), self._deployments[0]
        quick = task.started is None or now - task.started < decisions.QUICK
        self._quick_failures = self._quick_failures + 1 if quick else 0
        self._not_before = now + decisions.wait(self._quick_failures)
        if self._quick_failures >= 2:
            self._tell("is unable to consistently start tasks successfully.")
        if task.deployment == deployment.identifier and not deployment.completed:
            deployment.failed += 1

    def _report(self, views: Sequence[View], targets: Mapping[str, Opinion]) -> None:
        """Tell once of each task that became unhealthy, and why."""
        for view in views:
            task = self._task(view.identifier)
            if view.health != "unhealthy" or task.reported:
                task.reported = task.reported and view.health == "unhealthy"
                continue
            task.reported = True
            if task.health == "UNHEALTHY":
                self._tell(f"(task {task.identifier}) failed container health checks.")
            else:
                where = f"(port {PORT}) is unhealthy in (target-group {self._runner.group_arn})"
                self._tell(f"(task {task.identifier}) {where} due to (reason {targets[task.address].description})")

    def _retire(self, chosen: Sequence[str], views: Sequence[View]) -> None:
        unhealthy = {view.identifier for view in views if view.health == "unhealthy"}
        tasks = [self._task(identifier) for identifier in chosen]
        reasons = [self._reason(task, unhealthy=task.identifier in unhealthy) for task in tasks]
        self._runner.retire(tasks, "ServiceSchedulerInitiated", reasons)

    def _reason(self, task: Task, *, unhealthy: bool) -> str:
        if not unhealthy:
            return f"Scaling activity initiated by (deployment {self._deployments[0].identifier})"
        if task.health == "UNHEALTHY":
            return "Task failed container health checks"
        return f"Task failed ELB health checks in (target-group {self._runner.group_arn})"

    def _forget(self) -> None:
        horizon = self._hands.clock.now().back(_REMEMBERED)
        self._tasks = [task for task in self._tasks if task.stopped is None or task.stopped > horizon]

    def _settle(self, views: Sequence[View], *, calm: bool) -> None:
        """A deployment is complete, and the service steady, once its healthy tasks are all there is."""
        newest = self._deployments[0]
        wanted = {task.deployment for task in self._tasks if task.wanted} | {newest.identifier}
        self._deployments = [one for one in self._deployments if one.identifier in wanted]
        steady = calm and len(views) == self._desired and all(view.proven and view.current for view in views)
        if steady and not newest.completed:
            newest.completed, newest.updated = True, self._hands.clock.now()
            self._tell(f"(deployment {newest.identifier}) deployment completed.")
        if steady and not self._steady:
            self._tell("has reached a steady state.")
        self._steady = steady

    def _task(self, identifier: str) -> Task:
        return next(task for task in self._tasks if task.identifier == identifier)

    def _tell(self, message: str) -> None:
        self._diary.tell(self._hands.clock.now(), message)
