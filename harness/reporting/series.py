"""What a chart shows, as numbers: pure arithmetic on a record, in AWS seconds since the first fault.

Works for any record that loads, a killed run's too: what is missing is empty here, never an error.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from harness.clock import Instant, seconds
from harness.events import AlarmChanged, DnsAnswered, Event, HealthChanged, LagMeasured, PhaseBegan, WriterSeen
from harness.judges import windows
from harness.judges.streams import good
from harness.record import Record, Traffic
from harness.reporting import figures
from harness.requests import Outcome
from harness.timeline import of
from harness.verdicts import Ruling, Verdict

Floats = npt.NDArray[np.float64]
E = TypeVar("E", bound=Event)

LEAD = seconds(60)
"""So much of the calm before the first fault is shown; the axis says when there was more."""
BUCKETS = 480
"""A series has at most about so many buckets, or a long run would make a large picture."""
WIDTHS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Bucket widths in AWS seconds; a wider one than half a second misplaces the edges of an outage."""
KINDS = ("lost", "stranded", "split_brain", "duplicated", "unexpected")
"""The evidence tables of writes that a chart marks."""


@dataclass(frozen=True)
class Axis:
    """The span that is shown. ``hidden`` are the seconds of calm before it that are left out."""

    zero: Instant
    began: float
    ended: float
    hidden: float
    since: str

    def at(self, instant: Instant) -> float:
        """An instant in seconds on the axis."""
        return (instant - self.zero).seconds

    def of(self, nanoseconds: npt.NDArray[np.int64]) -> Floats:
        """Many instants, AWS nanoseconds, in seconds on the axis."""
        places: Floats = (nanoseconds - self.zero.nanoseconds) / 1e9
        return places

    @property
    def span(self) -> float:
        """How many seconds are shown."""
        return self.ended - self.began

    @property
    def bucket(self) -> float:
        """The width of a bucket."""
        return next((width for width in WIDTHS if self.span / width <= BUCKETS), self.span / BUCKETS)


@dataclass(frozen=True)
class Span:
    """A stretch of a strip, with what is written on it."""

    began: float
    ended: float
    text: str


@dataclass(frozen=True, eq=False)
class Rates:
    """Requests per AWS second between ``edges``; neighbouring buckets with equal values are one."""

    edges: Floats
    good: Floats
    bad: Floats


@dataclass(frozen=True, eq=False)
class Latencies:
    """p50 and p95 in seconds from the intended time, at ``times``; NaN where there was nothing."""

    times: Floats
    p50: Floats
    p95: Floats


@dataclass(frozen=True)
class Mark:
    """A write that is not where it should be."""

    kind: str
    at: float
    location: str


@dataclass(frozen=True)
class Bracket:
    """The recovery as judged: from the fault to ``ended``, where the truth may be up to ``error`` earlier."""

    began: float
    ended: float
    error: float
    recovered: bool
    objective: float | None
    ruling: Ruling
    text: str


def axis(record: Record) -> Axis:
    """The axis of a run: zero is the first fault, or the beginning where there was none."""
    began, ended = windows.begin(record), windows.end(record)
    faults = windows.windows(record)
    zero = faults[0].began if faults else began
    shown = max(began, zero.back(LEAD)) if began < zero else zero.back(seconds(1))
    if not faults:
        shown = began
    last = max(ended, zero + seconds(1))
    hidden = max(0.0, (shown - began).seconds)
    return Axis(zero, (shown - zero).seconds, (last - zero).seconds, hidden, "the fault" if faults else "the beginning")


def rows_of(record: Record, location: str) -> Traffic:
    """The requests of one location."""
    rows: Traffic = record.traffic[record.traffic["location"] == record.header.locations.index(location)]
    return rows


def rates(record: Record, location: str, shown: Axis) -> Rates:
    """Good and bad requests per AWS second, by intended time."""
    rows = rows_of(record, location)
    edges = np.arange(shown.began, shown.ended + shown.bucket, shown.bucket)
    flags = good(record, rows)
    places = shown.of(rows["intended"])
    counts = [np.histogram(places[mask], edges)[0] / shown.bucket for mask in (flags, ~flags)]
    return _merged(edges, counts[0], counts[1])


