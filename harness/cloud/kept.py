"""What AWS still tells of the past: alarm history, RDS's events, CloudWatch's metrics. Reads only.

AWS keeps alarm history for 30 days, RDS's events for 14 and datapoints of a minute for 15; it keeps no DNS answer, and
what Route 53's checkers saw only as the metric of a minute. Sources:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html (metrics retention)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from harness.clock import Duration, Instant, minutes
from harness.cloud import observation
from harness.cloud.discovery import LoadBalancerSeen
from harness.cloud.observation import AlarmSeen, HealthCheckSeen
from harness.cloud.session import GLOBAL_REGION, Cloud
from harness.events import AlarmChanged, DatabaseEvent, HealthChanged, LagMeasured, MetricSeen

EVENTS_KEPT = minutes(14 * 24 * 60)
_MOST_POINTS = 1_440
"""GetMetricStatistics gives no more at once."""
_MINUTE = 60
_TRAFFIC = ("RequestCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
_FRONT = "AWS/ApplicationELB"


def alarm_changes(cloud: Cloud, region: str, since: Instant, until: Instant) -> Iterator[AlarmChanged]:
    """The state of each alarm of a region at ``since``, and every change until ``until``. Raises ``CloudFault``.

    The state at ``since`` is what the first change since then left, or the present one where there was none.
    """
    for alarm in observation.alarms(cloud, region):
        changes = observation.alarm_history(cloud, alarm, since)
        state = changes[0].old if changes else alarm.state
        first = observation.first_seen(alarm, since)
        yield AlarmChanged(since, first.alarm, region, "", state, "", first.metric, first.dimensions)
        yield from (change for change in changes if change.at <= until)


def database_events(cloud: Cloud, region: str, since: Instant, until: Instant, now: Instant) -> list[DatabaseEvent]:
    """RDS's events of a region in that span, as far back as they are kept. Raises ``CloudFault``."""
    oldest = now.back(EVENTS_KEPT - minutes(1))
    return observation.database_events(cloud, region, max(since, oldest), until) if until > oldest else []


def lags(cloud: Cloud, region: str, since: Instant, until: Instant) -> Iterator[LagMeasured]:
    """What the lag alarms of a region watched. Raises ``CloudFault``."""
    for alarm in observation.alarms(cloud, region):
        if "lag" in alarm.metric.lower():
            resource = ",".join(alarm.dimensions.values())
            for at, value in _lag_points(cloud, alarm, since, until):
                yield LagMeasured(at, resource, region, value)


def _lag_points(cloud: Cloud, alarm: AlarmSeen, since: Instant, until: Instant) -> list[tuple[Instant, float]]:
    return _points(cloud, alarm.region, (alarm.namespace, alarm.metric), alarm.dimensions, "Average", since, until)


def front(cloud: Cloud, region: str, balancer: LoadBalancerSeen, since: Instant, until: Instant) -> list[MetricSeen]:
    """Requests and errors of a load balancer, and its unhealthy targets. Raises ``CloudFault``."""
    whole = {"LoadBalancer": balancer.arn.partition(":loadbalancer/")[2]}
    asked: list[tuple[str, Mapping[str, str], str]] = [(metric, whole, "Sum") for metric in _TRAFFIC]
    for group in cloud.call("elbv2", region, "describe_target_groups", LoadBalancerArn=balancer.arn)["TargetGroups"]:
        name = str(group["TargetGroupArn"]).rpartition(":")[2]
        asked.append(("UnHealthyHostCount", {**whole, "TargetGroup": name}, "Maximum"))
    return [
        MetricSeen(at, f"{_FRONT}/{metric}", region, balancer.dns_name, statistic, value)
        for metric, dimensions, statistic in asked
        for at, value in _points(cloud, region, (_FRONT, metric), dimensions, statistic, since, until)
    ]


def health(
    cloud: Cloud, check: HealthCheckSeen, region: str, since: Instant, until: Instant
) -> Iterator[HealthChanged]:
    """How a health check was, a minute at a time: its first state and every change. Raises ``CloudFault``.

    ``region``: the one whose endpoint it asks. Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/
    monitoring-health-checks.html
    """
    metric, dimensions = ("AWS/Route53", "HealthCheckStatus"), {"HealthCheckId": check.identifier}
    before: bool | None = None
    for at, value in _points(cloud, GLOBAL_REGION, metric, dimensions, "Minimum", since, until):
        if (value >= 1) is not before:
            before = value >= 1
            yield HealthChanged(at, check.identifier, region, before)


def _points(
    cloud: Cloud, region: str, metric: tuple[str, str], dimensions: Mapping[str, str], statistic: str,
    since: Instant, until: Instant,
) -> list[tuple[Instant, float]]:  # fmt: skip
    found = cloud.call(
        "cloudwatch",
        region,
        "get_metric_statistics",
        Namespace=metric[0],
        MetricName=metric[1],
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=since.datetime,
        EndTime=until.datetime,
        Period=_period(until - since),
        Statistics=[statistic],
    )["Datapoints"]
    return sorted((Instant.of(point["Timestamp"]), float(point[statistic])) for point in found)


def _period(span: Duration) -> int:
    """The shortest whole minutes, in seconds, that cut a span into no more parts than one answer holds."""
    return _MINUTE * max(1, math.ceil(span.seconds / _MINUTE / _MOST_POINTS))
