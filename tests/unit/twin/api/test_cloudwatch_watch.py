"""Alarms on a scripted clock: what was published, when it rings, and what is told."""

import json
from dataclasses import dataclass, field

import pytest

from harness.clock import Instant, seconds
from harness.twin.api.cloudwatch.alarms import settings_of
from harness.twin.api.cloudwatch.history import History
from harness.twin.api.cloudwatch.messages import Finding
from harness.twin.api.cloudwatch.metrics import Metric, Sample, Store
from harness.twin.api.cloudwatch.watch import Watch
from harness.twin.calls import AwsError

REGION = "eu-west-1"
START = Instant(1_800_000_000 * 10**9)
TOPIC = f"arn:aws:sns:{REGION}:123456789012:alerts"
LAG = Metric.of(REGION, "AgentAuri", "Lag", {"Region": REGION})


@dataclass
class Still:
    """A clock that stands where it is put."""

    instant: Instant = START

    def now(self):
        return self.instant


@dataclass
class World:
    clock: Still = field(default_factory=Still)
    store: Store = field(default_factory=Store)
    history: History = field(default_factory=History)
    told: list = field(default_factory=list)
    watch: Watch = None

    def __post_init__(self):
        self.watch = Watch(self.clock, self.store, self.history, lambda *told: self.told.append(told))

    def alarm(self, **given):
        stated = {
            "AlarmName": "lag",
            "Namespace": "AgentAuri",
            "MetricName": "Lag",
            "Dimensions": [{"Name": "Region", "Value": REGION}],
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 2,
            "Threshold": 60.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [TOPIC],
            "OKActions": [TOPIC],
        } | given
        self.watch.put(
            settings_of(REGION, {k: v for k, v in stated.items() if v is not None}), {}, actions_enabled=True
        )

    def publish(self, at, value, **how):
        self.store.add(LAG, "Seconds", [Sample(START + seconds(at), value, **how)])

    def tick(self, at):
        self.clock.instant = START + seconds(at + 2)
        self.watch.evaluate(START + seconds(at))
        return self.watch.state(REGION, "lag")


@pytest.fixture
def world():
    return World()


def test_an_alarm_starts_with_insufficient_data_and_stays_so_without_data(world):
    world.alarm()
    assert world.watch.state(REGION, "lag") == "INSUFFICIENT_DATA"
    assert world.tick(60) == "INSUFFICIENT_DATA"
    assert world.told == []


def test_it_rings_after_two_breaching_minutes_and_goes_quiet_after_one_good(world):
    world.alarm()
    for minute, value in enumerate((1.0, 70.0, 80.0, 2.0)):
        world.publish(60 * minute, value)
    assert [world.tick(60 * (minute + 1)) for minute in range(4)] == ["OK", "OK", "ALARM", "OK"]
    states = [json.loads(message)["NewStateValue"] for _, _, _, message in world.told]
    assert states == ["OK", "ALARM", "OK"]
    region, topic, subject, message = world.told[1]
    assert (region, topic, subject) == (REGION, TOPIC, 'ALARM: "lag" in EU (Ireland)')
    body = json.loads(message)
    assert body["OldStateValue"] == "OK"
    assert body["Trigger"]["Dimensions"] == [{"value": REGION, "name": "Region"}]
    assert body["Trigger"]["Statistic"] == "AVERAGE"
    assert body["NewStateReason"].startswith("Threshold Crossed: 2 out of the last 2 datapoints [80.0 (")
    assert (
        "were greater than the threshold (60.0) (minimum 2 datapoints for OK -> ALARM transition)."
        in body["NewStateReason"]
    )


def test_minute_alarms_are_judged_at_whole_minutes_only(world):
    world.alarm(EvaluationPeriods=1)
    world.publish(0, 70.0)
    assert world.tick(70) == "INSUFFICIENT_DATA"
    assert world.tick(120) == "ALARM"


def test_a_ten_second_alarm_on_a_standard_metric_lapses_within_each_minute(world):
    world.alarm(Period=10, EvaluationPeriods=1)
    states = []
    for at in range(10, 130, 10):
        world.publish(at - 10, 70.0)
        states.append(world.tick(at))
    assert states == (["ALARM"] * 3 + ["INSUFFICIENT_DATA"] * 3) * 2


def test_a_ten_second_alarm_follows_a_high_resolution_metric(world):
    world.alarm(Period=10)
    states = []
    for at, value in ((10, 70.0), (20, 70.0), (30, 1.0), (40, 70.0), (50, 70.0)):
        world.publish(at - 10, value, high_resolution=True)
        states.append(world.tick(at))
    assert states == ["INSUFFICIENT_DATA", "ALARM", "OK", "OK", "ALARM"]