def _merged(edges: Floats, well: Floats, ill: Floats) -> Rates:
    change = (np.diff(well) != 0) | (np.diff(ill) != 0)
    starts = np.concatenate(([0], np.flatnonzero(change) + 1))
    return Rates(np.append(edges[starts], edges[-1]), well[starts], ill[starts])


def latencies(record: Record, location: str, shown: Axis) -> Latencies:
    """p50 and p95 by intended time, failures as they ended; a bucket holds about one turn of the mix of operations.

    What was dropped by the client itself is left out: nobody waited for it.
    """
    arrivals = sum(record.header.mix.values()) or 4
    rows = rows_of(record, location)
    rate = record.header.rate_per_second.get(location, 0.0)
    rows = rows[(rows["outcome"] != Outcome.DROPPED) & (rows["done"] > 0)]
    places = shown.of(rows["intended"])
    inside = (places >= shown.began) & (places < shown.ended)
    places, waited = places[inside], ((rows["done"] - rows["intended"]) / 1e9)[inside]
    width = max(shown.bucket, min(10.0, arrivals / rate)) if rate else shown.bucket
    numbers = np.floor((places - shown.began) / width).astype(np.int64)
    groups = np.split(waited, np.flatnonzero(np.diff(numbers)) + 1) if len(waited) else []
    halves = np.array([np.percentile(group, (50, 95)) for group in groups], np.float64).reshape(-1, 2)
    taken = np.unique(numbers)
    columns = np.column_stack((shown.began + (taken + 0.5) * width, np.maximum(halves, 1e-3)))
    gaps = np.flatnonzero(np.diff(taken) > 1) + 1
    times, p50, p95 = np.insert(columns, gaps, np.nan, axis=0).T
    return Latencies(times, p50, p95)


def lags(record: Record, shown: Axis) -> Mapping[str, tuple[Floats, Floats]]:
    """Each replica's lag in seconds at its datapoints; empty when nobody measured one."""
    found: dict[str, list[tuple[float, float]]] = {}
    for event in of(record.events, LagMeasured):
        if shown.began <= shown.at(event.at) <= shown.ended:
            found.setdefault(event.replica, []).append((shown.at(event.at), event.lag_seconds))
    columns = {name: np.array(points).reshape(-1, 2) for name, points in sorted(found.items())}
    return {name: (points[:, 0], points[:, 1]) for name, points in columns.items()}


def faults(record: Record, shown: Axis) -> list[Span]:
    """The fault windows, from the call that began each to the call that began its undo."""
    found = windows.windows(record)
    return [Span(shown.at(one.began), shown.at(one.ended), one.fault.fault) for one in found]


def phases(record: Record, shown: Axis) -> list[Span]:
    """The phases; what is waited for does not make a new one."""
    changes: list[PhaseBegan] = []
    for event in of(record.events, PhaseBegan):
        if not changes or changes[-1].phase != event.phase:
            changes.append(event)
    return _spans(changes, lambda event: event.phase, shown)


def serving(record: Record, location: str, shown: Axis) -> list[Span]:
    """The region that the authoritative DNS answer leads a location to; empty text: nowhere."""
    answers = [event for event in of(record.events, DnsAnswered) if event.location == location]
    return _spans(answers, lambda event: event.region, shown)


def writers(record: Record, shown: Axis) -> list[Span]:
    """The region of the writer that AWS's describes name."""
    return _spans(list(of(record.events, WriterSeen)), lambda event: event.region, shown)


def alarms(record: Record, shown: Axis) -> Mapping[str, list[Span]]:
    """When each alarm was not OK: ``ALARM`` or ``INSUFFICIENT_DATA``; alarms that were always OK are left out."""
    groups = _grouped(of(record.events, AlarmChanged), lambda event: (event.alarm, event.region))
    found = {}
    for name, changes in groups.items():
        spans = _spans(changes, lambda event: event.new, shown, changes[0].old)
        found[name] = [span for span in spans if span.text not in ("", "OK")]
    return {name: spans for name, spans in found.items() if spans}


def unhealthy(record: Record, shown: Axis) -> Mapping[str, list[Span]]:
    """When each health check failed; checks that never did are left out."""
    groups = _grouped(of(record.events, HealthChanged), lambda event: (_check_name(event), event.region))
    found = {}
    for name, changes in groups.items():
        spans = _spans(changes, lambda event: "" if event.healthy else "unhealthy", shown)
        found[name] = [span for span in spans if span.text]
    return {name: spans for name, spans in found.items() if spans}


