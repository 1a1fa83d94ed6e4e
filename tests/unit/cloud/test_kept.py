"""What AWS still tells of the past, asked of a cloud that answers from a table."""

from __future__ import annotations

from typing import Any

from harness.clock import Instant, minutes, seconds
from harness.cloud import kept
from harness.cloud.discovery import LoadBalancerSeen
from harness.cloud.observation import HealthCheckSeen
from harness.events import HealthChanged, LagMeasured

SINCE = Instant(1_700_000_040 * 10**9)
UNTIL = SINCE + minutes(30)
ALARM = {
    "AlarmName": "replica-lag-high", "StateValue": "OK", "Namespace": "AWS/RDS", "MetricName": "ReplicaLag",
    "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "r1"}], "Threshold": 60, "EvaluationPeriods": 2,
}  # fmt: skip


class Answers:
    """A cloud: what it answers by operation, and what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    def call(self, service: str, region: str, operation: str, /, **parameters: Any) -> Any:
        self.asked.append({"operation": operation, "region": region, **parameters})
        return self.answers[operation]

    def pages(self, service: str, region: str, operation: str, key: str, /, **parameters: Any) -> Any:
        return iter(self.call(service, region, operation, **parameters))


def change(second: float, old: str, new: str) -> dict[str, Any]:
    states = f'{{"oldState":{{"stateValue":"{old}"}},"newState":{{"stateValue":"{new}","stateReason":"why"}}}}'
    return {"Timestamp": (SINCE + seconds(second)).datetime, "HistoryData": states}


def points(statistic: str, *values: float) -> dict[str, Any]:
    found = [{"Timestamp": (SINCE + minutes(n)).datetime, statistic: value} for n, value in enumerate(values)]
    return {"Datapoints": found[::-1]}


def test_an_alarms_first_state_is_what_its_first_change_left() -> None:
    history = [change(2400, "ALARM", "OK"), change(700, "ALARM", "OK"), change(500, "OK", "ALARM")]
    now = ALARM | {"StateValue": "INSUFFICIENT_DATA"}
    cloud = Answers(describe_alarms=[now], describe_alarm_history=history)
    told = list(kept.alarm_changes(cloud, "eu-west-1", SINCE, UNTIL))  # type: ignore[arg-type]
    assert [(one.at - SINCE, one.old, one.new) for one in told] == [
        (seconds(0), "", "OK"), (seconds(500), "OK", "ALARM"), (seconds(700), "ALARM", "OK"),
    ]  # fmt: skip


def test_an_alarm_that_never_changed_was_as_it_is() -> None:
    cloud = Answers(describe_alarms=[ALARM], describe_alarm_history=[])
    (only,) = kept.alarm_changes(cloud, "eu-west-1", SINCE, UNTIL)  # type: ignore[arg-type]
    assert (only.at, only.new, only.dimensions) == (SINCE, "OK", "DBInstanceIdentifier=r1")


def test_only_lag_alarms_metrics_are_lag() -> None:
    other = ALARM | {"AlarmName": "busy", "MetricName": "CPUUtilization"}
    cloud = Answers(describe_alarms=[ALARM, other], get_metric_statistics=points("Average", 0.5, 90))
    told = list(kept.lags(cloud, "eu-west-1", SINCE, UNTIL))  # type: ignore[arg-type]
    assert told == [
        LagMeasured(SINCE, "r1", "eu-west-1", 0.5), LagMeasured(SINCE + minutes(1), "r1", "eu-west-1", 90),
    ]  # fmt: skip


def test_a_long_span_is_cut_into_no_more_parts_than_one_answer_holds() -> None:
    cloud = Answers(describe_alarms=[ALARM], get_metric_statistics=points("Average"))
    for days, period in ((1, 60), (14, 14 * 60)):
        list(kept.lags(cloud, "eu-west-1", SINCE, SINCE + minutes(days * 24 * 60)))  # type: ignore[arg-type]
        assert cloud.asked[-1]["Period"] == period


def test_events_older_than_rds_keeps_are_not_asked_for() -> None:
    cloud, now = Answers(describe_events=[]), SINCE + minutes(20 * 24 * 60)
    assert kept.database_events(cloud, "us-east-1", SINCE, UNTIL, now) == []  # type: ignore[arg-type]
    assert cloud.asked == []
    kept.database_events(cloud, "us-east-1", SINCE, now, now)  # type: ignore[arg-type]
    assert Instant.of(cloud.asked[0]["StartTime"]) > now.back(kept.EVENTS_KEPT)


def test_a_health_check_is_told_by_its_changes() -> None:
    cloud = Answers(get_metric_statistics=points("Minimum", 1, 1, 0, 0, 1))
    told = list(kept.health(cloud, HealthCheckSeen("c1", "alb", 3), "us-east-1", SINCE, UNTIL))  # type: ignore[arg-type]
    assert told == [
        HealthChanged(SINCE + minutes(n), "c1", "us-east-1", well) for n, well in ((0, True), (2, False), (4, True))
    ]
    assert cloud.asked[0]["region"] == "us-east-1"


def test_a_load_balancer_is_asked_by_its_dimension_and_its_groups() -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
    cloud = Answers(
        describe_target_groups={"TargetGroups": [{"TargetGroupArn": f"{arn}targetgroup/web/2"}]},
        get_metric_statistics={"Datapoints": []},
    )
    balancer = LoadBalancerSeen(f"{arn}loadbalancer/app/alb/1", "alb.example", ())
    assert kept.front(cloud, "us-east-1", balancer, SINCE, UNTIL) == []  # type: ignore[arg-type]
    asked = [one["Dimensions"] for one in cloud.asked if one["operation"] == "get_metric_statistics"]
    assert len(asked) == 4
    assert all(one[0] == {"Name": "LoadBalancer", "Value": "app/alb/1"} for one in asked)
    assert asked[-1][1] == {"Name": "TargetGroup", "Value": "targetgroup/web/2"}
