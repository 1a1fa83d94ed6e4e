"""Metrics as AWS documents them: what may be put, where periods begin, statistics, percentiles, pages and lists."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from harness.clock import minutes, seconds
from tests.contract.cloudwatch_rig import AWAY, HOME, START, Scripted, refused, scripted

STATISTICS = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"]


@pytest.fixture
def world(tmp_path: Any) -> Iterator[Scripted]:
    with scripted(tmp_path) as made:
        made.clock.instant = START + minutes(30)
        yield made


@pytest.fixture
def aws(world: Scripted) -> Any:
    return world.client()


def put(aws: Any, world: Scripted, offset: float, **datum: Any) -> None:
    stamped = {"MetricName": "M", "Timestamp": world.at(offset), **datum}
    aws.put_metric_data(Namespace="Test", MetricData=[stamped])


def points(aws: Any, world: Scripted, begin: float, end: float, period: int, *names: str, **more: Any) -> list[Any]:
    kind = "ExtendedStatistics" if names and names[0].startswith("p") else "Statistics"
    asked = {
        "Namespace": "Test",
        "MetricName": "M",
        "StartTime": world.at(begin),
        "EndTime": world.at(end),
        "Period": period,
        kind: list(names),
    }
    told = aws.get_metric_statistics(**asked | more)["Datapoints"]
    return sorted(told, key=lambda point: point["Timestamp"])


def query(name: str = "m1", period: int = 60, stat: str = "Sum", **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "Test", "MetricName": "M"}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}, **more}


def data(aws: Any, world: Scripted, queries: list[Any], begin: float, end: float, **more: Any) -> Any:
    span = {"StartTime": world.at(begin), "EndTime": world.at(end), "ScanBy": "TimestampAscending"}
    return aws.get_metric_data(MetricDataQueries=queries, **span | more)


def test_a_period_holds_what_its_beginning_to_its_end_brings(world: Scripted, aws: Any) -> None:
    for offset, value in ((0, 1.0), (59, 3.0), (60, 10.0), (180, 5.0)):
        put(aws, world, offset, Value=value)
    told = points(aws, world, 0, 240, 60, *STATISTICS)
    assert [(point["Timestamp"], point["Sum"]) for point in told] == [
        (world.at(0), 4.0),
        (world.at(60), 10.0),
        (world.at(180), 5.0),
    ]
    assert {name: told[0][name] for name in STATISTICS} == dict(zip(STATISTICS, (2.0, 4.0, 2.0, 1.0, 3.0), strict=True))
    assert points(aws, world, 0, 60, 60, "Sum")[-1]["Timestamp"] == world.at(0), "the end is exclusive"


def test_the_start_is_rounded_down_to_the_minute_or_the_short_period(world: Scripted, aws: Any) -> None:
    put(aws, world, 140, Value=1.0, StorageResolution=1)
    assert [point["Timestamp"] for point in points(aws, world, 95, 600, 300, "Sum")] == [world.at(60)]
    assert [point["Timestamp"] for point in points(aws, world, 137, 600, 10, "Sum")] == [world.at(140)]
    (result,) = data(aws, world, [query(period=300)], 95, 600)["MetricDataResults"]
    assert result["Timestamps"] == [world.at(60)]


def test_short_periods_are_for_high_resolution_metrics(world: Scripted, aws: Any) -> None:
    for second in range(60):
        put(aws, world, second, Value=1.0, StorageResolution=1)
        put(aws, world, second, Value=1.0, MetricName="Standard")
    assert [point["Sum"] for point in points(aws, world, 0, 60, 10, "Sum")] == [10.0] * 6
    assert [point["Sum"] for point in points(aws, world, 0, 60, 1, "Sum")] == [1.0] * 60
    told = points(aws, world, 0, 60, 10, "Sum", MetricName="Standard")
    assert [(point["Timestamp"], point["Sum"]) for point in told] == [(world.at(0), 60.0)], "one datapoint a minute"
    for period in (7, 45, 90):
        assert refused(lambda period=period: points(aws, world, 0, 60, period, "Sum")) == "ValidationError"


def test_percentiles(world: Scripted, aws: Any) -> None:
    put(aws, world, 0, Values=[float(value) for value in range(1, 101)], Counts=[1.0] * 100)
    told = points(aws, world, 0, 60, 60, "p0", "p50", "p99", "p100")[0]["ExtendedStatistics"]
    assert (told["p0"], told["p50"], told["p100"]) == (1.0, pytest.approx(50, abs=1), 100.0)
    assert told["p99"] == pytest.approx(99, abs=1)
    put(aws, world, 60, Value=-1.0)
    assert "ExtendedStatistics" not in points(aws, world, 60, 120, 60, "p50")[0], "none where a value is negative"
    assert refused(lambda: points(aws, world, 0, 60, 60, "p101")) == "ValidationError"
    assert refused(lambda: points(aws, world, 0, 60, 60, "p50", Statistics=["Sum"])) == "InvalidParameterCombination"
    neither = {"StartTime": world.at(0), "EndTime": world.at(60), "Period": 60}
    assert refused(lambda: aws.get_metric_statistics(Namespace="Test", MetricName="M", **neither)) == (
        "InvalidParameterCombination"
    )


def test_statistic_sets_and_counted_values(world: Scripted, aws: Any) -> None:
    whole = {"SampleCount": 4.0, "Sum": 20.0, "Minimum": 1.0, "Maximum": 9.0}
    put(aws, world, 0, StatisticValues=whole)
    put(aws, world, 60, Values=[1.0, 2.0], Counts=[3.0, 1.0])
    put(aws, world, 120, StatisticValues={"SampleCount": 3.0, "Sum": 6.0, "Minimum": 2.0, "Maximum": 2.0})
    first, second, third = points(aws, world, 0, 180, 60, *whole)
    assert {name: first[name] for name in whole} == whole
    assert [second[name] for name in whole] == [4.0, 5.0, 1.0, 2.0]
    assert [third[name] for name in whole] == [3.0, 6.0, 2.0, 2.0]
    asked = points(aws, world, 0, 180, 60, "p50")
    assert ["ExtendedStatistics" in point for point in asked] == [False, True, True]


def test_units_are_told_and_kept_apart(world: Scripted, aws: Any) -> None:
    put(aws, world, 0, Value=2.0, Unit="Seconds")
    put(aws, world, 0, Value=2000.0, Unit="Milliseconds")
    told = points(aws, world, 0, 60, 60, "Maximum")
    assert {(point["Unit"], point["Maximum"]) for point in told} == {("Seconds", 2.0), ("Milliseconds", 2000.0)}
    assert [point["Maximum"] for point in points(aws, world, 0, 60, 60, "Maximum", Unit="Seconds")] == [2.0]
    assert points(aws, world, 0, 60, 60, "Maximum", Unit="Bytes") == []


def test_dimensions_must_match_wholly(world: Scripted, aws: Any) -> None:
    both = [{"Name": "Zone", "Value": "a"}, {"Name": "Db", "Value": "r"}]
    put(aws, world, 0, Value=1.0, Dimensions=both)
    assert points(aws, world, 0, 60, 60, "Sum") == []
    assert points(aws, world, 0, 60, 60, "Sum", Dimensions=both[:1]) == []
    assert len(points(aws, world, 0, 60, 60, "Sum", Dimensions=both[::-1])) == 1


@pytest.mark.parametrize(
    ("datum", "code"),
    [
        ({}, "InvalidParameterCombination"),
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ({"Value": math.nan}, "InvalidParameterValue"),
        ({"Value": math.inf}, "InvalidParameterValue"),
        ({"Value": 2.0**361}, "InvalidParameterValue"),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterValue"),
        ({"Values": [1.0] * 151}, "InvalidParameterValue"),
        ({"Value": 1.0, "StorageResolution": 30}, "InvalidParameterValue"),
        ({"Value": 1.0, "Unit": "Furlongs"}, "ValidationError"),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "1"}] * 2}, "InvalidParameterValue"),
        ({"Value": 1.0, "Dimensions": [{"Name": str(n), "Value": "1"} for n in range(31)]}, "ValidationError"),
        ({"StatisticValues": {"SampleCount": 0, "Sum": 1, "Minimum": 1, "Maximum": 1}}, "InvalidParameterValue"),
    ],
    ids=str,
)
def test_datapoints_that_aws_refuses(world: Scripted, aws: Any, datum: dict[str, Any], code: str) -> None:
    assert refused(lambda: put(aws, world, 0, **datum)) == code
    assert aws.list_metrics(Namespace="Test")["Metrics"] == []


def test_a_call_with_one_wrong_datapoint_stores_none(world: Scripted, aws: Any) -> None:
    good, bad = {"MetricName": "M", "Value": 1.0}, {"MetricName": "M", "Value": math.nan}
    assert refused(lambda: aws.put_metric_data(Namespace="Test", MetricData=[good, bad])) == "InvalidParameterValue"
    assert refused(lambda: aws.put_metric_data(Namespace="Test", MetricData=[])) == "MissingParameter"
    assert refused(lambda: aws.put_metric_data(Namespace="Test", MetricData=[good] * 1001)) == "InvalidParameterValue"
    assert refused(lambda: aws.put_metric_data(Namespace="AWS/RDS", MetricData=[good])) == "InvalidParameterValue"
    assert aws.list_metrics()["Metrics"] == []


def test_times_may_be_two_weeks_old_and_two_hours_ahead(world: Scripted, aws: Any) -> None:
    now = (world.clock.now() - START).seconds
    for offset in (now - 14 * 86_400 - 60, now + 7_260):
        assert refused(lambda offset=offset: put(aws, world, offset, Value=1.0)) == "InvalidParameterValue"
    put(aws, world, now + 7_140, Value=1.0)


def test_metric_data_comes_in_pages_newest_first_or_oldest_first(world: Scripted, aws: Any) -> None:
    for minute in range(5):
        put(aws, world, 60 * minute, Value=float(minute))
    first = data(aws, world, [query()], 0, 300, MaxDatapoints=2)
    assert first["MetricDataResults"][0]["Values"] == [0.0, 1.0]
    assert first["MetricDataResults"][0]["StatusCode"] == "PartialData"
    second = data(aws, world, [query()], 0, 300, MaxDatapoints=3, NextToken=first["NextToken"])
    assert second["MetricDataResults"][0]["Values"] == [2.0, 3.0, 4.0]
    assert (second["MetricDataResults"][0]["StatusCode"], "NextToken" in second) == ("Complete", False)
    newest = data(aws, world, [query()], 0, 300, MaxDatapoints=2, ScanBy="TimestampDescending")
    assert newest["MetricDataResults"][0]["Values"] == [4.0, 3.0]
    assert refused(lambda: data(aws, world, [query()], 0, 300, NextToken="nonsense")) == "InvalidNextToken"
    assert refused(lambda: data(aws, world, [query()], 300, 0)) == "ValidationError"
    many = [query(f"m{number}") for number in range(501)]
    assert refused(lambda: data(aws, world, many, 0, 300)) == "ValidationError"


def test_statistics_are_limited_to_1440_datapoints(world: Scripted, aws: Any) -> None:
    assert points(aws, world, -86_400, 0, 60, "Sum") == []
    assert refused(lambda: points(aws, world, -86_460, 0, 60, "Sum")) == "InvalidParameterCombination"


def test_metric_math(world: Scripted, aws: Any) -> None:
    """Between two series a missing value counts as 0 where the other has one; a division by zero is no value."""
    for minute, (bad, requests) in enumerate(((None, 100.0), (10.0, 100.0), (None, None), (5.0, None))):
        for name, value in (("Bad", bad), ("M", requests)):
            if value is not None:
                put(aws, world, 60 * minute, Value=value, MetricName=name)
    bad = query("bad", ReturnData=False)
    bad["MetricStat"]["Metric"]["MetricName"] = "Bad"
    expressions = {
        "rate": "100 * bad / all",
        "both": "SUM(METRICS())",
        "full": "FILL(all, 0)",
        "high": "IF(bad > 7, 1, 0)",
    }
    queries = [bad, query("all", ReturnData=False)]
    queries += [{"Id": name, "Expression": text, "Label": name} for name, text in expressions.items()]
    told = {item["Id"]: item for item in data(aws, world, queries, 0, 240)["MetricDataResults"]}
    assert set(told) == set(expressions)
    assert (told["rate"]["Values"], told["rate"]["Timestamps"]) == ([0.0, 10.0], [world.at(0), world.at(60)])
    assert told["both"]["Values"] == [100.0, 110.0, 5.0]
    assert told["full"]["Values"] == [100.0, 100.0, 0.0, 0.0]
    assert told["high"]["Values"] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("queries", "code"),
    [
        ([{"Id": "e1", "Expression": "e2 + 1"}, {"Id": "e2", "Expression": "e1 + 1"}], "ValidationError"),
        ([{"Id": "e1", "Expression": "m9 + 1"}], "ValidationError"),
        ([{"Id": "e1", "Expression": "1 +"}], "ValidationError"),
        ([query(), {"Id": "e1", "Expression": "MAX(m1)"}], "ValidationError"),
        ([query(), query()], "ValidationError"),
        ([query("M1")], "ValidationError"),
        ([query(stat="Mean")], "ValidationError"),
        ([query(period=45)], "ValidationError"),
        ([query(), query("m2", 300), {"Id": "e1", "Expression": "m1 + m2"}], "ValidationError"),
        ([{"Id": "m1"}], "ValidationError"),
        ([{"Id": "e1", "Expression": "SEARCH('{Test} M', 'Sum', 60)"}], "NotImplementedByTwin"),
        ([query(), {"Id": "e1", "Expression": "[m1, m1]"}], "NotImplementedByTwin"),
    ],
    ids=str,
)
def test_queries_that_are_refused(world: Scripted, aws: Any, queries: list[Any], code: str) -> None:
    assert refused(lambda: data(aws, world, queries, 0, 300)) == code


def test_list_metrics(world: Scripted, aws: Any) -> None:
    for number in range(501):
        where = {"Zone": "a" if number % 2 else "b", "Db": f"{number:03}"}
        world.cloudwatch.publish(HOME, "Test", "M", where, 1.0)
    pages = list(aws.get_paginator("list_metrics").paginate(Namespace="Test"))
    assert [len(page["Metrics"]) for page in pages] == [500, 1]
    (found,) = aws.list_metrics(Dimensions=[{"Name": "Db", "Value": "007"}])["Metrics"]
    assert found == {
        "Namespace": "Test",
        "MetricName": "M",
        "Dimensions": [{"Name": "Db", "Value": "007"}, {"Name": "Zone", "Value": "a"}],
    }
    in_a = aws.list_metrics(MetricName="M", Dimensions=[{"Name": "Zone", "Value": "a"}])["Metrics"]
    assert len(in_a) == 250
    assert len(aws.list_metrics(Dimensions=[{"Name": "Zone"}])["Metrics"]) == 500
    assert world.client(AWAY).list_metrics()["Metrics"] == []
    assert refused(lambda: aws.list_metrics(NextToken="nonsense")) == "InvalidParameterValue"
    world.clock.instant = START + minutes(240)
    world.cloudwatch.publish(HOME, "Test", "Fresh", {}, 1.0)
    assert [item["MetricName"] for item in aws.list_metrics(RecentlyActive="PT3H")["Metrics"]] == ["Fresh"]


def test_datapoints_are_kept_for_three_hours(world: Scripted, aws: Any) -> None:
    for minute in range(0, 400, 10):
        world.publish(60 * minute, 1.0)
    asked = points(aws, world, 0, 24_000, 600, "Sum", MetricName="Lag")
    oldest = (world.at(390 * 60) - asked[0]["Timestamp"]).total_seconds()
    assert seconds(oldest) <= minutes(190)
    assert len(asked) >= 18
