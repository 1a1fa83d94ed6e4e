"""What an ECS service does next: how many tasks to start and which to stop. Pure.

A replacement starts before an unhealthy task stops, unless ``maximumPercent`` leaves no room; then one unhealthy task
at a time makes room. A deployment starts new tasks as far as ``maximumPercent`` allows and stops old ones as far as
``minimumHealthyPercent`` of the desired tasks stay healthy. Known difference: old tasks stop before their replacements
are healthy only where there is no room for these; AWS says that its scheduler may do so earlier. Source:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_definition_parameters.html (maximumPercent).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.clock import Duration, seconds

Health = Literal["healthy", "unhealthy", "unknown"]

QUICK = seconds(30)
"""A task that ends sooner than this after its start counts as one that failed to start."""

_FIRST_WAIT = seconds(5)
_LONGEST_WAIT = seconds(27 * 60)


@dataclass(frozen=True)
class View:
    """A task that is meant to run, as the service sees it. ``health`` joins container and load balancer checks.

    ``current``: it belongs to the newest deployment.
    """

    identifier: str
    zone: str
    running: bool
    health: Health
    current: bool = True

    @property
    def proven(self) -> bool:
        """Running and found healthy by every check that there is."""
        return self.running and self.health == "healthy"


@dataclass(frozen=True)
class Decision:
    """Start so many tasks, and stop these."""

    start: int = 0
    stop: tuple[str, ...] = ()


def decide(tasks: Sequence[View], desired: int, maximum_percent: int, minimum_percent: int = 100) -> Decision:
    """The next step; ``tasks`` from the oldest to the newest."""
    room = max(desired, desired * maximum_percent // 100) - len(tasks)
    if any(not task.current for task in tasks):
        return _rolled(tasks, desired, room, -(-desired * minimum_percent // 100))
    unhealthy = [task for task in tasks if task.health == "unhealthy"]
    fit = [task for task in tasks if task.health != "unhealthy"]
    proven = [task for task in fit if task.proven]
    missing = desired - len(fit)
    if missing > 0 and room > 0:
        return Decision(start=min(missing, room), stop=_replaced(unhealthy, proven, desired))
    if missing > 0 and unhealthy:
        return Decision(stop=(unhealthy[0].identifier,))
    if unhealthy:
        return Decision(stop=_replaced(unhealthy, proven, desired))
    return Decision(stop=_surplus(fit, len(fit) - desired))


def place(zones: Sequence[str], tasks: Sequence[View]) -> str:
    """The zone of the next task: the one with the fewest, in the service's order."""
    crowd = Counter(task.zone for task in tasks)
    return min(zones, key=lambda zone: crowd[zone])


def wait(failures: int) -> Duration:
    """How long to wait before the next start after so many quick failures in a row.

    AWS publishes the cap of 27 minutes and that the wait grows; that it doubles from 5 s is our assumption. Source:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html
    """
    if failures < 2:
        return seconds(0)
    return min(_LONGEST_WAIT, _FIRST_WAIT * float(2 ** min(failures - 2, 10)))


def _rolled(tasks: Sequence[View], desired: int, room: int, floor: int) -> Decision:
    """A step of a deployment: new tasks as far as there is room, old ones away as far as ``floor`` stay healthy."""
    old = [task for task in tasks if not task.current]
    sick = [task.identifier for task in tasks if task.current and task.health == "unhealthy"]
    new = [task for task in tasks if task.current and task.health != "unhealthy"]
    missing = max(0, desired - len(new))
    start = min(missing, max(0, room))
    needed = max(0, desired - sum(task.proven for task in new))
    replaced, cramped = max(0, len(old) - needed), missing - start if room <= 0 else 0
    spare = sum(task.proven for task in tasks) - floor
    stop = list[str]()
    for task in sorted(old, key=lambda task: task.proven)[: max(replaced, min(cramped, len(old)))]:
        if task.proven and spare <= 0:
            break
        spare -= task.proven
        stop.append(task.identifier)
    return Decision(start, (*sick, *stop, *_surplus(new, len(new) - desired)))


def _replaced(unhealthy: Sequence[View], proven: Sequence[View], desired: int) -> tuple[str, ...]:
    """The unhealthy tasks whose replacements have proven themselves."""
    count = max(0, len(proven) + len(unhealthy) - desired)
    return tuple(task.identifier for task in unhealthy[:count])


def _surplus(tasks: Sequence[View], count: int) -> tuple[str, ...]:
    """Whom a smaller service gives up: not yet running, unproven, then of the fullest zone; the newest first."""
    left, chosen = list(tasks), list[str]()
    for _ in range(count):
        crowd = Counter(task.zone for task in left)
        order = [(task.running, task.health == "healthy", -crowd[task.zone], -age) for age, task in enumerate(left)]
        victim = left.pop(order.index(min(order)))
        chosen.append(victim.identifier)
    return tuple(chosen)
