"""`python -m tests.trust.truth`: a hundred outages known to the millisecond, measured by the harness itself.

Prints a table by kind of outage; exits 1 when a limit is missed. ``OUTAGES`` and ``SEED`` may be given as arguments.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.trust.outages import KINDS
from tests.trust.replay import Measured, played

OUTAGES = 100
SEED = 1
ONE_RUN = 50
"""So many outages in one run of the load: the ends of the error bars are found again from a new calm."""
CLOSE, FAR = 10.0, 25.0
CLOSE_SHARE, HELD_SHARE = 0.95, 0.99


@dataclass(frozen=True)
class Tally:
    """Of several outages: how far the measured times were from the truth, in ms."""

    errors: tuple[float, ...]
    """Of each outage, that of the place that was measured worst."""
    held: float
    """The share of measurements whose error bar contains the truth."""
    bar: float
    """The median width of the error bars."""

    @property
    def close(self) -> float:
        """The share of outages within :data:`CLOSE`."""
        return sum(abs(error) <= CLOSE for error in self.errors) / len(self.errors)

    @property
    def worst(self) -> float:
        """The largest error."""
        return max(abs(error) for error in self.errors)

    @property
    def missed(self) -> list[str]:
        """The limits that these outages miss, in words."""
        found = []
        if self.close < CLOSE_SHARE:
            found.append(f"{self.close:.1%} within {CLOSE:g} ms, {CLOSE_SHARE:.0%} are owed")
        if self.worst > FAR:
            found.append(f"one is {self.worst:.1f} ms off, {FAR:g} ms are allowed")
        if self.held < HELD_SHARE:
            found.append(f"{self.held:.1%} of the error bars hold the truth, {HELD_SHARE:.0%} are owed")
        return found


def tally(found: Sequence[Measured]) -> Tally:
    """The figures of these measurements; an outage seen where there was none, and one overlooked, counts in full."""
    worst: dict[int, float] = {}
    for one in found:
        key = id(one.outage)  # two runs may begin with the same outage at the same moment
        if abs(one.error) >= abs(worst.get(key, 0.0)):
            worst[key] = one.error
    held = sum(one.held for one in found) / len(found)
    return Tally(tuple(worst.values()), held, statistics.median(one.most - one.least for one in found))


def row(name: str, found: Sequence[Measured]) -> str:
    """One line of the table."""
    told = tally(found)
    sizes = sorted(abs(error) for error in told.errors)
    p95 = sizes[max(0, round(0.95 * len(sizes)) - 1)]
    mean = statistics.fmean(told.errors)
    figures = f"{statistics.median(sizes):8.1f}{p95:8.1f}{sizes[-1]:8.1f}{mean:+8.1f}"
    return f"{name:<16}{len(sizes):>7}{figures}{told.close:>9.0%}{told.bar:>9.1f}{told.held:>9.1%}"


def table(found: Sequence[Measured]) -> str:
    """The measurements by kind of outage, and all together."""
    head = (
        f"{'outage':<16}{'number':>7}{'median':>8}{'p95':>8}{'worst':>8}{'mean':>8}{'≤ 10 ms':>9}{'bar':>9}{'held':>9}"
    )
    lines = [head]
    for kind in KINDS:
        of_kind = [one for one in found if one.outage.kind == kind]
        lines += [row(kind, of_kind)] if of_kind else []
    return "\n".join([*lines, row("all", found)])


def main(count: int, seed: int) -> int:
    """Play, print, and say whether the limits are kept."""
    found: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(0, count, ONE_RUN):
            found += played(Path(folder) / str(number), min(ONE_RUN, count - number), seed + number)
    print(f"{count} outages of 0.3 to 3 s, 200 arrivals/s from each of two places; |measured − true| in ms")
    print(table(found))
    missed = tally(found).missed
    print("\n".join(f"MISSED: {one}" for one in missed) or "ok")
    return int(bool(missed))


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:3]]
    sys.exit(main(*given, *(OUTAGES, SEED)[len(given) :]))
