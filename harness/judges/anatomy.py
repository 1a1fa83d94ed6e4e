"""Where the recovery time went: detection, decision, promotion, DNS, reconnect, each from its own observer.

Two paths lead back. When clients must be sent elsewhere, detection ends with the first other DNS answer for their
location, DNS with their first arrival at another region, and what is left is reconnecting. When the writer must move,
detection ends with the first alarm, health change or database event, the decision with its own event, the promotion
with AWS's event or the first accepted write, and what is left is DNS and reconnecting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

import numpy as np

from harness.clock import ZERO, Duration, Instant, seconds
from harness.events import (
    AlarmChanged,
    DatabaseEvent,
    Decided,
    DnsAnswered,
    Event,
    FaultNoticed,
    HealthChanged,
    WriterSeen,
)
from harness.judges import addresses, windows
from harness.judges.feasibility import failure_of
from harness.judges.once import once
from harness.judges.outage import Recovery, recoveries, worst
from harness.judges.spells import Spell
from harness.judges.streams import between, good
from harness.judges.windows import Window
from harness.judges.writers import moved
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Number

STAGES = ("detection", "decision", "promotion", "dns", "reconnect")
_NOT_SEEN = "not seen by any observer"
_NEVER = "had not come when the fault was undone"


@dataclass(frozen=True)
class Stage:
    """One part of a recovery. ``known`` is false where no observer saw its end: its time is then in the next part."""

    name: str
    began: Instant
    ended: Instant
    observer: str
    budget: Duration | None = None
    known: bool = True

    @property
    def duration(self) -> Duration:
        """How long it took."""
        return self.ended - self.began

    def row(self) -> dict[str, Number]:
        """The stage as a row of evidence."""
        return {
            "stage": self.name,
            "began": str(self.began),
            "ended": str(self.ended),
            "seconds": round(self.duration.seconds, 3),
            "budget_seconds": None if self.budget is None else self.budget.seconds,
            "observer": self.observer,
            "known": self.known,
        }


@dataclass(frozen=True)
class _Mark:
    """The end of a stage as an observer saw it; without ``at`` nobody did, whatever ``observer`` says."""

    name: str
    at: Instant | None
    observer: str


@dataclass(frozen=True)
class Anatomy:
    """The stages of one stream's recovery, end to end."""

    operation: str
    location: str
    stages: tuple[Stage, ...]

    def rows(self) -> list[dict[str, Number]]:
        """Its stages as rows of evidence, each with whose recovery it is part of."""
        return [{"operation": self.operation, "location": self.location, **stage.row()} for stage in self.stages]


@once
def anatomies(record: Record) -> tuple[Anatomy, ...]:
    """The worst recovery of a run taken apart, and the worst of those with another objective (writes, mostly).

    Undisturbed ones have no stages and are left out.
    """
    found = recoveries(record)
    if not found:
        return ()
    goals = dict.fromkeys(one.objective for one in (worst(found), *found))
    worsts = [worst([one for one in found if one.objective == goal]) for goal in goals]
    taken = [Anatomy(one.stream.operation, one.stream.location, tuple(stages_of(record, one))) for one in worsts]
    return tuple(one for one in taken if one.stages)


def stages_of(record: Record, one: Recovery) -> list[Stage]:
    """The stages of a stream's longest spell, end to end; their sum is that spell.

    An event out of order or after the recovery is not the end of a stage: that stage is marked as not known. A stage
    that was over before the spell began took none of its time.
    Of a stream that never came back, the stages as far as they went, the last one without an end.
    Empty when the stream was not disturbed.
    """
    if not one.seen_down.nanoseconds:
        return []
    spell = max(one.spells, key=lambda each: each.longest)
    window, location, operation = one.window, one.stream.location, one.stream.operation
    back = one.turn is not None or spell is not one.spells[-1]
    of_the_writer = failure_of(window.fault.fault) == "writer stopped"
    moves_writer = of_the_writer or (operation in record.header.writes and _writer_moved(record, window))
    found = (_writer_marks if moves_writer else _front_marks)(record, window, location, spell.ended)
    marks = [replace(mark, at=max(mark.at, spell.began)) if mark.at else mark for mark in found]
    budgets = _budgets(record, window, location, operation)
    if not back:
        return _unfinished(record, spell, marks, budgets)
    reconnected = _Mark("reconnect", spell.ended, "first good arrival that lasted")
    return _cut(spell, [*marks, reconnected], budgets)


