"""Every course that a fault can take: the state machine run with each stage as quick or as slow as it may be.

Every event is as quick or as slow as it may be, each for itself where they are few, so that races between an alarm and
a failover, or the checks of two regions, are met in every order. Where they are many, delays of one kind go together.
``tests/unit/judges/feasibility`` holds the result against brute force on small models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from harness.clock import ZERO, Duration
from harness.judges.feasibility.platform import NOTHING, Event, Fault, Platform, State
from harness.judges.feasibility.rows import Budget, Kind
from harness.timings import Range

BEST, TYPICAL, WORST = 0, 1, 2
Pick = Callable[[Event], int]
_MOST_STEPS = 80
_SINGLY = 9
"""Up to so many events are combined one by one: checks of two regions may be as quick as slow, each for itself."""


@dataclass(frozen=True)
class Step:
    """A state from ``at`` on (since the fault); ``cause`` is the step whose state led to the event that made it."""

    at: Duration
    state: State
    event: Event | None = None
    cause: int = 0


@dataclass(frozen=True)
class Course:
    """One course of events, from the moment after the faults until nothing more comes by itself."""

    faults: frozenset[Fault]
    steps: tuple[Step, ...]
    endless: bool = False

    def chain(self, index: int) -> tuple[Budget, ...]:
        """The stages that led to a step, one after the other."""
        stages: tuple[Budget, ...] = ()
        while index > 0:
            step = self.steps[index]
            stages = (step.event.stages if step.event else ()) + stages
            index = step.cause
        return stages

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What happens, in order."""
        return tuple(f"after {step.at} {step.event.words}" for step in self.steps if step.event)


def amount(span: Range, pick: int) -> Duration:
    """The best, typical or worst of a range."""
    return (span.best, span.typical, span.worst)[pick]


def run(platform: Platform, faults: frozenset[Fault], pick: Pick) -> Course:
    """One course, each event delayed as ``pick`` says.

    An event whose reason goes away before it comes does not come.
    """
    state, now = platform.start(faults), ZERO
    steps = [Step(now, state)]
    due: dict[str, tuple[Duration, int]] = {}
    while len(steps) < _MOST_STEPS:
        coming = platform.events(faults, state)
        due = {key: when for key, when in due.items() if key in coming}
        for key, event in coming.items():
            if key not in due:
                chosen = pick(event)
                due[key] = (now + sum((amount(one.range, chosen) for one in event.stages), ZERO), len(steps) - 1)
        if not due:
            return Course(faults, tuple(steps))
        key = min(due, key=lambda one: (due[one][0], one))
        now, cause = due.pop(key)
        state = coming[key].after
        steps.append(Step(now, state, coming[key], cause))
    return Course(faults, tuple(steps), endless=True)


def courses(platform: Platform, faults: frozenset[Fault]) -> tuple[Course, ...]:
    """The courses of every combination of best and worst delays: of single events, or of kinds where those are many."""
    found = _combined(platform, faults, lambda event: event.key, _SINGLY)
    if found is None:
        found = _combined(platform, faults, lambda event: event.kind, None)
    assert found is not None
    return tuple({tuple((one.at, one.state) for one in course.steps): course for course in found}.values())


def _combined(
    platform: Platform, faults: frozenset[Fault], name: Callable[[Event], str], most: int | None
) -> list[Course] | None:
    """A course for every combination of the named; ``None`` when more than ``most`` names come up."""
    names: list[str] = []
    while most is None or len(names) <= most:
        seen: set[str] = set()
        found = [
            run(platform, faults, _picking(dict(zip(names, choice, strict=True)), name, seen))
            for choice in product((BEST, WORST), repeat=len(names))
        ]
        if seen <= set(names):
            return found
        names += sorted(seen - set(names))
    return None


def _picking(table: Mapping[str, int], name: Callable[[Event], str], seen: set[str]) -> Pick:
    def pick(event: Event) -> int:
        seen.add(name(event))
        return table.get(name(event), WORST)

    return pick


