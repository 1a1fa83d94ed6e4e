"""What the lean XML writer says is read by botocore as what was meant."""

from __future__ import annotations

import datetime
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser

from harness.twin.api.xml_answer import XmlAnswer

MOMENT = datetime.datetime(2026, 11, 24, 13, 0, 0, 123000, datetime.UTC)
SESSION = botocore.session.Session()


def read(service: str, operation: str, output: dict[str, Any], protocol: str) -> Any:
    model = SESSION.get_service_model(service).operation_model(operation)
    body = XmlAnswer(model, protocol).body(output, "id-1")
    answer = create_parser(protocol).parse({"status_code": 200, "headers": {}, "body": body}, model.output_shape)
    assert answer.pop("ResponseMetadata")["RequestId"] == "id-1"
    return answer


@pytest.mark.parametrize(
    ("service", "operation", "protocol", "output"),
    [
        (
            "rds",
            "DescribeDBInstances",
            "query",
            {
                "DBInstances": [
                    {
                        "DBInstanceIdentifier": "a <b> & 'c' ü",
                        "MultiAZ": False,
                        "AllocatedStorage": 20,
                        "InstanceCreateTime": MOMENT,
                        "Endpoint": {"Address": "db.example", "Port": 5432},
                        "TagList": [{"Key": "k", "Value": ""}],
                        "ReadReplicaDBInstanceIdentifiers": [],
                    },
                    {"DBInstanceIdentifier": "b"},
                ],
                "Marker": "2",
            },
        ),
        (
            "ec2",
            "DescribeNetworkAcls",
            "ec2",
            {
                "NetworkAcls": [
                    {
                        "IsDefault": True,
                        "NetworkAclId": "acl-1",
                        "Entries": [{"RuleNumber": 1, "Egress": True, "PortRange": {"From": 1, "To": 2}}],
                        "Associations": [],
                    }
                ]
            },
        ),
        ("elbv2", "DescribeTags", "query", {"TagDescriptions": [{"ResourceArn": "arn", "Tags": []}]}),
        (
            "cloudwatch",
            "GetMetricData",
            "query",
            {"MetricDataResults": [{"Id": "a", "Values": [1.5], "Timestamps": [MOMENT]}]},
        ),
        ("sns", "GetTopicAttributes", "query", {"Attributes": {"Policy": '{"a": 1}', "Owner": "1"}}),
        ("rds", "DescribeEvents", "query", {"Events": [{"EventCategories": ["failover", "failure"], "Date": MOMENT}]}),
    ],
)
def test_botocore_reads_back_what_was_written(
    service: str, operation: str, protocol: str, output: dict[str, Any]
) -> None:
    assert read(service, operation, output, protocol) == output


def test_an_operation_without_an_answer_has_its_request_id() -> None:
    assert read("cloudwatch", "PutMetricAlarm", {}, "query") == {}


def test_what_the_model_does_not_know_and_what_is_not_there_are_left_out() -> None:
    assert read("rds", "DescribeDBInstances", {"Secret": "x", "Marker": None}, "query") == {}
