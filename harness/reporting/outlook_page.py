"""What feasibility says, for the terminal and for a pull request."""

from __future__ import annotations

from collections.abc import Iterable

from harness.judges.feasibility import CounterExample, Finding, Path, Row, Survey
from harness.verdicts import Ruling

_MOST_EXAMPLES = 12


def text(told: Survey, phase: str) -> str:
    """What can be expected of each failure, stage by stage, the findings and the smallest change below it."""
    lines = [f"held against the objectives of {phase}: {told.verdict.wording}", ""]
    for row, kinds, places in _alike(row for row in told.singles.rows if row.owed and row.touched):
        lines.append(f"{row.failure}: {kinds} from {places}: {row.ruling.wording}")
        lines.append(f"    {_spans(row)}; owed {row.objective}")
        stages = [f"{stage.name} {stage.range.best} to {stage.range.worst}" for stage in row.path.stages]
        lines += [f"    {' + '.join(stages)}"] if stages else []
    if told.singles.alarm is not None:
        low, high, ruled = told.singles.alarm.best, told.singles.alarm.worst, told.singles.alarm_ruling.wording
        lines.append(f"the lag alarm rings {low} to {high} after its threshold is crossed: {ruled}")
    lines += ["", *(line for one in told.singles.details for line in _finding(one))]
    lines += [f"not known: {one}" for one in told.singles.unknown]
    lines += ["", f"{told.sets} sets of one or two of {told.faults} faults explored; what never comes back:"]
    lines += [f"  {line}" for line in _examples(told)]
    return "\n".join([*lines, "", *_cures(told)])


def _finding(one: Finding) -> list[str]:
    return [
        f"- {one.name}: {one.words}",
        *(f"    {evidence}" for evidence in one.evidence),
        f"    why: {one.why} {one.source}",
        f"    change: {one.change}",
    ]


def _spans(row: Row) -> str:
    if row.path.never:
        return f"never: {row.path.never}"
    best, typical, late = row.path.total()
    return f"best {best}, typical {typical}, worst {late}"


def _examples(told: Survey) -> list[str]:
    """Those first where a region that could serve is left, since there it is the platform's logic that fails."""
    groups: dict[tuple[str, str], list[CounterExample]] = {}
    for one in sorted(told.counter_examples, key=lambda one: (not one.spared, one.failure.count(" and "))):
        groups.setdefault((one.failure, one.reason), []).append(one)
    found = list(groups.values())
    lines = [_example(alike) for alike in found[:_MOST_EXAMPLES]]
    rest = len(found) - _MOST_EXAMPLES
    return [*lines, f"and {rest} more: --json has all"] if rest > 0 else lines or ["nothing"]


def _example(alike: list[CounterExample]) -> str:
    one, kinds = alike[0], _named(each.kind for each in alike)
    course = f" ({'; '.join(one.trace)})" if one.trace else ""
    return f"{one.failure}: {kinds} from {_named(each.location for each in alike)}: {one.reason}{course}"


def _cures(told: Survey) -> list[str]:
    if told.cures is None or told.cures.smallest is None:
        return []
    lines, found = [], told.cures.smallest
    if found.changes:
        reach = "keeps the promise" if found.ruling is Ruling.KEPT else f"comes closest ({found.ruling.wording})"
        lines.append(f"the smallest change that {reach}, of {told.cures.tried} tried:")
        lines += [f"  - {one.words}" for one in found.changes]
    elif told.verdict is not Ruling.KEPT:
        lines.append("no change that is known here comes closer")
    lines += [f"  left: {one}" for one in told.cures.left[:_MOST_EXAMPLES]]
    for cure in told.cures.rejected:
        lines.append(f"worse, and no cure: {', '.join(one.words for one in cure.changes)}")
        lines += [f"  - {one}" for one in cure.worse[:4]]
    return lines


def _alike(rows: Iterable[Row]) -> list[tuple[Row, str, str]]:
    """Rows that say the same of several locations and operations, once, with the operations and the locations."""
    groups: dict[tuple[str, object, Path], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.failure, row.objective, row.path), []).append(row)
    return [
        (found[0], _named(row.kind for row in found), _named(row.location for row in found))
        for found in groups.values()
    ]


def _named(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def markdown(told: Survey, phase: str) -> str:
    """The same as a comment on a pull request: the verdict, a table, the findings with their evidence, the change."""
    lines = [f"## Failover feasibility: {told.verdict.wording}", "", f"Held against the objectives of `{phase}`.", ""]
    rows = _alike(row for row in told.singles.rows if row.owed and row.ruling is not Ruling.KEPT)
    if rows:
        lines += ["| failure | operation | from | typical | worst | owed | |", "|---|---|---|---|---|---|---|"]
        for row, kinds, places in rows:
            spans = ("never", "never") if row.path.never else tuple(str(span) for span in row.path.total()[1:])
            cells = (row.failure, kinds, places, *spans, str(row.objective), row.ruling.wording)
            lines.append(f"| {' | '.join(_cell(one) for one in cells)} |")
        lines.append("")
    for one in told.singles.details:
        evidence = ", ".join(f"`{item}`" for item in one.evidence)
        lines.append(f"- **{one.name}**: {_cell(one.words)}  \n  {evidence}  \n  {one.why} [AWS]({one.source})  ")
        lines.append(f"  *Change:* {one.change}")
    lines += [f"- **not known yet**: {_cell(one)}" for one in told.singles.unknown]
    cures = _cures(told)
    return "\n".join([*lines, "", "```", *cures, "```", ""] if cures else [*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
