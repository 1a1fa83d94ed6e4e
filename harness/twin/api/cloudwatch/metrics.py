"""The metric store: every series by its exact identity, kept for three hours of AWS time.

A sample of standard resolution stands at the beginning of its minute, as on AWS: a shorter period finds it there and
nowhere else. Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (Period)
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.clock import Duration, Instant, minutes

RETENTION = minutes(180)
"""AWS keeps high-resolution points for three hours; the twin keeps no others longer."""

_SLACK = minutes(10)
_MINUTE = minutes(1).nanoseconds


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric is its region, namespace, name and exact set of dimensions (sorted)."""

    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, region: str, namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
        """The metric with these dimensions, in whatever order they come."""
        return cls(region, namespace, name, tuple(sorted(dimensions.items())))


@dataclass(frozen=True, slots=True)
class Sample:
    """A value that was measured ``weight`` times. ``summary``: part of a statistic set, so no percentile exists."""

    at: Instant
    value: float
    weight: float = 1.0
    high_resolution: bool = False
    summary: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """What one period of a series holds: at least one value, each with its weight."""

    values: Sequence[float]
    weights: Sequence[float]
    summarised: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """Periods side by side: ``count`` of them, the first begins at ``start``."""

    start: Instant
    period: Duration
    count: int

    def begin(self, index: int) -> Instant:
        """When period ``index`` begins."""
        return self.start + Duration(self.period.nanoseconds * index)

    def begins(self) -> list[Instant]:
        """When each period begins, oldest first."""
        return [self.begin(index) for index in range(self.count)]

    @classmethod
    def ending(cls, end: Instant, period: Duration, count: int) -> Grid:
        """``count`` periods, the last of which ends at ``end``."""
        return cls(Instant(end.nanoseconds - period.nanoseconds * count), period, count)


@dataclass(slots=True)
class _Series:
    """Samples in the order of their time, in parallel arrays: 25 bytes a sample."""

    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    weights: array[float] = field(default_factory=lambda: array("d"))
    summaries: array[int] = field(default_factory=lambda: array("b"))

    def add(self, sample: Sample) -> None:
        exact = sample.at.nanoseconds
        at = exact if sample.high_resolution else exact - exact % _MINUTE
        index = bisect_right(self.times, at)
        self.times.insert(index, at)
        self.values.insert(index, sample.value)
        self.weights.insert(index, sample.weight)
        self.summaries.insert(index, sample.summary)
        self._trim()

    def _trim(self) -> None:
        oldest_kept = self.times[-1] - RETENTION.nanoseconds
        if self.times[0] >= oldest_kept - _SLACK.nanoseconds:
            return
        stale = bisect_left(self.times, oldest_kept)
        for column in (self.times, self.values, self.weights, self.summaries):
            del column[:stale]

    def cells(self, grid: Grid) -> list[Cell | None]:
        period = grid.period.nanoseconds
        first = grid.start.nanoseconds
        edges = [bisect_left(self.times, first + index * period) for index in range(grid.count + 1)]
        return [self._cell(low, high) for low, high in pairwise(edges)]

    def _cell(self, low: int, high: int) -> Cell | None:
        if low == high:
            return None
        return Cell(self.values[low:high], self.weights[low:high], any(self.summaries[low:high]))


class Store:
    """All metrics of all regions; thread-safe. Reads and writes touch one series, however many there are."""

    def __init__(self) -> None:
        self._series: dict[Metric, dict[str, _Series]] = defaultdict(dict)
        self._lock = threading.Lock()

    def add(self, metric: Metric, unit: str, samples: Iterable[Sample]) -> None:
        """Add samples, in any order of time."""
        with self._lock:
            series = self._series[metric].setdefault(unit, _Series())
            for sample in samples:
                series.add(sample)

    def read(self, metric: Metric, grid: Grid, unit: str | None = None) -> list[Cell | None]:
        """One cell or ``None`` a period; a period begins inclusive and ends exclusive.

        ``unit`` ``None`` reads samples of any unit.
        """
        with self._lock:
            units = self._series.get(metric, {})
            chosen = units.values() if unit is None else [series for name, series in units.items() if name == unit]
            columns = [series.cells(grid) for series in chosen]
        if not columns:
            return [None] * grid.count
        return columns[0] if len(columns) == 1 else [_merged(cells) for cells in zip(*columns, strict=True)]

    def units(self, metric: Metric) -> tuple[str, ...]:
        """The units in which a metric was published."""
        with self._lock:
            return tuple(self._series.get(metric, ()))

    def newest(self, metric: Metric) -> Instant | None:
        """When the newest sample was taken, or ``None`` when there is no such metric."""
        with self._lock:
            newest = [series.times[-1] for series in self._series.get(metric, {}).values() if series.times]
        return Instant(max(newest)) if newest else None

    def metrics(self, region: str) -> list[Metric]:
        """Every metric of a region, sorted by namespace, name and dimensions."""
        with self._lock:
            found = [metric for metric in self._series if metric.region == region]
        return sorted(found, key=lambda metric: (metric.namespace, metric.name, metric.dimensions))


def _merged(cells: Sequence[Cell | None]) -> Cell | None:
    present = [cell for cell in cells if cell is not None]
    if not present:
        return None
    values = [value for cell in present for value in cell.values]
    weights = [weight for cell in present for weight in cell.weights]
    return Cell(values, weights, any(cell.summarised for cell in present))
