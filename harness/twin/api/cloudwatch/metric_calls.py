"""The calls about metrics: PutMetricData, GetMetricData, GetMetricStatistics, ListMetrics.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import Clock, Instant, minutes, seconds
from harness.twin.api.cloudwatch import queries, statistics
from harness.twin.api.cloudwatch.metrics import Cell, Grid, Metric, Sample, Store
from harness.twin.api.cloudwatch.queries import Query
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call, Handler

SHORT_PERIODS = (1, 5, 10, 20, 30)
_OLDEST, _LATEST = minutes(14 * 24 * 60), minutes(120)
_MOST_POINTS, _MOST_METRIC_DATA = 1_440, 100_800
_LARGEST_VALUE = 2.0**360
_MOST_IN_A_CALL, _MOST_QUERIES = 1_000, 500
_LIST_PAGE = 500
_RECENTLY = minutes(180)


class MetricCalls:
    """Handlers over one store."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._clock = clock
        self._store = store

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by their AWS names."""
        return {
            "PutMetricData": self._put,
            "GetMetricData": self._get_data,
            "GetMetricStatistics": self._get_statistics,
            "ListMetrics": self._list,
        }

    def _put(self, call: Call) -> Mapping[str, Any]:
        namespace = call.parameters["Namespace"]
        if namespace.startswith("AWS/"):
            raise AwsError("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
        if call.get("EntityMetricData"):
            raise AwsError("NotImplementedByTwin", "The twin does not implement entities of metrics.", 501)
        data: Sequence[Mapping[str, Any]] = call.get("MetricData") or ()
        if not data:
            raise AwsError("MissingParameter", "The parameter MetricData is required.")
        if len(data) > _MOST_IN_A_CALL:
            raise AwsError("InvalidParameterValue", f"MetricData has more than {_MOST_IN_A_CALL} items.")
        taken = [(self._metric(call.region, namespace, datum), datum, _samples(datum, call.at)) for datum in data]
        for metric, datum, samples in taken:
            self._store.add(metric, datum.get("Unit", "None"), samples)
        return {}

    def _metric(self, region: str, namespace: str, datum: Mapping[str, Any]) -> Metric:
        dimensions = queries.dimensions_of(datum.get("Dimensions"))
        if len(dimensions) != len(datum.get("Dimensions") or ()):
            raise AwsError("InvalidParameterValue", "The names of the dimensions must be unique.")
        return Metric.of(region, namespace, datum["MetricName"], dimensions)

    def _get_data(self, call: Call) -> Mapping[str, Any]:
        if len(call.parameters["MetricDataQueries"]) > _MOST_QUERIES:
            raise AwsError("ValidationError", f"MetricDataQueries must not have more than {_MOST_QUERIES} elements.")
        most = call.get("MaxDatapoints") or _MOST_METRIC_DATA
        if not 0 < most <= _MOST_METRIC_DATA:
            raise AwsError("ValidationError", f"MaxDatapoints must be from 1 to {_MOST_METRIC_DATA}.")
        stated = queries.queries_of(call.region, call.parameters["MetricDataQueries"], SHORT_PERIODS)
        start, end = _between(call)
        newest_first = call.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        returned = [query for query in stated if query.returned]
        points = [
            (query, moment, value)
            for query in returned
            for moment, value in self._points(query, stated, start, end, newest_first=newest_first)
        ]
        chosen, token = page(points, call.get("NextToken"), most, error="InvalidNextToken")
        partial = "PartialData" if token else "Complete"
        answer: dict[str, Any] = {
            "MetricDataResults": [
                {
                    "Id": query.identifier,
                    "Label": query.label,
                    "Timestamps": [moment for owner, moment, _ in chosen if owner is query],
                    "Values": [value for owner, _, value in chosen if owner is query],
                    "StatusCode": partial,
                }
                for query in returned
            ],
            "Messages": [],
        }
        return answer | ({"NextToken": token} if token else {})

    def _points(
        self, query: Query, stated: Sequence[Query], start: Instant, end: Instant, *, newest_first: bool
    ) -> list[tuple[datetime.datetime, float]]:
        grid = _grid(queries.period_of(query, stated), start, end)
        values = queries.evaluate(self._store, stated, query, grid)
        points = [
            (begin.datetime, value) for begin, value in zip(grid.begins(), values, strict=True) if value is not None
        ]
        return points[::-1] if newest_first else points

    def _get_statistics(self, call: Call) -> Mapping[str, Any]:
        names, extended = call.get("Statistics") or (), call.get("ExtendedStatistics") or ()
        if bool(names) == bool(extended):
            raise AwsError(
                "InvalidParameterCombination", "Either Statistics or ExtendedStatistics must be given, and not both."
            )
        for name in (*names, *extended):
            statistics.check(name)
        period, metric = call.parameters["Period"], self._asked(call)
        queries.check_period(period, SHORT_PERIODS)
        grid = _grid(period, *_between(call))
        if grid.count > _MOST_POINTS:
            raise AwsError(
                "InvalidParameterCombination",
                f"You have requested up to {grid.count:,} datapoints, which exceeds the limit of {_MOST_POINTS:,}. "
                "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
            )
        units = [call.get("Unit")] if call.get("Unit") else self._store.units(metric)
        points = [
            {"Timestamp": begin.datetime, "Unit": unit, **_told(cell, names, extended)}
            for unit in units
            for begin, cell in zip(grid.begins(), self._store.read(metric, grid, unit), strict=True)
            if cell is not None
        ]
        return {"Label": call.parameters["MetricName"], "Datapoints": points}

    def _asked(self, call: Call) -> Metric:
        dimensions = queries.dimensions_of(call.get("Dimensions"))
        return Metric.of(call.region, call.parameters["Namespace"], call.parameters["MetricName"], dimensions)

    def _list(self, call: Call) -> Mapping[str, Any]:
        recent = self._clock.now().back(_RECENTLY) if call.get("RecentlyActive") else None
        found = [
            metric
            for metric in self._store.metrics(call.region)
            if _wanted(metric, call) and (recent is None or (self._store.newest(metric) or recent) > recent)
        ]
        chosen, token = page(found, call.get("NextToken"), _LIST_PAGE)
        answer: dict[str, Any] = {
            "Metrics": [
                {
                    "Namespace": metric.namespace,
                    "MetricName": metric.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
                }
                for metric in chosen
            ]
        }
        return answer | ({"NextToken": token} if token else {})


def _told(cell: Cell, names: Sequence[str], extended: Sequence[str]) -> Mapping[str, Any]:
    """The statistics of one period, as GetMetricStatistics shows them."""
    told: dict[str, Any] = {name: statistics.statistic(cell, name) for name in names}
    tail = {name: value for name in extended if (value := statistics.statistic(cell, name)) is not None}
    return told | ({"ExtendedStatistics": tail} if tail else {})


def _samples(datum: Mapping[str, Any], now: Instant) -> list[Sample]:
    """The samples of one MetricDatum; raises ``AwsError`` unless it states exactly one kind of value."""
    at = Instant.of(datum["Timestamp"]) if "Timestamp" in datum else now
    if at < now.back(_OLDEST) or at > now + _LATEST:
        raise AwsError("InvalidParameterValue", "The timestamp is more than two weeks ago or two hours ahead.")
    if datum.get("StorageResolution", 60) not in (1, 60):
        raise AwsError("InvalidParameterValue", "StorageResolution must be 1 or 60.")
    fine = datum.get("StorageResolution", 60) == 1
    kinds = [kind for kind in ("Value", "Values", "StatisticValues") if datum.get(kind) is not None]
    if len(kinds) != 1:
        raise AwsError("InvalidParameterCombination", "Exactly one of Value, Values and StatisticValues is needed.")
    if kinds == ["StatisticValues"]:
        pairs = _summarised(datum["StatisticValues"])
        summary = len(pairs) > 1
    else:
        pairs = [(datum["Value"], 1.0)] if kinds == ["Value"] else _counted(datum)
        summary = False
    for value, _ in pairs:
        if not math.isfinite(value) or abs(value) > _LARGEST_VALUE:
            raise AwsError("InvalidParameterValue", f"The value {value} is not a finite number that can be stored.")
    return [Sample(at, value, weight, fine, summary) for value, weight in pairs]


def _counted(datum: Mapping[str, Any]) -> list[tuple[float, float]]:
    values: Sequence[float] = datum["Values"]
    counts: Sequence[float] = datum.get("Counts") or [1.0] * len(values)
    if not values or len(values) > 150 or len(counts) != len(values) or min(counts) <= 0:
        raise AwsError("InvalidParameterValue", "Values and Counts must be of one length, from 1 to 150.")
    return list(zip(values, counts, strict=True))


def _summarised(given: Mapping[str, float]) -> list[tuple[float, float]]:
    """A statistic set as samples with the same count, sum, minimum and maximum."""
    count, total, least, most = (given[name] for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
    if count <= 0 or least > most:
        raise AwsError("InvalidParameterValue", "The statistic set contradicts itself.")
    if count <= 1 or least == most:
        return [(total / count, count)]
    if count <= 2:
        return [(least, count / 2), (most, count / 2)]
    return [(least, 1.0), ((total - least - most) / (count - 2), count - 2), (most, 1.0)]


def _between(call: Call) -> tuple[Instant, Instant]:
    start, end = Instant.of(call.parameters["StartTime"]), Instant.of(call.parameters["EndTime"])
    if start >= end:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _grid(period: int, start: Instant, end: Instant) -> Grid:
    """The periods that begin before ``end``; the first begins at ``start``, rounded down as AWS does.

    That is to the whole minute, and for a period under a minute to a multiple of the period.
    """
    size, rounding = seconds(period), seconds(min(period, 60))
    first = start.nanoseconds - start.nanoseconds % rounding.nanoseconds
    count = -((first - end.nanoseconds) // size.nanoseconds)
    if count > _MOST_METRIC_DATA:
        raise AwsError("ValidationError", "The request covers too many periods.")
    return Grid(Instant(first), size, count)


def _wanted(metric: Metric, call: Call) -> bool:
    if call.get("Namespace", metric.namespace) != metric.namespace:
        return False
    if call.get("MetricName", metric.name) != metric.name:
        return False
    own = dict(metric.dimensions)
    return all(
        item["Name"] in own and item.get("Value", own[item["Name"]]) == own[item["Name"]]
        for item in call.get("Dimensions") or ()
    )