def sentence(stages: Sequence[Stage]) -> str:
    """Which stage used up most of the time, in words."""
    whole = stages[-1].ended - stages[0].began
    if not stages[-1].known:
        before = ", ".join(f"{stage.name} took {stage.duration}" for stage in stages[:-1] if stage.duration > ZERO)
        doubt = "" if stages[-1].observer == _NEVER else f" or {stages[-1].observer}"
        told = f"{stages[-1].name} never came{doubt}: {stages[-1].duration} of {whole}"
        return told + (f" ({before})" if before else "")
    longest = max(stages, key=lambda stage: stage.duration)
    over = "" if longest.budget is None else f" (budget {longest.budget})"
    unseen = [stage.name for stage in stages if not stage.known]
    doubt = f"; the end of {', '.join(unseen)} was seen by no observer" if unseen else ""
    return f"{longest.name} took most of it: {longest.duration}{over} of {whole}{doubt}"


def _unfinished(record: Record, spell: Spell, marks: Sequence[_Mark], budgets: dict[str, Duration]) -> list[Stage]:
    """The stages as far as observers saw them end; the next one lasted until the fault was undone.

    An observer that was blind by then cannot say that a detection never came.
    """
    ended = list(takewhile(lambda mark: mark.at is not None, marks))
    stages = _cut(spell, ended, budgets)
    stuck = marks[len(ended)].name if len(ended) < len(marks) else "reconnect"
    began = stages[-1].ended if stages else spell.began
    blind = [event.what for event in windows.unseen(record, spell.ended)] if stuck == "detection" else []
    observer = f"could not be seen: {', '.join(blind)}" if blind else _NEVER
    return [*stages, Stage(stuck, began, spell.ended, observer, budgets.get(stuck), known=False)]


def _cut(spell: Spell, marks: Sequence[_Mark], budgets: dict[str, Duration]) -> list[Stage]:
    began, stages = spell.began, []
    for mark in marks:
        seen = mark.at if mark.at and began <= mark.at <= spell.ended else None
        observer = mark.observer if seen else _NOT_SEEN
        stages.append(Stage(mark.name, began, seen or began, observer, budgets.get(mark.name), known=seen is not None))
        began = seen or began
    return stages


def _front_marks(record: Record, window: Window, location: str, recovered: Instant) -> list[_Mark]:
    answers = [event for event in of(record.events, DnsAnswered) if event.location == location]
    changes = (new for old, new in pairwise(answers) if set(new.addresses) != set(old.addresses))
    change = next((event for event in changes if window.began < event.at <= recovered), None)
    dark = _dark(record, window, location)
    sick = (event for event in of(record.events, HealthChanged) if not event.healthy and event.region in dark)
    check = next((event for event in sick if window.began < event.at <= recovered), None)
    seen = [event for event in (change, check) if event is not None]
    first = min(seen, key=lambda event: event.at) if seen else None
    detected = first.at if first else None
    arrived = _first_elsewhere(record, window, location, recovered)
    observer = "health check status" if first is check else "authoritative DNS answer"
    return [
        _Mark("detection", detected, observer),
        _Mark("decision", detected, "none needed: Route 53 decides"),
        _Mark("promotion", detected, "none needed"),
        _Mark("dns", arrived, "first arrival at another region's address"),
    ]


def _dark(record: Record, window: Window, location: str) -> frozenset[str]:
    """The regions that the fault struck; of somebody else's, the one that DNS led the location away from meanwhile.

    A fault behind the front door darkens no region to its clients, and leads them away where checks see it.
    """
    known = windows.dark_regions(window.fault) or frozenset(window.fault.regions) or _named(record, window)
    if known or not isinstance(window.fault, FaultNoticed):
        return known
    answers = [event for event in of(record.events, DnsAnswered) if event.location == location]
    left = (old.region for old, new in pairwise(answers) if window.began < new.at <= window.ended)
    return frozenset(region for region in (next(left, ""),) if region)


