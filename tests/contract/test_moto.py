"""What the twin relies on in moto, called as boto3 calls it: a new moto that breaks any of it fails here, loudly."""

from __future__ import annotations

import importlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import Clock, Instant, seconds
from harness.twin.api.front_door import FrontDoor
from harness.twin.api.moto_gateway import MOTO_SERVICES, Gateway
from harness.twin.api.tagging import Tagging
from harness.twin.api.topics import Topics
from harness.twin.designs.catalogue import design

HOME = Path(__file__).resolve().parents[2]
SPEED = 10
PINNED = "5.2.5"


@dataclass
class Aws:
    clock: Clock
    url: str

    def __call__(self, service: str, region: str = "us-east-1", **keys: str) -> Any:
        keys = keys or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        # The twin validates, not the client.
        config = Config(retries={"total_max_attempts": 1}, read_timeout=20, parameter_validation=False)
        return boto3.client(service, region_name=region, endpoint_url=self.url, config=config, **keys)


class Own:
    """A service of the twin with tagged resources, one of which lost its tags."""

    def tagged(self, region: str) -> list[tuple[str, dict[str, str]]]:
        if region != "us-east-1":
            return []
        kinds = {"rds": ("db:w-1", "cluster:w"), "elasticache": ("cluster:c", "replicationgroup:c")}
        return [
            (f"arn:aws:{service}:{region}:123456789012:{name}", {"kind": name.partition(":")[0]})
            for service, names in kinds.items()
            for name in names
        ] + [(f"arn:aws:rds:{region}:123456789012:db:bare", {})]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    clock = Clock.start(SPEED)
    gateway = Gateway(clock)
    tagging = Tagging([Own(), Topics(gateway, design("active_passive", "hardened"))])
    door = FrontDoor(clock, [tagging], tmp_path_factory.mktemp("audit") / "audit.jsonl", {}, gateway)
    listening = socket.create_server(("127.0.0.1", 0))
    door.serve(listening)
    yield Aws(clock, f"http://127.0.0.1:{listening.getsockname()[1]}")
    door.close()


def refused(code: str, status: int = 400) -> Any:
    return pytest.raises(ClientError, match=rf"\({re.escape(code)}\)", check=lambda error: _status(error) == status)


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def test_the_moto_that_runs_is_the_one_that_is_pinned_everywhere() -> None:
    assert metadata.version("moto") == PINNED, "read docs/twin-fidelity/moto.md before moving the pin"
    for file, pin in (("pyproject.toml", "moto=="), ("requirements.in", "moto=="), ("requirements.lock", "moto==")):
        pins = re.findall(rf"\b{pin}([\w.]+)", (HOME / file).read_text())
        assert pins == [PINNED], file


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            "moto.core.parse",
            "PROTOCOL_PARSERS JSONParser JSONParser._parse_list JSONParser._parse_integer RequestParserError",
        ),
        ("moto.core.request", "Request"),
        ("moto.core.resource_tagging", "iter_taggable_backends"),
        ("moto.core.routing", "get_service_router"),
        ("moto.core.serialize", "SerializationContext get_serializer_class"),
        ("moto.core.utils", "get_service_model"),
        ("moto.sqs.models", "unix_time unix_time_millis SQSBackend.iter_tagged_resources"),
        (
            "moto.sns.models",
            "iso_8601_datetime_with_milliseconds Subscription.private_key SNSBackend.iter_tagged_resources",
        ),
        ("moto.dynamodb.models", "DynamoDBBackend.iter_tagged_resources"),
        ("moto.sts.responses", "TokenResponse.dispatch"),
        ("moto.iam.responses", "IamResponse.dispatch"),
        ("moto.sns.responses", "SNSResponse.dispatch"),
        ("moto.sqs.responses", "SQSResponse.dispatch"),
        ("moto.dynamodb.responses", "DynamoHandler.dispatch"),
        (
            "botocore.validate",
            "ParamValidator._validate_string ParamValidator._validate_integer ParamValidator._validate_list",
        ),
    ],
)
def test_the_private_names_that_the_gateway_uses_are_there(aws: Aws, module: str, names: str) -> None:
    aws("sts").get_caller_identity()
    for name in names.split():
        found = importlib.import_module(module)
        for part in name.split("."):
            assert hasattr(found, part), f"{module} has no {name} any more"
            found = getattr(found, part)


