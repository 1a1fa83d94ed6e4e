"""The trail: every AWS call and every act of nature, as one line of JSON with CloudTrail's fields.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

import datetime
import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.clock import Instant
from harness.twin.names import ACCOUNT

_VERSION = "1.11"
_SOURCES = {
    "cloudwatch": "monitoring.amazonaws.com",
    "elbv2": "elasticloadbalancing.amazonaws.com",
    "resourcegroupstaggingapi": "tagging.amazonaws.com",
    "": "unknown",
    "twin": "twin",
}
_READS = ("Describe", "Get", "List", "Test", "BatchGet", "Query", "Scan", "Select")
_WRITES_IN_DISGUISE = ("TestFailover",)
_LONGEST_FIELD = 100 * 1024
_HIDDEN = "****"
_ALWAYS = {"eventVersion": _VERSION, "eventType": "AwsApiCall", "eventCategory": "Management", "managementEvent": True}


@dataclass(frozen=True)
class Caller:
    """Who calls: the access key of a client, or the name of a part of the platform (then ``inside`` is true)."""

    name: str
    agent: str = ""
    address: str = "127.0.0.1"
    inside: bool = False

    def identity(self) -> Mapping[str, str]:
        """CloudTrail's userIdentity. The twin knows one user and takes every key for a key of hers.

        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
        """
        if self.inside:
            return {"type": "AWSService", "invokedBy": self.name}
        return {
            "type": "IAMUser",
            "principalId": "AIDAGAMEDAYTWIN",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/gameday",
            "accountId": ACCOUNT,
            "accessKeyId": self.name,
            "userName": "gameday",
        }


@dataclass(frozen=True)
class Entry:
    """One call. ``at`` is when it was completed, in AWS time; ``milliseconds`` is real time, which no speed changes.

    ``response`` is what an action that changes something answered; reading ones have none, as in CloudTrail.
    """

    at: Instant
    service: str
    name: str
    region: str
    caller: Caller
    parameters: Mapping[str, Any]
    milliseconds: float
    request_id: str
    response: Mapping[str, Any] | None = None
    error_code: str | None = None
    error_message: str | None = None

    def line(self) -> str:
        """The entry under CloudTrail's field names; values that JSON lacks are written as text."""
        record: dict[str, Any] = {
            **_ALWAYS,
            "userIdentity": self.caller.identity(),
            "eventTime": str(self.at),
            "eventSource": _SOURCES.get(self.service, f"{self.service}.amazonaws.com"),
            "eventName": self.name,
            "awsRegion": self.region,
            "sourceIPAddress": self.caller.name if self.caller.inside else self.caller.address,
            "userAgent": self.caller.name if self.caller.inside else self.caller.agent,
            "requestID": self.request_id,
            "eventID": str(uuid.uuid4()),
            "readOnly": reads(self.name),
            "recipientAccountId": ACCOUNT,
            "additionalEventData": {"milliseconds": round(self.milliseconds, 2)},
        }
        if self.error_code is not None:
            record["errorCode"] = self.error_code
            record["errorMessage"] = self.error_message
        told = json.dumps(record, separators=(",", ":"))
        asked, answered = _field(self.parameters), "null" if reads(self.name) else _field(self.response)
        return f'{told[:-1]},"requestParameters":{asked},"responseElements":{answered}}}'


class Audit:
    """Appends entries to one file; thread-safe. Each line reaches the kernel before the call is answered."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def append(self, entry: Entry) -> None:
        """Write one entry; nothing is written once the trail is closed."""
        line = entry.line() + "\n"
        with self._lock:
            if not self._file.closed:
                self._file.write(line)

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> Audit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def reads(operation: str) -> bool:
    """Whether an action only looks: then CloudTrail's ``readOnly`` is true and its answer is not kept."""
    return operation.startswith(_READS) and operation not in _WRITES_IN_DISGUISE


def _field(content: Mapping[str, Any] | None) -> str:
    """A field's JSON, ``null`` when there is nothing to tell or more than the 100 KB that CloudTrail keeps."""
    if not content:
        return "null"
    text = json.dumps(_told(content), default=_text, separators=(",", ":"))
    return text if len(text) <= _LONGEST_FIELD else "null"


def _told(value: Any) -> Any:
    """CloudTrail's spelling of a value: members begin in lower case, and secrets are hidden."""
    if isinstance(value, Mapping):
        return {
            f"{key[:1].lower()}{key[1:]}": _HIDDEN if "Password" in key else _told(held) for key, held in value.items()
        }
    if isinstance(value, list | tuple):
        return [_told(each) for each in value]
    return value


def _text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
