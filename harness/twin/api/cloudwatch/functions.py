"""The functions of metric math and the values they work on.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import datetime
import math
import statistics
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
    """What an expression is evaluated over: the values of queries by id, and the periods.

    ``metrics`` are the ids of those that are metrics; ``period`` in seconds, ``start`` in seconds since the epoch.
    """

    values: Mapping[str, Value]
    metrics: tuple[str, ...]
    period: float
    count: int
    start: float = 0.0

    @property
    def begins(self) -> tuple[float, ...]:
        """When each period begins, in seconds since the epoch."""
        return tuple(self.start + index * self.period for index in range(self.count))


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
    """``function`` period by period. Numbers alone give a number, a bundle gives a bundle.

    Where one series has a value and another has none, AWS counts the missing one as 0; where none has, none comes out.
    """
    bundle = next((operand for operand in operands if isinstance(operand, Bundle)), None)
    if bundle is not None:
        picked = [
            [operand.series[index] if isinstance(operand, Bundle) else operand for operand in operands]
            for index in range(min(len(operand.series) for operand in operands if isinstance(operand, Bundle)))
        ]
        return Bundle(tuple(row(combine(function, context, *operands), context) for operands in picked))
    if any(operand is None for operand in operands):
        return None
    if not any(isinstance(operand, tuple) for operand in operands):
        return function(*(_number(operand) for operand in operands))
    known = [
        any(isinstance(operand, tuple) and operand[index] is not None for operand in operands)
        for index in range(context.count)
    ]
    columns = zip(known, *(row(operand, context) for operand in operands), strict=True)
    return tuple(function(*(item or 0.0 for item in column)) if there else None for there, *column in columns)


def _number(value: Value) -> float:
    if not isinstance(value, float | int):
        raise AwsError("ValidationError", "Error in expression: a time series or a number is needed.")
    return value


def _each(function: Callable[..., Value]) -> Callable[..., Value]:
    """``function`` of one series, applied to each series of a bundle."""

    def apply(context: Context, value: Value, *rest: Value) -> Value:
        if isinstance(value, Bundle):
            return Bundle(tuple(row(function(context, series, *rest), context) for series in value.series))
        return function(context, row(value, context), *rest)

    return apply


def _aggregate(function: Callable[[list[float]], float], *, missing_as_zero: bool = False) -> Callable[..., Value]:
    """A number of one series, a series of several; of these, ``missing_as_zero`` counts holes beside a value."""

    def apply(context: Context, value: Value) -> Value:
        if not isinstance(value, Bundle):
            present = [item for item in row(value, context) if item is not None]
            return function(present) if present else None
        return tuple(_of(column) for column in zip(*value.series, strict=True))

    def _of(column: Series) -> float | None:
        present = [item for item in column if item is not None]
        if missing_as_zero and present:
            present += [0.0] * (len(column) - len(present))
        return function(present) if present else None

    return apply


def _if(context: Context, condition: Value, yes: Value, no: Value = None) -> Value:
    """AWS takes 0 where a series of conditions holds and the second argument has no value."""
    hole = 0.0 if isinstance(condition, tuple) and isinstance(yes, tuple) else None
    columns = zip(row(condition, context), row(yes, context), row(no, context), strict=True)
    return tuple(
        None if test is None else ((hole if first is None else first) if test else second)
        for test, first, second in columns
    )


def _fill(context: Context, series: Series, filler: Value) -> Value:
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


def _difference(_: Context, series: Series) -> Value:
    return tuple(None if step is None else step[0] for step in _steps(series))


def _time_difference(context: Context, series: Series) -> Value:
    return tuple(None if step is None else step[1] * context.period for step in _steps(series))


def _rate(context: Context, series: Series) -> Value:
    return tuple(None if step is None else step[0] / (step[1] * context.period) for step in _steps(series))


def _running_sum(_: Context, series: Series) -> Value:
    total, sums = 0.0, list[float | None]()
    for item in series:
        total += item or 0.0
        sums.append(None if item is None else total)
    return tuple(sums)


def _steps(series: Series) -> list[tuple[float, int] | None]:
    """The change since the datapoint before, and how many periods ago that was."""
    steps: list[tuple[float, int] | None] = []
    before: tuple[int, float] | None = None
    for index, item in enumerate(series):
        steps.append(None if item is None or before is None else (item - before[1], index - before[0]))
        before = before if item is None else (index, item)
    return steps


def _metrics(context: Context, part: Value = "") -> Value:
    return Bundle(tuple(row(context.values[name], context) for name in context.metrics if str(part) in name))


def _period(context: Context, value: Value) -> Value:
    row(value, context)
    return context.period


def _time_series(context: Context, value: Value) -> Value:
    if isinstance(value, tuple):
        raise AwsError("ValidationError", "Error in expression: TIME_SERIES needs a number.")
    return row(value, context)


def _nth(index: int) -> Callable[..., Value]:
    def apply(_: Context, value: Value) -> Value:
        if not isinstance(value, Bundle) or not value.series:
            raise AwsError("ValidationError", "Error in expression: an array of time series is needed.")
        return value.series[index]

    return apply


def _moment(part: Callable[[datetime.datetime], float]) -> Function:
    """A function of each period's time (UTC), whether the series has a value there or not."""

    def apply(context: Context, value: Value) -> Value:
        row(value, context)
        moments = (datetime.datetime.fromtimestamp(begin, datetime.UTC) for begin in context.begins)
        return tuple(float(part(moment)) for moment in moments)

    return Function((1, 1), apply)


