"""Composite alarms as AWS documents them: rules, the states they follow, what they tell and what holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cloudwatch_rig import HOME, TOPIC, Scripted, refused, scripted, shown, stated

CHILDREN = ("alb dark", "writer-down", "standby")
LINE = "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    with scripted(tmp_path_factory.mktemp("composite")) as made:
        for name in CHILDREN:
            made.client().put_metric_alarm(**stated(name, AlarmActions=None, OKActions=None))
        yield made


@pytest.fixture
def aws(world: Scripted) -> Iterator[Any]:
    client = world.client()
    for name in CHILDREN:
        client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="calm")
    world.told.clear()
    yield client
    left = client.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    for alarm in left:
        client.put_composite_alarm(AlarmName=alarm["AlarmName"], AlarmRule="FALSE")
    for alarm in left:
        client.delete_alarms(AlarmNames=[alarm["AlarmName"]])


def put(aws: Any, rule: str, name: str = "region-down", **more: Any) -> None:
    aws.put_composite_alarm(AlarmName=name, AlarmRule=rule, **more)


def turn(aws: Any, name: str, state: str) -> None:
    aws.set_alarm_state(AlarmName=name, StateValue=state, StateReason="turned")


def test_it_follows_its_children_and_tells_which_one_moved(world: Scripted, aws: Any) -> None:
    put(aws, 'ALARM("alb dark") AND ALARM(writer-down)', AlarmActions=[TOPIC], OKActions=[TOPIC])
    assert shown(aws, "region-down")["StateValue"] == "INSUFFICIENT_DATA"
    world.tick(10)
    assert shown(aws, "region-down")["StateValue"] == "OK"
    turn(aws, "alb dark", "ALARM")
    assert shown(aws, "region-down")["StateValue"] == "OK"
    turn(aws, "writer-down", "ALARM")
    ringing = shown(aws, "region-down")
    child = shown(aws, "writer-down")["AlarmArn"]
    assert ringing["StateValue"] == "ALARM"
    assert ringing["StateReason"].startswith(f"{child} transitioned to ALARM at Friday 15 January, 2027 08:00:")
    assert json.loads(ringing["StateReasonData"])["triggeringAlarms"][0]["arn"] == child
    turn(aws, "alb dark", "OK")
    told = [json.loads(message) for _, topic, _, message in world.told if topic == TOPIC]
    assert [(item["OldStateValue"], item["NewStateValue"]) for item in told] == [
        ("INSUFFICIENT_DATA", "OK"),
        ("OK", "ALARM"),
        ("ALARM", "OK"),
    ]
    assert told[1]["AlarmRule"] == 'ALARM("alb dark") AND ALARM(writer-down)'
    assert told[1]["TriggeringChildren"][0]["State"]["Value"] == "ALARM"
    history = aws.describe_alarm_history(AlarmName="region-down", AlarmTypes=["CompositeAlarm"])["AlarmHistoryItems"]
    assert {item["AlarmType"] for item in history} == {"CompositeAlarm"}
    assert {item["HistoryItemType"] for item in history} == {"ConfigurationUpdate", "StateUpdate", "Action"}
    assert aws.describe_alarm_history(AlarmName="region-down")["AlarmHistoryItems"] == []


def test_an_alarm_that_datapoints_ring_moves_the_composite_too(world: Scripted, aws: Any) -> None:
    put(aws, "ALARM(standby)")
    world.publish(0, 90.0)
    world.tick(60)
    assert shown(aws, "region-down")["StateValue"] == "ALARM"
    world.publish(60, 1.0)
    world.tick(120)
    assert shown(aws, "region-down")["StateValue"] == "OK"


@pytest.mark.parametrize(
    ("rule", "rings"),
    [
        ("TRUE", True),
        ("false", False),
        ("NOT ALARM(writer-down)", False),
        ("OK(standby)", True),
        ("INSUFFICIENT_DATA(standby)", False),
        ("ALARM(writer-down) AND OK(standby)", True),
        ("OK(writer-down) OR ALARM(standby)", False),
        ("ALARM(writer-down) OR ALARM(standby) AND FALSE", True),
        ("(ALARM(writer-down) OR ALARM(standby)) AND FALSE", False),
        ("NOT (OK(writer-down) OR ALARM(standby)) AND TRUE", True),
        ('ALARM( "writer-down" )', True),
        (f"ALARM(arn:aws:cloudwatch:{HOME}:123456789012:alarm:writer-down)", True),
    ],
)
def test_rules(world: Scripted, aws: Any, rule: str, rings: bool) -> None:
    turn(aws, "writer-down", "ALARM")
    put(aws, rule)
    world.tick(10)
    assert shown(aws, "region-down")["StateValue"] == ("ALARM" if rings else "OK")


@pytest.mark.parametrize(
    "rule",
    ["ALARM", "ALARM()", "ALARM(standby", "standby", "ALARM(standby) AND", "TRUE FALSE", "(TRUE", "RED(standby)"],
)
def test_what_is_no_rule_is_refused(aws: Any, rule: str) -> None:
    assert refused(lambda: put(aws, rule)) == "ValidationError"


def test_a_rule_names_alarms_that_exist(aws: Any) -> None:
    with pytest.raises(aws.exceptions.ClientError, match="ValidationError") as error:
        put(aws, "ALARM(standby) OR ALARM(nobody)")
    assert LINE.format("nobody") in str(error.value)


def test_a_child_cannot_be_deleted_and_composites_go_one_by_one(aws: Any) -> None:
    put(aws, "ALARM(standby)")
    put(aws, "ALARM(region-down)", "everything-down")
    with pytest.raises(aws.exceptions.ClientError, match="Cannot delete region-down as there are composite") as error:
        aws.delete_alarms(AlarmNames=["standby", "region-down"])
    assert error.value.response["Error"]["Code"] == "ValidationError"
    assert refused(lambda: aws.delete_alarms(AlarmNames=["region-down", "everything-down"])) == "ValidationError"
    aws.delete_alarms(AlarmNames=["everything-down"])
    aws.delete_alarms(AlarmNames=["region-down"])
    assert shown(aws, "standby")["StateValue"] == "OK"


def test_rules_in_a_circle_stop(world: Scripted, aws: Any) -> None:
    put(aws, "FALSE", "one")
    put(aws, "NOT ALARM(one)", "two")
    world.tick(10)
    put(aws, "ALARM(two)", "one")
    world.tick(20)
    assert {shown(aws, name)["StateValue"] for name in ("one", "two")} <= {"OK", "ALARM"}
    assert refused(lambda: aws.delete_alarms(AlarmNames=["one"])) == "ValidationError"


def test_relatives_and_types_in_describe_alarms(aws: Any) -> None:
    put(aws, "ALARM(standby) OR ALARM(writer-down)")
    put(aws, "ALARM(region-down) OR ALARM(standby)", "everything-down")
    children = aws.describe_alarms(ChildrenOfAlarmName="everything-down")
    assert [alarm["AlarmName"] for alarm in children["CompositeAlarms"]] == ["region-down"]
    (child,) = children["MetricAlarms"]
    assert set(child) == {"AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp"}
    parents = aws.describe_alarms(ParentsOfAlarmName="standby")["CompositeAlarms"]
    assert [(alarm["AlarmName"], set(alarm)) for alarm in parents] == [
        ("everything-down", {"AlarmName", "AlarmArn"}),
        ("region-down", {"AlarmName", "AlarmArn"}),
    ]
    assert refused(lambda: aws.describe_alarms(ParentsOfAlarmName="standby", StateValue="OK")) == "ValidationError"
    both = aws.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert (len(both["MetricAlarms"]), len(both["CompositeAlarms"])) == (3, 2)
    assert aws.describe_alarms()["CompositeAlarms"] == []


def test_what_the_twin_has_not_of_composite_alarms_says_so(aws: Any) -> None:
    suppressed = {"ActionsSuppressor": "standby", "ActionsSuppressorWaitPeriod": 1}
    assert refused(lambda: put(aws, "TRUE", **suppressed)) == "NotImplementedByTwin"
    assert refused(lambda: put(aws, "AT_LEAST(1, ALARM, (standby))")) == "NotImplementedByTwin"
    assert refused(lambda: put(aws, "TRUE", "standby")) == "ValidationError", "the name of a metric alarm"
