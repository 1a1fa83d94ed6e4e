"""Bytes that no AWS tool would send: always an AWS error in the service's own dialect, or a closed connection.

The door has two services of its own behind it and moto's; what they answer to sense is other tests' business.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Clock
from harness.twin.api.front_door import FrontDoor

FORM = "application/x-www-form-urlencoded; charset=utf-8"
JSON = "application/x-amz-json-1.1"
ROUNDS = 400
DIALECTS = {
    "rds": "query",
    "elasticache": "query",
    "elasticloadbalancing": "query",
    "sns": "query",
    "ec2": "ec2",
    "ecs": "json",
    "dynamodb": "json",
    "monitoring": None,
    "sqs": None,
    "route53": "rest-xml",
    "fis": "rest-json",
    "nosuchservice": None,
}
"""The dialect by signing name; ``None`` where a client may choose between XML and JSON."""


class Nothing:
    """A service with one operation, which has nothing to tell."""

    def __init__(self, name: str, operation: str, answer: dict[str, Any]) -> None:
        self.name = name
        self._handlers = {operation: lambda call: answer}

    def handlers(self) -> Any:
        return self._handlers

    def tagged(self, region: str) -> Any:
        return ()


@dataclass
class Door:
    port: int
    trail: Path

    def send(self, *pieces: bytes, half: bool = False) -> bytes:
        """What comes back on a connection of its own; ``half`` closes our side before the request is whole."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                if half:
                    connection.shutdown(socket.SHUT_WR)
                answer = b""
                while piece := connection.recv(65536):
                    answer += piece
            except ConnectionError:
                return b""
        return answer

    def well(self) -> None:
        """It still answers sense."""
        status, _, body = parsed(self.send(request("rds", b"Action=DescribeDBInstances&Version=2014-10-31")))
        assert (status, b"<DBInstances" in body) == (200, True)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    trail = tmp_path_factory.mktemp("trail") / "audit.jsonl"
    services = [
        Nothing("rds", "DescribeDBInstances", {"DBInstances": []}),
        Nothing("ecs", "ListClusters", {"clusterArns": []}),
    ]
    opened = FrontDoor(Clock.start(10), services, trail, {"status": lambda _: {"up": True}})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        opened.serve(listening)
        yield Door(listening.getsockname()[1], trail)
        opened.close()


def authorization(service: str, region: str = "us-east-1", *, key: str = "AKIA", end: str = "aws4_request") -> str:
    return f"AWS4-HMAC-SHA256 Credential={key}/20261124/{region}/{service}/{end}, SignedHeaders=host, Signature=0"


