"""What an ECS service does next: how many tasks to start and which to stop. Pure.

A replacement starts before an unhealthy task stops, unless ``maximumPercent`` leaves no room; then one unhealthy task
at a time makes room. Source: "Amazon ECS task health and replacement",
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
    """A task that is meant to run, as the service sees it. ``health`` joins container and load balancer checks."""

    identifier: str
    zone: str
    running: bool
    health: Health


@dataclass(frozen=True)
class Decision:
    """Start so many tasks, and stop these."""

    start: int = 0
    stop: tuple[str, ...] = ()


def decide(tasks: Sequence[View], desired: int, maximum_percent: int) -> Decision:
    """The next step; ``tasks`` from the oldest to the newest."""
    unhealthy = [task for task in tasks if task.health == "unhealthy"]
    fit = [task for task in tasks if task.health != "unhealthy"]
    proven = [task for task in fit if task.running and task.health == "healthy"]
    room = max(desired, desired * maximum_percent // 100) - len(tasks)
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