def test_an_identity_and_an_assumed_role(aws: Aws) -> None:
    assert aws("sts").get_caller_identity()["Account"] == "123456789012"
    role = aws("iam").create_role(RoleName="operator", AssumeRolePolicyDocument=_policy("sts:AssumeRole"))["Role"][
        "Arn"
    ]
    assumed = aws("sts").assume_role(RoleArn=role, RoleSessionName="night-shift")
    given = assumed["Credentials"]
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    told = aws("sts", **keys).get_caller_identity()["Arn"]
    assert told == "arn:aws:sts::123456789012:assumed-role/operator/night-shift"
    with refused("ValidationError"):
        aws("sts").assume_role(RoleArn="short", RoleSessionName="night-shift")


def test_roles_and_policies_of_iam(aws: Aws) -> None:
    iam = aws("iam")
    role = {"RoleName": "gameday", "AssumeRolePolicyDocument": _policy("sts:AssumeRole")}
    iam.create_role(**role)
    with refused("EntityAlreadyExists", 409):
        iam.create_role(**role)
    policy = iam.create_policy(PolicyName="faults", PolicyDocument=_policy("rds:*"))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="gameday", PolicyArn=policy)
    iam.put_role_policy(RoleName="gameday", PolicyName="inline", PolicyDocument=_policy("sqs:*"))
    attached = iam.list_attached_role_policies(RoleName="gameday")["AttachedPolicies"]
    assert [each["PolicyName"] for each in attached] == ["faults"]
    kept = iam.get_role_policy(RoleName="gameday", PolicyName="inline")["PolicyDocument"]
    assert kept["Statement"][0]["Action"] == "sqs:*"
    with refused("DeleteConflict", 409):
        iam.delete_role(RoleName="gameday")
    with refused("NoSuchEntity", 404):
        iam.get_role(RoleName="nobody")
    with refused("MalformedPolicyDocument"):
        iam.create_policy(PolicyName="bad", PolicyDocument="{")


def test_a_topic_reaches_a_queue_in_another_region(aws: Aws) -> None:
    sns, sqs = aws("sns"), aws("sqs", "eu-west-1")
    topic = sns.create_topic(Name="across")["TopicArn"]
    url = sqs.create_queue(QueueName="across")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    before = aws.clock.now()
    sns.publish(TopicArn=topic, Subject="ALARM", Message="the writer is gone")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, AttributeNames=["All"])["Messages"]
    body = json.loads(message["Body"])
    assert (body["Type"], body["TopicArn"], body["Subject"]) == ("Notification", topic, "ALARM")
    assert body["Message"] == "the writer is gone"
    sent = Instant(int(message["Attributes"]["SentTimestamp"]) * 1_000_000)
    assert seconds(-1) < sent - before < seconds(60), "queues tell AWS time"
    assert body["Timestamp"].startswith(str(before)[:16]) or body["Timestamp"].startswith(str(aws.clock.now())[:16])


