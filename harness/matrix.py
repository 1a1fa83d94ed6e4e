"""The strategy's decision matrix, measured: the three phases side by side, from the records of runs alone.

Every cell names the runs that it comes from; where several speak of the same, the worst is told. What no run has
measured says so, and latencies are only ever taken at speed 1: a faster twin has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.events import AlarmChanged, Decided
from harness.header import Header
from harness.judges import bench, lapses, sanity, streams, windows
from harness.judges.loss import losses
from harness.judges.outage import Recovery, recoveries
from harness.judges.windows import Window
from harness.phases import PHASES
from harness.prices import TODAY, Price
from harness.record import Record
from harness.requests import ON_THE_SIDE
from harness.timeline import of
from harness.verdicts import Outcome, Ruling

NOT_MEASURED = "not measured"
STRATEGY = "the strategy"
"""Where a cell comes from that no run can measure."""


@dataclass(frozen=True)
class Run:
    """A run by its name, ``SESSION/FOLDER``, with its record."""

    name: str
    record: Record


@dataclass(frozen=True)
class Cell:
    """One phase's answer. ``values`` are the plain numbers in it, units in the names; ``sources`` where it is from."""

    text: str = NOT_MEASURED
    values: Mapping[str, float | None] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One criterion: its group, what exactly, and a cell for each phase."""

    group: str
    what: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Matrix:
    """The whole table of one version of the designs."""

    version: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The matrix as plain JSON values."""
        return {
            "design_version": self.version,
            "phases": dict(PHASES),
            "lines": [
                {
                    "group": line.group,
                    "what": line.what,
                    "cells": {
                        phase: {"text": cell.text, "values": dict(cell.values), "sources": list(cell.sources)}
                        for phase, cell in line.cells.items()
                    },
                }
                for line in self.lines
            ],
            "notes": list(self.notes),
        }


def choose(headers: Mapping[str, Header], version: str) -> list[str]:
    """The runs that count, by name: of each scenario of that version the newest that finished, at speed 1 too.

    The names begin with their session's stamp, so that the newest is the last by name.
    """
    newest: dict[tuple[str, bool], str] = {}
    for name in sorted(headers):
        header = headers[name]
        if header.outcome is Outcome.FINISHED and header.design_version == version and header.phase in PHASES:
            newest[name.partition("/")[2], header.speed == 1] = name
    return sorted(newest.values())


def measure(runs: Sequence[Run], prices: Mapping[str, Price], version: str) -> Matrix:
    """The matrix of these runs, chosen by :func:`choose`; runs whose traffic is unfit to judge from are left out.

    A run under which no platform can recover (its clients never let go, nobody was there to decide) says how the
    service fails, not how fast a design is back: it has no part in recovery times and in who decided.
    """
    fit = [run for run in runs if not sanity.of_the_traffic(run.record)]
    recent = _recent(fit)
    recoverable = [run for run in recent if "recovery" not in run.record.header.breaking]
    latency = [run for run in fit if run.record.header.speed == 1]
    others = {run.record.header.phase for run in fit} - {run.record.header.phase for run in latency}
    lines = [
        *_latency_lines("read latency", latency, others, writes=False),
        *_latency_lines("write latency", latency, others, writes=True),
        *_recovery_lines(recoverable),
        *_by_failure("data loss", recent, _loss),
        *_by_failure("first alarm", recent, _first_alarm),
        _line("lag alarm", "after the lag crossed its threshold", {
            phase: _worst(_cells(of_phase, _lag_alarm)) for phase, of_phase in _phases(recent)
        }),
        *_by_failure("who decided", recoverable, _decided),
        _line("cost", "by the strategy's own sums", {phase: _cost(prices.get(phase)) for phase in PHASES}),
    ]  # fmt: skip
    return Matrix(version, tuple(lines), tuple(_notes(prices)))


