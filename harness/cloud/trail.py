"""The audit log of a run: every AWS call that the harness makes, with who made it, why, and what came of it.

One JSON object a line, appended and flushed: the log of a killed run reads to its last call. A call never fails because
of its log: what cannot be written is told once, and counted in the log itself as soon as there is room again.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from botocore import xform_name

from harness.clock import Clock, monotonic_nanoseconds
from harness.errors import CloudFault

_LOG = logging.getLogger("gameday.trail")

UNREACHABLE = "Unreachable"
"""The outcome of a call that AWS never answered."""
OK = "ok"

_MARK = "gameday.began"
_HIDDEN = "****"
_SECRET = re.compile(r"password|secret|credential|private_?key|(auth|session|security)_?token|^token$", re.IGNORECASE)
_NAMES = ("name", "key", "parametername")
_VALUES = ("value", "parametervalue")


@dataclass(frozen=True)
class CallMade:
    """One call as it ended. Each page of a paginated call is one; what botocore sent again is counted, not listed."""

    service: str
    """botocore's name of the service, e.g. ``elbv2``."""
    region: str
    method: str
    """botocore's name of the method, e.g. ``describe_load_balancers``."""
    operation: str
    """The API's own name, e.g. ``DescribeLoadBalancers``."""
    parameters: Mapping[str, Any]
    began: int
    """CLOCK_MONOTONIC, in nanoseconds."""
    ended: int
    retries: int
    outcome: str
    """``ok``, AWS's error code, or ``Unreachable``."""
    role: str = ""
    """The ARN of the role that it went as; empty for our own credentials."""

    @property
    def milliseconds(self) -> float:
        """How long it took, in real time, which no speed changes; retries are part of it."""
        return (self.ended - self.began) / 1e6


Listener = Callable[[CallMade], None]
"""Hears of each call in the thread that made it; must not raise."""


def overhear(client: Any, region: str, tell: Listener, role: str = "") -> None:
    """Let ``tell`` hear of every call of a boto3 client as it ends: of pages and of failed calls too.

    ``role``: the ARN of the role that the client goes as, if any.

    By botocore's own events, so that no way around it is left:
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html
    """
    service = str(client.meta.service_model.service_name)

    def began(params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        context[_MARK] = (str(model.name), dict(params), monotonic_nanoseconds())

    def end(context: Mapping[str, Any], outcome: str) -> None:
        operation, parameters, start = context[_MARK]
        retries = int(context.get("retries", {}).get("attempt", 1)) - 1
        method, now = xform_name(operation), monotonic_nanoseconds()
        tell(CallMade(service, region, method, operation, parameters, start, now, retries, outcome, role))

    def answered(http_response: Any, parsed: Mapping[str, Any], context: Mapping[str, Any], **_: Any) -> None:
        refused = http_response.status_code >= 300
        end(context, str(parsed.get("Error", {}).get("Code", http_response.status_code)) if refused else OK)

    def failed(context: Mapping[str, Any], **_: Any) -> None:
        end(context, UNREACHABLE)

    for event, hear in (("before-parameter-build", began), ("after-call", answered), ("after-call-error", failed)):
        client.meta.events.register(event, hear)


class Trail:
    """The only writer of a run's ``calls.jsonl``; thread-safe. ``phase`` is what the experiment is at now.

    ``who`` is the ARN of our own credentials; a call that went as a role is told under the role's. The account is told
    apart, for those who search by it.
    """

    def __init__(self, path: Path, clock: Clock, who: str, scenario: str) -> None:
        """Raises ``OSError`` when the file cannot be opened: then nothing has been touched yet."""
        self.phase = "open"
        self._clock = clock
        self._why = {"scenario": scenario}
        self._who = who
        self._path = path
        self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._lock = threading.Lock()
        self._missing = 0
        self._torn = False

    def note(self, call: CallMade) -> None:
        """Write one call, under the time at which it began; never raises for want of room."""
        line = {
            "at": self._clock.at(call.began).nanoseconds,
            **_caller(call.role or self._who),
            "service": call.service,
            "region": call.region,
            "method": call.method,
            "operation": call.operation,
            "parameters": told(call.parameters),
            **self._why,
            "phase": self.phase,
            "milliseconds": round(call.milliseconds, 2),
            "retries": call.retries,
            "outcome": call.outcome,
        }
        with self._lock:
            if self._descriptor is not None:
                self._append(self._descriptor, line)

    def close(self) -> None:
        """Close the file; what a thread still calls afterwards is no part of the run. May be called twice."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def _append(self, descriptor: int, line: Mapping[str, Any]) -> None:
        gap = _line({"at": line["at"], "missing": self._missing}) if self._missing else b""
        data = (b"\n" if self._torn else b"") + gap + _line(line)
        try:
            written = os.write(descriptor, data)
        except OSError as error:
            self._lost(error.strerror or str(error))
            return
        if written < len(data):
            self._torn = True
            self._lost("no room for a whole line")
            return
        self._missing, self._torn = 0, False

    def _lost(self, why: str) -> None:
        if not self._missing:
            _LOG.error("%s: %s: calls are missing from the audit log; the run goes on.", self._path, why)
        self._missing += 1


class Heard(Protocol):
    """What tells of its calls: :class:`harness.cloud.session.Cloud`."""

    told: Listener | None

    def caller(self, region: str) -> str:
        """Who calls, as an ARN. Raises ``CloudFault``."""


@contextmanager
def kept(cloud: Heard, region: str, path: Path, clock: Clock, scenario: str) -> Iterator[Trail]:
    """Every call of ``cloud`` is written into the file until the block is left; STS in ``region`` says who calls.

    That this cannot be told is no reason to end a run: the guard knows the account. Raises ``OSError``.
    """
    try:
        who = cloud.caller(region)
    except CloudFault as error:
        who = f"unknown: {error.message}"
    trail, before = Trail(path, clock, who, scenario), cloud.told
    cloud.told = trail.note
    try:
        yield trail
    finally:
        cloud.told = before
        trail.close()


def told(value: Any) -> Any:
    """A call's parameters as they may be kept: secrets are hidden, by their own names or by the name beside them."""
    if isinstance(value, Mapping):
        beside = any(_SECRET.search(str(held)) for key, held in value.items() if str(key).lower() in _NAMES)
        return {
            key: _HIDDEN if _SECRET.search(str(key)) or (beside and str(key).lower() in _VALUES) else told(held)
            for key, held in value.items()
        }
    if isinstance(value, list | tuple):
        return [told(each) for each in value]
    return value


def _caller(arn: str) -> dict[str, str]:
    return {"who": arn, "account": arn.split(":")[4] if arn.startswith("arn:") else ""}


def _line(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, separators=(",", ":"), default=_text) + "\n").encode()


def _text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
