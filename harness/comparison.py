"""Many runs of a scenario side by side: how each figure is spread, and whether the newest run is worse than usual.

Pure: judged runs in, a comparison out. Runs are compared only with runs of the same scenario, version of the design,
target and speed.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.judges import bench
from harness.record import Record
from harness.verdicts import Exit, Ruling, Verdict, worst

LAST = 5
"""The newest run is held against the median of so many before it, unless another number is asked for."""
SHARE = 0.1
"""A tenth worse than the median is never more than noise."""
SPREAD = 3 * 1.4826
"""So many median absolute deviations are noise: three standard deviations, were the figures normally distributed."""
FIGURES = {
    "rto_seconds": 2.0, "lost_writes": 0.0, "lost_seconds": 1.0, "duplicated_writes": 0.0, "alarm_delay_seconds": 10.0,
    "clear_after_undo_seconds": 10.0, "last_client_moved_seconds": 2.0, "failback_seconds": 2.0,
    "staleness_in_fault_seconds": 1.0, "own_write_missed_seconds": 1.0, "lost_jobs": 0.0, "doubled_jobs": 0.0,
}  # fmt: skip
"""What is compared, less being better, and how much of each is noise however steady it was before: the grain of what
measures it (arrivals are a fraction of a second apart, alarms look every 10 s); of rows and jobs none is."""


@dataclass(frozen=True)
class Run:
    """One run, judged, and its name, ``SESSION/FOLDER``. Only runs of one ``group`` are compared."""

    name: str
    group: str
    verdicts: tuple[Verdict, ...]

    @classmethod
    def of(cls, name: str, record: Record) -> Run:
        """A run from its record alone."""
        header = record.header
        within = group(name, header.design_version, header.target, header.speed)
        return cls(name, within, tuple(bench.judge(record)))


def group(name: str, version: str, target: str, speed: float) -> str:
    """What a run is compared within; ``name`` is ``SESSION/FOLDER``."""
    return f"{name.rpartition('/')[2]} ({version}, {target}, speed {speed:g})"


@dataclass(frozen=True)
class Trend:
    """One figure of one promise over the runs of a group. ``math.inf``: it never came to pass (never back, no ring)."""

    group: str
    promise: str
    figure: str
    before: tuple[float, ...]
    """Of the runs that could tell, oldest first, at most so many as were asked for."""
    newest: float | None
    """``None``: the newest run cannot tell."""
    fewest: int = 1
    """So many runs before it takes to tell how the figure is spread; of rows and jobs one is enough."""

    @property
    def median(self) -> float | None:
        """The median of the runs before; ``None`` when there was none."""
        return statistics.median(self.before) if self.before else None

    @property
    def noise(self) -> float:
        """How much worse than the median is not worse: the largest of the figure's grain, a share and the spread."""
        middle = self.median
        if middle is None or math.isinf(middle):
            return 0.0
        spread = statistics.median(abs(value - middle) for value in self.before)
        return max(FIGURES[self.figure], SHARE * middle, 0.0 if math.isinf(spread) else SPREAD * spread)

    @property
    def regressed(self) -> bool:
        """The newest run is worse than the median of those before by more than the noise.

        What never came to pass before is worse however few the runs are.
        """
        if self.median is None or self.newest is None or self.newest <= self.median + self.noise:
            return False
        return math.isinf(self.newest) or not FIGURES[self.figure] or len(self.before) >= self.fewest

    def to_json(self) -> dict[str, Any]:
        """The trend as plain JSON values; what never came to pass is the text ``never``."""
        return {
            "group": self.group,
            "promise": self.promise,
            "figure": self.figure,
            "before": [_plain(value) for value in self.before],
            "least": _plain(min(self.before, default=None)),
            "median": _plain(self.median),
            "most": _plain(max(self.before, default=None)),
            "noise": round(self.noise, 3),
            "newest": _plain(self.newest),
            "regressed": self.regressed,
        }

    def row(self) -> dict[str, str]:
        """The trend as a row for people."""
        told = self.to_json()
        cells = {name: _text(told[name]) for name in ("least", "median", "most", "noise", "newest")}
        state = "regressed" if self.regressed else "" if self.median is not None else "nothing before"
        return {"runs of": self.group, "promise": self.promise, "figure": self.figure,
                "n": str(len(self.before)), **cells, "": state}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """The rulings of one promise over the runs of a group."""

    group: str
    promise: str
    before: tuple[Ruling, ...]
    newest: Ruling

    @property
    def usual(self) -> Ruling | None:
        """The ruling in the middle of those before, the better of two; ``None`` when there was none."""
        return statistics.median_low(self.before) if self.before else None

    @property
    def regressed(self) -> bool:
        """The newest ruling is worse than the usual one: don't-know instead of kept, too."""
        return self.usual is not None and self.newest > self.usual

    def to_json(self) -> dict[str, Any]:
        """The change as plain JSON values."""
        counts = Counter(ruling.name for ruling in self.before)
        usual = None if self.usual is None else self.usual.name
        return {"group": self.group, "promise": self.promise, "before": dict(counts), "usual": usual,
                "newest": self.newest.name, "regressed": self.regressed}  # fmt: skip

    def row(self) -> dict[str, str]:
        """The change as a row for people."""
        told = self.to_json()
        before = ", ".join(f"{name} {count}" for name, count in told["before"].items()) or "nothing before"
        state = "regressed" if self.regressed else ""
        return {"runs of": self.group, "promise": self.promise, "before": before, "newest": told["newest"], "": state}


