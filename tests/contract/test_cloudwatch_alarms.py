"""Alarms as AWS documents them: the missing-data table, M of N, high resolution, history, actions and validation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.clock import seconds
from tests.contract.cloudwatch_rig import AWAY, HOME, START, TOPIC, Scripted, refused, scripted, shown, stated

MODES = ("missing", "ignore", "breaching", "notBreaching")

# The documentation's two tables, datapoints oldest first (0 good, X breaching, - missing), M of N, and the state in
# each mode; then the text below them: not old enough to ring, and old enough although there is one alone.
TABLE = [
    ("0-X-X", 3, 3, ("OK", "OK", "OK", "OK")),
    ("0----", 3, 3, ("OK", "OK", "OK", "OK")),
    ("-----", 3, 3, ("INSUFFICIENT_DATA", "retain", "ALARM", "OK")),
    ("0XX-X", 3, 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("--X--", 3, 3, ("ALARM", "retain", "ALARM", "OK")),
    ("0-X-X", 2, 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("00X0X", 2, 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0-X--", 2, 3, ("OK", "OK", "ALARM", "OK")),
    ("----0", 2, 3, ("OK", "OK", "ALARM", "OK")),
    ("---X-", 2, 3, ("ALARM", "retain", "ALARM", "OK")),
    ("----X", 3, 3, ("INSUFFICIENT_DATA", "retain", "ALARM", "OK")),
    ("---X-", 3, 3, ("INSUFFICIENT_DATA", "retain", "ALARM", "OK")),
]


@pytest.fixture
def world(tmp_path: Any) -> Iterator[Scripted]:
    with scripted(tmp_path) as made:
        yield made


@pytest.fixture
def aws(world: Scripted) -> Any:
    return world.client()


def states(world: Scripted, aws: Any, *offsets: float) -> list[str]:
    """The state of ``lag`` after each of those evaluations."""
    told = []
    for offset in offsets:
        world.tick(offset)
        told.append(shown(aws)["StateValue"])
    return told


def history(aws: Any, kind: str, name: str = "lag", **more: Any) -> list[Any]:
    items = aws.describe_alarm_history(AlarmName=name, HistoryItemType=kind, ScanBy="TimestampAscending", **more)[
        "AlarmHistoryItems"
    ]
    return [item | {"HistoryData": json.loads(item["HistoryData"])} for item in items]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The state after one evaluation of each row in each mode, from each state before: by name of the alarm."""
    with scripted(tmp_path_factory.mktemp("table")) as world:
        aws = world.client()
        for number, (marks, least, periods, _) in enumerate(TABLE):
            row = [{"Name": "Row", "Value": str(number)}]
            for index, mark in enumerate(marks):
                if mark != "-":
                    world.publish(60 * index, 90.0 if mark == "X" else 1.0, dimensions={"Row": str(number)})
            for mode in MODES:
                for before in ("OK", "ALARM"):
                    name = f"{number} {mode} {before}"
                    aws.put_metric_alarm(
                        **stated(
                            name,
                            Dimensions=row,
                            EvaluationPeriods=periods,
                            DatapointsToAlarm=least,
                            TreatMissingData=mode,
                        )
                    )
                    aws.set_alarm_state(AlarmName=name, StateValue=before, StateReason="before")
        world.tick(300)
        pages = aws.get_paginator("describe_alarms").paginate()
        yield {alarm["AlarmName"]: alarm["StateValue"] for page in pages for alarm in page["MetricAlarms"]}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("number", range(len(TABLE)), ids=[f"{row[0]} {row[1]} of {row[2]}" for row in TABLE])
def test_the_documented_table_of_missing_data(judged: dict[str, str], number: int, mode: str) -> None:
    wanted = TABLE[number][3][MODES.index(mode)]
    for before in ("OK", "ALARM"):
        assert judged[f"{number} {mode} {before}"] == (before if wanted == "retain" else wanted)


def test_two_of_three_need_not_be_in_a_row(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated(EvaluationPeriods=3, DatapointsToAlarm=2))
    for minute, value in enumerate((90.0, 1.0, 90.0, 1.0, 1.0)):
        world.publish(60 * minute, value)
    assert states(world, aws, 180, 240, 300) == ["ALARM", "OK", "OK"]


def test_a_new_alarm_lacks_data_and_a_changed_one_keeps_its_state(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated())
    assert shown(aws)["StateValue"] == "INSUFFICIENT_DATA"
    assert shown(aws)["StateReason"] == "Unchecked: Initial alarm creation"
    world.publish(0, 90.0)
    assert states(world, aws, 60) == ["ALARM"]
    aws.put_metric_alarm(**stated(Threshold=95.0, Tags=[{"Key": "late", "Value": "yes"}]))
    assert (shown(aws)["StateValue"], shown(aws)["Threshold"]) == ("ALARM", 95.0)
    assert aws.list_tags_for_resource(ResourceARN=shown(aws)["AlarmArn"])["Tags"] == []
    assert states(world, aws, 60) == ["OK"]


