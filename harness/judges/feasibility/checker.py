"""The checker: every failure held against what is owed, and what is left to find in pairs of failures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from harness.clock import ZERO, Duration
from harness.configuration import Configuration
from harness.judges.feasibility.explanations import why_never
from harness.judges.feasibility.exploration import (
    BEST,
    TYPICAL,
    WORST,
    Course,
    Return,
    Step,
    calm,
    courses,
    ended,
    followed,
    moves,
    single_and_double,
    typical,
)
from harness.judges.feasibility.finding import Finding
from harness.judges.feasibility.findings import findings_of
from harness.judges.feasibility.lag import LagAlarm, lag_alarm
from harness.judges.feasibility.platform import NOTHING, Fault, FaultKind, Platform
from harness.judges.feasibility.rows import KINDS, Budget, Kind, Path, Row, range_json
from harness.objectives import Objectives
from harness.timings import Range
from harness.verdicts import Ruling, worst

ALONE: frozenset[FaultKind] = frozenset({"writer stopped", "replica stopped", "tasks stopped", "cache lost"})
"""What a platform of one region owes to survive."""
CALM = "nothing at all"
"""The failure of what does not even work while nothing is broken."""
TOGETHER: frozenset[FaultKind] = ALONE | {"front dark", "region lost", "automation silenced", "control plane lost"}
"""What a platform of several regions owes to survive."""


@dataclass(frozen=True)
class Feasibility:
    """What a configuration can do at best, beside what it owes."""

    rows: tuple[Row, ...]
    details: tuple[Finding, ...]
    alarm: Range | None
    """From the lag crossing its threshold to the alarm; ``None`` when the alarm cannot ring."""
    alarm_ruling: Ruling
    unknown: tuple[str, ...]
    """Values that are not known before they are made, and matter."""
    verdict: Ruling

    @property
    def findings(self) -> tuple[str, ...]:
        """What stands out, in words: why there is no way back, what is too slow, what is wrong as it is written."""
        owed = [row for row in self.rows if row.owed and row.ruling is Ruling.BROKEN]
        never = [row.path.never for row in owed if row.path.never]
        slow = [slow_words(row) for row in owed if not row.path.never]
        return tuple(dict.fromkeys([*never, *slow, *(one.words for one in self.details), *self.unknown]))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values for a run's header; spans in seconds. Rows that notice nothing are left out."""
        return {
            "rows": [row.to_json() for row in self.rows if row.touched],
            "findings": list(self.findings),
            "details": [one.to_json() for one in self.details],
            "unknown": list(self.unknown),
            "alarm": None if self.alarm is None else range_json(self.alarm),
            "alarm_ruling": self.alarm_ruling.name,
            "verdict": self.verdict.name,
        }

    def foretold(self, failure: str) -> tuple[str, ...]:
        """What cannot be kept under one failure, in words; those whom the same befalls together."""
        told: dict[str, list[str]] = {}
        for row in self.rows:
            if row.failure == failure and row.ruling is Ruling.BROKEN:
                usual = f"{row.path.total()[1]} typically, {row.objective} are owed"
                told.setdefault(row.path.never or usual, []).append(f"{row.kind} from {row.location}")
        return tuple(f"{', '.join(where)}: {words}" for words, where in told.items())

    def of(self, failure: str) -> Ruling:
        """The ruling for one failure alone, e.g. ``failure_of(title(fault))``; UNKNOWN when no row has it."""
        return worst(row.ruling for row in self.rows if row.failure == failure)


@dataclass(frozen=True)
class CounterExample:
    """Faults under which an operation never comes back, and the course that leads there."""

    failure: str
    location: str
    kind: Kind
    reason: str
    trace: tuple[str, ...]
    spared: bool
    """A region that could serve it is still there: the platform has what it takes and does not lead clients to it."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "failure": self.failure,
            "location": self.location,
            "kind": self.kind,
            "reason": self.reason,
            "trace": list(self.trace),
            "spared": self.spared,
        }


@dataclass(frozen=True)
class Owed:
    """What is owed: ``plain`` for every failure, ``special`` by kind of fault where it strikes the writer's region."""

    plain: Objectives
    special: Mapping[FaultKind, Objectives] = field(default_factory=dict)

    def of(self, faults: frozenset[Fault], home: str) -> Objectives:
        """What is owed under these faults."""
        return next(
            (found for one in faults if one.where == home and (found := self.special.get(one.kind))), self.plain
        )


def feasibility(configuration: Configuration, owed: Objectives | Owed) -> Feasibility:
    """Best, typical and worst recovery of each location's operations for each single failure, and what stands out.

    Pure arithmetic on the configuration; nothing is measured. KEPT: the worst case is within the objective. BROKEN:
    not even the typical one is, or there is no way back. Values that are not known yet never pass.
    """
    promised = owed if isinstance(owed, Owed) else Owed(owed)
    platform = Platform(configuration)
    rows = tuple(all_rows(platform, promised))
    lag: LagAlarm = lag_alarm(configuration, promised.plain)
    details = (*findings_of(platform, promised.plain), *lag.findings)
    unknown = tuple(f"{one.where}: {one.attribute} is not known yet: {one.matters}" for one in configuration.unknowns)
    rulings = [row.ruling for row in rows if row.owed]
    impossible = [Ruling.BROKEN for one in details if one.impossible]
    doubtful = [Ruling.UNKNOWN] if unknown or not configuration.records or platform.database is None else []
    return Feasibility(
        rows, details, lag.rings, lag.ruling, unknown, worst([*rulings, lag.ruling, *impossible, *doubtful])
    )


