"""What an alarm may do when its state changes: the twin tells SNS topics, and says so where AWS can do more.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.twin.api.cloudwatch.evaluation import State
from harness.twin.calls import AwsError

MEMBERS: Mapping[State, str] = {
    "OK": "OKActions",
    "ALARM": "AlarmActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}
_UNBUILT = frozenset({"automate", "swf", "autoscaling", "lambda", "ssm", "ssm-incidents", "aiops"})


def check(region: str, given: Mapping[str, Any]) -> None:
    """Raise ``AwsError`` unless every action is a topic of the alarm's own region; AWS accepts no other."""
    for member in MEMBERS.values():
        for action in given.get(member) or ():
            _check(region, action)


def _check(region: str, action: str) -> None:
    scheme, partition, service, home, *rest = [*action.split(":", 5), "", "", "", ""]
    if scheme != "arn" or not all(rest[:2]):
        raise AwsError("ValidationError", f"Invalid arn syntax: {action}")
    if partition != "aws":
        raise AwsError("ValidationError", f"Invalid partition {partition} specified. Only aws is supported.")
    if service in _UNBUILT:
        raise AwsError("NotImplementedByTwin", f"The twin does not implement alarm actions of {service}.", 501)
    if service != "sns":
        raise AwsError("ValidationError", f"Invalid arn syntax: {action}")
    if home != region:
        raise AwsError("ValidationError", f"Invalid region {home} specified. Only {region} is supported.")
