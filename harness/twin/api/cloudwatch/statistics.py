"""What CloudWatch makes of the samples in one period: Average, Sum, Minimum, Maximum, SampleCount and percentiles."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import floor

from harness.twin.api.cloudwatch.metrics import Cell
from harness.twin.calls import AwsError

_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d{1,10})?)")
_OTHER_EXTENDED = re.compile(r"(?:tm|wm|tc|ts)\d|(?:TM|WM|TC|TS|PR)\(|IQM$")


def check(name: str) -> None:
    """Raise ``AwsError`` unless ``name`` is a statistic that can be computed."""
    if name in _SIMPLE or rank(name) is not None:
        return
    if _OTHER_EXTENDED.match(name):
        raise AwsError("NotImplementedByTwin", f"The twin does not implement the statistic {name}.", 501)
    raise AwsError("ValidationError", f"The value {name} for the statistic is not valid.")


def statistic(cell: Cell, name: str) -> float | None:
    """The statistic of one period; ``None`` for a percentile of a statistic set or of negative values, as on AWS."""
    simple = _SIMPLE.get(name)
    if simple is not None:
        return simple(cell)
    share = rank(name)
    if share is None or cell.summarised or min(cell.values) < 0:
        return None
    return _percentile(cell, share)


def rank(name: str) -> float | None:
    """A percentile as a share, ``p99`` as 0.99; ``None`` for any other statistic."""
    match = _PERCENTILE.fullmatch(name)
    if match is None or not 0 <= float(match[1]) <= 100:
        return None
    return float(match[1]) / 100


def _sum(cell: Cell) -> float:
    return sum(value * weight for value, weight in zip(cell.values, cell.weights, strict=True))


def _count(cell: Cell) -> float:
    return sum(cell.weights)


def _percentile(cell: Cell, share: float) -> float:
    """Linear between neighbouring values, each counted by its weight. AWS publishes no formula."""
    ordered = sorted(zip(cell.values, cell.weights, strict=True))
    position = share * (_count(cell) - 1)
    low = _at(ordered, floor(position))
    return low + (_at(ordered, floor(position) + 1) - low) * (position - floor(position))


def _at(ordered: list[tuple[float, float]], index: int) -> float:
    passed = 0.0
    for value, weight in ordered:
        passed += weight
        if index < passed:
            return value
    return ordered[-1][0]


_SIMPLE: dict[str, Callable[[Cell], float]] = {
    "Average": lambda cell: _sum(cell) / _count(cell),
    "Sum": _sum,
    "SampleCount": _count,
    "Minimum": lambda cell: min(cell.values),
    "Maximum": lambda cell: max(cell.values),
}