@dataclass(frozen=True)
class Comparison:
    """All that was compared; ``last``: how many runs before the newest one counted at most."""

    last: int
    newest: tuple[str, ...]
    """The name of each group's newest run."""
    changes: tuple[Change, ...]
    trends: tuple[Trend, ...]

    @property
    def regressed(self) -> bool:
        """Anything got worse."""
        return any(one.regressed for one in self.changes) or any(one.regressed for one in self.trends)

    @property
    def exit_code(self) -> Exit:
        """Broken by a regression; unknown when no group had a run before its newest."""
        if self.regressed:
            return Exit.BROKEN
        return Exit.KEPT if any(change.before for change in self.changes) else Exit.UNKNOWN

    @property
    def rule(self) -> str:
        """How a regression is told from noise, in a sentence."""
        return (
            f"A figure regressed when the newest run is above the median of the {self.last} before it by more than the "
            f"largest of: {SHARE:.0%} of that median, {SPREAD:.2f} times their median absolute deviation, the figure's "
            "own grain. A ruling regressed when it is worse than the median one."
        )

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain JSON values."""
        return {"rule": self.rule, "last": self.last, "newest": list(self.newest), "regressed": self.regressed,
                "rulings": [one.to_json() for one in self.changes],
                "figures": [one.to_json() for one in self.trends]}  # fmt: skip


def compare(runs: Sequence[Run], last: int = LAST, fewest: int = 1) -> Comparison:
    """Hold the newest run of each group against the ``last`` before it. ``runs``: oldest first.

    ``fewest``: so many of those must be able to tell a figure before more of it is a regression.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    changes: list[Change] = []
    trends: list[Trend] = []
    for name, members in groups.items():
        judged = [_worst_of(run.verdicts) for run in members]
        for promise, verdict in judged[-1].items():
            before = [one[promise] for one in judged[:-1] if promise in one]
            changes.append(Change(name, promise, tuple(one.ruling for one in before[-last:]), verdict.ruling))
            trends += _trends(name, before, verdict, last, fewest)
    return Comparison(last, tuple(members[-1].name for members in groups.values()), tuple(changes), tuple(trends))


def _worst_of(verdicts: Sequence[Verdict]) -> dict[str, Verdict]:
    """The verdicts by promise; of several on one promise, the worst."""
    found: dict[str, Verdict] = {}
    for verdict in verdicts:
        known = found.get(verdict.promise)
        if known is None or worst((known.ruling, verdict.ruling)) is not known.ruling:
            found[verdict.promise] = verdict
    return found


def _trends(name: str, before: Sequence[Verdict], newest: Verdict, last: int, fewest: int) -> list[Trend]:
    found = []
    for figure in FIGURES:
        if figure in newest.figures or any(figure in one.figures for one in before):
            known = [value for one in before if (value := value_of(one, figure)) is not None]
            value = value_of(newest, figure)
            found.append(Trend(name, newest.promise, figure, tuple(known[-last:]), value, fewest))
    return found


def value_of(verdict: Verdict, figure: str) -> float | None:
    """The figure of one run, if that run can tell; what never came to pass is infinite."""
    if verdict.ruling is Ruling.UNKNOWN or figure not in verdict.figures:
        return None
    value = verdict.figures[figure]
    if value is None:
        return math.inf if verdict.ruling is Ruling.BROKEN else None
    return float(value)


def _plain(value: float | None) -> float | str | None:
    return "never" if value is not None and math.isinf(value) else value


def _text(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:g}"
