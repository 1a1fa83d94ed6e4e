"""CloudWatch as AWS documents it, seen by boto3, with the clockwork running at sixty times real time."""

import datetime
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import Clock, real_sleep, seconds
from harness.twin.api.cloudwatch.service import CloudWatch
from harness.twin.api.front_door import FrontDoor
from harness.twin.api.moto_gateway import Gateway
from harness.twin.api.tagging import Tagging
from harness.twin.api.topics import Topics, queue_name
from harness.twin.designs.model import AlarmPlan, Design
from harness.twin.schedule import Scheduler

SPEED = 60.0
HOME, AWAY = "us-east-1", "eu-west-1"
TAGS = {"Project": "agentauri", "Environment": "twin", "gameday:allowed": "true"}
LAG = {"Namespace": "AgentAuri", "MetricName": "ReplicaHeartbeatLag"}


def design() -> Design:
    quick = AlarmPlan(
        "replica-lag", AWAY, "AgentAuri", "ReplicaHeartbeatLag", {"Region": AWAY}, 60.0, period=10, topic="alerts"
    )
    dead = AlarmPlan("rds-replica-lag-high", HOME, "AWS/RDS", "ReplicaLag", {"DBInstanceIdentifier": "r"}, 60.0)
    return Design(
        name="test",
        version="hardened",
        regions=(),
        locations=(),
        round_trips={},
        instances=(),
        parameter_groups=(),
        caches=(),
        load_balancers=(),
        services=(),
        records=(),
        health_checks=(),
        alarms=(quick, dead),
        app={},
        timings={},
        tags=TAGS,
    )


@dataclass
class Platform:
    clock: Clock
    cloudwatch: CloudWatch
    door: FrontDoor
    scheduler: Scheduler
    port: int

    def client(self, service: str, region: str = AWAY) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def ago(self, span: float) -> datetime.datetime:
        return self.clock.now().back(seconds(span)).datetime


@pytest.fixture(scope="module")
def platform(tmp_path_factory) -> Iterator[Platform]:
    clock = Clock.start(SPEED)
    gateway = Gateway(clock)
    topics = Topics(gateway, design())
    gateway.load()
    scheduler = Scheduler(clock)
    cloudwatch = CloudWatch(clock, scheduler, design(), topics.notify)
    services = [cloudwatch, Tagging([cloudwatch, topics])]
    door = FrontDoor(clock, services, tmp_path_factory.mktemp("trail") / "trail.jsonl", {}, gateway)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        door.serve(listening)
        yield Platform(clock, cloudwatch, door, scheduler, listening.getsockname()[1])
        scheduler.close()
        door.close()
    assert scheduler.failures == []


@pytest.fixture
def cloudwatch(platform) -> Any:
    return platform.client("cloudwatch")


def refused(call):
    with pytest.raises(ClientError) as error:
        call()
    return error.value.response["Error"]["Code"]


def shown(client, name="replica-lag"):
    return client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def awaited(platform, client, state, metric=None, name="replica-lag"):
    """Publish ``metric`` (lag in seconds) each AWS second until the alarm is in ``state``."""
    for _ in range(600):
        if metric is not None:
            platform.cloudwatch.publish(
                AWAY, "AgentAuri", "ReplicaHeartbeatLag", {"Region": AWAY}, metric, high_resolution=True
            )
        alarm = shown(client, name)
        if alarm["StateValue"] == state:
            return alarm
        real_sleep(1 / SPEED)
    raise AssertionError(f"never {state}: {alarm}")


def test_seeded_alarms_start_without_data_and_carry_the_tags(platform):
    client = platform.client("cloudwatch", HOME)
    alarm = shown(client, "rds-replica-lag-high")
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["StateReason"] == "Unchecked: Initial alarm creation"
    assert alarm["AlarmActions"] == [f"arn:aws:sns:{HOME}:123456789012:agentauri-alerts"]
    tags = client.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == TAGS
    found = platform.client("resourcegroupstaggingapi", HOME).get_resources(ResourceTypeFilters=["cloudwatch:alarm"])
    assert [item["ResourceARN"] for item in found["ResourceTagMappingList"]] == [alarm["AlarmArn"]]


def test_an_alarm_rings_is_delivered_and_goes_quiet_again(platform, cloudwatch):
    began = platform.clock.now()
    awaited(platform, cloudwatch, "OK", 1.0)
    ringing = awaited(platform, cloudwatch, "ALARM", 90.0)
    assert "were greater than the threshold (60.0)" in ringing["StateReason"]
    assert json.loads(ringing["StateReasonData"])["period"] == 10
    assert ringing["StateTransitionedTimestamp"] >= began.datetime
    awaited(platform, cloudwatch, "OK", 1.0)
    awaited(platform, cloudwatch, "INSUFFICIENT_DATA")
    items = cloudwatch.describe_alarm_history(
        AlarmName="replica-lag", HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
    )["AlarmHistoryItems"]
    moves = [item["HistorySummary"].removeprefix("Alarm updated from ") for item in items]
    assert moves[:4] == [
        "INSUFFICIENT_DATA to OK",
        "OK to ALARM",
        "ALARM to OK",
        "OK to INSUFFICIENT_DATA",
    ]
    assert delivered(platform, 3) == ["OK", "ALARM", "OK"]