def test_a_longer_period_slides_minute_by_minute(world):
    world.alarm(Period=300, EvaluationPeriods=1)
    world.publish(65, 70.0)
    assert world.tick(360) == "ALARM"


def test_reason_data_holds_what_was_seen(world):
    world.alarm()
    world.publish(0, 70.0)
    world.publish(60, 80.0)
    world.tick(120)
    shown = world.watch.described(REGION, lambda alarm: True)[0]
    data = json.loads(shown["StateReasonData"])
    assert data["recentDatapoints"] == [70.0, 80.0]
    assert (data["period"], data["threshold"], data["statistic"]) == (60, 60.0, "Average")
    assert shown["StateTransitionedTimestamp"] == (START + seconds(122)).datetime


def test_history_tells_configuration_state_and_action(world):
    world.alarm()
    world.publish(0, 70.0)
    world.publish(60, 80.0)
    world.tick(120)
    items = world.history.select(REGION, "lag")
    assert [item.kind for item in items] == ["ConfigurationUpdate", "StateUpdate", "Action"]
    assert items[1].summary == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    assert items[1].data["newState"]["stateValue"] == "ALARM"
    assert items[2].summary == f"Successfully executed action {TOPIC}"


def test_a_failed_action_is_told_and_does_not_change_the_state():
    def fail(*told):
        raise AwsError("NotFound", "Topic does not exist", 404)

    world = World()
    world.watch = Watch(world.clock, world.store, world.history, fail)
    world.alarm(EvaluationPeriods=1)
    world.publish(0, 70.0)
    assert world.tick(60) == "ALARM"
    assert world.history.select(REGION, kind="Action")[0].summary.startswith("Failed to execute action")


def test_disabled_actions_are_silent(world):
    world.alarm(EvaluationPeriods=1)
    world.watch.change(REGION, "lag", lambda alarm: setattr(alarm, "actions_enabled", False))
    world.publish(0, 70.0)
    assert world.tick(60) == "ALARM"
    assert world.told == []


def test_new_settings_leave_the_state_as_it_is(world):
    world.alarm(EvaluationPeriods=1)
    world.publish(0, 70.0)
    world.tick(60)
    world.alarm(EvaluationPeriods=1, Threshold=90.0)
    assert world.watch.state(REGION, "lag") == "ALARM"
    assert world.tick(60) == "OK"


def test_a_forced_state_lasts_until_the_next_evaluation(world):
    world.alarm(EvaluationPeriods=1)
    world.publish(0, 1.0)
    world.tick(60)
    world.watch.force(REGION, "lag", Finding("ALARM", "by hand", {}))
    assert world.watch.state(REGION, "lag") == "ALARM"
    assert world.tick(60) == "OK"
    assert len(world.told) == 3


def test_a_suspended_region_is_not_judged(world):
    world.alarm(EvaluationPeriods=1)
    world.publish(0, 70.0)
    world.watch.suspend(REGION)
    assert world.tick(60) == "INSUFFICIENT_DATA"
    world.watch.resume(REGION)
    assert world.tick(60) == "ALARM"


def test_an_alarm_on_an_expression(world):
    stat = {
        "Metric": {"Namespace": "AgentAuri", "MetricName": "Lag", "Dimensions": [{"Name": "Region", "Value": REGION}]}
    }
    metrics = [
        {"Id": "e1", "Expression": "IF(m1 > 60, 1, 0)"},
        {"Id": "m1", "MetricStat": stat | {"Period": 60, "Stat": "Maximum"}, "ReturnData": False},
    ]
    none = dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic", "Period"))
    world.alarm(**none, Metrics=metrics, EvaluationPeriods=1, Threshold=0.5)
    world.publish(0, 70.0)
    assert world.tick(60) == "ALARM"


@pytest.mark.parametrize(
    "given",
    [
        {"Period": 45},
        {"DatapointsToAlarm": 3},
        {"TreatMissingData": "maybe"},
        {"Statistic": None},
        {"ExtendedStatistic": "p99"},
        {"Threshold": None},
        {"AlarmActions": ["arn:aws:lambda:x"]},
        {"EvaluationPeriods": 2000},
        {"MetricName": None},
    ],
)
def test_what_aws_refuses(world, given):
    with pytest.raises(AwsError) as refused:
        world.alarm(**given)
    assert refused.value.code == "ValidationError"
