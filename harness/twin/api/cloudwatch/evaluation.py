"""Which state an alarm is in: one pure function over datapoints, after AWS's table for M out of N and missing data.

Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data" and "Avoiding premature
transitions to alarm state". AWS retrieves more datapoints than ``EvaluationPeriods`` and does not publish how many
more; its examples use 5 for 3.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Treatment = Literal["missing", "ignore", "breaching", "notBreaching"]

STATES: tuple[State, ...] = ("OK", "ALARM", "INSUFFICIENT_DATA")
TREATMENTS: tuple[Treatment, ...] = ("missing", "ignore", "breaching", "notBreaching")
EXTRA_PERIODS = 2
"""How many periods the evaluation range is longer than ``EvaluationPeriods``."""

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def decide(
    points: Sequence[bool | None], evaluation_periods: int, datapoints_to_alarm: int, treat: Treatment, current: State
) -> State:
    """The state after an evaluation.

    ``points`` covers the evaluation range, oldest first: breaching, not breaching, or missing (``None``). ``current``
    is the state before, which ``ignore`` retains when real datapoints are too few to tell.
    """
    real = [point for point in points if point is not None]
    judged = real[-evaluation_periods:]
    breaching = sum(judged)
    absent = evaluation_periods - len(judged)
    if absent and treat == "breaching":
        breaching += absent
    if not absent or treat in ("breaching", "notBreaching") or breaching >= datapoints_to_alarm:
        return "ALARM" if breaching >= datapoints_to_alarm else "OK"
    if False in judged:
        return "OK"
    if treat == "ignore":
        return current
    return "ALARM" if _age(points) >= datapoints_to_alarm else "INSUFFICIENT_DATA"


def _age(points: Sequence[bool | None]) -> int:
    """How old the oldest breaching datapoint is, in periods, the newest being 1; 0 when there is none."""
    return next((len(points) - index for index, point in enumerate(points) if point), 0)