def delivered(platform, count):
    sqs = platform.client("sqs")
    url = sqs.get_queue_url(QueueName=queue_name("alerts"))["QueueUrl"]
    told = []
    while len(told) < count:
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MaxNumberOfMessages=10).get("Messages")
        assert messages, f"only {told} came"
        for message in messages:
            envelope = json.loads(message["Body"])
            assert envelope["TopicArn"] == f"arn:aws:sns:{AWAY}:123456789012:alerts"
            sent = datetime.datetime.fromisoformat(envelope["Timestamp"])
            assert abs((sent - platform.clock.now().datetime).total_seconds()) < 600
            body = json.loads(envelope["Message"])
            assert body["AlarmName"] == "replica-lag"
            told.append(body["NewStateValue"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return told


def test_put_and_get_metric_data(platform, cloudwatch):
    whole = int(platform.clock.now().epoch_seconds) // 60 * 60 - 600
    start = datetime.datetime.fromtimestamp(whole, datetime.UTC)
    for offset, value in ((0, 1.0), (30, 3.0), (60, 10.0), (180, 5.0)):
        moment = start + datetime.timedelta(seconds=offset)
        datum = {"MetricName": "Requests", "Timestamp": moment, "Value": value, "Unit": "Count"}
        cloudwatch.put_metric_data(Namespace="Test/Get", MetricData=[datum])
    metric = {"Namespace": "Test/Get", "MetricName": "Requests"}
    queries = [
        {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}},
        {"Id": "e1", "Expression": "FILL(m1, 0) * 2", "Label": "twice"},
    ]
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries,
        StartTime=start,
        EndTime=start + datetime.timedelta(seconds=240),
        ScanBy="TimestampAscending",
    )
    first, second = answer["MetricDataResults"]
    assert (first["Values"], second["Values"]) == ([4.0, 10.0, 5.0], [8.0, 20.0, 0.0, 10.0])
    assert (first["StatusCode"], second["Label"]) == ("Complete", "twice")
    assert first["Timestamps"][0] == start
    statistics = cloudwatch.get_metric_statistics(
        **metric,
        StartTime=start,
        EndTime=start + datetime.timedelta(seconds=60),
        Period=60,
        Statistics=["Average", "Maximum", "SampleCount"],
    )
    assert statistics["Datapoints"] == [
        {"Timestamp": start, "Average": 2.0, "Maximum": 3.0, "SampleCount": 2.0, "Unit": "Count"}
    ]
    percentile = cloudwatch.get_metric_statistics(
        **metric,
        StartTime=start,
        EndTime=start + datetime.timedelta(seconds=60),
        Period=60,
        ExtendedStatistics=["p50"],
    )
    assert percentile["Datapoints"][0]["ExtendedStatistics"] == {"p50": 2.0}


def test_statistic_sets_and_counted_values(platform, cloudwatch):
    whole = {"SampleCount": 4.0, "Sum": 20.0, "Minimum": 1.0, "Maximum": 9.0}
    cloudwatch.put_metric_data(
        Namespace="Test/Sets",
        MetricData=[
            {"MetricName": "Set", "StatisticValues": whole},
            {"MetricName": "Counted", "Values": [1.0, 2.0], "Counts": [3.0, 1.0]},
        ],
    )
    for name, expected in (
        ("Set", whole),
        ("Counted", {"SampleCount": 4.0, "Sum": 5.0, "Minimum": 1.0, "Maximum": 2.0}),
    ):
        points = cloudwatch.get_metric_statistics(
            Namespace="Test/Sets",
            MetricName=name,
            StartTime=platform.ago(600),
            EndTime=platform.clock.now().datetime,
            Period=3600,
            Statistics=list(expected),
        )["Datapoints"]
        assert {key: points[-1][key] for key in expected} == expected


def test_list_metrics_filters_and_dimensions(platform, cloudwatch):
    for zone in ("a", "b"):
        platform.cloudwatch.publish(AWAY, "Test/List", "Up", {"Zone": zone}, 1.0)
    found = cloudwatch.list_metrics(Namespace="Test/List", Dimensions=[{"Name": "Zone", "Value": "b"}])["Metrics"]
    assert found == [{"Namespace": "Test/List", "MetricName": "Up", "Dimensions": [{"Name": "Zone", "Value": "b"}]}]
    assert len(cloudwatch.list_metrics(Namespace="Test/List", Dimensions=[{"Name": "Zone"}])["Metrics"]) == 2
    assert platform.client("cloudwatch", HOME).list_metrics(Namespace="Test/List")["Metrics"] == []