def failure(fault: str, regions: Sequence[str]) -> str:
    """The kind of a failure: its fault's title without the place, e.g. ``blackhole load balancer``, ``lose region``."""
    kind, _, target = fault.partition(" ")
    part, of_it, place = target.rpartition(" of ")
    what = part if of_it and place in regions else target
    what = " ".join("region" if word in regions else "zone" if word[:-1] in regions else word for word in what.split())
    return f"{kind.lower()} {what}"


def _recent(runs: Sequence[Run]) -> list[Run]:
    """Of each scenario the newest run, whatever its speed."""
    newest = {run.name.partition("/")[2]: run for run in sorted(runs, key=lambda run: run.name)}
    return list(newest.values())


def _phases(runs: Iterable[Run]) -> Iterator[tuple[str, list[Run]]]:
    known = list(runs)
    for phase in PHASES:
        yield phase, [run for run in known if run.record.header.phase == phase]


def _line(group: str, what: str, cells: Mapping[str, Cell]) -> Line:
    return Line(group, what, {phase: cells.get(phase, Cell()) for phase in PHASES})


def _latency_lines(group: str, runs: Sequence[Run], others: set[str], *, writes: bool) -> Iterator[Line]:
    locations = dict.fromkeys(place for run in runs for place in run.record.header.locations)
    for place in locations or ("anywhere",):
        cells = {phase: _latency(of_phase, place, writes=writes) for phase, of_phase in _phases(runs) if of_phase}
        cells |= {phase: Cell("not measured: only speed 1 measures latency") for phase in others}
        yield _line(group, f"from {place}, p50 / p95", cells)


def _latency(runs: Sequence[Run], place: str, *, writes: bool) -> Cell:
    """The latency of the steady states of a phase's runs, all together."""
    tables, names, strange = [], [], False
    for run in runs:
        header = run.record.header
        if place not in header.locations:
            continue
        if place in header.unmeasured:
            strange = True
            continue
        meant = [name for name in header.operations if (name in header.writes) == writes and name not in ON_THE_SIDE]
        wanted = [header.operations.index(name) for name in meant]
        rows = streams.between(run.record.traffic, *windows.calm(run.record))
        rows = rows[(rows["location"] == header.locations.index(place)) & np.isin(rows["operation"], wanted)]
        if len(rows):
            tables.append(rows)
            names.append(run.name)
    if not tables:
        return Cell(streams.UNMEASURED) if strange else Cell()
    p50, p95, _ = streams.percentiles(np.concatenate(tables))
    return Cell(f"{p50:.0f} / {p95:.0f} ms", {"p50_ms": p50, "p95_ms": p95}, tuple(names))


def _recovery_lines(runs: Sequence[Run]) -> list[Line]:
    found: dict[tuple[str, str], dict[str, list[Cell]]] = {}
    for run in runs:
        header = run.record.header
        for one in recoveries(run.record):
            kind = "writes" if one.stream.operation in header.writes else "reads"
            key = failure(one.window.fault.fault, header.regions), kind
            found.setdefault(key, {}).setdefault(header.phase, []).append(_recovery(run, one))
    lines = [
        _line("recovery time", f"{what}, {kind}", {phase: _worst(cells) for phase, cells in by_phase.items()})
        for (what, kind), by_phase in found.items()
    ]
    return _comparable_first(lines)


def _comparable_first(lines: Iterable[Line]) -> list[Line]:
    """In the order in which they help to decide: what was measured in most phases first, then by name."""
    return sorted(lines, key=lambda line: (-sum(bool(cell.sources) for cell in line.cells.values()), line.what))


def _recovery(run: Run, one: Recovery) -> Cell:
    values = {"rto_seconds": one.time.seconds if one.time is not None else None, "down_seconds": one.seen_down.seconds}
    if one.time is None:
        return Cell(f"> {one.seen_down}", values, (run.name,))
    error = f" (−{one.error.seconds:.1f} s)" if one.error is not None and one.error.nanoseconds else ""
    return Cell(f"{one.time}{error}" if one.time.nanoseconds else "not disturbed", values, (run.name,))


