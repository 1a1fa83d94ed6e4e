"""What can be read of a request before any model is asked: its form, its JSON, and how unreadable ones are refused."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from harness.twin.api.refusal import UNPRINTABLE
from harness.twin.api.wire import Request
from harness.twin.calls import AwsError

UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError, SyntaxError)
"""What reading a value of the wrong kind raises: a number out of range, a list that is none, a nest without end."""


def flaw(request: Request, protocol: str) -> AwsError | None:
    """The refusal of a request whose head could be read and whose body could not."""
    if request.flaw is None:
        return None
    if request.flaw.status == 413:
        return AwsError("RequestEntityTooLarge", str(request.flaw), 413)
    return unreadable(protocol, request.flaw)


def form(request: Request) -> dict[str, str]:
    """The values of a query-protocol request, from its query string and its body; raises ``AwsError``."""
    try:
        body = request.body.decode("utf-8")
    except UnicodeDecodeError:
        raise AwsError("MalformedInput", "The body is not UTF-8.") from None
    values = dict(parse_qsl(request.query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))
    if any(UNPRINTABLE.search(value) for value in values.values()):
        # Kept, it would come back in an answer that no XML parser takes.
        raise AwsError("MalformedInput", "A value holds a character that XML 1.0 does not allow.")
    return values


def require_json(body: bytes) -> None:
    """Raise ``AwsError`` SerializationException unless ``body`` is empty or a JSON object."""
    try:
        if body and not isinstance(json.loads(body), dict):
            raise AwsError("SerializationException", "The body is not a JSON object.")
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", f"The body is not JSON: {error}") from None


def unreadable(protocol: str, problem: Exception) -> AwsError:
    """The refusal of values that do not have the type that the service's model gives them."""
    code = "SerializationException" if protocol in ("json", "rest-json") else "MalformedInput"
    return AwsError(code, f"The request could not be read: {problem}")
