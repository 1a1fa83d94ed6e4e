"""How the API speaks: ``{"data": …}``, or ``{"error", "message"}`` with a status."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from harness.clock import Clock, Instant


class Refusal(Exception):
    """An answer that says no."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message

    def response(self) -> Response:
        """The refusal as HTTP."""
        return plain({"error": self.error, "message": self.message}, self.status)


def plain(value: Any, status: int = 200) -> Response:
    """A JSON answer without the envelope."""
    return Response(json.dumps(value, separators=(",", ":"), default=str), status, media_type="application/json")


def data(value: Any, status: int = 200) -> Response:
    """A JSON answer in the envelope."""
    return plain({"data": value}, status)


def stamp(clock: Clock, moment: datetime.datetime) -> str:
    """A database's timestamp in AWS time, ISO 8601: databases run on the machine's clock, the API speaks AWS time."""
    elapsed = Instant.of(moment).nanoseconds - clock.anchor.epoch_nanoseconds
    return Instant(clock.anchor.epoch_nanoseconds + round(elapsed * clock.speed)).datetime.isoformat(
        timespec="microseconds"
    )


async def body(request: Request) -> Mapping[str, Any]:
    """The request's JSON object; anything else is refused with 400."""
    try:
        values = json.loads(await request.body())
    except ValueError as error:
        raise Refusal(400, "bad_request", f"the body is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise Refusal(400, "bad_request", "the body is not an object")
    return values


def text(values: Mapping[str, Any], name: str) -> str:
    """A required, non-empty string of a body; refused with 400 otherwise."""
    value = values.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise Refusal(400, "validation_error", f"{name} must be a non-empty string")
    return value


def number(request: Request, name: str, default: int, most: int) -> int:
    """A query parameter between 0 and ``most``; refused with 400 when it is no number."""
    try:
        value = int(request.query_params.get(name, default))
    except ValueError as error:
        raise Refusal(400, "validation_error", f"{name} must be a number") from error
    return max(0, min(value, most))


def identifier(value: str) -> uuid.UUID:
    """An id in a path or header; what is no UUID is nowhere to be found (404)."""
    try:
        return uuid.UUID(value)
    except ValueError as error:
        raise Refusal(404, "not_found", "there is no such thing") from error
