"""CloudWatch with its clockwork running at sixty times real time, SNS and SQS behind it, seen by boto3."""

import datetime
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from harness.clock import Clock, real_sleep, seconds
from harness.twin.api.cloudwatch.service import CloudWatch
from harness.twin.api.front_door import FrontDoor
from harness.twin.api.moto_gateway import Gateway
from harness.twin.api.tagging import Tagging
from harness.twin.api.topics import Topics, queue_name
from harness.twin.designs.model import AlarmPlan
from harness.twin.schedule import Scheduler
from tests.contract.cloudwatch_rig import AWAY, HOME, TAGS, client, design, shown

SPEED = 60.0
QUICK = AlarmPlan(
    "replica-lag", AWAY, "AgentAuri", "ReplicaHeartbeatLag", {"Region": AWAY}, 60.0, period=10, topic="alerts"
)
DEAD = AlarmPlan("rds-replica-lag-high", HOME, "AWS/RDS", "ReplicaLag", {"DBInstanceIdentifier": "r"}, 60.0)
DESIGN = design(QUICK, DEAD)


@dataclass
class Platform:
    clock: Clock
    cloudwatch: CloudWatch
    door: FrontDoor
    scheduler: Scheduler
    port: int

    def client(self, service: str, region: str = AWAY) -> Any:
        return client(self.port, service, region)

    def ago(self, span: float) -> datetime.datetime:
        return self.clock.now().back(seconds(span)).datetime


@pytest.fixture(scope="module")
def platform(tmp_path_factory) -> Iterator[Platform]:
    clock = Clock.start(SPEED)
    gateway = Gateway(clock)
    topics = Topics(gateway, DESIGN)
    gateway.load()
    scheduler = Scheduler(clock)
    cloudwatch = CloudWatch(clock, scheduler, DESIGN, topics.notify)
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


def test_alarms_come_in_pages(platform, cloudwatch):
    for number in range(5):
        cloudwatch.put_metric_alarm(
            AlarmName=f"page-{number}",
            Namespace="AgentAuri",
            MetricName="ReplicaHeartbeatLag",
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
