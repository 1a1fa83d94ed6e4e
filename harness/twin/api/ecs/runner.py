"""What becomes of a service's tasks: from PROVISIONING over RUNNING to STOPPED, with a real process in between.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from harness.clock import Clock, seconds
from harness.errors import TwinFault
from harness.twin.api.ecs.deployment import Diary
from harness.twin.api.ecs.task import PORT, ContainerHealth, StopCode, Task
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
_ACTIVATING = seconds(2)
_DEPROVISIONING = seconds(5)
_HEALTH_PATH = "/api/v1/health"


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


class Runner:
    """Starts and ends the tasks of one service. ``lock`` guards them; it is not held while a process starts or stops.

    ``died`` is told, under the lock, of a task whose process ended by itself.
    """

    def __init__(
        self, hands: Hands, plan: EcsService, lock: threading.RLock, diary: Diary, died: Callable[[Task], None]
    ) -> None:
        self._hands = hands
        self._plan = plan
        self._lock = lock
        self._diary = diary
        self._died = died
        self._closed = False

    @property
    def group_arn(self) -> str | None:
        """The target group of the tasks, if they are targets."""
        balancer = self._plan.load_balancer
        return self._hands.balancers.group_arn(self._plan.region, balancer) if balancer else None

    def close(self) -> None:
        """Start nothing more; call it under the lock."""
        self._closed = True

    def provision(self, task: Task) -> None:
        """Take AWS's time from the decision to a running container: network interface, image, start."""
        span = self._hands.spans.draw("ecs.task_start")
        later = self._hands.scheduler.later
        later(span * 0.4, lambda: self._pend(task), f"provisioning of {task.identifier}")
        later(span, lambda: self._activate(task), f"start of {task.identifier}")

    def begin(self, task: Task) -> bool:
        """Start the task's process; ``False`` when the task is not wanted any more. Raises ``TwinFault``."""
        with self._lock:
            if self._closed or not task.wanted:
                return False
            task.starting, task.status = True, "ACTIVATING"
        settings = settings_for(self._hands.design, self._plan.region, self._plan.name)
        spec = TaskSpec(self._plan.name, task.identifier, task.region, task.place, task.address, PORT, settings)
        try:
            process = self._hands.apps.start(spec)
        except TwinFault:
            with self._lock:
                task.starting = False
                self._mark(task, "TaskFailedToStart", "Task failed to start")
                self._bury(task)
            raise
        with self._lock:
            task.starting, task.process = False, process
            task.check_due = self._hands.clock.now() + CHECK_INTERVAL
            wanted, closed = task.wanted, self._closed
        if closed:
            process.kill()
        elif not wanted:
            self._hands.pool.submit(self._end, task)
        return wanted and not closed

    def run(self, task: Task) -> None:
        """The task is a target, if its service has a load balancer, and counts as running from now on."""
        self._enlist(task)
        self._promote(task)

    def retire(self, tasks: Sequence[Task], code: StopCode, reasons: Sequence[str]) -> None:
        """Drain tasks, then stop them; call it under the lock. One that never ran stops at once."""
        leaving = [(task, reason) for task, reason in zip(tasks, reasons, strict=True) if task.wanted]
        if not leaving:
            return
        named = " ".join(f"(task {task.identifier})" for task, _ in leaving)
        self._tell(f"has stopped {len(leaving)} running tasks: {named}.")
        drained = []
        for task, reason in leaving:
            self._mark(task, code, reason)
            if task.process is None and not task.starting:
                self._bury(task)
                continue
            task.status = "DEACTIVATING"
            if self._withdraw(task):
                drained.append(task)
            elif task.process is not None:
                self._hands.pool.submit(self._end, task)
        if drained:
            self._tell(f"deregistered {len(drained)} targets in (target-group {self.group_arn})")
            draining = f"has begun draining connections on {len(drained)} tasks."
            self._diary.tell(self._hands.clock.now(), draining, task_set=drained[0].deployment)

    def notice(self, task: Task) -> None:
        """See whether the task's process has ended by itself; call it under the lock."""
        present = task.status in ("ACTIVATING", "RUNNING", "DEACTIVATING")
        if task.process is None or not present or task.process.alive():
            return
        task.exit_code, task.ended = task.process.exit_code(), self._hands.clock.now()
        if task.wanted:
            self._mark(task, "EssentialContainerExited", "Essential container in task exited")
            self._died(task)
            if self._withdraw(task):
                self._tell(f"deregistered 1 targets in (target-group {self.group_arn})")
        self._bury(task)

    def examine(self, task: Task) -> None:
        """Start the container's health check when it is due; call it under the lock."""
        due = self._plan.container_health_check and task.check_due and self._hands.clock.now() >= task.check_due
        if due and task.process is not None and task.status == "RUNNING":
            task.check_due = None
            self._hands.pool.submit(self._check, task)

    def _pend(self, task: Task) -> None:
        with self._lock:
            if task.status == "PROVISIONING":
                task.status = "PENDING"

    def _activate(self, task: Task) -> None:
        if self.begin(task):
            self._enlist(task)
            self._hands.scheduler.later(_ACTIVATING, lambda: self._promote(task), f"activation of {task.identifier}")

    def _promote(self, task: Task) -> None:
        with self._lock:
            if task.status == "ACTIVATING" and task.wanted:
                task.status, task.started = "RUNNING", self._hands.clock.now()

    def _enlist(self, task: Task) -> None:
        """Under the lock, or a task that is retired meanwhile would stay registered for ever."""
        balancer = self._plan.load_balancer
        with self._lock:
            if balancer and task.wanted:
                self._hands.balancers.register(self._plan.region, balancer, task.address)
                task.enlisted = True
                self._tell(f"registered 1 targets in (target-group {self.group_arn})")

    def _withdraw(self, task: Task) -> bool:
        """Take the task out of its target group, and end its process when it has drained; ``False``: it was not in."""
        balancer = self._plan.load_balancer
        if not balancer or not task.enlisted:
            return False
        task.enlisted = False
        self._hands.balancers.deregister(self._plan.region, balancer, task.address)
        delay = self._hands.balancers.draining_span(self._plan.region, balancer)
        submit = self._hands.pool.submit
        self._hands.scheduler.later(delay, lambda: submit(self._end, task), f"end of draining of {task.identifier}")
        return True

    def _check(self, task: Task) -> None:
        """One container health check, as Docker makes it: the next is due an interval after the end of this one."""
        address = (task.address, PORT)
        result = check(self._hands.network, self._hands.clock, task.place, address, _HEALTH_PATH, CHECK_TIMEOUT)
        with self._lock:
            task.failed_checks = 0 if result.passed else task.failed_checks + 1
            health: ContainerHealth = task.health
            if result.passed:
                health = "HEALTHY"
            elif task.failed_checks >= CHECK_RETRIES:
                health = "UNHEALTHY"
            task.health = health
            task.check_due = self._hands.clock.now() + CHECK_INTERVAL

    def _end(self, task: Task) -> None:
        with self._lock:
            if task.status in ("STOPPING", "DEPROVISIONING", "STOPPED") or task.process is None or self._closed:
                return
            task.status = "STOPPING"
            process = task.process
        process.stop(STOP_TIMEOUT)
        with self._lock:
            task.exit_code, task.ended = process.exit_code(), self._hands.clock.now()
            self._bury(task)

    def _mark(self, task: Task, code: StopCode, reason: str) -> None:
        task.wanted, task.stop_code, task.stopped_reason = False, code, reason
        task.stopping = self._hands.clock.now()

    def _bury(self, task: Task) -> None:
        task.status = "DEPROVISIONING"

        def gone() -> None:
            with self._lock:
                task.status, task.stopped = "STOPPED", self._hands.clock.now()

        self._hands.scheduler.later(_DEPROVISIONING, gone, f"deprovisioning of {task.identifier}")

    def _tell(self, message: str) -> None:
        self._diary.tell(self._hands.clock.now(), message)