@dataclass(frozen=True)
class Return:
    """How a location's operation came back on one course: when, by which stages; ``never``: it did not.

    ``region``: where its clients were at the end.
    """

    at: Duration
    stages: tuple[Budget, ...]
    region: str
    never: bool = False


@dataclass(frozen=True)
class Stay:
    """Clients of a location are at ``region`` from ``at`` on, having come by ``stages``."""

    at: Duration
    region: str
    stages: tuple[Budget, ...] = ()


def moves(platform: Platform, course: Course, location: str, pick: int) -> tuple[Stay, ...]:
    """Where a location's clients are on a course; ``pick`` is how quick their resolver and their reconnect are."""
    client = platform.configuration.client
    before = platform.answer(platform.rest, location)
    stays = [Stay(ZERO, before.region if before else platform.home)]
    if not client.honours_ttl and client.connection_age is None:
        return tuple(stays)
    reconnect = reconnecting(platform)
    for index, step in enumerate(course.steps):
        record = platform.answer(step.state, location)
        if record is None or before is None or record.region == before.region:
            continue
        source = "the fixed TTL of an alias" if before.alias else "the record's TTL"
        ttl = Range(ZERO, before.cached_for / 2, before.cached_for, source)
        stages = (*course.chain(index), Budget("dns", ttl), reconnect)
        arrived = step.at + amount(ttl, pick) + amount(reconnect.range, pick)
        before = record
        stays.append(Stay(max(arrived, stays[-1].at), record.region, stages))
    return tuple(stays)


def reconnecting(platform: Platform) -> Budget:
    """How long clients need to try again."""
    deadline = platform.configuration.client.request_deadline
    return Budget("reconnect", Range(ZERO, deadline / 2, deadline, "the clients' deadline of a request"))


def followed(platform: Platform, course: Course, stays: tuple[Stay, ...], kind: Kind, pick: int) -> Return:
    """What clients who move so get on a course: the last moment at which it began to work, and what led to it."""
    moments: list[tuple[Duration, int, int]] = [(step.at, 0, index) for index, step in enumerate(course.steps)]
    moments += [(stay.at, 1, index) for index, stay in enumerate(stays)]
    index = place = 0
    good, back = True, Return(ZERO, (), stays[0].region)
    for at, moved, which in sorted(moments):
        if moved:
            place = which
        else:
            index = which
        region = stays[place].region
        works = platform.serves(course.faults, course.steps[index].state, region, kind)
        if works and not good:
            reconnect = reconnecting(platform)
            stages = stays[place].stages if moved else (*course.chain(index), reconnect)
            back = Return(at if moved else at + amount(reconnect.range, pick), stages, region)
        elif not works:
            back = Return(at, (), region, never=True)
        good = works
    return replace(back, region=stays[-1].region, never=back.never or course.endless)


def typical(platform: Platform, faults: frozenset[Fault]) -> Course:
    """The course on which everything takes as long as it usually does."""
    return run(platform, faults, lambda _: TYPICAL)


def calm(platform: Platform, location: str, kind: Kind) -> bool:
    """Whether the operation works while nothing is broken."""
    record = platform.answer(platform.rest, location)
    home = record.region if record else platform.home
    return platform.serves(NOTHING, platform.rest, home, kind)


def single_and_double(faults: Iterable[Fault]) -> list[frozenset[Fault]]:
    """Every fault and every pair of them."""
    found = list(faults)
    pairs = [frozenset({one, other}) for n, one in enumerate(found) for other in found[n + 1 :]]
    return [frozenset({one}) for one in found] + pairs


def ended(platform: Platform, course: Course, location: str, kind: Kind) -> tuple[str, bool]:
    """Where a location's clients are when nothing more comes on a course, and whether they are served there."""
    last = course.steps[-1].state
    client = platform.configuration.client
    moving = client.honours_ttl or client.connection_age is not None
    record = platform.answer(last if moving else platform.rest, location)
    region = record.region if record else platform.home
    return region, platform.serves(course.faults, last, region, kind) and not course.endless
