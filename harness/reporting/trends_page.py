"""How each scenario's figures went from night to night: a page of small pictures, without a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

from harness import phases
from harness.comparison import Comparison
from harness.reporting import figures, markup, nights
from harness.reporting.nights import LAST, Night
from harness.verdicts import Ruling, Verdict

TRENDS_FILE = "trends.html"
_WIDTH, _HEIGHT, _STEP = 190, 34, 13
"""CSS pixels of one picture, and of one night in it."""


def regressions(known: Sequence[Night], session: str) -> Comparison:
    """The runs of a session held against the nights before them."""
    return nights.compare([one for one in known if one.session < session], [
        one for one in known if one.session == session
    ])  # fmt: skip


def worse(found: Comparison) -> str:
    """How much got worse, in words; empty when nothing did."""
    count = len(list(_worse(found)))
    return f"{count} worse than the nights before" if count else ""


def html(known: Sequence[Night], found: Comparison) -> str:
    """The page: a row for each scenario, design, target and speed. ``known``: oldest first."""
    return markup.beneath("From night to night", content(known, found))


def content(known: Sequence[Night], found: Comparison) -> list[str]:
    """The page without its frame."""
    marked = {(one.group, one.figure) for one in found.trends if one.regressed}
    marked |= {(one.group, "ruling") for one in found.changes if one.regressed}
    told = [f"<li>{markup.escape(line)}</li>" for line in _worse(found)]
    return [
        "<h1>From night to night</h1>",
        f"<ul>{''.join(told)}</ul>" if told else f"<p>{_calm(known)}</p>",
        *(
            _table(phase, [one for one in known if one.phase == phase], marked)
            for phase in phases.ordered(one.phase for one in known)
        ),
        f'<p class="faint">{markup.escape(found.rule)} Times need {nights.FEWEST} nights before them, writes one. '
        "<em>Not as usual</em>: how many of these nights came out otherwise than most of them, as a flaky scenario "
        "does. A figure without a point in a night could not be told there.</p>",
    ]


def _calm(known: Sequence[Night]) -> str:
    """That nothing got worse, where there is enough to tell."""
    most = max(Counter(one.group for one in known).values(), default=0)
    if most > nights.FEWEST:
        return "Nothing got worse in the newest session."
    return f"Too early to tell of times: that takes {nights.FEWEST} nights before the newest. Nothing else got worse."


def _table(phase: str, known: Sequence[Night], marked: set[tuple[str, str]]) -> str:
    """A phase's scenarios, a row for each design, target and speed that it was played with."""
    groups = groupby(sorted(known, key=attrgetter("group", "run")), attrgetter("group"))
    heads = ("scenario", f"last {LAST} nights", "not as usual", *(title for title, _ in figures.TRENDS.values()))
    rows = "\n".join(_row(name, list(own)[-LAST - 1 :], marked) for name, own in groups)
    head = "".join(f"<th>{markup.escape(one)}</th>" for one in heads)
    title = markup.escape(phases.title(phase))
    return f'<h2>{title}</h2><div class="wide"><table class="nights"><tr>{head}</tr>\n{rows}</table></div>'


def _worse(found: Comparison) -> Iterable[str]:
    for change in found.changes:
        if change.regressed and change.usual is not None:
            usual, newest = change.usual.wording, change.newest.wording
            yield f"{change.group}: {change.promise.replace('_', ' ')}: {newest}, usually {usual}"
    for trend in found.trends:
        if trend.regressed:
            row, name = trend.row(), trend.figure.replace("_", " ")
            yield f"{trend.group}: {name} {row['newest']}, median {row['median']}, noise {row['noise']}"


def _row(group: str, own: Sequence[Night], marked: set[tuple[str, str]]) -> str:
    usual = max({one.ruling for one in own}, key=lambda ruling: sum(one.ruling is ruling for one in own))
    odd = sum(one.ruling is not usual for one in own)
    signs = "".join(
        f'<b style="background:{one.ruling.colour}" title="{markup.escape(one.session)}: {one.ruling.wording}">'
        f"{one.ruling.sign}</b>"
        for one in own
    )
    ill = f" {markup.badge(Ruling.BROKEN, 'worse')}" if (group, "ruling") in marked else ""
    cells = [
        f'{markup.escape(own[-1].title.rstrip("."))}<br><span class="faint">{markup.escape(_unlike(group))}</span>',
        f'<span class="signs">{signs}</span>{ill}',
        f"{odd} of {len(own)}",
        *(_figure(own, name, unit, worse=(group, name) in marked) for name, (_, unit) in figures.TRENDS.items()),
    ]  # fmt: skip
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _unlike(group: str) -> str:
    """What a group's title does not tell: the scenario's own name, and with what it was played."""
    return group.partition(".")[2].replace("_", " ").replace(".", ", ", 1)


def _figure(own: Sequence[Night], name: str, unit: str, *, worse: bool) -> str:
    told = [one.verdict(name) for one in own]
    values = [_number(one, name) for one in told]
    known = [value for value in values if value is not None]
    if told[-1] is None:
        return ""
    newest = figures.NEVER if values[-1] is None else f"{round(values[-1], 1):g} {unit}"
    badge = f" {markup.badge(Ruling.BROKEN, 'worse')}" if worse else ""
    return f'{_picture(told, values, max(known, default=0.0))}<br><span class="faint">{newest}</span>{badge}'


def _number(verdict: Verdict | None, name: str) -> float | None:
    value = None if verdict is None else verdict.figures[name]
    return float(value) if isinstance(value, int | float) else None


def _picture(told: Sequence[Verdict | None], values: Sequence[float | None], most: float) -> str:
    """A line through the nights from zero up, a point for each in the colour of what was judged of this very figure."""
    places = [
        (6 + number * _STEP, _HEIGHT - 5 - (_HEIGHT - 10) * (value / most if most else 0.0), verdict.ruling)
        for number, (verdict, value) in enumerate(zip(told, values, strict=True))
        if verdict is not None and value is not None
    ]
    line = " ".join(f"{x:.0f},{y:.1f}" for x, y, _ in places)
    points = "".join(f'<circle cx="{x:.0f}" cy="{y:.1f}" r="3" fill="{ruled.colour}"/>' for x, y, ruled in places)
    return (
        f'<svg class="trend" width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{len(places)} nights">'
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="1"/>{points}</svg>'
    )
