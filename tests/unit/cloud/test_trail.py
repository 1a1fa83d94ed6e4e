"""Every call is heard as botocore makes it, and is written down whatever happens to the disk."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from harness.clock import Anchor, Clock
from harness.cloud import trail
from harness.cloud.session import Cloud
from harness.cloud.trail import CallMade, Trail, kept, overhear, told
from harness.errors import CloudFault

ARN = "arn:aws:sts::123456789012:assumed-role/gameday/night"
MILLION = 1_000_000
CALL = CallMade("rds", "us-east-1", "stop_db_instance", "StopDBInstance", {}, 5 * MILLION, 17 * MILLION, 2, "ok")


def client(service: str, **more: Any) -> tuple[Any, list[CallMade]]:
    made = boto3.client(service, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b", **more)
    calls: list[CallMade] = []
    overhear(made, "us-east-1", calls.append)
    return made, calls


@pytest.fixture
def opened(tmp_path):
    made = Trail(tmp_path / "calls.jsonl", Clock(10, Anchor(0, 1000 * MILLION)), ARN, "active_passive/dark")
    yield made
    made.close()


def lines(path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "calls.jsonl").read_text().splitlines()]


def test_each_page_of_a_paginated_call_is_a_call():
    ecs, calls = client("ecs")
    with Stubber(ecs) as stub:
        stub.add_response("list_clusters", {"clusterArns": ["one"], "nextToken": "more"}, {})
        stub.add_response("list_clusters", {"clusterArns": ["two"]}, {"nextToken": "more"})
        pages = list(ecs.get_paginator("list_clusters").paginate())
    assert len(pages) == 2
    assert [call.parameters for call in calls] == [{}, {"nextToken": "more"}]
    assert {(call.service, call.method, call.operation, call.outcome) for call in calls} == {
        ("ecs", "list_clusters", "ListClusters", "ok")
    }
    assert all(call.milliseconds > 0 for call in calls)


def test_a_refusal_is_heard_by_awss_own_code():
    rds, calls = client("rds")
    with Stubber(rds) as stub:
        stub.add_client_error("stop_db_instance", "InvalidDBInstanceState", "it is busy", 400)
        with pytest.raises(ClientError):
            rds.stop_db_instance(DBInstanceIdentifier="one")
    assert [(call.operation, call.outcome) for call in calls] == [("StopDBInstance", "InvalidDBInstanceState")]


def test_what_nobody_answers_is_unreachable_and_its_retries_are_counted():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = Config(retries={"mode": "standard", "total_max_attempts": 2})
    sts, calls = client("sts", endpoint_url=f"http://127.0.0.1:{port}", config=config)
    with pytest.raises(EndpointConnectionError):
        sts.get_caller_identity()
    assert [(call.outcome, call.retries) for call in calls] == [("Unreachable", 1)]


def test_a_call_that_is_never_sent_is_none():
    rds, calls = client("rds")
    with pytest.raises(Exception, match="Missing required parameter"):
        rds.stop_db_instance()
    assert calls == []


def test_a_line_says_when_who_what_why_how_long_and_with_which_end(opened, tmp_path):
    opened.phase = "inject"
    opened.note(CALL)
    assert lines(tmp_path) == [
        {
            "at": 1050 * MILLION,  # AWS time: ten times as fast
            "who": ARN,
            "account": "123456789012",
            "service": "rds",
            "region": "us-east-1",
            "method": "stop_db_instance",
            "operation": "StopDBInstance",
            "parameters": {},
            "scenario": "active_passive/dark",
            "phase": "inject",
            "milliseconds": 12.0,  # real time
            "retries": 2,
            "outcome": "ok",
        }
    ]


def test_a_call_that_went_as_a_role_is_told_under_the_role(opened, tmp_path):
    role = "arn:aws:iam::222222222222:role/dns"
    opened.note(replace(CALL, role=role))
    (line,) = lines(tmp_path)
    assert (line["who"], line["account"]) == (role, "222222222222")


def test_secrets_are_hidden_and_nothing_else():
    given = {
        "MasterUserPassword": "hunter2",
        "AuthToken": "t",
        "NextToken": "page",
        "containers": [{"environment": [{"name": "JWT_SECRET", "value": "s"}, {"name": "REGION", "value": "eu"}]}],
    }
    assert told(given) == {
        "MasterUserPassword": "****",
        "AuthToken": "****",
        "NextToken": "page",
        "containers": [{"environment": [{"name": "JWT_SECRET", "value": "****"}, {"name": "REGION", "value": "eu"}]}],
    }


def test_a_full_disk_is_told_once_and_fails_no_call(caplog):
    full = Trail(trail.Path("/dev/full"), Clock.start(), ARN, "s")
    with caplog.at_level(logging.ERROR):
        full.note(CALL)
        full.note(CALL)
    full.close()
    assert len(caplog.records) == 1
    assert "No space left on device" in caplog.text


def test_once_there_is_room_again_the_log_says_how_many_calls_it_lacks(opened, tmp_path, monkeypatch):
    real = os.write
    room = iter([9, 0, 10_000])

    def write(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: next(room)])

    monkeypatch.setattr(trail.os, "write", write)
    for _ in range(3):
        opened.note(CALL)
    torn, gap, whole = (tmp_path / "calls.jsonl").read_text().splitlines()
    assert len(torn) == 9
    assert json.loads(gap) == {"at": 1050 * MILLION, "missing": 2}
    assert json.loads(whole)["operation"] == "StopDBInstance"


def test_many_threads_leave_whole_lines(opened, tmp_path):
    threads = [threading.Thread(target=lambda: [opened.note(CALL) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(tmp_path)) == 400


def test_a_cloud_is_heard_until_the_block_is_left_and_a_closed_trail_takes_no_more(tmp_path, monkeypatch):
    cloud = Cloud()
    monkeypatch.setattr(cloud, "caller", lambda _: ARN)
    with kept(cloud, "us-east-1", tmp_path / "calls.jsonl", Clock.start(), "s") as trail:
        cloud._tell(CALL)
    cloud._tell(CALL)
    trail.note(CALL)
    assert [line["who"] for line in lines(tmp_path)] == [ARN]


def test_that_nobody_says_who_calls_ends_no_run(tmp_path, monkeypatch):
    cloud = Cloud()
    fault = CloudFault("sts.get_caller_identity", "Unreachable", "nobody answers")
    monkeypatch.setattr(cloud, "_call", lambda *_: (_ for _ in ()).throw(fault))
    with kept(cloud, "us-east-1", tmp_path / "calls.jsonl", Clock.start(), "s"):
        cloud._tell(CALL)
    (line,) = lines(tmp_path)
    assert (line["who"], line["account"]) == ("unknown: sts.get_caller_identity: Unreachable: nobody answers", "")


def test_who_calls_is_asked_once(monkeypatch):
    asked: list[tuple[str | None, str, str, str]] = []
    cloud = Cloud()
    monkeypatch.setattr(cloud, "_call", lambda *words: asked.append(words) or {"Arn": ARN})
    assert cloud.caller("eu-west-1") == cloud.caller("us-east-1") == ARN
    assert asked == [(None, "sts", "eu-west-1", "get_caller_identity")]
