"""Metric data queries, as GetMetricData and alarms state them: a metric's statistic, or an expression over others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import Duration, Instant
from harness.twin.api.cloudwatch import statistics
from harness.twin.api.cloudwatch.expression import Expression, parse
from harness.twin.api.cloudwatch.functions import Bundle, Context, Series, Value
from harness.twin.api.cloudwatch.metrics import Grid, Metric, Store
from harness.twin.calls import AwsError


@dataclass(frozen=True)
class Source:
    """One statistic of one metric. ``period`` in seconds."""

    metric: Metric
    statistic: str
    period: int
    unit: str | None = None


@dataclass(frozen=True)
class Query:
    """A source or an expression (exactly one of them) under an id."""

    identifier: str
    label: str
    returned: bool
    source: Source | None = None
    expression: Expression | None = None
    period: int | None = None

    def result(self, value: Value) -> Series:
        """``value`` as what the query returns; raises ``AwsError`` unless it is one time series."""
        if self.expression is not None:
            return self.expression.series(value)
        return value if isinstance(value, tuple) else ()


def dimensions_of(given: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """botocore's list of dimensions as a mapping."""
    return {item["Name"]: item["Value"] for item in given or ()}


def check_period(period: int, short: Sequence[int]) -> None:
    """Raise ``AwsError`` unless ``period`` is one of ``short`` or a multiple of 60 seconds."""
    if period not in short and (period <= 0 or period % 60):
        allowed = ", ".join(map(str, short))
        raise AwsError("ValidationError", f"Period must be {allowed} or a multiple of 60.")


def queries_of(region: str, given: Sequence[Mapping[str, Any]], short: Sequence[int]) -> tuple[Query, ...]:
    """botocore's ``MetricDataQueries``; raises ``AwsError`` ValidationError for what AWS refuses."""
    queries = tuple(_query(region, item, short) for item in given)
    identifiers = [query.identifier for query in queries]
    if len(set(identifiers)) < len(identifiers):
        raise AwsError("ValidationError", "The ids of the queries must be unique.")
    for query in queries:
        for name in sorted(query.expression.uses if query.expression else ()):
            if name not in identifiers:
                raise AwsError("ValidationError", f"The expression of {query.identifier} uses {name}, which is no id.")
    in_order(queries)
    return queries


def in_order(queries: Sequence[Query]) -> list[Query]:
    """The queries so that each comes after those it uses; raises ``AwsError`` when they use each other in a circle."""
    waiting = list(queries)
    done: list[Query] = []
    while waiting:
        names = {query.identifier for query in done}
        plain = {query.identifier for query in queries if query.source is not None}
        free = [query for query in waiting if _needs(query, plain) <= names]
        if not free:
            circle = ", ".join(query.identifier for query in waiting)
            raise AwsError("ValidationError", f"The expressions {circle} use each other.")
        done += free
        waiting = [query for query in waiting if query not in free]
    return done


def period_of(query: Query, queries: Sequence[Query]) -> int:
    """The period of a query in seconds; an expression has that of the metrics it uses. Raises ``AwsError`` if mixed."""
    if query.source is not None:
        return query.source.period
    by_name = {item.identifier: item for item in queries}
    plain = {item.identifier for item in queries if item.source is not None}
    periods = {period_of(by_name[name], queries) for name in _needs(query, plain)}
    if len(periods) > 1:
        raise AwsError("ValidationError", f"The metrics that {query.identifier} uses must have one period.")
    return periods.pop() if periods else query.period or 60


def evaluate(store: Store, queries: Sequence[Query], wanted: Query, grid: Grid) -> Series:
    """One value or ``None`` for each period of ``grid``, whose period must be the query's."""
    if wanted.source is not None:
        return read(store, wanted.source, grid)
    period = int(grid.period.seconds)
    sharing = [query for query in in_order(queries) if period_of(query, queries) == period]
    return wanted.result(_values(sharing, grid, lambda source: read(store, source, grid))[wanted.identifier])


def check_result(queries: Sequence[Query], wanted: Query) -> None:
    """Raise ``AwsError`` unless ``wanted`` returns one time series, whatever its metrics hold."""
    grid = Grid(Instant(0), Duration(period_of(wanted, queries) * 1_000_000_000), 2)
    value = _values(in_order(queries), grid, lambda _: (1.0, 1.0))[wanted.identifier]
    if isinstance(value, Bundle):
        raise AwsError("ValidationError", f"The expression of {wanted.identifier} must return a single time series.")
    wanted.result(value)


def _values(queries: Sequence[Query], grid: Grid, measure: Callable[[Source], Series]) -> dict[str, Value]:
    """What each of the queries, in order of need, comes to."""
    values: dict[str, Value] = {}
    plain: list[str] = []
    for query in queries:
        if query.source is not None:
            values[query.identifier] = measure(query.source)
            plain.append(query.identifier)
        elif query.expression is not None:
            context = Context(values, tuple(plain), grid.period.seconds, grid.count, grid.start.epoch_seconds)
            values[query.identifier] = query.expression.value(context)
    return values


def read(store: Store, source: Source, grid: Grid) -> Series:
    """A metric's statistic, period by period."""
    cells = store.read(source.metric, grid, source.unit)
    return tuple(None if cell is None else statistics.statistic(cell, source.statistic) for cell in cells)


def _needs(query: Query, plain: set[str]) -> set[str]:
    if query.expression is None:
        return set()
    return set(query.expression.uses) | (plain if query.expression.uses_all_metrics else set())


def _query(region: str, item: Mapping[str, Any], short: Sequence[int]) -> Query:
    identifier, stated, expression = item["Id"], item.get("MetricStat"), item.get("Expression")
    if not identifier[0].islower() or not identifier.replace("_", "a").isalnum():
        raise AwsError("ValidationError", f"The id {identifier} must begin with a lower-case letter.")
    if (stated is None) == (expression is None):
        raise AwsError("ValidationError", f"The query {identifier} needs either MetricStat or Expression.")
    if item.get("AccountId"):
        raise AwsError("NotImplementedByTwin", "The twin has one account only.", 501)
    returned = item.get("ReturnData", True)
    if stated is None:
        parsed = parse(str(expression))
        return Query(
            identifier, item.get("Label") or identifier, returned, expression=parsed, period=item.get("Period")
        )
    source = _source(region, stated, short)
    return Query(identifier, item.get("Label") or source.metric.name, returned, source)


def _source(region: str, stated: Mapping[str, Any], short: Sequence[int]) -> Source:
    metric = stated["Metric"]
    if not metric.get("Namespace") or not metric.get("MetricName"):
        raise AwsError("ValidationError", "A metric needs a Namespace and a MetricName.")
    check_period(stated["Period"], short)
    statistics.check(stated["Stat"])
    identity = Metric.of(region, metric["Namespace"], metric["MetricName"], dimensions_of(metric.get("Dimensions")))
    return Source(identity, stated["Stat"], stated["Period"], stated.get("Unit"))
