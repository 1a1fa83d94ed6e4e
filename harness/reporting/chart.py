"""The experiment as one picture: what clients saw, what the platform did, and the recovery, on one axis of time.

SVG with its words as text, a few dozen kilobytes, on an opaque light ground so that it reads on dark pages too;
nothing in it depends on colour alone. The same record gives the same bytes.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.judges import windows
from harness.judges.anatomy import Anatomy
from harness.record import Record
from harness.reporting import palette, panels, series
from harness.reporting.panels import NORMAL, SMALL
from harness.reporting.series import Axis, Bracket, Span
from harness.verdicts import Verdict, worst

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 12.8
"""Inches; 1280 CSS pixels in the reports, where one point is 1.39 px."""
LEFT, RIGHT = 1.9, 0.2
_LABEL = 31
"""Letters that stand beside a strip."""
STRIPS = 14
"""So many strips at most; the interactive page shows them all."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gameday",
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": NORMAL,
    "hatch.linewidth": 0.9,
    "axes.linewidth": 0.6,
    "axes.edgecolor": palette.FAINT,
    "xtick.color": palette.FAINT,
    "ytick.color": palette.FAINT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "text.color": palette.INK,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class _Row:
    """One panel: its height in inches, the gap above it and what draws it; ``label`` stands left of it."""

    height: float
    gap: float
    label: str
    draw: Callable[[Axes], None]
    unit: str = ""
    shared: bool = True
    """It has the axis of time."""
    scale: str = ""
    """What its own axis measures, where it does not share that of time."""
    framed: bool = True


@dataclass(frozen=True)
class _Strip:
    label: str
    spans: Sequence[Span]
    colours: Mapping[str, str]


