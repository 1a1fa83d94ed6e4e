"""How AWS says no, in each of its protocols: error bodies that every SDK turns into its client error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from harness.twin.api.wire import Reply
from harness.twin.calls import AwsError

_INVALID = {
    "cloudwatch": "ValidationError",
    "ec2": "InvalidParameterValue",
    "ecs": "InvalidParameterException",
    "elasticache": "InvalidParameterValue",
    "elbv2": "ValidationError",
    "rds": "InvalidParameterValue",
    "resourcegroupstaggingapi": "InvalidParameterException",
    "route53": "InvalidInput",
    "sns": "InvalidParameter",
    "sqs": "InvalidParameterValue",
    "sts": "ValidationError",
    "iam": "ValidationError",
}
UNPRINTABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""
_SNS_ARNS = ("TopicArn", "TargetArn", "SubscriptionArn", "PlatformApplicationArn", "EndpointArn", "ResourceArn")
_MISSING = {"ec2": "MissingParameter", "rds": "MissingParameter", "elasticache": "MissingParameter"}


@dataclass(frozen=True)
class Dialect:
    """How a client speaks to a service: the protocol, and whether it expects the old query error codes in a header.

    ``target`` is what stands before the operation's name in the header X-Amz-Target.
    """

    service: str
    protocol: str
    query_compatible: bool = False
    target: str = ""


def invalid(service: str, report: str, *, missing: bool) -> AwsError:
    """The refusal of parameters that the service's model does not allow, with that service's own code."""
    code = _INVALID.get(service, "ValidationException")
    return AwsError(_MISSING.get(service, code) if missing else code, report)


def unbuilt(service: str, operation: str) -> AwsError:
    """The refusal of what AWS can do and the twin cannot; never to be taken for AWS's own answer."""
    return AwsError("NotImplementedByTwin", f"The twin does not implement {service}.{operation}.", 501)


def malformed_arn(service: str, parameters: Mapping[str, Any]) -> AwsError | None:
    """SNS's refusal of an ARN that is none, which its model lets pass; ``None`` when there is nothing to refuse.

    Source: https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
    """
    for name in _SNS_ARNS if service == "sns" else ():
        elements = str(parameters[name]).split(":", 5) if name in parameters else ()
        if elements and len(elements) < 6:
            reason = f"An ARN must have at least 6 elements, not {len(elements)}"
            return AwsError("InvalidParameter", f"Invalid parameter: {name} Reason: {reason}")
    return None


def stumbled(service: str, operation: str, error: Exception) -> AwsError:
    """The refusal where moto fails at what AWS's model allows: like ``unbuilt``, never AWS's own answer."""
    return AwsError("NotImplementedByTwin", f"The twin cannot carry this {service}.{operation} out: {error!r}.", 501)


def refusal(dialect: Dialect, error: AwsError, request_id: str) -> Reply:
    """``error`` as bytes that the SDK's parser for this protocol understands."""
    headers = {"x-amzn-RequestId": request_id}
    if dialect.protocol == "json":
        headers["Content-Type"] = "application/x-amz-json-1.0"
        if dialect.query_compatible:
            headers["x-amzn-query-error"] = f"{error.code};{_side(error)}"
    elif dialect.protocol == "rest-json":
        headers |= {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    else:
        headers["Content-Type"] = "text/xml"
        return Reply(error.status, _xml(dialect.protocol, error, request_id).encode(), headers)
    return Reply(error.status, json.dumps({"__type": error.code, "message": error.message}).encode(), headers)


def _xml(protocol: str, error: AwsError, request_id: str) -> str:
    code, message = _text(error.code), _text(error.message)
    if protocol == "ec2":
        inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return f"<Response><Errors>{inner}</Errors><RequestID>{request_id}</RequestID></Response>"
    inner = f"<Type>{_side(error)}</Type><Code>{code}</Code><Message>{message}</Message>"
    return f"<ErrorResponse><Error>{inner}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"


def _text(value: str) -> str:
    return escape(UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value))


def _side(error: AwsError) -> str:
    return "Receiver" if error.status >= 500 else "Sender"