def test_minute_alarms_are_judged_each_minute_and_short_ones_each_ten_seconds(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated())
    aws.put_metric_alarm(**stated("quick", Period=10))
    world.publish(0, 90.0, high_resolution=True)
    world.tick(10)
    assert (shown(aws)["StateValue"], shown(aws, "quick")["StateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    world.tick(60)
    assert shown(aws)["StateValue"] == "ALARM"


def test_a_five_minute_period_slides_by_the_minute(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated(Period=300))
    world.publish(0, 90.0)
    world.publish(60, 1.0)
    assert states(world, aws, 300, 360) == ["OK", "OK"]
    world.publish(360, 200.0)
    assert states(world, aws, 420) == ["ALARM"], "minutes 2 to 7: (1 + 200) / 2"


def test_ten_second_periods_follow_high_resolution_metrics_only(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated("fine", Period=10, Dimensions=[{"Name": "Fine", "Value": "yes"}]))
    aws.put_metric_alarm(**stated("coarse", Period=10))
    seen: dict[str, set[str]] = {"fine": set(), "coarse": set()}
    for offset in range(10, 190, 10):
        world.publish(offset - 10, 90.0, dimensions={"Fine": "yes"}, high_resolution=True)
        world.publish(offset - 10, 90.0)
        world.tick(offset)
        for name, states_seen in seen.items():
            states_seen.add(shown(aws, name)["StateValue"])
    assert seen["fine"] == {"ALARM"}
    assert seen["coarse"] == {"ALARM", "INSUFFICIENT_DATA"}, "AWS: it lapses, with one datapoint a minute"


def test_alarms_on_metric_math(world: Scripted, aws: Any) -> None:
    """5xx answers by requests in percent; minutes without a 5xx publish none, as an ALB does."""
    math = [
        {"Id": "rate", "Expression": "100 * bad / all", "Label": "5xx in percent"},
        *(
            {
                "Id": name,
                "MetricStat": {"Metric": {"Namespace": "Test", "MetricName": metric}, "Period": 60, "Stat": "Sum"},
                "ReturnData": False,
            }
            for name, metric in (("bad", "5xx"), ("all", "Requests"))
        ),
    ]
    single = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    aws.put_metric_alarm(**stated(**single, Metrics=math, Threshold=5.0))
    for minute, (bad, requests) in enumerate(((0, 100), (10, 100), (0, 100))):
        for metric, count in (("5xx", bad), ("Requests", requests)):
            if count:
                world.cloudwatch.publish(HOME, "Test", metric, {}, count, at=START + seconds(60 * minute))
    assert states(world, aws, 60, 120, 180) == ["OK", "ALARM", "OK"]
    assert shown(aws)["Metrics"] == math
    assert "Period" not in shown(aws)


def test_a_percentile_of_few_samples_may_keep_the_state(world: Scripted, aws: Any) -> None:
    """p90 is significant from 10 / (1 - 0.9) = 100 samples on."""
    p90 = {"Statistic": None, "ExtendedStatistic": "p90"}
    aws.put_metric_alarm(**stated(**p90, EvaluateLowSampleCountPercentile="ignore"))
    aws.put_metric_alarm(**stated("always", **p90))
    for index in range(99):
        world.publish(index / 10, 90.0)
    world.tick(60)
    assert (shown(aws)["StateValue"], shown(aws, "always")["StateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    world.publish(30, 90.0)
    assert states(world, aws, 60) == ["ALARM"]


def test_a_forced_state_acts_and_lasts_until_the_next_evaluation(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated())
    world.publish(0, 1.0)
    assert states(world, aws, 60) == ["OK"]
    world.told.clear()
    aws.set_alarm_state(AlarmName="lag", StateValue="ALARM", StateReason="drill", StateReasonData='{"why": "drill"}')
    assert (shown(aws)["StateValue"], shown(aws)["StateReason"]) == ("ALARM", "drill")
    assert json.loads(shown(aws)["StateReasonData"]) == {"why": "drill"}
    assert [subject for _, _, subject, _ in world.told] == ['ALARM: "lag" in US East (N. Virginia)']
    aws.set_alarm_state(AlarmName="lag", StateValue="ALARM", StateReason="again")
    assert len(world.told) == 1, "the state did not differ, so no action"
    assert states(world, aws, 60) == ["OK"]
    wrong = {"AlarmName": "lag", "StateValue": "OK", "StateReason": "x", "StateReasonData": "{"}
    assert refused(lambda: aws.set_alarm_state(**wrong)) == "InvalidFormat"
    assert refused(lambda: aws.set_alarm_state(AlarmName="no", StateValue="OK", StateReason="x")) == "ResourceNotFound"


def test_what_a_topic_is_told(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(
        **stated(AlarmDescription="lag is high", EvaluationPeriods=2, Dimensions=[{"Name": "Db", "Value": "r"}])
    )
    for offset in (0, 60):
        world.publish(offset, 90.0, dimensions={"Db": "r"})
    world.tick(120)
    ((region, topic, subject, text),) = world.told
    assert (region, topic, subject) == (HOME, TOPIC, 'ALARM: "lag" in US East (N. Virginia)')
    message = json.loads(text)
    assert message["Trigger"] == {
        "MetricName": "Lag",
        "Namespace": "Test",
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": "r", "name": "Db"}],
        "Period": 60,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 60.0,
        "TreatMissingData": "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    assert message["NewStateReason"] == (
        "Threshold Crossed: 2 out of the last 2 datapoints [90.0 (15/01/27 08:01:00), 90.0 (15/01/27 08:00:00)] were "
        "greater than the threshold (60.0) (minimum 2 datapoints for INSUFFICIENT_DATA -> ALARM transition)."
    )
    assert {name: message[name] for name in ("AlarmName", "AlarmDescription", "NewStateValue", "OldStateValue")} == {
        "AlarmName": "lag",
        "AlarmDescription": "lag is high",
        "NewStateValue": "ALARM",
        "OldStateValue": "INSUFFICIENT_DATA",
    }
    assert message["StateChangeTime"] == "2027-01-15T08:02:02.000+0000"
    assert (message["Region"], message["AWSAccountId"]) == ("US East (N. Virginia)", "123456789012")


def test_history_speaks_as_cloudwatch_does(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated())
    aws.put_metric_alarm(**stated(Threshold=50.0))
    world.publish(0, 90.0)
    world.tick(60)
    created, updated = history(aws, "ConfigurationUpdate")
    assert (created["HistorySummary"], updated["HistorySummary"]) == ('Alarm "lag" created', 'Alarm "lag" updated')
    assert (created["HistoryData"]["type"], updated["HistoryData"]["type"]) == ("Create", "Update")
    first = created["HistoryData"]["createdAlarm"]
    assert (first["alarmName"], first["metricName"], first["period"]) == ("lag", "Lag", 60)
    assert (first["okactions"], first["alarmActions"]) == ([TOPIC], [TOPIC])
    assert (first["threshold"], updated["HistoryData"]["updatedAlarm"]["threshold"]) == (60.0, 50.0)
    (moved,) = history(aws, "StateUpdate")
    assert moved["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    assert moved["HistoryData"]["oldState"]["stateValue"] == "INSUFFICIENT_DATA"
    after = moved["HistoryData"]["newState"]
    assert (after["stateValue"], after["stateReasonData"]["recentDatapoints"]) == ("ALARM", [90.0])
    assert after["stateReasonData"]["evaluatedDatapoints"] == [
        {"timestamp": "2027-01-15T08:00:00.000+0000", "value": 90.0}
    ]
    (acted,) = history(aws, "Action")
    assert acted["HistorySummary"] == f"Successfully executed action {TOPIC}"
    data = acted["HistoryData"]
    assert (data["actionState"], data["notificationResource"], data["error"]) == ("Succeeded", TOPIC, None)
    assert data["stateUpdateTimestamp"] == (START + seconds(62)).nanoseconds // 1_000_000
    assert json.loads(json.loads(data["publishedMessage"])["default"])["NewStateValue"] == "ALARM"
    aws.delete_alarms(AlarmNames=["lag"])
    assert history(aws, "ConfigurationUpdate")[-1]["HistoryData"]["deletedAlarm"]["stateValue"] == "ALARM"


def test_history_is_chosen_by_time_order_and_page(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated())
    for minute, value in enumerate((90.0, 1.0, 90.0, 1.0)):
        world.publish(60 * minute, value)
        world.tick(60 * minute + 60)
    newest_first = aws.describe_alarm_history(AlarmName="lag", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert [item["HistorySummary"][-5:].strip() for item in newest_first] == ["to OK", "ALARM", "to OK", "ALARM"]
    some = aws.describe_alarm_history(HistoryItemType="StateUpdate", StartDate=world.at(122), EndDate=world.at(200))
    assert [item["Timestamp"] for item in some["AlarmHistoryItems"]] == [world.at(182), world.at(122)]
    pages = aws.get_paginator("describe_alarm_history").paginate(AlarmName="lag", PaginationConfig={"PageSize": 4})
    assert [len(page["AlarmHistoryItems"]) for page in pages] == [4, 4, 1]
    assert refused(lambda: aws.describe_alarm_history(NextToken="nonsense")) == "InvalidNextToken"


def test_actions_can_be_silenced_and_may_fail(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated())
    aws.disable_alarm_actions(AlarmNames=["lag", "unknown"])
    assert shown(aws)["ActionsEnabled"] is False
    world.publish(0, 90.0)
    world.tick(60)
    assert (world.told, history(aws, "Action")) == ([], [])
    aws.enable_alarm_actions(AlarmNames=["lag"])
    world.broken.add(TOPIC)
    world.publish(60, 1.0)
    assert states(world, aws, 120) == ["OK"], "a topic that is gone does not hold the state"
    (failed,) = history(aws, "Action")
    assert failed["HistorySummary"].startswith(f"Failed to execute action {TOPIC}. Received error: ")
    assert (failed["HistoryData"]["actionState"], "Topic does not exist" in failed["HistoryData"]["error"]) == (
        "Failed",
        True,
    )


def test_describe_alarms_filters(world: Scripted, aws: Any) -> None:
    aws.put_metric_alarm(**stated("db-lag"))
    aws.put_metric_alarm(**stated("db-connections", AlarmActions=[f"{TOPIC}-other"], OKActions=None))
    aws.put_metric_alarm(**stated("alb-5xx"))
    aws.set_alarm_state(AlarmName="alb-5xx", StateValue="ALARM", StateReason="x")

    def found(**wanted: Any) -> list[str]:
        return [alarm["AlarmName"] for alarm in aws.describe_alarms(**wanted)["MetricAlarms"]]

    assert found() == ["alb-5xx", "db-connections", "db-lag"]
    assert found(AlarmNamePrefix="db-") == ["db-connections", "db-lag"]
    assert found(StateValue="ALARM") == ["alb-5xx"]
    assert found(StateValue="ALARM", AlarmNamePrefix="db") == []
    assert found(ActionPrefix=f"{TOPIC}-o") == ["db-connections"]
    assert found(AlarmNames=["db-lag", "unknown"]) == ["db-lag"]
    assert found(AlarmTypes=["CompositeAlarm"]) == []
    assert world.client(AWAY).describe_alarms()["MetricAlarms"] == []
    assert refused(lambda: found(AlarmNames=["db-lag"], AlarmNamePrefix="db")) == "ValidationError"
    assert refused(lambda: found(MaxRecords=101)) == "ValidationError"
    assert refused(lambda: found(NextToken="9")) == "InvalidNextToken"


def test_describe_alarms_for_metric(aws: Any) -> None:
    aws.put_metric_alarm(**stated("one", Dimensions=[{"Name": "Db", "Value": "r"}]))
    aws.put_metric_alarm(**stated("two", Statistic=None, ExtendedStatistic="p99"))

    def found(**wanted: Any) -> list[str]:
        told = aws.describe_alarms_for_metric(Namespace="Test", MetricName="Lag", **wanted)
        return [alarm["AlarmName"] for alarm in told["MetricAlarms"]]

    assert found() == ["two"]
    assert found(Dimensions=[{"Name": "Db", "Value": "r"}], Statistic="Average", Period=60) == ["one"]
    assert found(ExtendedStatistic="p99") == ["two"]
    assert found(Period=300) == []


def test_deleting_alarms(aws: Any) -> None:
    aws.put_metric_alarm(**stated("one"))
    assert refused(lambda: aws.delete_alarms(AlarmNames=["one", "unknown"])) == "ResourceNotFound"
    assert aws.describe_alarms()["MetricAlarms"] == [], "the right names are deleted all the same"


def test_tags_of_alarms(aws: Any) -> None:
    aws.put_metric_alarm(**stated(Tags=[{"Key": "team", "Value": "sre"}]))
    where = {"ResourceARN": shown(aws)["AlarmArn"]}
    aws.tag_resource(**where, Tags=[{"Key": "team", "Value": "dba"}, {"Key": "tier", "Value": "1"}])
    assert aws.list_tags_for_resource(**where)["Tags"] == [
        {"Key": "team", "Value": "dba"},
        {"Key": "tier", "Value": "1"},
    ]
    aws.untag_resource(**where, TagKeys=["team", "unknown"])
    assert aws.list_tags_for_resource(**where)["Tags"] == [{"Key": "tier", "Value": "1"}]
    many = [{"Key": f"k{index}", "Value": "v"} for index in range(50)]
    assert refused(lambda: aws.tag_resource(**where, Tags=many)) == "InvalidParameterValue"
    unknown = {"ResourceARN": where["ResourceARN"] + "-2"}
    assert refused(lambda: aws.list_tags_for_resource(**unknown)) == "ResourceNotFoundException"
    assert refused(lambda: aws.tag_resource(ResourceARN="lag", Tags=[])) == "InvalidParameterValue"
