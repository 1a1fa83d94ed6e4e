"""An alarm: what it watches (frozen, as PutMetricAlarm stated it) and the state it is in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.clock import Instant
from harness.twin.api.cloudwatch import actions
from harness.twin.api.cloudwatch.evaluation import COMPARISONS, TREATMENTS, State, Treatment
from harness.twin.api.cloudwatch.metrics import Metric
from harness.twin.api.cloudwatch.queries import (
    Query,
    Source,
    check_period,
    check_result,
    dimensions_of,
    period_of,
    queries_of,
)
from harness.twin.api.cloudwatch.statistics import check, rank
from harness.twin.calls import AwsError
from harness.twin.designs.model import AlarmPlan
from harness.twin.names import arn

SHORT_PERIODS = (10, 20, 30)
_DAY, _WEEK, _HOUR = 86_400, 604_800, 3_600
_STATED = (
    "AlarmName",
    "AlarmDescription",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
)


_UNBUILT = (
    "ActionConfiguration",
    "EvaluationCriteria",
    "EvaluationInterval",
    "EvaluationWindow",
    "ThresholdMetricId",
    "WarmUpConfiguration",
)
_OF_ONE_METRIC = (
    "MetricName",
    "Namespace",
    "Dimensions",
    "Period",
    "Unit",
    "Statistic",
    "ExtendedStatistic",
)
_MOST_METRICS = 10


@dataclass(frozen=True)
class Stated:
    """What an alarm of either kind is. ``stated``: the parameters of the call that put it, in botocore's shape."""

    region: str
    name: str
    stated: Mapping[str, Any]
    kind: ClassVar[str] = "MetricAlarm"

    @property
    def arn(self) -> str:
        """The alarm's ARN."""
        return arn("cloudwatch", self.region, f"alarm:{self.name}")

    def actions(self, state: State) -> tuple[str, ...]:
        """The ARNs to notify when the alarm enters ``state``."""
        return tuple(self.stated.get(actions.MEMBERS[state], ()))


@dataclass(frozen=True)
class Settings(Stated):
    """What a metric alarm watches; ``period`` in seconds.

    ``fewest_samples``: a percentile of fewer samples than these does not change the state (0: always evaluated).
    """

    queries: tuple[Query, ...]
    watched: Query
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    comparison: str
    threshold: float
    treat: Treatment
    fewest_samples: float = 0.0

    @property
    def source(self) -> Source | None:
        """The one metric that is watched, or ``None`` when it is an expression."""
        return self.watched.source

    def breaches(self, value: float) -> bool:
        """Whether a datapoint is beyond the threshold."""
        return COMPARISONS[self.comparison](value, self.threshold)


@dataclass(eq=False)
class Alarm:
    """An alarm and its state; guarded by the lock of whoever holds it. ``judged``: its settings have been evaluated."""

    settings: Stated
    configured: Instant
    updated: Instant
    transitioned: Instant
    state: State = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str | None = None
    actions_enabled: bool = True
    judged: bool = False
    tags: dict[str, str] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """The alarm as DescribeAlarms shows it."""
        shown: dict[str, Any] = {
            **self.settings.stated,
            "AlarmArn": self.settings.arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured.datetime,
            "ActionsEnabled": self.actions_enabled,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": self.updated.datetime,
            "StateTransitionedTimestamp": self.transitioned.datetime,
        }
        if self.reason_data is not None:
            shown["StateReasonData"] = self.reason_data
        return shown


def settings_of(region: str, given: Mapping[str, Any]) -> Settings:
    """The settings that PutMetricAlarm was given; raises ``AwsError`` for what AWS refuses.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    _check_members(given)
    queries = _queries(region, given)
    watched = next(query for query in queries if query.returned)
    evaluation_periods = given["EvaluationPeriods"]
    datapoints = given.get("DatapointsToAlarm") or evaluation_periods
    period = period_of(watched, queries)
    treat = given.get("TreatMissingData") or "missing"
    if treat not in TREATMENTS:
        raise AwsError("ValidationError", f"Option {treat} for TreatMissingData is not supported.")
    if datapoints > evaluation_periods:
        raise AwsError("ValidationError", "DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    _check_reach(period * evaluation_periods, period)
    actions.check(region, given)
    return Settings(
        region,
        given["AlarmName"],
        stated_of(given, _STATED),
        queries,
        watched,
        period,
        evaluation_periods,
        datapoints,
        given["ComparisonOperator"],
        float(given["Threshold"]),
        treat,
        _fewest_samples(given, watched),
    )


def check_name(name: str) -> None:
    """Raise ``AwsError`` when an alarm's name holds an ASCII control character."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise AwsError("ValidationError", "AlarmName must not contain ASCII control characters.")


