"""The sums behind a recovery: how long a check needs to notice, and an alarm to ring."""

from __future__ import annotations

from harness.clock import ZERO
from harness.configuration import Alarm, HealthCheck, Targets
from harness.timings import ALARMS, CHECKS, CONNECT_TIMEOUT, DELIVERY, FAILED_SHARE, TARGETS, Range


def detection(check: HealthCheck) -> Range:
    """How long Route 53 takes to call a dark endpoint unhealthy.

    ``threshold`` tries of 4 s each, ``interval`` apart counted from the previous time-out, after a first phase of up
    to one interval; checkers' phases are spread, so 82 % of them have failed no sooner than 82 % of an interval later.
    Source: Route 53's documentation of health checks; 30 s × 3 gives 97–102 s.
    """
    tries = check.threshold * CONNECT_TIMEOUT + (check.threshold - 1) * check.interval
    low = tries + FAILED_SHARE * check.interval
    high = tries + check.interval
    return Range(low, (low + high) / 2, high, CHECKS)


def recovery(check: HealthCheck) -> Range:
    """How long Route 53 takes to call an endpoint healthy again: as many good answers in a row, without time-outs.

    More than 18 % of the checkers are enough.
    """
    low = (check.threshold - 1) * check.interval + (1 - FAILED_SHARE) * check.interval
    high = check.threshold * check.interval + CONNECT_TIMEOUT
    return Range(low, (low + high) / 2, high, CHECKS)


def targets_fail(targets: Targets) -> Range:
    """How long a load balancer takes to call a target unhealthy: so many failures in a row."""
    low, high = (targets.failures - 1) * targets.interval, targets.failures * targets.interval
    return Range(low, (low + high) / 2, high, TARGETS)


def alarm_rings(alarm: Alarm) -> Range:
    """From the metric crossing its threshold to ALARM: M whole periods, one more when it crosses within a period.

    AWS's own metrics arrive up to two minutes late on top. Source: CloudWatch's documentation of alarm evaluation.
    """
    late = DELIVERY if alarm.metric.startswith("AWS/") else ZERO
    needed = alarm.needed * alarm.period
    return Range(needed, needed + alarm.period / 2, needed + alarm.period + late, ALARMS)