def test_a_long_poll_waits_in_aws_time_ends_at_a_message_and_holds_no_lock(aws: Aws) -> None:
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="poll")["QueueUrl"]
    began = aws.clock.now()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)
    assert seconds(5) <= aws.clock.now() - began < seconds(15)
    with ThreadPoolExecutor(8) as pool:
        polls = [pool.submit(lambda: aws("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)) for _ in range(7)]
        calls, began = 0, aws.clock.now()
        while aws.clock.now() - began < seconds(6):
            aws("sts").get_caller_identity()
            calls += 1
        assert calls >= 2, "calls pass while others poll"
        sent = aws.clock.now()
        for number in range(7):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))
        bodies = [body for poll in polls for body in _bodies(poll.result())]
        assert aws.clock.now() - sent < seconds(14), "a poll ends when a message comes, not when its time is over"
    while len(bodies) < 7 and (rest := _bodies(sqs.receive_message(QueueUrl=url))):
        bodies += rest
    assert sorted(bodies) == [str(number) for number in range(7)], "each message once, and to one poll"


def test_visibility_and_delay_pass_in_aws_time(aws: Aws) -> None:
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="again")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=8)
    began = aws.clock.now()
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    (first,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, VisibilityTimeout=10)["Messages"]
    seen = aws.clock.now()
    assert seconds(7) < seen - began < seconds(18)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    (again,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert again["MessageId"] == first["MessageId"]
    assert aws.clock.now() - seen > seconds(8)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counted["ApproximateNumberOfMessages"] == counted["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_unknown_queues_and_topics_are_refused(aws: Aws) -> None:
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        aws("sqs").get_queue_url(QueueName="nowhere")
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        aws("sqs").receive_message(QueueUrl=f"{aws.url}/123456789012/nowhere", WaitTimeSeconds=20)
    with refused("NotFound", 404):
        aws("sns").get_topic_attributes(TopicArn="arn:aws:sns:us-east-1:123456789012:nowhere")
    with refused("NotFound", 404):
        aws("sns").publish(TopicArn="arn:aws:sns:us-east-1:123456789012:nowhere", Message="m")
    with refused("InvalidParameter"):
        aws("sns").delete_topic(TopicArn="nowhere")


def test_what_moto_stumbles_over_is_told_so_and_leaves_no_traceback(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    with refused("NotImplementedByTwin", 501):
        aws("sns").list_subscriptions(NextToken="no number")
    with refused("NotImplementedByTwin", 501):
        aws("dynamodb").describe_import(
            ImportArn="arn:aws:dynamodb:us-east-1:123456789012:table/nowhere/import/1234567890"
        )
    assert "moto fails at sns.ListSubscriptions" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.fixture(scope="module")
def table(aws: Aws) -> Iterator[Any]:
    """moto is one a process: what other tests could meet is taken away again."""
    aws("dynamodb").create_table(
        TableName="contract-locks",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield aws("dynamodb")
    aws("dynamodb").delete_table(TableName="contract-locks")


@pytest.fixture
def labelled(aws: Aws, table: Any) -> Iterator[str]:
    """The ARN of a tagged table; a tagged topic and queue beside it, and a queue in another region."""
    arn = table.describe_table(TableName="contract-locks")["Table"]["TableArn"]
    table.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "sre"}])
    topic = aws("sns").create_topic(Name="mine", Tags=[{"Key": "team", "Value": "sre"}])["TopicArn"]
    near = aws("sqs").create_queue(QueueName="mine", tags={"team": "web"})["QueueUrl"]
    far = aws("sqs", "eu-west-1").create_queue(QueueName="far", tags={"team": "sre"})["QueueUrl"]
    yield arn
    aws("sns").delete_topic(TopicArn=topic)
    aws("sqs").delete_queue(QueueUrl=near)
    aws("sqs", "eu-west-1").delete_queue(QueueUrl=far)


def test_of_many_conditional_writes_one_wins(aws: Aws, table: Any) -> None:
    def take(owner: int) -> str:
        item = {"id": {"S": "lock"}, "owner": {"N": str(owner)}}
        try:
            aws("dynamodb").put_item(
                TableName="contract-locks", Item=item, ConditionExpression="attribute_not_exists(id)"
            )
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "won"

    start = threading.Barrier(8)

    def race(owner: int) -> str:
        start.wait()
        return take(owner)

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(race, range(8)))
    assert sorted(told) == ["ConditionalCheckFailedException"] * 7 + ["won"]
    kept = table.get_item(TableName="contract-locks", Key={"id": {"S": "lock"}}, ConsistentRead=True)["Item"]
    assert kept["owner"]["N"] == str(told.index("won"))
    renew = {"TableName": "contract-locks", "Key": {"id": {"S": "lock"}}, "UpdateExpression": "SET lease = :l"}
    owned = {"ConditionExpression": "#o = :o", "ExpressionAttributeNames": {"#o": "owner"}}
    with refused("ConditionalCheckFailedException"):
        table.update_item(**renew, **owned, ExpressionAttributeValues={":l": {"N": "9"}, ":o": {"N": "99"}})
    mine = {":l": {"N": "9"}, ":o": kept["owner"]}
    changed = table.update_item(**renew, **owned, ExpressionAttributeValues=mine, ReturnValues="ALL_NEW")
    assert changed["Attributes"]["lease"]["N"] == "9"


