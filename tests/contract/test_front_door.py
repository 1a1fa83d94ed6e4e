"""The AWS endpoint as boto3 sees it: protocols, refusals, dark regions, the trail, moto behind it."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from harness.clock import Clock, monotonic_nanoseconds
from harness.errors import Refused
from harness.twin.api.front_door import FrontDoor
from harness.twin.api.moto_gateway import Gateway
from harness.twin.api.tagging import Tagging
from harness.twin.api.topics import Topics
from harness.twin.calls import AwsError
from harness.twin.designs.model import AlarmPlan, Design

SPEED = 10.0
TAGS = {"Project": "agentauri", "gameday:allowed": "true"}


class Fake:
    """A service of the twin with a few handlers."""

    def __init__(self, name, handlers, resources=()):
        self.name = name
        self._handlers = handlers
        self._resources = resources

    def handlers(self):
        return self._handlers

    def tagged(self, region):
        return [(arn, TAGS) for arn in self._resources if f":{region}:" in arn]


def describe_instances(call):
    wanted = call.get("DBInstanceIdentifier")
    if wanted == "none":
        raise AwsError("DBInstanceNotFound", "DBInstance <none> & not found.")
    if wanted == "bug":
        raise KeyError("a bug")
    instance = {
        "DBInstanceIdentifier": "db-1",
        "MultiAZ": True,
        "AllocatedStorage": 20,
        "InstanceCreateTime": call.at.datetime,
        "Endpoint": {"Address": "db-1.example", "Port": 5432},
        "TagList": [{"Key": key, "Value": value} for key, value in TAGS.items()],
        "ReadReplicaDBInstanceIdentifiers": [],
    }
    return {"DBInstances": [instance]}


def strike(parameters):
    if parameters.get("act") == "refuse":
        raise Refused("not today")
    return {"struck": parameters["act"]}


def services():
    rds = Fake("rds", {"DescribeDBInstances": describe_instances}, ["arn:aws:rds:us-east-1:123456789012:db:db-1"])
    acl = {"NetworkAcl": {"NetworkAclId": "acl-1", "Entries": [{"RuleNumber": 1, "Egress": False}]}}
    ec2 = Fake("ec2", {"CreateNetworkAcl": lambda call: acl})
    zone = {"Id": "/hostedzone/Z1", "Name": "a.example.", "CallerReference": "r"}
    zones = {"HostedZones": [zone], "IsTruncated": False, "MaxItems": "100", "Marker": ""}
    change = {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING"}}
    route53 = Fake(
        "route53",
        {
            "ListHostedZones": lambda call: zones,
            "ChangeResourceRecordSets": lambda call: {
                "ChangeInfo": change["ChangeInfo"]
                | {"SubmittedAt": call.at.datetime, "Comment": call.parameters["HostedZoneId"]}
            },
        },
    )
    task = {"taskArn": "arn:task", "lastStatus": "RUNNING", "tags": [{"key": "a", "value": "b"}]}
    ecs = Fake(
        "ecs", {"DescribeTasks": lambda call: {"tasks": [task | {"createdAt": call.at.datetime}], "failures": []}}
    )
    health = {"Target": {"Id": "10.1.11.20", "Port": 8080}, "TargetHealth": {"State": "healthy"}}
    elb = Fake("elbv2", {"DescribeTargetHealth": lambda call: {"TargetHealthDescriptions": [health]}})
    group = {"ReplicationGroupId": "cache", "Status": "available", "MemberClusters": ["cache-001"]}
    cache = Fake("elasticache", {"DescribeReplicationGroups": lambda call: {"ReplicationGroups": [group]}})
    return [rds, ec2, route53, ecs, elb, cache]


def design():
    alarm = AlarmPlan("lag", "us-east-1", "AgentAuri", "Lag", {}, 60.0)
    empty = ((),) * 9
    regions, locations, *others = empty
    return Design("test", "hardened", regions, locations, {}, *others, alarms=(alarm,), app={}, timings={}, tags=TAGS)


@dataclass
class Endpoint:
    door: FrontDoor
    port: int
    trail_path: object

    def client(self, service, region="us-east-1"):
        config = Config(retries={"total_max_attempts": 1}, user_agent_extra="gameday/run-7", max_pool_connections=12)
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
            config=config,
        )

    def raw(self, method, path, body=b"", **headers):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def trail(self):
        return [json.loads(line) for line in self.trail_path.read_text().splitlines()]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory) -> Iterator[Endpoint]:
    clock = Clock.start(SPEED)
    gateway = Gateway(clock)
    built = services()
    topics = Topics(gateway, design())
    path = tmp_path_factory.mktemp("trail") / "trail.jsonl"
    routes = {"strike": strike, "status": lambda parameters: {"up": True}}
    door = FrontDoor(clock, [*built, Tagging([*built, topics])], path, routes, gateway)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        door.serve(listening)
        yield Endpoint(door, listening.getsockname()[1], path)
        door.close()


def refused(call):
    with pytest.raises(ClientError) as error:
        call()
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def signed(service, region="us-east-1"):
    scope = f"Credential=AKIAIOSFODNN7EXAMPLE/20261123/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"


def test_query(endpoint):
    answer = endpoint.client("rds").describe_db_instances()
    instance = answer["DBInstances"][0]
    assert (instance["MultiAZ"], instance["AllocatedStorage"], instance["Endpoint"]["Port"]) == (True, 20, 5432)
    assert {tag["Key"]: tag["Value"] for tag in instance["TagList"]} == TAGS
    assert instance["ReadReplicaDBInstanceIdentifiers"] == []
    assert instance["InstanceCreateTime"].tzinfo is not None
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_ec2(endpoint):
    acl = endpoint.client("ec2").create_network_acl(VpcId="vpc-1")["NetworkAcl"]
    assert acl["NetworkAclId"] == "acl-1"
    assert acl["Entries"] == [{"RuleNumber": 1, "Egress": False}]


def test_dry_run_changes_nothing(endpoint):
    assert refused(lambda: endpoint.client("ec2").create_network_acl(VpcId="v", DryRun=True)) == (
        "DryRunOperation",
        412,
    )


def test_rest_xml(endpoint):
    route53 = endpoint.client("route53")
    assert route53.list_hosted_zones()["HostedZones"][0]["Name"] == "a.example."
    record = {"Name": "a.example", "Type": "A", "TTL": 10, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    answer = route53.change_resource_record_sets(HostedZoneId="Z1", ChangeBatch=batch)
    assert answer["ChangeInfo"]["Comment"] == "Z1"


def test_json_and_the_other_queries(endpoint):
    task = endpoint.client("ecs").describe_tasks(tasks=["t"])["tasks"][0]
    assert task["tags"] == [{"key": "a", "value": "b"}]
    health = endpoint.client("elbv2").describe_target_health(TargetGroupArn="t")["TargetHealthDescriptions"]
    assert health[0]["TargetHealth"]["State"] == "healthy"
    groups = endpoint.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    assert groups[0]["MemberClusters"] == ["cache-001"]


def test_an_error_has_the_code_and_status_of_the_model(endpoint):
    rds = endpoint.client("rds")
    assert refused(lambda: rds.describe_db_instances(DBInstanceIdentifier="none")) == ("DBInstanceNotFound", 404)
    with pytest.raises(rds.exceptions.DBInstanceNotFoundFault, match="<none> & not found"):
        rds.describe_db_instances(DBInstanceIdentifier="none")


def test_a_bug_shows_no_traceback(endpoint):
    call = b"Action=DescribeDBInstances&Version=2014-10-31&DBInstanceIdentifier=bug"
    form = "application/x-www-form-urlencoded; charset=utf-8"
    status, body = endpoint.raw("POST", "/", call, Authorization=signed("rds"), Content_Type=form)
    assert status == 500
    assert b"InternalFailure" in body
    assert b"KeyError" not in body
    assert endpoint.trail()[-1]["errorCode"] == "InternalFailure"


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("rds", "stop_db_instance", {"DBInstanceIdentifier": "x"}),
        ("ec2", "describe_vpcs", {}),
        ("route53", "get_health_check_status", {"HealthCheckId": "x"}),
        ("ecs", "list_services", {}),
        ("ssm", "describe_parameters", {}),
        ("fis", "list_experiments", {}),
        ("s3", "list_buckets", {}),
        ("arc-region-switch", "list_plans", {}),
        ("autoscaling", "describe_auto_scaling_groups", {}),
        ("iam", "list_service_specific_credentials", {}),
    ],
)
def test_what_is_not_built_says_so_in_every_protocol(endpoint, service, operation, given):
    client = endpoint.client(service)
    assert refused(lambda: getattr(client, operation)(**given)) == ("NotImplementedByTwin", 501)


@pytest.mark.parametrize(
    ("service", "body", "content", "code"),
    [
        ("rds", b"Action=DescribeDBInstances&MaxRecords=many", "application/x-www-form-urlencoded", b"MalformedInput"),
        ("rds", b"Action=NoSuch", "application/x-www-form-urlencoded", b"InvalidAction"),
        ("rds", b"\xff\xfe", "application/x-www-form-urlencoded", b"MalformedInput"),
        ("rds", b"", "application/x-www-form-urlencoded", b"MissingAction"),
        ("ecs", b"{not json", "application/x-amz-json-1.1", b"SerializationException"),
        ("ecs", b"[1]", "application/x-amz-json-1.1", b"SerializationException"),
        ("ecs", b'{"tasks": "one"}', "application/x-amz-json-1.1", b"SerializationException"),
        ("ecs", b'{"tasks": [1]}', "application/x-amz-json-1.1", b"InvalidParameterException"),
        ("ecs", b"{}", "application/x-amz-json-1.1", b"InvalidParameterException"),
        ("nosuchservice", b"{}", "application/x-amz-json-1.1", b"UnknownOperationException"),
    ],
)
def test_malformed_calls_are_refused(endpoint, service, body, content, code):
    target = "AmazonEC2ContainerServiceV20141113.DescribeTasks"
    status, answer = endpoint.raw(
        "POST", "/", body, Authorization=signed(service), Content_Type=content, X_Amz_Target=target
    )
    assert status == 400, answer
    assert code in answer


def test_malformed_xml_is_refused(endpoint):
    path = "/2013-04-01/hostedzone/Z1/rrset/"
    status, answer = endpoint.raw("POST", path, b"<Change", Authorization=signed("route53"), Content_Type="text/xml")
    assert (status, b"MalformedInput" in answer) == (400, True)


@pytest.mark.parametrize("bytes_sent", [b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
def test_what_is_no_http_ends_the_connection(endpoint, bytes_sent):
    with socket.create_connection(("127.0.0.1", endpoint.port), timeout=10) as connection:
        connection.sendall(bytes_sent)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_an_unsigned_call_is_refused(endpoint):
    status, body = endpoint.raw("POST", "/", b"Action=DescribeDBInstances")
    assert (status, b"MissingAuthenticationToken" in body) == (403, True)


def test_enums_and_maxima_are_enforced(endpoint):
    record = {"Name": "a.example", "Type": "BAD", "TTL": 10}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    change = endpoint.client("route53").change_resource_record_sets
    assert refused(lambda: change(HostedZoneId="Z1", ChangeBatch=batch)) == ("InvalidInput", 400)
    get = endpoint.client("resourcegroupstaggingapi").get_resources
    filters = [{"Key": "k" * 200}]
    assert refused(lambda: get(TagFilters=filters)) == ("InvalidParameterException", 400)


def test_a_dark_region_does_not_answer(endpoint):
    endpoint.door.darken("us-east-1")
    try:
        for service, call in (("rds", "describe_db_instances"), ("sts", "get_caller_identity")):
            with pytest.raises(ConnectionClosedError):
                getattr(endpoint.client(service), call)()
        with pytest.raises(ConnectionClosedError):
            endpoint.client("route53", "eu-west-1").list_hosted_zones()
        with pytest.raises(AwsError, match="EndpointUnreachable"):
            endpoint.door.call("rds", "DescribeDBInstances", "us-east-1", {}, "automation")
        assert endpoint.client("rds", "eu-west-1").describe_db_instances()["DBInstances"]
    finally:
        endpoint.door.lighten("us-east-1")
    assert endpoint.client("rds").describe_db_instances()["DBInstances"]


def test_in_process_calls_are_checked_and_audited(endpoint):
    call = endpoint.door.call
    assert call("rds", "DescribeDBInstances", "us-east-1", {}, "automation")["DBInstances"]
    assert endpoint.trail()[-1]["userIdentity"] == {"type": "AWSService", "invokedBy": "automation"}
    for service, operation, given, code in (
        ("rds", "DescribeDBInstances", {"MaxRecords": "x"}, "InvalidParameterValue"),
        ("rds", "StopDBInstance", {}, "MissingParameter"),
        ("rds", "StopDBInstance", {"DBInstanceIdentifier": "x"}, "NotImplementedByTwin"),
        ("rds", "NoSuch", {}, "UnknownOperationException"),
        ("rds", "DescribeDBInstances", {"DBInstanceIdentifier": "bug"}, "InternalFailure"),
        ("sqs", "GetQueueUrl", {"QueueName": "nope"}, "AWS.SimpleQueueService.NonExistentQueue"),
    ):
        with pytest.raises(AwsError) as error:
            call(service, operation, "us-east-1", given, "automation")
        assert error.value.code == code
        assert endpoint.trail()[-1]["errorCode"] == code
    assert call("sts", "GetCallerIdentity", "us-east-1", {}, "automation")["Account"] == "123456789012"


def test_the_trail_tells_who_did_what(endpoint):
    endpoint.client("rds").describe_db_instances(MaxRecords=20)
    last = endpoint.trail()[-1]
    assert last["userIdentity"]["accessKeyId"] == "AKIAIOSFODNN7EXAMPLE"
    assert "gameday/run-7" in last["userAgent"]
    assert (last["eventSource"], last["eventName"]) == ("rds.amazonaws.com", "DescribeDBInstances")
    assert (last["awsRegion"], last["requestParameters"]) == ("us-east-1", {"maxRecords": 20})
    refused(lambda: endpoint.client("dynamodb").describe_table(TableName="nope"))
    assert endpoint.trail()[-1]["errorCode"] == "ResourceNotFoundException"


def test_own_routes(endpoint):
    before = len(endpoint.trail())
    assert endpoint.raw("GET", "/_twin/status") == (200, b'{"up": true}')
    assert len(endpoint.trail()) == before
    assert endpoint.raw("POST", "/_twin/strike", b'{"act": "lose", "region": "us-east-1"}')[0] == 200
    last = endpoint.trail()[-1]
    assert last["userIdentity"]["invokedBy"] == "nature"
    assert (last["eventName"], last["awsRegion"]) == ("lose", "us-east-1")
    assert endpoint.raw("POST", "/_twin/strike", b'{"act": "refuse"}')[0] == 409
    assert endpoint.raw("POST", "/_twin/strike", b"{")[0] == 400
    assert endpoint.raw("POST", "/_twin/strike", b"{}")[0] == 500
    assert endpoint.raw("GET", "/_twin/nope")[0] == 404


def test_tagging_filters_and_pages(endpoint):
    client = endpoint.client("resourcegroupstaggingapi")
    everything = client.get_resources(TagFilters=[{"Key": "gameday:allowed", "Values": ["true"]}])
    arns = [item["ResourceARN"] for item in everything["ResourceTagMappingList"]]
    assert arns == [
        "arn:aws:rds:us-east-1:123456789012:db:db-1",
        "arn:aws:sns:us-east-1:123456789012:agentauri-alerts",
        "arn:aws:sqs:us-east-1:123456789012:agentauri-alerts-gameday",
    ]
    pages = client.get_paginator("get_resources").paginate(PaginationConfig={"PageSize": 1})
    assert [item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]] == arns
    only = client.get_resources(ResourceTypeFilters=["rds:db", "sns"])["ResourceTagMappingList"]
    assert [item["ResourceARN"] for item in only] == arns[:2]
    assert client.get_resources(ResourceTypeFilters=["rds:cluster"])["ResourceTagMappingList"] == []
    assert client.get_resources(TagFilters=[{"Key": "Project", "Values": ["x"]}])["ResourceTagMappingList"] == []


def test_dynamodb_conditional_writes(endpoint):
    table = endpoint.client("dynamodb")
    key = {"AttributeName": "id", "AttributeType": "S"}
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    table.create_table(TableName="t", AttributeDefinitions=[key], KeySchema=schema, BillingMode="PAY_PER_REQUEST")
    put = {"TableName": "t", "Item": {"id": {"S": "lock"}}, "ConditionExpression": "attribute_not_exists(id)"}
    outcomes = []

    def take():
        try:
            endpoint.client("dynamodb").put_item(**put)
            outcomes.append("taken")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ConditionalCheckFailedException"] * 3 + ["taken"]


def test_a_long_poll_waits_in_aws_time_and_blocks_nobody(endpoint):
    sqs = endpoint.client("sqs")
    url = sqs.create_queue(QueueName="blocks-nobody")["QueueUrl"]
    began = monotonic_nanoseconds()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)
    assert 0.45 <= (monotonic_nanoseconds() - began) / 1e9 <= 1.5
    got = []
    waiting = threading.Thread(
        target=lambda: got.append(endpoint.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20))
    )
    waiting.start()
    assert endpoint.client("sts").get_caller_identity()["Account"] == "123456789012"
    sqs.send_message(QueueUrl=url, MessageBody="here")
    waiting.join(timeout=5)
    assert got[0]["Messages"][0]["Body"] == "here"


def test_many_threads_at_once(endpoint):
    failures = []

    def work(number):
        try:
            rds, sts = endpoint.client("rds"), endpoint.client("sts")
            for _ in range(10):
                rds.describe_db_instances()
                sts.get_caller_identity()
                endpoint.client("sns").list_topics() if number == 0 else None
        except Exception as error:  # noqa: BLE001 - whatever a thread met is the finding
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_gzip_body_is_read(endpoint):
    body = gzip.compress(b"Action=DescribeDBInstances&Version=2014-10-31")
    form = "application/x-www-form-urlencoded"
    headers = {"Authorization": signed("rds"), "Content_Type": form, "Content_Encoding": "gzip"}
    assert endpoint.raw("POST", "/", body, **headers)[0] == 200
    assert endpoint.raw("POST", "/", b"no gzip", **headers)[0] == 400
