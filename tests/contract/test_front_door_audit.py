"""The trail: one line for each call, with CloudTrail's fields."""

from __future__ import annotations

import datetime
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clock import Clock, Instant
from harness.twin.api.audit import Audit, Caller, Entry
from harness.twin.api.front_door import FrontDoor
from harness.twin.calls import AwsError
from tests.contract.test_front_door import Endpoint, Fake

START = Instant(1_800_000_000_000_000_000)


def modify(call: Any) -> Any:
    if call.get("DBInstanceIdentifier") == "none":
        raise AwsError("DBInstanceNotFound", "DBInstance none not found.")
    return {"DBInstance": {"DBInstanceIdentifier": "db-1", "InstanceCreateTime": call.at.datetime}}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    trail = tmp_path_factory.mktemp("trail") / "audit.jsonl"
    rds = Fake("rds", {"ModifyDBInstance": modify, "DescribeDBInstances": lambda call: {"DBInstances": []}})
    door = FrontDoor(Clock.start(10), [rds], trail, {})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        door.serve(listening)
        yield Endpoint(door, listening.getsockname()[1], trail)
        door.close()


def test_a_change_is_told_with_caller_parameters_and_answer(endpoint: Endpoint) -> None:
    answer = endpoint.client("rds").modify_db_instance(DBInstanceIdentifier="db-1", MasterUserPassword="secret-1")
    told = endpoint.trail()[-1]
    assert told["userIdentity"] == {
        "type": "IAMUser",
        "principalId": "AIDAGAMEDAYTWIN",
        "arn": "arn:aws:iam::123456789012:user/gameday",
        "accountId": "123456789012",
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "userName": "gameday",
    }
    assert told["requestParameters"] == {"dBInstanceIdentifier": "db-1", "masterUserPassword": "****"}
    assert told["responseElements"]["dBInstance"]["dBInstanceIdentifier"] == "db-1"
    assert told["requestID"] == answer["ResponseMetadata"]["RequestId"]
    assert (told["eventSource"], told["eventName"]) == ("rds.amazonaws.com", "ModifyDBInstance")
    assert (told["readOnly"], told["eventType"], told["sourceIPAddress"]) == (False, "AwsApiCall", "127.0.0.1")
    assert "Boto3" in told["userAgent"]
    assert datetime.datetime.fromisoformat(told["eventTime"]).tzinfo == datetime.UTC
    assert told["additionalEventData"]["milliseconds"] > 0
    assert "secret-1" not in endpoint.trail_path.read_text()


def test_a_call_that_only_reads_keeps_no_answer(endpoint: Endpoint) -> None:
    endpoint.client("rds").describe_db_instances(MaxRecords=20)
    told = endpoint.trail()[-1]
    assert (told["readOnly"], told["responseElements"]) == (True, None)
    assert told["requestParameters"] == {"maxRecords": 20}


def test_a_refusal_is_told_with_its_code(endpoint: Endpoint) -> None:
    with pytest.raises(ClientError):
        endpoint.client("rds").modify_db_instance(DBInstanceIdentifier="none")
    told = endpoint.trail()[-1]
    assert (told["errorCode"], told["errorMessage"]) == ("DBInstanceNotFound", "DBInstance none not found.")
    assert told["responseElements"] is None


def test_what_moto_answers_is_told_alike(endpoint: Endpoint) -> None:
    answer = endpoint.client("sns").create_topic(Name="told")
    told = endpoint.trail()[-1]
    assert (told["eventSource"], told["requestParameters"]["name"]) == ("sns.amazonaws.com", "told")
    assert told["responseElements"]["topicArn"] == answer["TopicArn"]
    assert told["requestID"] == answer["ResponseMetadata"]["RequestId"]
    with pytest.raises(ClientError):
        endpoint.client("sqs").get_queue_url(QueueName="nobody")
    assert endpoint.trail()[-1]["errorCode"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_an_unsigned_call_is_told_too(endpoint: Endpoint) -> None:
    endpoint.raw("POST", "/", b"Action=DescribeDBInstances")
    told = endpoint.trail()[-1]
    assert (told["errorCode"], told["userIdentity"]["accessKeyId"]) == ("MissingAuthenticationToken", "anonymous")


def test_names_of_services_are_cloudtrails(endpoint: Endpoint) -> None:
    for service, operation, source in (
        ("cloudwatch", "describe_alarms", "monitoring.amazonaws.com"),
        ("elbv2", "describe_load_balancers", "elasticloadbalancing.amazonaws.com"),
        ("resourcegroupstaggingapi", "get_resources", "tagging.amazonaws.com"),
    ):
        with pytest.raises(ClientError):
            getattr(endpoint.client(service), operation)()
        assert endpoint.trail()[-1]["eventSource"] == source


def test_parameters_beyond_a_hundred_kilobytes_are_left_out(tmp_path: Path) -> None:
    with Audit(tmp_path / "audit.jsonl") as trail:
        for size in (10, 200_000):
            parameters = {"Data": "x" * size}
            trail.append(Entry(START, "sqs", "SendMessage", "us-east-1", Caller("key"), parameters, 1.0, "id"))
    small, large = (json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines())
    assert small["requestParameters"] == {"data": "x" * 10}
    assert large["requestParameters"] is None
