"""The panels of the experiment's chart: each draws one kind of thing into axes that it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from harness.judges.anatomy import Stage
from harness.judges.streams import UNMEASURED
from harness.record import Record
from harness.reporting import palette, series
from harness.reporting.series import Axis, Bracket, Mark, Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Locator

SMALL, NORMAL = 7.5, 8.5
_LETTER = 0.60
"""The mean width of a letter, in parts of its size: enough to tell whether a word fits."""
_BOLD = 0.68
_HEADROOM = 1.4
"""So much higher than the highest lag is its panel: the names of the lines stand above them all."""
_MULTIPLE = 4
"""A budget is shown up to so many times the time that was needed."""
MARKERS = {
    "lost": ("x", "×"),
    "stranded": ("v", "▽"),
    "split_brain": ("P", "✚"),
    "duplicated": ("s", "□"),
    "unexpected": ("D", "◇"),
}
"""For each kind of astray write the marker, and the same as a letter."""


def rates(axes: Axes, record: Record, location: str, shown: Axis) -> None:
    """Requests per second: good filled, bad hatched on top of them."""
    found = series.rates(record, location, shown)
    axes.stairs(found.good, found.edges, fill=True, color=palette.GOOD, linewidth=0)
    whole = found.good + found.bad
    if found.bad.any():
        axes.stairs(
            whole, found.edges, baseline=found.good, fill=True,
            facecolor=palette.BAD, edgecolor="#f3c6c6", hatch="/////", linewidth=0,
        )  # fmt: skip
    limit = max(float(whole.max(initial=0)), record.header.rate_per_second.get(location, 0.0), 1.0) * 1.15
    axes.set_ylim(0, limit)
    axes.yaxis.set_major_locator(_ticks(3))
    if not whole.any():
        nothing(axes, f"no request from {location} was recorded")


def latency(axes: Axes, record: Record, location: str, shown: Axis, limits: tuple[float, float]) -> None:
    """p50 and p95 from the intended time, logarithmic, beside the clients' deadline; none that is another place's."""
    if location in record.header.unmeasured:
        nothing(axes, UNMEASURED)
        return
    found = series.latencies(record, location, shown)
    axes.set_yscale("log")
    axes.set_ylim(*limits)
    axes.axhline(record.header.deadline.seconds, color=palette.FAINT, linewidth=0.7, linestyle=(0, (1, 2)))
    axes.plot(found.times, found.p95, color=palette.HIGH, linewidth=0.9)
    axes.plot(found.times, found.p50, color=palette.MIDDLE, linewidth=1.1)
    wanted = [tick for tick in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0) if limits[0] <= tick <= limits[1]]
    axes.set_yticks(wanted, [f"{tick:g} s" if tick >= 1 else f"{tick * 1000:g} ms" for tick in wanted])
    axes.minorticks_off()


def lag(axes: Axes, record: Record, shown: Axis) -> None:
    """Each replica's lag against the threshold above which the alarm must ring."""
    threshold = record.header.objectives.lag_threshold.seconds
    highest = threshold
    for number, (replica, (times, values)) in enumerate(series.lags(record, shown).items()):
        colour = palette.LINES[number % len(palette.LINES)]
        dash = palette.DASHES[number % len(palette.DASHES)]
        axes.plot(times, values, color=colour, linestyle=dash, linewidth=1.2, marker=".", markersize=2.5, label=replica)
        highest = max(highest, float(values.max()))
    axes.axhline(threshold, color=palette.BAD, linewidth=0.9, linestyle=(0, (4, 2)), label=f"threshold {threshold:g} s")
    axes.set_ylim(0, highest * _HEADROOM)
    axes.legend(
        loc="upper left", ncols=len(axes.lines), facecolor=palette.PAPER, framealpha=0.85, edgecolor="none",
        fontsize=SMALL, handlelength=2.2, columnspacing=1.6, handletextpad=0.5, borderpad=0, borderaxespad=0.2,
    )  # fmt: skip
    axes.yaxis.set_major_locator(_ticks(3))


def phases(axes: Axes, spans: Sequence[Span], shown: Axis, inches: float) -> None:
    """A thin tick where each phase began, its name beside it; names that would overlap go a line lower."""
    axes.set_ylim(0, 2)
    per_second = inches * 72 / shown.span
    ends = [-1e9, -1e9]
    for span in spans:
        name = span.text.replace("_", " ")
        width = (len(name) * SMALL * _LETTER + 6) / per_second
        late = span.began + width > shown.ended
        left = span.began - width if late else span.began
        row = 0 if ends[0] <= left else 1
        fits = ends[row] <= left
        axes.axvline(span.began, ymax=0.5 if row and fits else 1.0, color=palette.FAINT, linewidth=0.7)
        if fits:
            beside(axes, span.began, 1.5 - row, name, palette.INK, "right" if late else "left")
            ends[row] = left + width


