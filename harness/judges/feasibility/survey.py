"""Everything that the checker can say of a configuration: single faults, pairs of them, and the smallest change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.configuration import Configuration
from harness.judges.feasibility.checker import (
    CounterExample,
    Feasibility,
    Owed,
    counter_examples,
    feasibility,
    rows_of,
)
from harness.judges.feasibility.cures import Cures, cures
from harness.judges.feasibility.exploration import single_and_double
from harness.judges.feasibility.platform import Platform
from harness.judges.feasibility.rows import Kind, Row
from harness.verdicts import Ruling


@dataclass(frozen=True)
class Survey:
    """``slowest``: for each location and kind the slowest way back from two faults at once that there is."""

    configuration: Configuration
    singles: Feasibility
    counter_examples: tuple[CounterExample, ...]
    slowest: tuple[Row, ...]
    cures: Cures | None
    faults: int
    """So many single faults, and sets of one or two of them in ``sets``."""
    sets: int

    @property
    def verdict(self) -> Ruling:
        """Of what is owed, which is single faults and the lag alarm."""
        return self.singles.verdict

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; spans in seconds."""
        return {
            **self.singles.to_json(),
            "explored": {"faults": self.faults, "sets": self.sets},
            "counter_examples": [one.to_json() for one in self.counter_examples],
            "slowest_pairs": [row.to_json() for row in self.slowest],
            "cures": self.cures.to_json() if self.cures else None,
        }


def survey(configuration: Configuration, owed: Owed) -> Survey:
    """The whole check. The smallest change is looked for only where the promise is not kept."""
    platform = Platform(configuration)
    singles = feasibility(configuration, owed)
    sets = single_and_double(platform.faults())
    slowest: dict[tuple[str, Kind], Row] = {}
    for faults in sets:
        for row in rows_of(platform, faults, owed) if len(faults) > 1 else ():
            known = slowest.get((row.location, row.kind))
            if not row.path.never and (known is None or row.path.total()[2] > known.path.total()[2]):
                slowest[row.location, row.kind] = row
    searched = cures(configuration, owed) if configuration.records or configuration.databases else None
    return Survey(
        configuration,
        singles,
        counter_examples(configuration),
        tuple(row for row in slowest.values() if row.touched),
        searched,
        len(platform.faults()),
        len(sets),
    )
