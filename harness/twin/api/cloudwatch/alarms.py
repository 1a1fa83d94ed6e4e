"""An alarm: what it watches (frozen, as PutMetricAlarm stated it) and the state it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.clock import Instant
from harness.twin.api.cloudwatch.evaluation import COMPARISONS, TREATMENTS, State, Treatment
from harness.twin.api.cloudwatch.metrics import Metric
from harness.twin.api.cloudwatch.queries import Query, Source, check_period, dimensions_of, period_of, queries_of
from harness.twin.api.cloudwatch.statistics import check
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


@dataclass(frozen=True)
class Settings:
    """What an alarm watches. ``stated``: PutMetricAlarm's parameters in botocore's shape; ``period`` in seconds."""

    region: str
    name: str
    stated: Mapping[str, Any]
    queries: tuple[Query, ...]
    watched: Query
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    comparison: str
    threshold: float
    treat: Treatment

    @property
    def arn(self) -> str:
        """The alarm's ARN."""
        return arn("cloudwatch", self.region, f"alarm:{self.name}")

    @property
    def source(self) -> Source | None:
        """The one metric that is watched, or ``None`` when it is an expression."""
        return self.watched.source

    def breaches(self, value: float) -> bool:
        """Whether a datapoint is beyond the threshold."""
        return COMPARISONS[self.comparison](value, self.threshold)

    def actions(self, state: State) -> tuple[str, ...]:
        """The ARNs to notify when the alarm enters ``state``."""
        member = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}[state]
        return tuple(self.stated.get(member, ()))


@dataclass
class Alarm:
    """An alarm and its state; guarded by the lock of whoever holds it."""

    settings: Settings
    configured: Instant
    updated: Instant
    transitioned: Instant
    state: State = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str | None = None
    actions_enabled: bool = True
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
    """The settings that PutMetricAlarm was given; raises ``AwsError`` for what AWS refuses."""
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
    _check_comparison(given)
    _check_actions(given)
    stated = {name: given[name] for name in _STATED if name in given}
    for member in ("OKActions", "AlarmActions", "InsufficientDataActions", "Dimensions"):
        stated.setdefault(member, [])
    return Settings(
        region,
        given["AlarmName"],
        stated,
        queries,
        watched,
        period,
        evaluation_periods,
        datapoints,
        given["ComparisonOperator"],
        float(given["Threshold"]),
        treat,
    )


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


def _queries(region: str, given: Mapping[str, Any]) -> tuple[Query, ...]:
    single = [
        name for name in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period") if given.get(name)
    ]
    if given.get("Metrics"):
        if single:
            raise AwsError("ValidationError", f"{single[0]} must not be set when Metrics is.")
        queries = queries_of(region, given["Metrics"], SHORT_PERIODS)
        if sum(query.returned for query in queries) != 1:
            raise AwsError("ValidationError", "Exactly one element of the metrics list should return data.")
        return queries
    missing = [name for name in ("MetricName", "Namespace", "Period") if not given.get(name)]
    if missing:
        raise AwsError("ValidationError", f"{missing[0]} or Metrics must be set.")
    statistics = [name for name in ("Statistic", "ExtendedStatistic") if given.get(name)]
    if len(statistics) != 1:
        raise AwsError("ValidationError", "Exactly one of Statistic and ExtendedStatistic must be set.")
    check(given[statistics[0]])
    check_period(given["Period"], SHORT_PERIODS)
    metric = Metric.of(region, given["Namespace"], given["MetricName"], dimensions_of(given.get("Dimensions")))
    source = Source(metric, given[statistics[0]], given["Period"], given.get("Unit"))
    return (Query("m1", given["MetricName"], returned=True, source=source),)


def _check_reach(reach: int, period: int) -> None:
    if reach > (_WEEK if period >= _HOUR else _DAY):
        days = "seven days" if period >= _HOUR else "a day"
        raise AwsError("ValidationError", f"Metrics cannot be checked across more than {days}.")


def _check_comparison(given: Mapping[str, Any]) -> None:
    if given["ComparisonOperator"] not in COMPARISONS or given.get("ThresholdMetricId"):
        raise AwsError("NotImplementedByTwin", "The twin does not implement anomaly detection alarms.", 501)
    if given.get("Threshold") is None:
        raise AwsError("ValidationError", "Threshold must be set for a static threshold alarm.")


def _check_actions(given: Mapping[str, Any]) -> None:
    for member in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        for action in given.get(member) or ():
            if not action.startswith("arn:aws:sns:"):
                raise AwsError("ValidationError", f"Invalid arn syntax or unsupported action: {action}")
