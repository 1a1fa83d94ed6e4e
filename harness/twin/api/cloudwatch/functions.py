"""The functions of metric math and the values they work on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from harness.twin.calls import AwsError

Series: TypeAlias = tuple[float | None, ...]


@dataclass(frozen=True)
class Bundle:
    """Several series at once: a list ``[m1, m2]`` or ``METRICS()``."""

    series: tuple[Series, ...]


Value: TypeAlias = float | str | Series | Bundle | None


@dataclass(frozen=True)
class Context:
    """What an expression is evaluated over: the values of queries by id, and the periods. ``period`` in seconds."""

    series: Mapping[str, Series]
    metrics: tuple[str, ...]
    period: float
    count: int


@dataclass(frozen=True)
class Function:
    """A function of metric math. ``arity``: the fewest and the most arguments."""

    arity: tuple[int, int]
    apply: Callable[..., Value]


def row(value: Value, context: Context) -> Series:
    """``value`` as a series; a number stands in every period. Raises ``AwsError`` for anything else."""
    if isinstance(value, str | Bundle):
        raise AwsError("ValidationError", "Error in expression: a time series or a number is needed.")
    return value if isinstance(value, tuple) else (value,) * context.count


def combine(function: Callable[..., float | None], context: Context, *operands: Value) -> Value:
    """``function`` period by period; missing in, missing out. Numbers alone give a number, a bundle gives a bundle."""
    bundle = next((operand for operand in operands if isinstance(operand, Bundle)), None)
    if bundle is not None:
        picked = [
            [operand.series[index] if isinstance(operand, Bundle) else operand for operand in operands]
            for index in range(min(len(operand.series) for operand in operands if isinstance(operand, Bundle)))
        ]
        return Bundle(tuple(row(combine(function, context, *operands), context) for operands in picked))
    if not any(isinstance(operand, tuple) for operand in operands):
        numbers = [row(operand, context)[:1] or (None,) for operand in operands]
        return None if (None,) in numbers else function(*(number for (number,) in numbers))
    columns = zip(*(row(operand, context) for operand in operands), strict=True)
    return tuple(None if None in column else function(*column) for column in columns)


def _aggregate(function: Callable[[list[float]], float]) -> Callable[..., Value]:
    def apply(context: Context, value: Value) -> Value:
        if isinstance(value, Bundle):
            columns = zip(*value.series, strict=True)
            return tuple(_of(column) for column in columns)
        return _of(row(value, context))

    def _of(column: Series) -> float | None:
        present = [item for item in column if item is not None]
        return function(present) if present else None

    return apply


def _if(context: Context, condition: Value, yes: Value, no: Value = None) -> Value:
    columns = zip(row(condition, context), row(yes, context), row(no, context), strict=True)
    return tuple(None if test is None else (first if test else second) for test, first, second in columns)


def _fill(context: Context, value: Value, filler: Value) -> Value:
    if isinstance(value, Bundle):
        return Bundle(tuple(row(_fill(context, series, filler), context) for series in value.series))
    series = row(value, context)
    if filler == "REPEAT":
        return _repeated(series)
    if filler == "LINEAR":
        return _interpolated(series)
    return tuple(other if item is None else item for item, other in zip(series, row(filler, context), strict=True))


def _repeated(series: Series) -> Series:
    filled: list[float | None] = []
    for item in series:
        filled.append(item if item is not None or not filled else filled[-1])
    return tuple(filled)


def _interpolated(series: Series) -> Series:
    known = [index for index, item in enumerate(series) if item is not None]
    filled = list(series)
    for left, right in pairwise(known):
        first, last = series[left], series[right]
        if first is None or last is None:
            continue
        for index in range(left + 1, right):
            filled[index] = first + (last - first) * (index - left) / (right - left)
    return tuple(filled)


def _difference(context: Context, value: Value) -> Value:
    return tuple(None if step is None else step[0] for step in _steps(row(value, context)))


def _rate(context: Context, value: Value) -> Value:
    steps = _steps(row(value, context))
    return tuple(None if step is None else step[0] / (step[1] * context.period) for step in steps)


def _steps(series: Series) -> list[tuple[float, int] | None]:
    """The change since the datapoint before, and how many periods ago that was."""
    steps: list[tuple[float, int] | None] = []
    before: tuple[int, float] | None = None
    for index, item in enumerate(series):
        steps.append(None if item is None or before is None else (item - before[1], index - before[0]))
        before = before if item is None else (index, item)
    return steps


def _metrics(context: Context, part: Value = "") -> Value:
    return Bundle(tuple(context.series[name] for name in context.metrics if str(part) in name))


def _period(context: Context, value: Value) -> Value:
    row(value, context)
    return context.period


FUNCTIONS: Mapping[str, Function] = {
    "ABS": Function((1, 1), lambda context, value: combine(abs, context, value)),
    "AVG": Function((1, 1), _aggregate(lambda items: sum(items) / len(items))),
    "CEIL": Function((1, 1), lambda context, value: combine(lambda item: float(math.ceil(item)), context, value)),
    "DIFF": Function((1, 1), _difference),
    "FILL": Function((2, 2), _fill),
    "FLOOR": Function((1, 1), lambda context, value: combine(lambda item: float(math.floor(item)), context, value)),
    "IF": Function((2, 3), _if),
    "MAX": Function((1, 1), _aggregate(max)),
    "METRICS": Function((0, 1), _metrics),
    "MIN": Function((1, 1), _aggregate(min)),
    "PERIOD": Function((1, 1), _period),
    "RATE": Function((1, 1), _rate),
    "SUM": Function((1, 1), _aggregate(sum)),
}

UNBUILT = frozenset(
    {
        "ANOMALY_DETECTION_BAND",
        "DATAPOINT_COUNT",
        "DATE",
        "DAY",
        "DB_PERF_INSIGHTS",
        "EPOCH",
        "HOUR",
        "INSIGHT_RULE_METRIC",
        "LOG",
        "LOG10",
        "METRIC_COUNT",
        "MINUTE",
        "MONTH",
        "REMOVE_EMPTY",
        "RUNNING_SUM",
        "SEARCH",
        "SERVICE_QUOTA",
        "SLICE",
        "SORT",
        "STDDEV",
        "TIME_SERIES",
        "YEAR",
    }
)
"""Functions that CloudWatch has and the twin has not."""
