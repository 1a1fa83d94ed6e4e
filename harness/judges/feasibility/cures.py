"""The smallest change that keeps the promise, found by trying, and cures that are worse than the disease.

Every candidate is verified by checking the changed configuration again, so a change that breaks something else is not
called a cure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from harness.configuration import Configuration
from harness.judges.feasibility.changes import HELPFUL, TEMPTING, Change
from harness.judges.feasibility.checker import CALM, Owed, all_rows, rows_of
from harness.judges.feasibility.exploration import calm
from harness.judges.feasibility.findings import findings_of
from harness.judges.feasibility.lag import lag_alarm
from harness.judges.feasibility.platform import Fault, Platform
from harness.judges.feasibility.rows import KINDS, Kind, Row
from harness.objectives import Objectives
from harness.verdicts import Ruling, worst

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Cure:
    """Changes that were tried together and what they come to. ``worse``: what they break, in words."""

    changes: tuple[Change, ...]
    ruling: Ruling
    worse: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "changes": [{"name": one.name, "words": one.words} for one in self.changes],
            "ruling": self.ruling.name,
            "worse": list(self.worse),
        }


@dataclass(frozen=True)
class Cures:
    """The smallest set of changes that comes as far as all together; ``left``: what none of them mends."""

    smallest: Cure | None
    left: tuple[str, ...]
    rejected: tuple[Cure, ...]
    tried: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "smallest": self.smallest.to_json() if self.smallest else None,
            "left": list(self.left),
            "rejected": [one.to_json() for one in self.rejected],
            "tried": self.tried,
        }


class _Trial:
    """Holds configurations against what all changes together achieve, the failure that refuted the last one first."""

    def __init__(self, owed: Owed, reached: Mapping[Key, Row], lag: Ruling, possible: bool) -> None:
        self._owed = owed
        self._possible = possible
        self._reached = reached
        self._lag = lag
        self._suspects: list[Fault] = []
        self.tried = 0

    def passes(self, configuration: Configuration) -> bool:
        self.tried += 1
        if lag_alarm(configuration, self._owed.plain).ruling > self._lag:
            return False
        platform = Platform(configuration)
        if self._possible and impossible(platform, self._owed):
            return False
        if not all(
            calm(platform, place, kind) or (CALM, place, kind) in self._reached for place, kind in _views(platform)
        ):
            return False
        faults = platform.faults()
        for fault in sorted(faults, key=lambda one: one not in self._suspects):
            for row in rows_of(platform, frozenset({fault}), self._owed):
                if not row.owed:
                    break
                best = self._reached.get(_key(row))
                if row.ruling > (best.ruling if best else Ruling.KEPT):
                    self._suspects = [fault, *(one for one in self._suspects if one != fault)][:4]
                    return False
        return True


def cures(configuration: Configuration, owed: Objectives | Owed) -> Cures:
    """The smallest set of changes that keeps as much of the promise as all of them together would.

    All sets are tried, the smaller ones first; a change without which all others together do not do is in each.
    """
    promised = owed if isinstance(owed, Owed) else Owed(owed)
    useful = [change for change in HELPFUL if _useful(configuration, change)]
    whole = applied(configuration, HELPFUL)
    reached = {_key(row): row for row in _owed_rows(whole, promised)}
    lag = lag_alarm(whole, promised.plain).ruling
    refused = impossible(Platform(whole), promised)
    trial = _Trial(promised, reached, lag, not refused)
    ruling = worst([*(row.ruling for row in reached.values()), lag, *(Ruling.BROKEN for _ in refused)])
    left = (*refused, *(_told(row) for row in reached.values() if row.ruling is not Ruling.KEPT))
    smallest = _smallest(configuration, useful, trial)
    cured = applied(configuration, smallest)
    rejected = tuple(one for change in TEMPTING if (one := _tempted(cured, change, promised)))
    return Cures(Cure(tuple(smallest), ruling), tuple(dict.fromkeys(left)), rejected, trial.tried)


def impossible(platform: Platform, owed: Owed) -> tuple[str, ...]:
    """What AWS would refuse, in words."""
    return tuple(one.words for one in findings_of(platform, owed.plain) if one.impossible)


def applied(configuration: Configuration, changes: Iterable[Change]) -> Configuration:
    """The configuration with these changes, in the order in which they are known."""
    wanted = set(changes)
    for change in (*HELPFUL, *TEMPTING):
        if change in wanted:
            configuration = change.to(configuration)
    return configuration


def _useful(configuration: Configuration, change: Change) -> bool:
    """Whether a change does anything, alone or when all before it are made."""
    before = applied(configuration, HELPFUL[: HELPFUL.index(change)])
    return change.to(configuration) != configuration or change.to(before) != before


def _smallest(configuration: Configuration, useful: list[Change], trial: _Trial) -> list[Change]:
    needed = [one for one in useful if not trial.passes(applied(configuration, [x for x in useful if x is not one]))]
    others = [one for one in useful if one not in needed]
    for size in range(len(others) + 1):
        for chosen in combinations(others, size):
            wanted = [one for one in useful if one in needed or one in chosen]
            if trial.passes(applied(configuration, wanted)):
                return wanted
    return useful


def _views(platform: Platform) -> Iterable[tuple[str, Kind]]:
    return product(platform.configuration.nearest, KINDS)


def _tempted(cured: Configuration, change: Change, owed: Owed) -> Cure | None:
    """A tempting change tried on the cured platform; ``None`` where it changes nothing or breaks nothing."""
    changed = change.to(cured)
    if changed == cured:
        return None
    before = {_key(row): row for row in _owed_rows(cured, owed)}
    worse = [
        f"{row.kind} from {row.location} with {row.failure}: "
        + (f"{was.path.total()[2]} at worst before, " if not was.path.never else "")
        + (f"then never: {row.path.never}" if row.path.never else f"{row.path.total()[2]} then")
        for row in _owed_rows(changed, owed)
        if (was := before.get(_key(row))) and _rank(row) > _rank(was)
    ]
    if not worse:
        return None
    ruling = worst(row.ruling for row in _owed_rows(changed, owed))
    return Cure((change,), ruling, tuple(worse))


def _rank(row: Row) -> tuple[Ruling, bool, int]:
    """How bad a row is."""
    return row.ruling, bool(row.path.never), row.path.total()[2].nanoseconds


def _owed_rows(configuration: Configuration, owed: Owed) -> list[Row]:
    return [row for row in all_rows(Platform(configuration), owed) if row.owed]


def _key(row: Row) -> Key:
    return row.failure, row.location, row.kind


def _told(row: Row) -> str:
    if row.path.never:
        return f"{row.kind} with {row.failure}: {row.path.never}"
    _, usual, late = row.path.total()
    return f"{row.kind} with {row.failure}: {usual} typically, {late} at worst, owed {row.objective}"