def _pointwise(function: Callable[[float], float | None]) -> Function:
    return Function((1, 1), lambda context, value: combine(function, context, value))


FUNCTIONS: Mapping[str, Function] = {
    "ABS": _pointwise(abs),
    "AVG": Function((1, 1), _aggregate(lambda items: sum(items) / len(items), missing_as_zero=True)),
    "CEIL": _pointwise(lambda item: float(math.ceil(item))),
    "DATAPOINT_COUNT": Function((1, 1), _aggregate(lambda items: float(len(items)))),
    "DATE": _moment(lambda moment: moment.day),
    "DAY": _moment(lambda moment: moment.isoweekday()),
    "DIFF": Function((1, 1), _each(_difference)),
    "DIFF_TIME": Function((1, 1), _each(_time_difference)),
    "EPOCH": _moment(lambda moment: moment.timestamp()),
    "FILL": Function((2, 2), _each(_fill)),
    "FIRST": Function((1, 1), _nth(0)),
    "FLOOR": _pointwise(lambda item: float(math.floor(item))),
    "HOUR": _moment(lambda moment: moment.hour),
    "IF": Function((2, 3), _if),
    "LAST": Function((1, 1), _nth(-1)),
    "LOG": _pointwise(lambda item: math.log(item) if item > 0 else None),
    "LOG10": _pointwise(lambda item: math.log10(item) if item > 0 else None),
    "MAX": Function((1, 1), _aggregate(max)),
    "METRICS": Function((0, 1), _metrics),
    "MIN": Function((1, 1), _aggregate(min)),
    "MINUTE": _moment(lambda moment: moment.minute),
    "MONTH": _moment(lambda moment: moment.month),
    "PERIOD": Function((1, 1), _period),
    "RATE": Function((1, 1), _each(_rate)),
    "RUNNING_SUM": Function((1, 1), _each(_running_sum)),
    "STDDEV": Function((1, 1), _aggregate(statistics.pstdev)),
    "SUM": Function((1, 1), _aggregate(sum)),
    "TIME_SERIES": Function((1, 1), _time_series),
    "YEAR": _moment(lambda moment: moment.year),
}

UNBUILT = frozenset(
    {
        "ANOMALY_DETECTION_BAND",
        "DB_PERF_INSIGHTS",
        "INSIGHT_RULE_METRIC",
        "METRIC_COUNT",
        "REMOVE_EMPTY",
        "SEARCH",
        "SERVICE_QUOTA",
        "SLICE",
        "SORT",
    }
)
"""Functions that CloudWatch has and the twin has not."""