def _check_name(event: HealthChanged) -> str:
    """A health check's id says nothing to a person; the region whose endpoint it asks does."""
    return f"check of {event.region}" if event.region else event.check


def marks(verdicts: Sequence[Verdict], shown: Axis) -> list[Mark]:
    """The writes that the verdicts list as lost, stranded, doubled or unexpected; a write is marked once a kind."""
    found = {}
    for verdict in verdicts:
        for kind in KINDS:
            for number, row in enumerate(verdict.evidence.get(kind, ())):
                moment = row.get("at")
                if isinstance(moment, str):
                    place = shown.at(instant(moment))
                    key = (kind, row.get("write_id") or number)
                    found[key] = Mark(kind, place, str(row.get("location") or ""))
    return sorted(found.values(), key=lambda mark: mark.at)


def brackets(record: Record, verdicts: Sequence[Verdict], shown: Axis) -> list[Bracket]:
    """The recovery of the worst stream, and of the worst that has another objective (writes, mostly).

    Empty when nothing was measured; what was not disturbed has none.
    """
    verdict = next((one for one in verdicts if one.promise == "recovery" and "rto_seconds" in one.figures), None)
    if verdict is None:
        return []
    found = [_bracket(record, verdict, shown)]
    for row in figures.others(verdict.figures, verdict.evidence.get("recovery", ())):
        ruling = Ruling[str(row["ruling"])]
        found.append(_bracket(record, replace(verdict, ruling=ruling, figures=row), shown))
    return [one for one in found if one is not None]


def _bracket(record: Record, verdict: Verdict, shown: Axis) -> Bracket | None:
    down, took = verdict.figures.get("down_seconds"), verdict.figures.get("rto_seconds")
    length = took if took is not None else down
    if not isinstance(length, int | float) or not length:
        return None
    began = _struck(record, verdict, shown)
    error = verdict.figures.get("rto_error_seconds")
    objective = verdict.figures.get("objective_seconds")
    where = f"{verdict.figures.get('worst_operation')} from {verdict.figures.get('worst_location')}"
    return Bracket(
        began,
        began + length,
        error if isinstance(error, int | float) else 0.0,
        took is not None,
        objective if isinstance(objective, int | float) else None,
        verdict.ruling,
        where,
    )


def instant(text: str) -> Instant:
    """The inverse of ``str(Instant)``, to the millisecond."""
    return Instant.of(datetime.datetime.fromisoformat(text))


def _struck(record: Record, verdict: Verdict, shown: Axis) -> float:
    """When the fault of the worst stream began, by the verdict's own table."""
    wanted = tuple(verdict.figures.get(name) for name in ("worst_location", "worst_operation", "rto_seconds"))
    for row in verdict.evidence.get("recovery", ()):
        if (row.get("location"), row.get("operation"), row.get("rto_seconds")) == wanted:
            for window in windows.windows(record):
                if window.fault.fault == row.get("fault"):
                    return shown.at(window.began)
    return 0.0


def _grouped(events: Iterable[E], key: Callable[[E], tuple[str, str]]) -> dict[str, list[E]]:
    """The events by name; the region is only said where one name stands in several."""
    groups: dict[tuple[str, str], list[E]] = {}
    for event in events:
        groups.setdefault(key(event), []).append(event)
    names = [name for name, _ in groups]
    return {
        name if names.count(name) == 1 else f"{name} ({region})": found
        for (name, region), found in sorted(groups.items())
    }


def _spans(events: Sequence[E], text: Callable[[E], str], shown: Axis, before: str | None = None) -> list[Span]:
    """From each event to the next, cut to the axis; ``before`` is what held until the first, if that is known."""
    if not events:
        return []
    edges = [shown.began, *(shown.at(event.at) for event in events), max(shown.ended, shown.at(events[-1].at))]
    edges[0] = min(edges[0], edges[1])
    texts: list[str | None] = [before, *(text(event) for event in events)]
    found: list[Span] = []
    for (began, ended), told in zip(pairwise(edges), texts, strict=True):
        low, high = max(began, shown.began), min(ended, shown.ended)
        if high <= low or told is None:
            continue
        if found and found[-1].text == told:
            found[-1] = Span(found[-1].began, high, told)
        else:
            found.append(Span(low, high, told))
    return found