def stated_of(given: Mapping[str, Any], members: Sequence[str]) -> dict[str, Any]:
    """Those of ``members`` that were given; lists of actions and dimensions that were not are empty, as on AWS."""
    stated = {name: given[name] for name in members if name in given}
    lists = [*actions.MEMBERS.values(), *(["Dimensions"] if "Dimensions" in members else [])]
    return {**{name: [] for name in lists}, **stated}


def planned(plan: AlarmPlan) -> dict[str, Any]:
    """PutMetricAlarm's parameters for an alarm of a design."""
    topic = arn("sns", plan.region, plan.topic)
    parameters: dict[str, Any] = {
        "AlarmName": plan.name,
        "Namespace": plan.namespace,
        "MetricName": plan.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in plan.dimensions.items()],
        "Threshold": float(plan.threshold),
        "ComparisonOperator": plan.comparison,
        "Period": plan.period,
        "EvaluationPeriods": plan.evaluation_periods,
        "TreatMissingData": plan.treat_missing_data,
        "AlarmActions": [topic],
        "OKActions": [topic],
    }
    parameters["ExtendedStatistic" if plan.statistic.startswith("p") else "Statistic"] = plan.statistic
    if plan.datapoints_to_alarm is not None:
        parameters["DatapointsToAlarm"] = plan.datapoints_to_alarm
    return parameters


def _check_members(given: Mapping[str, Any]) -> None:
    for name in _UNBUILT:
        if given.get(name) is not None:
            raise AwsError("NotImplementedByTwin", f"The twin does not implement {name} of an alarm.", 501)
    check_name(given["AlarmName"])
    for name in ("EvaluationPeriods", "ComparisonOperator"):
        if given.get(name) is None:
            raise AwsError("ValidationError", f"{name} must be set.")
    if given["ComparisonOperator"] not in COMPARISONS:
        raise AwsError("NotImplementedByTwin", "The twin does not implement anomaly detection alarms.", 501)
    if given.get("Threshold") is None:
        raise AwsError("ValidationError", "Threshold must be set for a static threshold alarm.")
    if not math.isfinite(given["Threshold"]):
        raise AwsError("ValidationError", "Threshold must be a finite number.")


def _queries(region: str, given: Mapping[str, Any]) -> tuple[Query, ...]:
    if given.get("Metrics"):
        return _math(region, given)
    missing = [name for name in ("MetricName", "Namespace", "Period") if not given.get(name)]
    if missing:
        raise AwsError("ValidationError", f"{missing[0]} or Metrics must be set.")
    statistics = [name for name in ("Statistic", "ExtendedStatistic") if given.get(name)]
    if len(statistics) != 1:
        raise AwsError("ValidationError", "Exactly one of Statistic and ExtendedStatistic must be set.")
    check(given[statistics[0]])
    if statistics == ["ExtendedStatistic"] and rank(given["ExtendedStatistic"]) is None:
        raise AwsError("ValidationError", f"The value {given['ExtendedStatistic']} is no extended statistic.")
    check_period(given["Period"], SHORT_PERIODS)
    metric = Metric.of(region, given["Namespace"], given["MetricName"], dimensions_of(given.get("Dimensions")))
    source = Source(metric, given[statistics[0]], given["Period"], given.get("Unit"))
    return (Query("m1", given["MetricName"], returned=True, source=source),)


def _math(region: str, given: Mapping[str, Any]) -> tuple[Query, ...]:
    single = [name for name in _OF_ONE_METRIC if given.get(name)]
    if single:
        raise AwsError("ValidationError", f"{single[0]} must not be set when Metrics is.")
    queries = queries_of(region, given["Metrics"], SHORT_PERIODS)
    returned = [query for query in queries if query.returned]
    if len(returned) != 1:
        raise AwsError("ValidationError", "Exactly one element of the metrics list should return data.")
    if sum(query.source is not None for query in queries) > _MOST_METRICS:
        raise AwsError("ValidationError", f"An alarm can watch an expression of {_MOST_METRICS} metrics at most.")
    check_result(queries, returned[0])
    return queries


def _fewest_samples(given: Mapping[str, Any], watched: Query) -> float:
    """How many samples a percentile needs to be significant, when the alarm ignores one that is not."""
    choice = given.get("EvaluateLowSampleCountPercentile") or "evaluate"
    if choice not in ("evaluate", "ignore"):
        raise AwsError("ValidationError", f"Option {choice} for EvaluateLowSampleCountPercentile is not supported.")
    share = rank(watched.source.statistic) if watched.source else None
    if choice == "evaluate" or share is None or not 0 < share < 1:
        return 0.0
    return round(10 / (1 - share if share >= 0.5 else share), 6)


def _check_reach(reach: int, period: int) -> None:
    if reach > (_WEEK if period >= _HOUR else _DAY):
        days = "seven days" if period >= _HOUR else "a day"
        raise AwsError("ValidationError", f"Metrics cannot be checked across more than {days}.")
