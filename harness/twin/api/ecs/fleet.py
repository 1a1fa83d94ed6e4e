"""One ECS service at run time: it keeps its number of tasks, replaces what is unhealthy, and drains before it stops."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from harness.clock import Clock, Instant, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import TwinFault
from harness.twin.api.ecs import decisions
from harness.twin.api.ecs.decisions import Health, View
from harness.twin.api.ecs.task import PORT, Addresses, ContainerHealth, StopCode, Task
from harness.twin.api.elbv2 import ElbV2
from harness.twin.api.elbv2.checks import check
from harness.twin.api.spans import Spans
from harness.twin.designs.model import Design, EcsService
from harness.twin.engines.apps import AppHost, TaskSpec, settings_for
from harness.twin.network.network import Network
from harness.twin.schedule import Scheduler

STOP_TIMEOUT = seconds(30)
CHECK_INTERVAL = seconds(30)
CHECK_TIMEOUT = seconds(5)
CHECK_RETRIES = 3
_REMEMBERED = seconds(3600)
_DEPROVISIONING = seconds(5)
_HEALTH_PATH = "/api/v1/health"
_BOOT_SECONDS = 20


@dataclass(frozen=True)
class Hands:
    """What every fleet works with."""

    clock: Clock
    scheduler: Scheduler
    network: Network
    design: Design
    balancers: ElbV2
    apps: AppHost
    spans: Spans
    pool: Executor


class Fleet:
    """A service and its tasks. Thread-safe; the lock is never held while a process starts or stops."""

    def __init__(self, hands: Hands, plan: EcsService) -> None:
        self.plan = plan
        self.created: Instant = hands.clock.now()
        self.desired = plan.desired_count
        self.events: deque[tuple[Instant, str]] = deque(maxlen=100)
        self._hands = hands
        self._lock = threading.RLock()
        self._tasks: list[Task] = []
        self._steady = False
        self._quick_failures = 0
        self._not_before: Instant = self.created
        self._closed = False
        region = hands.design.region(plan.region)
        self._addresses = {zone: Addresses(plan.name, region, zone) for zone in plan.zones}

    def tasks(self) -> list[Task]:
        """Every task that is remembered, the oldest first; stopped ones for an hour."""
        with self._lock:
            return list(self._tasks)

    def boot(self) -> None:
        """Start the desired tasks at once and register them; returns when each accepts connections or has ended."""
        fresh = self._create(self.desired)
        list(self._hands.pool.map(self._begin, fresh))
        deadline = monotonic_nanoseconds() + _BOOT_SECONDS * 1_000_000_000
        for task in fresh:
            while self.plan.load_balancer and not self._accepts(task):
                if task.process is None or not task.process.alive():
                    break
                if monotonic_nanoseconds() > deadline:
                    raise TwinFault(f"{self.plan.name} of {self.plan.region} does not listen.", "Read its log.")
                real_sleep(0.02)
            else:
                self._enlist(task)

    def close(self) -> None:
        """Kill every task and do nothing more."""
        with self._lock:
            self._closed = True
            processes = [task.process for task in self._tasks if task.process]
        for process in processes:
            if process.alive():
                process.kill()

    def resize(self, desired: int) -> None:
        """Change the desired count; the next tick acts on it."""
        with self._lock:
            self.desired = desired
            self._steady = False

    def stop_task(self, task: Task, reason: str) -> None:
        """StopTask: the task drains and stops, and the service replaces it."""
        with self._lock:
            self._retire(task, "UserInitiated", reason or "Task stopped by user")

    def tick(self) -> None:
        """Notice ended tasks, check containers, and take the next decision."""
        health = self._target_health()
        with self._lock:
            if self._closed:
                return
            for task in self._tasks:
                self._notice(task)
            self._forget()
            views = [_view(task, self._health(task, health)) for task in self._tasks if task.wanted]
            decision = decisions.decide(views, self.desired, self.plan.maximum_percent)
            for identifier in decision.stop:
                self._replace(self._task(identifier), views)
            may_start = self._hands.clock.now() >= self._not_before
            fresh = self._create(decision.start) if may_start else []
            self._settle(views, calm=not decision.start and not decision.stop)
        for task in fresh:
            self._provision(task)

    def _target_health(self) -> dict[str, str]:
        if not self.plan.load_balancer:
            return {}
        targets = self._hands.balancers.targets(self.plan.region, self.plan.load_balancer)
        return {target: opinion.state for target, opinion in targets.items()}

    def _health(self, task: Task, targets: dict[str, str]) -> Health:
        if task.status != "RUNNING":
            return "unknown"
        opinions = []
        if self.plan.container_health_check:
            opinions.append(task.health.lower())
        if self.plan.load_balancer:
            opinions.append(targets.get(task.address, "initial"))
        if "unhealthy" in opinions:
            return "unhealthy"
        return "healthy" if all(opinion == "healthy" for opinion in opinions) else "unknown"

    def _create(self, count: int) -> list[Task]:
        fresh: list[Task] = []
        with self._lock:
            for _ in range(count):
                views = [_view(task, "unknown") for task in self._tasks if task.wanted]
                zone = decisions.place(self._open_zones(), views)
                address = self._addresses[zone].take(self._used())
                if address is None:
                    self._tell("was unable to place a task because no address is free.")
                    break
                task = Task(self.plan.name, self.plan.region, zone, address, self._hands.clock.now())
                self._tasks.append(task)
                fresh.append(task)
            if fresh:
                named = " ".join(f"(task {task.identifier})" for task in fresh)
                self._tell(f"has started {len(fresh)} tasks: {named}.")
        return fresh

    def _open_zones(self) -> Sequence[str]:
        """The zones that have capacity: not those without power, unless all are."""
        lost = self._hands.network.is_lost
        return [zone for zone in self.plan.zones if not lost(self.plan.region, zone)] or self.plan.zones

    def _used(self) -> set[str]:
        used = {task.address for task in self._tasks if task.status != "STOPPED"}
        return used | set(self._target_health())

    def _provision(self, task: Task) -> None:
        """AWS's time from the decision to a running container: image, network interface, start."""
        span = self._hands.spans.draw("ecs.task_start")
        later = self._hands.scheduler.later
        later(span * 0.4, lambda: self._pend(task), f"provisioning of {task.identifier}")
        later(span, lambda: self._run(task), f"start of {task.identifier}")

    def _pend(self, task: Task) -> None:
        with self._lock:
            if task.status == "PROVISIONING":
                task.status = "PENDING"

    def _run(self, task: Task) -> None:
        if self._begin(task) and self.plan.load_balancer:
            self._enlist(task)

    def _begin(self, task: Task) -> bool:
        """Start the task's process; ``False`` when it is not wanted any more."""
        with self._lock:
            if self._closed or not task.wanted:
                return False
        settings = settings_for(self._hands.design, self.plan.region, self.plan.name)
        process = self._hands.apps.start(
            TaskSpec(self.plan.name, task.identifier, self.plan.region, task.place, task.address, PORT, settings)
        )
        with self._lock:
            now = self._hands.clock.now()
            task.process, task.status, task.started = process, "RUNNING", now
            task.check_due = now + CHECK_INTERVAL
            wanted, closed = task.wanted, self._closed
        if closed:
            process.kill()
        elif not wanted:
            self._hands.pool.submit(self._end, task)
        return wanted and not closed

    def _enlist(self, task: Task) -> None:
        balancer = self.plan.load_balancer
        if balancer:
            self._hands.balancers.register(self.plan.region, balancer, task.address)
            arn = self._hands.balancers.group_arn(self.plan.region, balancer)
            self._tell(f"registered 1 targets in (target-group {arn})")

    def _accepts(self, task: Task) -> bool:
        try:
            with self._hands.network.connect(task.place, (task.address, PORT), seconds(1)):
                return True
        except OSError:
            return False

    def _notice(self, task: Task) -> None:
        """See whether the task's process has ended by itself, and check its container when that is due."""
        if task.process is None or task.status not in ("RUNNING", "DEACTIVATING"):
            return
        if not task.process.alive():
            self._ended(task)
        elif self.plan.container_health_check and task.check_due and self._hands.clock.now() >= task.check_due:
            task.check_due = None
            self._hands.pool.submit(self._check, task)

    def _ended(self, task: Task) -> None:
        now = self._hands.clock.now()
        task.exit_code = task.process.exit_code() if task.process else None
        if task.wanted:
            quick = task.started is not None and now - task.started < decisions.QUICK
            self._quick_failures = self._quick_failures + 1 if quick else 0
            self._not_before = now + decisions.wait(self._quick_failures)
            if self._quick_failures >= 2:
                self._tell("is unable to consistently start tasks successfully.")
            task.stop_code, task.stopped_reason = "EssentialContainerExited", "Essential container in task exited"
            task.stopping = now
        task.wanted = False
        self._withdraw(task)
        self._bury(task)

    def _check(self, task: Task) -> None:
        """One container health check, as Docker makes it: the next is due an interval after the end of this one."""
        result = check(self._hands.network, self._hands.clock, task.place, task.address, _HEALTH_PATH, CHECK_TIMEOUT)
        with self._lock:
            task.failed_checks = 0 if result.passed else task.failed_checks + 1
            health: ContainerHealth = task.health
            if result.passed:
                health = "HEALTHY"
            elif task.failed_checks >= CHECK_RETRIES:
                health = "UNHEALTHY"
            task.health = health
            task.check_due = self._hands.clock.now() + CHECK_INTERVAL

    def _replace(self, task: Task, views: Sequence[View]) -> None:
        unhealthy = any(view.identifier == task.identifier and view.health == "unhealthy" for view in views)
        if not unhealthy:
            reason = f"Scaling activity initiated by (deployment ecs-svc/{self.plan.name})"
        elif task.health == "UNHEALTHY":
            reason = "Task failed container health checks"
        else:
            reason = f"Task failed ELB health checks in (target-group {self._group_arn()})"
            self._tell(f"(port {PORT}) is unhealthy in (target-group {self._group_arn()}).")
        self._retire(task, "ServiceSchedulerInitiated", reason)

    def _group_arn(self) -> str:
        balancer = self.plan.load_balancer
        return self._hands.balancers.group_arn(self.plan.region, balancer) if balancer else "none"

    def _retire(self, task: Task, code: StopCode, reason: str) -> None:
        """Drain, then stop. A task that does not run yet stops at once."""
        if not task.wanted:
            return
        task.wanted, task.stop_code, task.stopped_reason = False, code, reason
        task.stopping = self._hands.clock.now()
        self._tell(f"has stopped 1 running tasks: (task {task.identifier}).")
        if task.process is None:
            self._bury(task)
        elif self.plan.load_balancer:
            task.status = "DEACTIVATING"
            self._withdraw(task)
            delay = self._hands.balancers.draining_span(self.plan.region, self.plan.load_balancer)
            self._hands.scheduler.later(
                delay, lambda: self._hands.pool.submit(self._end, task), f"end of draining of {task.identifier}"
            )
        else:
            self._hands.pool.submit(self._end, task)

    def _withdraw(self, task: Task) -> None:
        if self.plan.load_balancer:
            self._hands.balancers.deregister(self.plan.region, self.plan.load_balancer, task.address)

    def _end(self, task: Task) -> None:
        with self._lock:
            if task.status in ("STOPPING", "DEPROVISIONING", "STOPPED") or task.process is None:
                return
            task.status = "STOPPING"
            process = task.process
        process.stop(STOP_TIMEOUT)
        with self._lock:
            task.exit_code = process.exit_code()
            self._bury(task)

    def _bury(self, task: Task) -> None:
        task.status = "DEPROVISIONING"

        def gone() -> None:
            with self._lock:
                task.status, task.stopped = "STOPPED", self._hands.clock.now()

        self._hands.scheduler.later(_DEPROVISIONING, gone, f"deprovisioning of {task.identifier}")

    def _forget(self) -> None:
        horizon = self._hands.clock.now().back(_REMEMBERED)
        self._tasks = [task for task in self._tasks if task.stopped is None or task.stopped > horizon]

    def _settle(self, views: Sequence[View], *, calm: bool) -> None:
        steady = calm and len(views) == self.desired and all(view.running for view in views)
        if steady and not self._steady:
            self._tell("has reached a steady state.")
        self._steady = steady

    def _task(self, identifier: str) -> Task:
        return next(task for task in self._tasks if task.identifier == identifier)

    def _tell(self, message: str) -> None:
        self.events.appendleft((self._hands.clock.now(), f"(service {self.plan.name}) {message}"))


def _view(task: Task, health: Health) -> View:
    return View(task.identifier, task.zone, task.status == "RUNNING", health)