def draw(record: Record, verdicts: Sequence[Verdict], parts: Sequence[Anatomy]) -> bytes:
    """The chart of a run as SVG. A killed or empty run gives a chart that says what is missing; it never raises."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(facecolor=palette.PAPER)
        FigureCanvasSVG(figure)
        _compose(figure, record, verdicts, parts)
        file = io.BytesIO()
        title = f"{record.header.scenario}: {record.header.title}"
        figure.savefig(file, format="svg", facecolor=palette.PAPER, metadata={"Date": None, "Title": title})
    return _lighter(file.getvalue().decode()).encode()


def _compose(figure: Figure, record: Record, verdicts: Sequence[Verdict], parts: Sequence[Anatomy]) -> None:
    shown = series.axis(record)
    brackets = series.brackets(record, verdicts, shown)
    rows = _rows(record, verdicts, parts, shown, brackets)
    notes = _notes(record)
    head = 0.98 + 0.17 * max(0, len(_verdict_lines(verdicts)) - 1)
    foot = 0.42 + 0.16 * len(notes)
    height = head + sum(row.height + row.gap for row in rows) + foot
    figure.set_size_inches(WIDTH, height)
    _header(figure, record, verdicts, height)
    top = height - head
    last_shared = max(number for number, row in enumerate(rows) if row.shared)
    for number, row in enumerate(rows):
        top -= row.gap + row.height
        place = (LEFT / WIDTH, top / height, (WIDTH - LEFT - RIGHT) / WIDTH, row.height / height)
        axes = figure.add_axes(place)
        _frame(axes, row, shown if row.shared else None, last=number == last_shared)
        row.draw(axes)
        if row.shared and row.label != "phase":
            _overlay(axes, record, shown, brackets)
        _label(figure, row, top, height)
    for number, note in enumerate(notes):
        bottom = (foot - 0.45 - 0.16 * number) / height
        figure.text(0.15 / WIDTH, bottom, note, fontsize=SMALL, color=palette.BAD, va="center")


def _rows(
    record: Record, verdicts: Sequence[Verdict], parts: Sequence[Anatomy], shown: Axis, brackets: Sequence[Bracket]
) -> list[_Row]:
    inches = WIDTH - LEFT - RIGHT
    spans = series.phases(record, shown)
    rows = [_Row(0.36, 0, "phase", lambda axes: panels.phases(axes, spans, shown, inches), framed=False)]
    for number, found in enumerate(brackets):
        rows.append(_Row(0.24, 0.02, "" if number else "recovery",
                         partial(panels.bracket, found=found, shown=shown, inches=inches), framed=False))  # fmt: skip
    limits = _limits(record, shown)
    for place in record.header.locations:
        rows += _location(record, place, shown, limits)
    if series.lags(record, shown):
        rows.append(_Row(0.85, 0.12, "replica lag", lambda axes: panels.lag(axes, record, shown), "seconds"))
    rows.append(_strips(record, verdicts, shown, inches))
    return rows + [_anatomy(part, inches, first=part is parts[0]) for part in parts]


def _anatomy(part: Anatomy, inches: float, *, first: bool) -> _Row:
    never = not part.stages[-1].known
    whose = f"{part.operation} from {part.location}"
    return _Row(
        0.5, 0.5, "where the\ntime went" if first else "", lambda axes: panels.anatomy(axes, part.stages, inches),
        "took / budget", shared=False, framed=False,
        scale=f"seconds since the fault: {whose} {'never came back' if never else 'until it was back'}",
    )  # fmt: skip


def _location(record: Record, place: str, shown: Axis, limits: tuple[float, float]) -> list[_Row]:
    return [
        _Row(0.66, 0.12, place, lambda axes: panels.rates(axes, record, place, shown), "requests/s"),
        _Row(0.66, 0.03, "", lambda axes: panels.latency(axes, record, place, shown, limits), "latency"),
    ]


def _strips(record: Record, verdicts: Sequence[Verdict], shown: Axis, inches: float) -> _Row:
    regions = {name: palette.region(name, record.header.regions) for name in record.header.regions}
    found = [_Strip(f"DNS for {place}", series.serving(record, place, shown), regions)
             for place in record.header.locations]  # fmt: skip
    found.append(_Strip("writer in", series.writers(record, shown), regions))
    states = {"ALARM": palette.BAD, "unhealthy": palette.BAD, "INSUFFICIENT_DATA": palette.RULE}
    quiet = [_Strip(name, spans, states) for name, spans in
             [*series.unhealthy(record, shown).items(), *series.alarms(record, shown).items()]]  # fmt: skip
    kept = quiet[: STRIPS - len(found)]
    found += kept
    if len(kept) < len(quiet):
        found.append(_Strip(f"and {len(quiet) - len(kept)} more in the page", [], {}))
    marks = series.marks(verdicts, shown)
    kinds = [kind for kind in series.KINDS if any(mark.kind == kind for mark in marks)]
    labels = [strip.label for strip in found]
    if marks:
        labels.append(" ".join(f"{panels.MARKERS[kind][1]} {kind.replace('_', ' ')}" for kind in kinds[:3]))

    def draw_strips(axes: Axes) -> None:
        axes.set_ylim(len(labels), 0)
        for number, strip in enumerate(found):
            axes.axhline(number + 0.5, color=palette.RULE, linewidth=0.6, zorder=0.5)
            panels.strip(axes, number, strip.spans, strip.colours, inches)
        if marks:
            panels.writes(axes, len(labels) - 1, marks)
        axes.set_yticks([number + 0.5 for number in range(len(labels))], [_short(label) for label in labels])
        axes.tick_params(axis="y", length=0, labelcolor=palette.INK)

    return _Row(0.19 * len(labels), 0.14, "", draw_strips)


def _frame(axes: Axes, row: _Row, shown: Axis | None, *, last: bool) -> None:
    axes.set_facecolor("none")
    for side in ("top", "right", *(() if row.framed else ("left", "bottom"))):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="both", length=2.5, width=0.6, pad=2)
    if not row.framed:
        axes.tick_params(left=False, labelleft=False)
    if shown is None:
        axes.set_xlabel(row.scale, fontsize=SMALL, color=palette.FAINT, labelpad=1)
        return
    axes.set_xlim(shown.began, shown.ended)
    axes.tick_params(labelbottom=last, bottom=last or row.framed)
    axes.grid(axis="x", color=palette.RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    if last:
        more = f"; {shown.hidden:.0f} s of calm before are not shown" if shown.hidden else ""
        axes.set_xlabel(f"AWS seconds since {shown.since}{more}", fontsize=SMALL, color=palette.FAINT, labelpad=1)


def _overlay(axes: Axes, record: Record, shown: Axis, brackets: Sequence[Bracket]) -> None:
    """The fault window and the recovery, through every panel."""
    for span in series.faults(record, shown):
        axes.axvspan(span.began, span.ended, color=palette.FAULT, alpha=0.10, linewidth=0, zorder=0)
        for place in (span.began, span.ended):
            axes.axvline(place, color=palette.FAULT, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    for bracket in brackets:
        if bracket.recovered:
            axes.axvline(bracket.ended, color=bracket.ruling.colour, linewidth=1.0, zorder=3)


def _label(figure: Figure, row: _Row, bottom: float, height: float) -> None:
    middle = (bottom + row.height / 2) / height
    up = 0.08 / height if row.label and row.unit else 0.0
    if row.label:
        figure.text(0.15 / WIDTH, middle + up, row.label, fontsize=NORMAL, weight="bold", va="center",
                    linespacing=1.0)  # fmt: skip
    if row.unit:
        drop = up * (2.6 if "\n" in row.label else 1.0)
        figure.text(0.15 / WIDTH, middle - drop, row.unit, fontsize=SMALL, color=palette.FAINT, va="center")


def _header(figure: Figure, record: Record, verdicts: Sequence[Verdict], height: float) -> None:
    header = record.header
    ruling = worst(verdict.ruling for verdict in verdicts)
    outcome = header.outcome.value if header.outcome else "never ended"
    age = header.client.connection_age
    faults = ", ".join(dict.fromkeys(f"{one.fault.fault} ({one.fault.fidelity})" for one in windows.windows(record)))

    def text(x: float, down: float, words: str, **style: Any) -> None:
        figure.text(x / WIDTH, 1 - down / height, words, va="center", **style)

    text(0.15, 0.19, textwrap.shorten(header.title, 95, placeholder="…"), fontsize=12.5, weight="bold")
    words = f"{ruling.wording}, run {outcome}" if outcome != "finished" else ruling.wording
    figure.text(
        1 - RIGHT / WIDTH, 1 - 0.19 / height, f"{ruling.sign} {words}", fontsize=10, weight="bold", ha="right",
        va="center", color="#ffffff", bbox={"boxstyle": "round,pad=0.35", "facecolor": ruling.colour, "linewidth": 0},
    )  # fmt: skip
    text(
        0.15, 0.43,
        f"{faults or 'no fault was injected'} · {header.design}, {header.design_version}, on {header.target} · "
        f"speed {header.speed:g} · clients: TTL {header.client.ttl}, "
        + ("connections kept" if age is None else f"connections at most {age.seconds:g} s old"),
        fontsize=SMALL, color=palette.FAINT,
    )  # fmt: skip
    lines = _verdict_lines(verdicts)
    for number, line in enumerate(lines):
        x = 0.15
        for verdict in line:
            words = _told(verdict)
            text(x, 0.63 + 0.17 * number, words, fontsize=SMALL, color=verdict.ruling.colour, weight="bold")
            x += _inches(words)
    _legend(figure, 0.66 + 0.17 * len(lines), height)


def _legend(figure: Figure, down: float, height: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=palette.GOOD, label="good"),
        Patch(facecolor=palette.BAD, edgecolor="#f3c6c6", hatch="/////", linewidth=0, label="bad, ringing, unhealthy"),
        Line2D([], [], color=palette.MIDDLE, linewidth=1.3, label="latency p50"),
        Line2D([], [], color=palette.HIGH, linewidth=1.1, label="p95, from the intended time"),
        Line2D([], [], color=palette.FAINT, linewidth=0.8, linestyle=(0, (1, 2)), label="deadline"),
        Patch(facecolor=palette.FAULT, alpha=0.15, label="fault stands"),
        Line2D([], [], color=palette.RECOVERY, linewidth=1, linestyle=(0, (2, 1.5)), label="objective"),
    ]
    figure.legend(
        handles=handles, loc="center left", bbox_to_anchor=(0.08 / WIDTH, 1 - down / height), ncols=len(handles),
        frameon=False, fontsize=SMALL, handlelength=1.6, columnspacing=1.4, borderpad=0, handletextpad=0.5,
    )  # fmt: skip


def _told(verdict: Verdict) -> str:
    return f"{verdict.ruling.sign} {verdict.promise.replace('_', ' ')}"


def _inches(words: str) -> float:
    return (len(words) * SMALL * 0.66 + 12) / 72


def _verdict_lines(verdicts: Sequence[Verdict]) -> list[list[Verdict]]:
    lines: list[list[Verdict]] = [[]]
    room = WIDTH - RIGHT - 0.15
    for verdict in verdicts:
        if sum(_inches(_told(one)) for one in [*lines[-1], verdict]) > room:
            lines.append([])
        lines[-1].append(verdict)
    return lines


def _notes(record: Record) -> list[str]:
    notes = list(record.damage)
    if record.header.outcome is None:
        notes.insert(0, "the run never came to its end: it was killed, or it still runs")
    lines = [textwrap.shorten(note, 170, placeholder="…") for note in notes]
    return [*lines[:5], f"and {len(lines) - 5} more"] if len(lines) > 6 else lines


def _limits(record: Record, shown: Axis) -> tuple[float, float]:
    """The same limits for every location's latency, or they could not be compared."""
    measured = [place for place in record.header.locations if place not in record.header.unmeasured]
    found = [series.latencies(record, place, shown) for place in measured]
    lows = [float(np.nanmin(one.p50)) for one in found if len(one.p50)]
    highs = [float(np.nanmax(one.p95)) for one in found if len(one.p95)]
    return min([0.01, *lows]) * 0.7, max([record.header.deadline.seconds, *highs]) * 1.6


def _short(label: str) -> str:
    """A name's end: its beginning is mostly that of the platform, which all of them have."""
    return label if len(label) <= _LABEL else f"…{label[-_LABEL + 1 :]}"


_NUMBER = re.compile(r"(\d+\.\d\d)\d+")
_DRAWN = re.compile(r'((?: d| x| y| points| transform)=")([^"]*)(")')


def _lighter(svg: str) -> str:
    """The same picture with coordinates to a hundredth of a point, which no screen shows."""
    return _DRAWN.sub(lambda found: found[1] + _NUMBER.sub(r"\1", found[2]) + found[3], svg)
