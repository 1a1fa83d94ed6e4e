"""The figures of every night, in one file that a CI job can cache: what each run promised, kept and measured.

One JSON object a line, one line a run, oldest first. It is made of ``verdict.json`` and outlives the runs themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import comparison, files
from harness.comparison import FIGURES, Comparison
from harness.verdicts import Outcome, Ruling, Verdict, worst

NIGHTS_FILE = "nights.jsonl"
LAST = 14
"""The newest run is held against the median of so many before it."""
FEWEST = 3
"""So many runs before it takes to tell how a time is spread: AWS's own timings vary by seconds."""
KEPT = 60
"""So many runs of each group are remembered."""


@dataclass(frozen=True)
class Night:
    """One run as the file remembers it. ``run`` is ``SESSION/FOLDER``; like is only compared within ``group``."""

    run: str
    group: str
    phase: str
    title: str
    outcome: str
    verdicts: tuple[Verdict, ...]

    @property
    def session(self) -> str:
        """The session that it is of."""
        return self.run.partition("/")[0]

    @property
    def ruling(self) -> Ruling:
        """The worst of its verdicts; a run that did not finish proves nothing."""
        finished = self.outcome == Outcome.FINISHED.value
        return worst(verdict.ruling for verdict in self.verdicts if finished or verdict.ruling is Ruling.BROKEN)

    @property
    def compared(self) -> comparison.Run:
        """The run as it is compared with others."""
        return comparison.Run(self.run, self.group, self.verdicts)

    def verdict(self, figure: str) -> Verdict | None:
        """The first verdict with that figure, which is ``None`` if it never came to pass; ``None`` when none has it."""
        return next((one for one in self.verdicts if figure in one.figures), None)


def of_session(told: Mapping[str, Any]) -> list[Night]:
    """The runs of a session's ``verdict.json``. Raises ``KeyError`` or ``TypeError`` when it is none."""
    return [_of_run(run) for run in told["runs"]]


def _of_run(run: Mapping[str, Any]) -> Night:
    name = str(run["run"])
    verdicts = [
        {"promise": one["promise"], "ruling": one["ruling"],
         "figures": {figure: one["figures"][figure] for figure in FIGURES if figure in one["figures"]}}
        for one in run["verdicts"]
    ]  # fmt: skip
    group = comparison.group(name, run["design_version"], run["target"], run["speed"])
    return Night(name, group, run["phase"], run["title"], run["outcome"], _verdicts(verdicts))


def _verdicts(told: Iterable[Mapping[str, Any]]) -> tuple[Verdict, ...]:
    return tuple(Verdict(one["promise"], Ruling[one["ruling"]], "", dict(one["figures"])) for one in told)


def remember(path: Path, told: Mapping[str, Any]) -> list[Night]:
    """Add a session's runs to the file, each run once, and return all that it remembers, oldest first.

    Lines that cannot be read are dropped: a torn cache must not end a night. Raises ``OSError`` on a full disk; the
    file is then what it was.
    """
    new = of_session(told)
    again = {night.run for night in new}
    known = sorted([*(one for one in _readable(path) if one.run not in again), *new], key=lambda one: one.run)
    left = dict.fromkeys((one.group for one in known), KEPT)
    kept: list[Night] = []
    for night in reversed(known):
        if left[night.group]:
            left[night.group] -= 1
            kept.append(night)
    kept.reverse()
    path.parent.mkdir(parents=True, exist_ok=True)
    files.put(path, "".join(f"{_line(night)}\n" for night in kept))
    return kept


def _line(night: Night) -> str:
    verdicts = [
        {"promise": one.promise, "ruling": one.ruling.name, "figures": dict(one.figures)} for one in night.verdicts
    ]
    told = {"run": night.run, "group": night.group, "phase": night.phase, "title": night.title,
            "outcome": night.outcome, "verdicts": verdicts}  # fmt: skip
    return json.dumps(told, separators=(",", ":"))


def _parse(line: str) -> Night:
    """Raises ``ValueError`` for what is no line of ours."""
    try:
        told = json.loads(line)
        run, group, phase, title, outcome = (str(told[name]) for name in ("run", "group", "phase", "title", "outcome"))
        return Night(run, group, phase, title, outcome, _verdicts(told["verdicts"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the figures of a run: {error!r}") from error


def _readable(path: Path) -> list[Night]:
    found = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else ():
        try:
            found.append(_parse(line))
        except ValueError:
            continue  # what is dropped here is a torn or foreign line; no figure is made up for it
    return found


def read(path: Path) -> list[Night]:
    """Every run that a file of nights remembers. Raises ``ValueError`` naming the line that is none of ours."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            found.append(_parse(line))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return found


def compare(before: Sequence[Night], now: Sequence[Night]) -> Comparison:
    """Hold these runs against the :data:`LAST` before them, group by group; a group that did not run is left out."""
    played, own = {night.group for night in now}, {night.run for night in now}
    earlier = [night for night in before if night.group in played and night.run not in own]
    return comparison.compare([one.compared for one in (*earlier, *now)], LAST, FEWEST)