def request(
    service: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    path: str = "/",
    content: str = FORM,
    signature: str | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    lines = {
        "Host": "127.0.0.1",
        "Authorization": authorization(service) if signature is None else signature,
        "Content-Type": content,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert int(headers["content-length"]) == len(body)
    return int(status.split()[1]), headers, body


def error_of(answer: bytes, dialect: str | None) -> tuple[int, str]:
    """Status and code; fails unless the error is well-formed in that dialect."""
    status, headers, body = parsed(answer)
    assert status >= 400, answer
    assert b"Traceback" not in body
    assert headers["x-amzn-requestid"]
    if dialect is None:
        dialect = "json" if "json" in headers["content-type"] else "any"
    if "json" in dialect:
        told = json.loads(body)
        assert told["message"] is not None
        return status, told["__type"]
    root = ElementTree.fromstring(body)
    code = root.find({"ec2": "./{*}Errors/{*}Error/{*}Code", "any": ".//{*}Code"}.get(dialect, "./{*}Error/{*}Code"))
    assert code is not None, body
    assert code.text
    return status, code.text


@pytest.mark.parametrize("service", DIALECTS)
@pytest.mark.parametrize(
    ("signature", "codes"),
    [
        ("mars-1", {"SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"}),
        ("us-gov-west-1", {"SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"}),
    ],
)
def test_a_wrong_region_is_refused(door: Door, service: str, signature: str, codes: set[str]) -> None:
    answer = door.send(request(service, b"{}", signature=authorization(service, signature)))
    assert error_of(answer, DIALECTS[service])[1] in codes


@pytest.mark.parametrize(
    ("signature", "status", "code"),
    [
        ("", 403, "MissingAuthenticationToken"),
        ("Bearer abc", 400, "IncompleteSignature"),
        ("AWS4-HMAC-SHA256 Credential=AKIA, SignedHeaders=host, Signature=0", 400, "IncompleteSignature"),
        (authorization("rds").partition(", Signature")[0], 400, "IncompleteSignature"),
        (authorization("rds").replace("AWS4-HMAC-SHA256", "AWS4-ROT13"), 400, "IncompleteSignature"),
        (authorization("rds", end="aws5_request"), 403, "SignatureDoesNotMatch"),
        (authorization("../rds"), 403, "SignatureDoesNotMatch"),
        (authorization("RDS"), 403, "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_signing_scope_is_refused(door: Door, signature: str, status: int, code: str) -> None:
    answer = door.send(request("rds", b"Action=DescribeDBInstances", signature=signature))
    assert error_of(answer, "query") == (status, code)


@pytest.mark.parametrize(
    ("service", "content", "body"),
    [
        ("rds", FORM, b"Action=DescribeDBInstances&MaxRecords=1e99999"),
        ("rds", FORM, b"Action=DescribeEvents&StartTime=99999999999999999"),
        ("rds", FORM, b"Action=DescribeDBInstances&DBInstanceIdentifier=%00"),
        ("rds", JSON, b'{"Action": "DescribeDBInstances"}'),
        ("ecs", JSON, b"[" * 200_000),
        ("ecs", JSON, b'{"maxResults": NaN}'),
        ("ecs", JSON, b'{"maxResults": 1e400}'),
        ("ecs", JSON, b'{"nextToken": {"a": 1}}'),
        ("ecs", FORM, b"\x00\xff"),
        ("dynamodb", JSON, b'{"TableName": 5, "Key": "x"}'),
        ("sns", FORM, b"Action=Publish&MessageAttributes.entry.1=a"),
        ("ec2", FORM, b"Action=DescribeVpcs&Filter.1.Value.1="),
        ("sqs", "application/x-amz-json-1.0", b'{"QueueUrl": ["a"]}'),
    ],
)
def test_values_of_the_wrong_kind_are_refused(door: Door, service: str, content: str, body: bytes) -> None:
    targets = {"ecs": "AmazonEC2ContainerServiceV20141113.ListClusters", "dynamodb": "DynamoDB_20120810.GetItem"}
    targets["sqs"] = "AmazonSQS.ReceiveMessage"
    headers = {"X-Amz-Target": targets[service]} if service in targets else {}
    status, code = error_of(door.send(request(service, body, content=content, headers=headers)), DIALECTS[service])
    assert status in (400, 501)
    assert code != "InternalFailure"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Length": "99999999999"}, b"", 413),
        ({"Content-Encoding": "gzip"}, b"no gzip", 400),
        ({"Transfer-Encoding": "chunked", "Content-Length": ""}, b"zz\r\n", 400),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_the_dialect(
    door: Door, headers: dict[str, str], body: bytes, status: int
) -> None:
    for service in ("rds", "ecs", "ec2", "route53"):
        answer = door.send(request(service, body, headers=headers), half=True)
        assert error_of(answer, DIALECTS[service])[0] == status
    door.well()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nno colon here\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\n" + b"".join(b"X%d: a\r\n" % number for number in range(200)) + b"\r\n", 431),
    ],
)
def test_what_is_no_http_is_told_so_and_hung_up_on(door: Door, sent: bytes, status: int) -> None:
    assert parsed(door.send(sent, half=True))[0] == status
    door.well()


@pytest.mark.parametrize("cut", [1, 10, 40, 120, -5])
def test_half_a_request_ends_with_its_connection(door: Door, cut: int) -> None:
    whole = request("rds", b"Action=DescribeDBInstances&Version=2014-10-31")
    answer = door.send(whole[:cut], half=True)
    assert answer == b"" or parsed(answer)[0] == 400
    door.well()


def test_a_name_in_the_path_may_have_any_letters(door: Door) -> None:
    answer = door.send(request("route53", method="GET", path="/2013-04-01/healthcheck/%C3%9F%E2%98%83"))
    assert error_of(answer, "rest-xml") == (404, "UnknownOperationException")


def test_a_header_that_moto_trusts_changes_no_account(door: Door) -> None:
    call = request("sts", b"Action=GetCallerIdentity&Version=2011-06-15", headers={"X-Moto-Account-Id": "999999999999"})
    assert b"123456789012" in door.send(call)


def test_any_garbage_gets_an_error_and_leaves_the_door_standing(door: Door) -> None:
    """Seeded: every round mutates a request of a random service; the answer is well-formed whatever came."""
    chance = random.Random(3)
    threads_before = threading.active_count()
    for _ in range(ROUNDS):
        service = chance.choice(list(DIALECTS))
        sent = garbage(chance, service)
        answer = door.send(sent, half=True)
        if not answer:
            continue
        status, headers, body = parsed(answer)
        assert b"Traceback" not in body
        assert status != 500, (sent, body)
        if status >= 400 and "x-amzn-requestid" in headers:
            known = f"\r\nAuthorization: {authorization(service)}\r\n".encode() in sent
            error_of(answer, DIALECTS[service] if known else None)
    door.well()
    assert threading.active_count() <= threads_before + 4
    for line in door.trail.read_text().splitlines():
        assert json.loads(line)["eventName"]


ACTIONS = ("DescribeDBInstances", "CreateTopic", "DescribeVpcs", "Publish", "NoSuch", "", "Beschreibe\u00df")
TARGETS = (
    "AmazonEC2ContainerServiceV20141113.DescribeTasks",
    "DynamoDB_20120810.PutItem",
    "AmazonSQS.SendMessage",
    "GraniteServiceVersion20100801.PutMetricData",
    ".",
    "DescribeTasks",
)
PATHS = ("/", "/2013-04-01/hostedzone", "/2013-04-01/hostedzone/Z1/rrset", "/%00", "/../..", "/?Action=x&Action=y", "*")
CONTENTS = (FORM, JSON, "text/xml", "multipart/form-data", "", "\xff", "application/cbor")


def garbage(chance: random.Random, service: str) -> bytes:
    body = chance.choice(
        (
            chance.randbytes(chance.randrange(300)),
            f"Action={chance.choice(ACTIONS)}&a.member.{chance.randrange(99)}={chance.random()}".encode(),
            json.dumps({chance.choice(("tasks", "TableName", "Item", "MetricData")): chance.random()}).encode(),
            b'{"tasks": [' + b'{"a":' * chance.randrange(2000),
            b"<ChangeResourceRecordSetsRequest><ChangeBatch>" + chance.randbytes(9) + b"</ChangeBatch>",
            b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
            b"",
        )
    )
    headers = {"X-Amz-Target": chance.choice(TARGETS)} if chance.random() < 0.5 else {}
    if chance.random() < 0.1:
        headers["Expect"] = "100-continue"
    sent = request(
        service,
        body,
        method=chance.choice(("POST", "GET", "PUT", "DELETE", "PATCH", "BREW")),
        path=chance.choice(PATHS),
        content=chance.choice(CONTENTS),
        headers=headers,
    ).replace(b"100-continue", b"nothing")
    if chance.random() < 0.2:
        at = chance.randrange(len(sent))
        sent = sent[:at] + chance.randbytes(3) + sent[at + 3 :]
    return sent[: chance.randrange(len(sent))] if chance.random() < 0.1 else sent