def bracket(axes: Axes, found: Bracket, shown: Axis, inches: float) -> None:
    """The recovery: from the fault to the first good arrival that lasted, with its error bar, beside its objective."""
    axes.set_ylim(0, 1)
    ended = min(found.ended, shown.ended)
    colour = found.ruling.colour
    axes.plot([found.began, ended], [0.5, 0.5], color=colour, linewidth=2.2, solid_capstyle="butt")
    for place in (found.began, ended) if found.recovered else (found.began,):
        axes.plot([place, place], [0.15, 0.85], color=colour, linewidth=1.6)
    if not found.recovered:
        axes.plot([ended], [0.5], marker=">", color=colour, markersize=6)
    if found.error:
        low = max(found.began, found.ended - found.error)
        axes.fill_between([low, ended], 0.22, 0.78, color=colour, alpha=0.35, linewidth=0)
    goal = None if found.objective is None else found.began + found.objective
    if goal is not None and goal <= shown.ended:
        axes.plot([goal, goal], [0.0, 1.0], color=palette.INK, linewidth=1, linestyle=(0, (2, 1.5)))
    took = f"RTO {found.ended - found.began:.1f} s" if found.recovered else f"down {found.ended - found.began:.1f} s"
    sure = f" (up to {found.error:.1f} s less)" if found.error else ""
    owed = "" if found.objective is None else f", objective {found.objective:g} s"
    named = f"{took}{sure}, {found.text}"
    first = min(goal, shown.ended) if goal is not None and goal > ended else shown.ended
    places = (
        (ended, first - ended, "left"),
        (first, shown.ended - first, "left"),
        (found.began, found.began - shown.began, "right"),
        ((found.began + ended) / 2, ended - found.began, "center"),
    )
    for text, (place, room, side) in product((f"{named}{owed}", named, f"{took}{sure}", took), places):
        if (len(text) * SMALL * _BOLD + 8) * shown.span / (inches * 72) <= room:
            beside(axes, place, 0.5, text, colour, side, weight="bold")
            return


def beside(
    axes: Axes, x: float, y: float, text: str, colour: str, side: str = "left", *, weight: str = "normal"
) -> None:
    """Words whose ``side`` is at a point, on a ground that keeps lines from crossing them."""
    axes.annotate(
        text, (x, y), xytext=({"left": 4, "center": 0, "right": -4}[side], 0), textcoords="offset points",
        fontsize=SMALL, color=colour, ha=side, va="center", weight=weight, zorder=5,
        bbox={"facecolor": palette.PAPER, "alpha": 0.85, "linewidth": 0, "pad": 0.6},
    )  # fmt: skip


def strip(axes: Axes, row: float, spans: Sequence[Span], colours: Mapping[str, str], inches: float) -> None:
    """One strip of coloured spans; a span's text is written on it where it fits."""
    low, high = axes.get_xlim()
    for span in spans:
        colour = colours.get(span.text, palette.NOWHERE)
        bad = span.text in ("ALARM", "unhealthy")
        axes.broken_barh(
            [(span.began, span.ended - span.began)], (row + 0.1, 0.8), facecolor=colour,
            edgecolor="#f3c6c6" if bad else palette.PAPER, hatch="//////" if bad else None, linewidth=0 if bad else 0.6,
        )  # fmt: skip
        room = (span.ended - span.began) * inches * 72 / (high - low)
        text = span.text or "nowhere"
        if room >= len(text) * SMALL * _LETTER + 4 and not bad:
            axes.text(
                (span.began + span.ended) / 2, row + 0.5, text, fontsize=SMALL, color=palette.on(colour),
                ha="center", va="center",
            )  # fmt: skip


def writes(axes: Axes, row: float, marks: Sequence[Mark]) -> None:
    """The writes that are not where they should be."""
    for kind, (marker, _) in MARKERS.items():
        places = [mark.at for mark in marks if mark.kind == kind]
        if places:
            axes.plot(
                places, np.full(len(places), row + 0.5), linestyle="", marker=marker, markersize=5,
                color=palette.BAD, markerfacecolor="none" if kind != "lost" else palette.BAD, markeredgewidth=1.2,
            )  # fmt: skip


def anatomy(axes: Axes, stages: Sequence[Stage], inches: float) -> None:
    """Where the recovery time went, above the budget of each part, end to end on an axis of its own.

    Budgets that are a multiple of what was needed run out of the picture, with an arrow, or nobody could read the rest.
    """
    took = [(stage.name, stage.duration.seconds) for stage in stages]
    budgets = [(stage.name, stage.budget.seconds if stage.budget else 0.0) for stage in stages]
    needed, allowed = (sum(length for _, length in bar) for bar in (took, budgets))
    shown = max(needed, min(allowed, _MULTIPLE * needed)) or allowed or 1.0
    axes.set_xlim(0, shown)
    axes.set_ylim(0, 2)
    for row, bar, solid in ((1.0, took, True), (0.0, budgets, False)):
        began = 0.0
        for name, length in bar:
            if not length or began >= shown:
                continue
            room, more = min(length, shown - began), " →" if began + length > shown else ""
            colour = palette.stage(name)
            axes.broken_barh(
                [(began, room)], (row + 0.08, 0.84), facecolor=colour if solid else "none",
                edgecolor=palette.PAPER if solid else colour, linewidth=0.8 if solid else 1.6,
            )  # fmt: skip
            texts = (f"{name} {length:.1f} s{more}", f"{length:.1f}{more}")
            text = next((one for one in texts if _fits(one, room, shown, inches)), "")
            ink = palette.on(colour) if solid else palette.INK
            axes.text(began + room / 2, row + 0.5, text, fontsize=SMALL, color=ink, ha="center", va="center")
            began += length
    if not allowed:
        axes.text(0, 0.5, "no budget was computed for this failure", fontsize=SMALL, color=palette.FAINT, va="center")


def _fits(text: str, length: float, shown: float, inches: float) -> bool:
    return len(text) * SMALL * _LETTER + 4 <= length / shown * inches * 72


def nothing(axes: Axes, text: str) -> None:
    """Say that there is nothing to draw, instead of an empty panel."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, fontsize=NORMAL, color=palette.FAINT, ha="center", va="center")


def _ticks(count: int) -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count, integer=True, min_n_ticks=2)