def test_the_life_of_an_alarm(platform, cloudwatch):
    stated = {
        "AlarmName": "by-hand",
        **LAG,
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
    }
    cloudwatch.put_metric_alarm(**stated, Tags=[{"Key": "a", "Value": "b"}])
    alarm = shown(cloudwatch, "by-hand")
    assert {name: alarm[name] for name in stated} == stated
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    cloudwatch.set_alarm_state(AlarmName="by-hand", StateValue="OK", StateReason="set by hand")
    assert shown(cloudwatch, "by-hand")["StateReason"] == "set by hand"
    cloudwatch.put_metric_alarm(**stated | {"Threshold": 6.0})
    assert (shown(cloudwatch, "by-hand")["StateValue"], shown(cloudwatch, "by-hand")["Threshold"]) == ("OK", 6.0)
    cloudwatch.disable_alarm_actions(AlarmNames=["by-hand"])
    assert shown(cloudwatch, "by-hand")["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=["by-hand"])
    assert shown(cloudwatch, "by-hand")["ActionsEnabled"] is True
    cloudwatch.tag_resource(ResourceARN=alarm["AlarmArn"], Tags=[{"Key": "c", "Value": "d"}])
    tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]
    found = cloudwatch.describe_alarms_for_metric(**LAG, Statistic="Maximum")["MetricAlarms"]
    assert [item["AlarmName"] for item in found] == ["by-hand"]
    cloudwatch.delete_alarms(AlarmNames=["by-hand"])
    assert cloudwatch.describe_alarms(AlarmNames=["by-hand"])["MetricAlarms"] == []
    assert refused(lambda: cloudwatch.delete_alarms(AlarmNames=["by-hand"])) == "ResourceNotFound"


def test_alarms_come_in_pages(platform, cloudwatch):
    for number in range(5):
        cloudwatch.put_metric_alarm(
            AlarmName=f"page-{number}",
            **LAG,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="LessThanThreshold",
        )
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix="page-", PaginationConfig={"PageSize": 2}
    )
    assert [[alarm["AlarmName"] for alarm in page["MetricAlarms"]] for page in pages] == [
        ["page-0", "page-1"],
        ["page-2", "page-3"],
        ["page-4"],
    ]
    cloudwatch.delete_alarms(AlarmNames=[f"page-{number}" for number in range(5)])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"MetricName": "m"}, "InvalidParameterCombination"),
        ({"MetricName": "m", "Value": float("nan")}, "InvalidParameterValue"),
        ({"MetricName": "m", "Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ({"MetricName": "m", "Value": 1.0, "StorageResolution": 30}, "InvalidParameterValue"),
        ({"MetricName": "m", "Value": 1.0, "Unit": "Furlongs"}, "ValidationError"),
        ({"MetricName": "m", "Value": 1.0, "Timestamp": datetime.datetime(2001, 1, 1)}, "InvalidParameterValue"),
        ({"MetricName": "m", "Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterValue"),
    ],
)
def test_data_that_aws_refuses(cloudwatch, data, code):
    assert refused(lambda: cloudwatch.put_metric_data(Namespace="Test/Bad", MetricData=[data])) == code


def test_other_refusals(platform, cloudwatch):
    assert refused(
        lambda: cloudwatch.put_metric_data(Namespace="AWS/RDS", MetricData=[{"MetricName": "m", "Value": 1.0}])
    ) == ("InvalidParameterValue")
    queries = [{"Id": "e1", "Expression": "e2 + 1"}, {"Id": "e2", "Expression": "e1 + 1"}]
    between = {"StartTime": platform.ago(600), "EndTime": platform.ago(0)}
    assert refused(lambda: cloudwatch.get_metric_data(MetricDataQueries=queries, **between)) == "ValidationError"
    assert (
        refused(lambda: cloudwatch.get_metric_statistics(**LAG, **between, Period=60)) == "InvalidParameterCombination"
    )
    assert refused(lambda: cloudwatch.get_metric_statistics(**LAG, **between, Period=45, Statistics=["Sum"])) == (
        "ValidationError"
    )
    assert refused(lambda: cloudwatch.set_alarm_state(AlarmName="no", StateValue="OK", StateReason="x")) == (
        "ResourceNotFound"
    )
    assert refused(lambda: cloudwatch.describe_alarms(NextToken="nonsense")) == "InvalidNextToken"


def test_data_survive_many_writers_and_readers(platform, cloudwatch):
    failures = []

    def write(number):
        try:
            for turn in range(200):
                platform.cloudwatch.publish(AWAY, "Test/Many", "m", {"Writer": str(number % 2)}, float(turn))
        except Exception as error:  # noqa: BLE001 - whatever a thread met is the finding
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        cloudwatch.list_metrics(Namespace="Test/Many")
    for thread in threads:
        thread.join()
    assert failures == []
    counted = cloudwatch.get_metric_statistics(
        Namespace="Test/Many",
        MetricName="m",
        Dimensions=[{"Name": "Writer", "Value": "1"}],
        StartTime=platform.ago(3600),
        EndTime=(platform.clock.now() + seconds(60)).datetime,
        Period=60,
        Statistics=["SampleCount"],
    )["Datapoints"]
    assert sum(point["SampleCount"] for point in counted) == 600