def _by_failure(group: str, runs: Sequence[Run], ask: Callable[[Run], Cell | None]) -> list[Line]:
    """A line for each kind of failure; a run with several faults is of a kind of its own."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        kinds = [failure(one.fault.fault, run.record.header.regions) for one in windows.windows(run.record)]
        if kinds:
            found.setdefault(" + ".join(dict.fromkeys(kinds)), []).append(run)
    lines = [
        _line(group, what, {phase: _worst(_cells(of_phase, ask)) for phase, of_phase in _phases(of_kind)})
        for what, of_kind in found.items()
    ]
    return _comparable_first(line for line in lines if any(cell.sources for cell in line.cells.values()))


def _cells(runs: Iterable[Run], ask: Callable[[Run], Cell | None]) -> list[Cell]:
    return [cell for run in runs if (cell := ask(run)) is not None]


def _worst(cells: Sequence[Cell]) -> Cell:
    """The cell with the highest numbers, where none at all is the highest; not measured when there is no cell."""
    return max(cells, key=_badness, default=Cell())


def _badness(cell: Cell) -> list[tuple[bool, float]]:
    return [(value is None, value or 0.0) for value in cell.values.values()]


def _loss(run: Run) -> Cell | None:
    found = losses(run.record)
    if found is None:
        return None
    rows, span = int(found.lost.sum()), lapses.worst(lapses.lapses(run.record, found.answered(found.lost)))
    text = f"{rows} rows over {span}" if rows else "0 rows"
    at_least = "" if found.readback.complete else "at least "
    return Cell(f"{at_least}{text}", {"lost_writes": rows, "lost_seconds": span.seconds}, (run.name,))


def _first_alarm(run: Run) -> Cell:
    """From the fault to the first alarm of any kind while it stood."""
    first = windows.windows(run.record)[0]
    rang = next(
        (one for one in of(run.record.events, AlarmChanged) if one.new == "ALARM" and _within(one, first)), None
    )
    if rang is None:
        return Cell("none rang", {"first_alarm_seconds": None}, (run.name,))
    delay = rang.at - first.began
    return Cell(f"{delay} ({rang.alarm})", {"first_alarm_seconds": delay.seconds}, (run.name,))


def _within(event: AlarmChanged, window: Window) -> bool:
    return window.began <= event.at <= window.ended


def _lag_alarm(run: Run) -> Cell | None:
    if "lag_alarm" not in run.record.header.promises:
        return None
    (verdict,) = bench.judge_one(run.record, "lag_alarm")
    delay = verdict.figures.get("alarm_delay_seconds")
    if isinstance(delay, int | float):
        return Cell(f"{delay:.1f} s", {"alarm_delay_seconds": float(delay)}, (run.name,))
    if verdict.ruling is Ruling.UNKNOWN:
        return None
    return Cell(f"never: {verdict.reason}", {"alarm_delay_seconds": None}, (run.name,))


def _decided(run: Run) -> Cell:
    decided = list(dict.fromkeys(event.by for event in of(run.record.events, Decided)))
    never = any(one.time is None for one in recoveries(run.record))
    values = {"never_recovered": float(never), "deciders": float(len(decided))}
    if decided:
        return Cell(" and ".join(decided), values, (run.name,))
    return Cell("nobody, and it never recovered" if never else "nobody had to", values, (run.name,))


def _cost(price: Price | None) -> Cell:
    if price is None:
        return Cell()
    return Cell(f"{price.usd_a_month:g} USD a month", {"usd_a_month": price.usd_a_month}, (STRATEGY,))


def _notes(prices: Mapping[str, Price]) -> Iterator[str]:
    if TODAY in prices:
        yield f"cost: the platform today costs {prices[TODAY].usd_a_month:g} USD a month."
    for phase, number in PHASES.items():
        yield from (f"cost of {number}: {note}" for note in (prices[phase].notes if phase in prices else ()))