def test_a_transaction_writes_all_or_nothing_and_says_why(table: Any) -> None:
    def put(name: str, **condition: str) -> dict[str, Any]:
        return {"Put": {"TableName": "contract-locks", "Item": {"id": {"S": name}}, **condition}}

    fresh = {"ConditionExpression": "attribute_not_exists(id)"}
    table.transact_write_items(TransactItems=[put("one", **fresh), put("two", **fresh)])
    with pytest.raises(ClientError) as cancelled:
        table.transact_write_items(TransactItems=[put("three"), put("one", **fresh)])
    assert cancelled.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons = [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed"]
    assert "Item" not in table.get_item(TableName="contract-locks", Key={"id": {"S": "three"}})
    assert "Item" in table.get_item(TableName="contract-locks", Key={"id": {"S": "two"}})


def test_tables_that_are_not_there_or_there_already_are_refused(aws: Aws, table: Any) -> None:
    with refused("ResourceNotFoundException"):
        table.get_item(TableName="nowhere", Key={"id": {"S": "x"}})
    with refused("ResourceNotFoundException"):
        aws("dynamodb", "eu-west-1").describe_table(TableName="contract-locks")
    with refused("ResourceInUseException"):
        table.create_table(
            TableName="contract-locks",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    with refused("ValidationException"):
        table.put_item(TableName="contract-locks", Item={"other": {"S": "x"}})


def test_the_tagging_api_knows_what_moto_keeps(aws: Aws, table: Any, labelled: str) -> None:
    tagging = aws("resourcegroupstaggingapi")

    def found(**wanted: Any) -> list[str]:
        return [each["ResourceARN"].partition("us-east-1:123456789012:")[2] for each in _all(tagging, **wanted)]

    team = {"TagFilters": [{"Key": "team"}]}
    assert found(**team) == ["table/contract-locks", "mine", "mine"]
    assert found(TagFilters=[{"Key": "team", "Values": ["web"]}]) == ["mine"]
    assert found(**team, ResourceTypeFilters=["dynamodb:table"]) == ["table/contract-locks"]
    assert found(**team, ResourceTypeFilters=["sns", "sqs"]) == ["mine", "mine"]
    assert found(**team, ResourcesPerPage=1) == ["table/contract-locks", "mine", "mine"]
    seeds = found(TagFilters=[{"Key": "gameday:allowed", "Values": ["true"]}])
    assert {"agentauri-alerts", "agentauri-alerts-gameday"} <= set(seeds)
    assert tagging.get_tag_values(Key="team")["TagValues"] == ["sre", "web"]
    assert "team" in tagging.get_tag_keys()["TagKeys"]
    table.untag_resource(ResourceArn=labelled, TagKeys=["team"])
    assert "table/contract-locks" not in found(**team)
    with refused("InvalidParameterException"):
        tagging.get_resources(ResourceARNList=[labelled], ResourceTypeFilters=["sns"])
    with refused("InvalidParameterException"):
        tagging.get_resources(ResourcesPerPage=101)
    with refused("PaginationTokenExpiredException"):
        tagging.get_resources(PaginationToken="nobody gave this")


def test_the_tagging_api_knows_the_twins_own_resources(aws: Aws) -> None:
    tagging = aws("resourcegroupstaggingapi")
    pages = [tagging.get_resources(ResourcesPerPage=2, ResourceTypeFilters=["rds", "elasticache:cluster"])]
    while token := pages[-1]["PaginationToken"]:
        again = {"ResourcesPerPage": 2, "ResourceTypeFilters": ["rds", "elasticache:cluster"]}
        pages.append(tagging.get_resources(PaginationToken=token, **again))
    found = [each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]]
    own = "arn:aws:{}:us-east-1:123456789012:{}"
    assert found == [
        own.format("elasticache", "cluster:c"),
        own.format("rds", "cluster:w"),
        own.format("rds", "db:w-1"),
    ]
    (one,) = tagging.get_resources(TagFilters=[{"Key": "kind", "Values": ["db", "x"]}])["ResourceTagMappingList"]
    assert one == {"ResourceARN": own.format("rds", "db:w-1"), "Tags": [{"Key": "kind", "Value": "db"}]}
    named = tagging.get_resources(ResourceARNList=[own.format("rds", "cluster:w")])["ResourceTagMappingList"]
    assert [each["ResourceARN"] for each in named] == [own.format("rds", "cluster:w")]
    assert aws("resourcegroupstaggingapi", "ap-south-1").get_resources()["ResourceTagMappingList"] == []


def test_what_moto_does_not_build_says_so(aws: Aws) -> None:
    assert set(MOTO_SERVICES) == {"sts", "iam", "sns", "sqs", "dynamodb"}
    with refused("NotImplementedByTwin", 501):
        aws("iam").simulate_principal_policy(PolicySourceArn="arn:aws:iam::123456789012:role/x", ActionNames=["a:b"])
    with refused("NotImplementedByTwin", 501):
        aws("resourcegroupstaggingapi").tag_resources(ResourceARNList=["arn:aws:sns:us-east-1:1:x"], Tags={"a": "b"})


def _policy(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action}
    who = {"Principal": {"Service": "ecs.amazonaws.com"}} if action == "sts:AssumeRole" else {"Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | who]})


def _bodies(answer: Any) -> list[str]:
    return [message["Body"] for message in answer.get("Messages", [])]


def _all(tagging: Any, **wanted: Any) -> list[Any]:
    pages = tagging.get_paginator("get_resources").paginate(**wanted)
    return [each for page in pages for each in page["ResourceTagMappingList"]]
