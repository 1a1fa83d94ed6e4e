"""What PutMetricAlarm takes, what it refuses, and what the twin says it has not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cloudwatch_rig import AWAY, HOME, TOPIC, refused, scripted, shown, stated


@pytest.fixture
def aws(tmp_path: Any) -> Iterator[Any]:
    with scripted(tmp_path) as made:
        yield made.client()


MATH = [
    {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "T", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}},
    {"Id": "e1", "Expression": "m1 * 2", "ReturnData": False},
]
OF_MATH = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))


@pytest.mark.parametrize(
    "given",
    [
        {"Period": 45},
        {"Period": 5},
        {"Period": 90},
        {"Period": 60, "EvaluationPeriods": 1441},
        {"Period": 3600, "EvaluationPeriods": 169},
        {"Period": None},
        {"EvaluationPeriods": None},
        {"EvaluationPeriods": 0},
        {"ComparisonOperator": None},
        {"Threshold": None},
        {"DatapointsToAlarm": 2},
        {"Statistic": None},
        {"ExtendedStatistic": "p99"},
        {"Statistic": None, "ExtendedStatistic": "p101"},
        {"Statistic": None, "ExtendedStatistic": "Average"},
        {"Statistic": "Median"},
        {"MetricName": None},
        {"Unit": "Furlongs"},
        {"TreatMissingData": "maybe"},
        {"EvaluateLowSampleCountPercentile": "perhaps"},
        {"AlarmName": "bell\x07"},
        {"AlarmActions": ["alerts"]},
        {"AlarmActions": ["arn:aws:sns:us-east-1:alerts"]},
        {"AlarmActions": [TOPIC.replace(HOME, AWAY)]},
        {"AlarmActions": [TOPIC.replace("aws", "aws-us-gov")]},
        {"AlarmActions": [TOPIC] * 6},
        {"Metrics": MATH[:1]},
        {**OF_MATH, "Metrics": MATH[:1], "Unit": "Count"},
        {**OF_MATH, "Metrics": [{"Id": "e1", "Expression": "m1 + 1"}]},
        {**OF_MATH, "Metrics": [MATH[0], {"Id": "e1", "Expression": "m1 + 1"}]},
        {**OF_MATH, "Metrics": [MATH[0] | {"ReturnData": False}, {"Id": "e1", "Expression": "MAX(m1)"}]},
        {**OF_MATH, "Metrics": [MATH[0] | {"ReturnData": False}, {"Id": "e1", "Expression": "METRICS()"}]},
    ],
    ids=str,
)
def test_alarms_that_aws_refuses(aws: Any, given: dict[str, Any]) -> None:
    assert refused(lambda: aws.put_metric_alarm(**stated(**given))) == "ValidationError"
    assert aws.describe_alarms()["MetricAlarms"] == []


@pytest.mark.parametrize(
    "given",
    [
        {"Period": 10, "EvaluationPeriods": 8640},
        {"Period": 20},
        {"Period": 30},
        {"Period": 60, "EvaluationPeriods": 1440},
        {"Period": 3600, "EvaluationPeriods": 168},
        {"Statistic": None, "ExtendedStatistic": "p99.9"},
        {"AlarmActions": [TOPIC] * 5},
        {**OF_MATH, "Metrics": MATH},
    ],
    ids=str,
)
def test_alarms_at_the_limits_are_taken(aws: Any, given: dict[str, Any]) -> None:
    aws.put_metric_alarm(**stated(**given))
    assert shown(aws)["StateValue"] == "INSUFFICIENT_DATA"


@pytest.mark.parametrize(
    "given",
    [
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"AlarmActions": ["arn:aws:lambda:us-east-1:123456789012:function:page"]},
        {"Statistic": None, "ExtendedStatistic": "tm90"},
    ],
    ids=str,
)
def test_what_the_twin_has_not_of_alarms_says_so(aws: Any, given: dict[str, Any]) -> None:
    assert refused(lambda: aws.put_metric_alarm(**stated(**given))) == "NotImplementedByTwin"


def test_other_operations_say_that_they_are_not_built(aws: Any) -> None:
    assert refused(lambda: aws.list_dashboards()) == "NotImplementedByTwin"
    assert refused(lambda: aws.list_metric_streams()) == "NotImplementedByTwin"
    assert refused(lambda: aws.describe_anomaly_detectors()) == "NotImplementedByTwin"