def _named(record: Record, window: Window) -> frozenset[str]:
    region = window.fault.fault.rpartition(" of ")[2]
    return frozenset({region}) & frozenset(record.header.regions)


def _first_elsewhere(record: Record, window: Window, location: str, recovered: Instant) -> Instant | None:
    """The first arrival of this location that was sent to a region that is not dark."""
    dark = _dark(record, window, location)
    if not dark and isinstance(window.fault, FaultNoticed):
        return None
    rows = between(record.traffic, window.began, recovered + seconds(0.001))
    rows = rows[rows["location"] == record.header.locations.index(location)]
    served = addresses.regions_of(record, rows)
    codes = [code for code, region in enumerate(record.header.regions) if region not in dark]
    hits = np.flatnonzero(np.isin(served, codes))
    return Instant(int(rows["intended"][hits[0]])) if len(hits) else None


def _writer_marks(record: Record, window: Window, location: str, recovered: Instant) -> list[_Mark]:
    span = [event for event in record.events if window.began < event.at <= recovered]
    decided = next(of(span, Decided), None)
    sign = _first(event for event in span if _is_sign(event))
    detected = sign.at if sign else None
    decision = decided.at if decided else detected
    after = decision if decision is not None else window.began
    done = _first(e for e in of(span, DatabaseEvent) if "complet" in e.message.lower() and e.at >= after)
    described = _first(event for event in of(span, WriterSeen) if event.at >= after)
    accepted = _first_write(record, after, recovered, window)
    promoted = min((at for at in (done.at if done else None, accepted) if at is not None), default=None)
    observer = "AWS's event" if done and promoted == done.at else "first accepted write"
    if promoted is None and described is not None:
        promoted, observer = described.at, "AWS's describe"
    arrived = _first_elsewhere(record, window, location, recovered) if windows.dark_regions(window.fault) else None
    return [
        _Mark("detection", detected, type(sign).__name__),
        _Mark("decision", decision, f"decided by {decided.by}" if decided else "none recorded: AWS's own"),
        _Mark("promotion", promoted, observer),
        _Mark("dns", max(promoted, arrived) if promoted and arrived else promoted, "API's DNS; the rest reconnects"),
    ]


def _is_sign(event: Event) -> bool:
    """Whether the platform, by this event, knew that something is wrong."""
    if isinstance(event, AlarmChanged):
        return event.new == "ALARM"
    if isinstance(event, HealthChanged):
        return not event.healthy
    return isinstance(event, DatabaseEvent | Decided)


def _first(events: Iterable[Event]) -> Event | None:
    return next(iter(events), None)


def _first_write(record: Record, after: Instant, recovered: Instant, window: Window) -> Instant | None:
    """When the first write was accepted after the outage of writes began, anywhere."""
    codes = [code for code, name in enumerate(record.header.operations) if name in record.header.writes]
    rows = between(record.traffic, window.began, recovered + seconds(0.001))
    rows = rows[np.isin(rows["operation"], codes)]
    flags = good(record, rows)
    bad = rows["done"][~flags]
    if not len(bad):
        return None
    since = max(after.nanoseconds, int(rows["intended"][~flags][0]))
    accepted = rows["done"][flags & (rows["sent"] >= since)]
    return Instant(min(int(accepted.min()), recovered.nanoseconds)) if len(accepted) else None


def _writer_moved(record: Record, window: Window) -> bool:
    decided = any(window.began <= event.at <= window.ended for event in of(record.events, Decided))
    return "writer" in window.fault.fault or decided or moved(record, window)


def _budgets(record: Record, window: Window, location: str, operation: str) -> dict[str, Duration]:
    kind = "writes" if operation in record.header.writes else "reads"
    failure = failure_of(window.fault.fault)
    for row in record.header.feasibility.get("rows", ()):
        if (row.get("location"), row.get("kind"), row.get("failure")) == (location, kind, failure):
            worsts = {stage["name"]: stage.get("worst_seconds") for stage in row.get("stages", ())}
            return {name: seconds(worst) for name, worst in worsts.items() if worst is not None}
    return {}