def all_rows(platform: Platform, owed: Owed) -> Iterator[Row]:
    """The rows of every single fault; what does not even work in calm weather is said once."""
    course = Course(NOTHING, (Step(ZERO, platform.rest),))
    dead = set()
    for location, kind in product(platform.configuration.nearest, KINDS):
        if not calm(platform, location, kind):
            region, _ = ended(platform, course, location, kind)
            path = Path(never=why_never(platform, course, location, kind, region))
            dead.add((location, kind))
            yield Row(location, kind, CALM, path, owed.plain.recovery_time)
    for fault in platform.faults():
        for row in rows_of(platform, frozenset({fault}), owed):
            if (row.location, row.kind) not in dead:
                yield row


def slow_words(row: Row) -> str:
    """A row that is too slow, with its stages."""
    best, usual, late = row.path.total()
    parts = ", ".join(f"{stage.name} {stage.range.best}–{stage.range.worst}" for stage in row.path.stages)
    spans = f"{best} at best, {usual} typically, {late} at worst, owed {row.objective}"
    return f"{row.kind} with {row.failure}: {spans} ({parts})"


def rows_of(platform: Platform, faults: frozenset[Fault], owed: Owed) -> Iterator[Row]:
    """The rows of some faults that strike together."""
    told, usual = courses(platform, faults), typical(platform, faults)
    allowed = TOGETHER if platform.multi else ALONE
    promised = len(faults) == 1 and all(one.kind in allowed for one in faults)
    objectives = owed.of(faults, platform.home)
    alike: dict[tuple[tuple[str, ...], Kind], Path] = {}
    for location, order in platform.configuration.nearest.items():
        for kind in KINDS:
            objective = objectives.write_recovery_time if kind == "writes" else objectives.recovery_time
            if (order, kind) not in alike:
                alike[order, kind] = path_of(platform, told, usual, location, kind)
            path = alike[order, kind]
            yield Row(location, kind, named(faults), path, objective, promised)


def named(faults: Iterable[Fault]) -> str:
    """Some faults in words."""
    return " and ".join(str(one) for one in sorted(faults))


def path_of(platform: Platform, told: tuple[Course, ...], usual: Course, location: str, kind: Kind) -> Path:
    """The way back on the worst of the courses; there is none when there is a course without."""
    ends = [
        (followed(platform, course, moves(platform, course, location, WORST), kind, WORST), course) for course in told
    ]
    lost = next(((end, course) for end, course in ends if end.never), None)
    if lost is not None:
        end, course = lost
        noticed = tuple(
            stage
            for step in course.steps
            if step.event and step.event.kind == "check" and step.event.key.endswith("False")
            for stage in step.event.stages
        )
        return Path(noticed[:1], why_never(platform, course, location, kind, end.region), trace=course.words)
    late, course = max(ends, key=lambda one: one[0].at)
    if late.at == ZERO:
        return Path()
    quick = min(followed(platform, one, moves(platform, one, location, BEST), kind, BEST).at for one in told)
    middle: Return = followed(platform, usual, moves(platform, usual, location, TYPICAL), kind, TYPICAL)
    span: tuple[Duration, Duration, Duration] = (quick, max(quick, min(middle.at, late.at)), late.at)
    return Path(_merged(late.stages), span=span, trace=course.words)


def _merged(stages: tuple[Budget, ...]) -> tuple[Budget, ...]:
    """Stages of one name added up, in the order in which they first come."""
    merged: dict[str, Range] = {}
    for stage in stages:
        one, other = merged.get(stage.name), stage.range
        merged[stage.name] = other if one is None else _sum(one, other)
    return tuple(Budget(name, span) for name, span in merged.items())


def _sum(one: Range, other: Range) -> Range:
    source = one.source if one.worst >= other.worst else other.source
    return Range(one.best + other.best, one.typical + other.typical, one.worst + other.worst, source)


def counter_examples(configuration: Configuration) -> tuple[CounterExample, ...]:
    """For every single and double fault what never comes back although it works in calm weather, one a failure, kind
    and reason (locations alike told once); pairs that only repeat what one of the two does alone are left out."""
    platform = Platform(configuration)
    found: list[CounterExample] = []
    alone: dict[tuple[str, Kind], list[tuple[Fault, str]]] = {}
    for faults in single_and_double(platform.faults()):
        told = courses(platform, faults)
        for location in configuration.nearest:
            for kind in KINDS:
                if not calm(platform, location, kind):
                    continue
                example = _example(platform, told, faults, location, kind)
                if example is None:
                    continue
                known = alone.setdefault((location, kind), [])
                if any(one in faults for one, _ in known):
                    continue
                if len(faults) == 1:
                    known.append((next(iter(faults)), example.reason))
                found.append(example)
    return tuple({(one.failure, one.kind, one.reason): one for one in reversed(found)}.values())[::-1]


def _example(
    platform: Platform, told: tuple[Course, ...], faults: frozenset[Fault], location: str, kind: Kind
) -> CounterExample | None:
    for course in told:
        region, served = ended(platform, course, location, kind)
        if not served:
            state = course.steps[-1].state
            records = {one.region for one in platform.configuration.records}
            spared = any(platform.serves(faults, state, region, kind) for region in records)
            reason = why_never(platform, course, location, kind, region)
            return CounterExample(named(faults), location, kind, reason, course.words, spared)
    return None
