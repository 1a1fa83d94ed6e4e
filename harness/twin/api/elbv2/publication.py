"""What load balancers tell CloudWatch every minute.

Known difference: of a minute's response times at most 50 are published, evenly over their ranks, so that SampleCount is
not the number of requests. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.clock import Clock, Duration, Instant, minutes
from harness.twin.api.elbv2.balancer import Balancer
from harness.twin.calls import MetricSink
from harness.twin.engines.haproxy import Counters

PERIOD = minutes(1)

_NAMESPACE = "AWS/ApplicationELB"
_MOST_SAMPLES = 50


class Publication:
    """Publishes the metrics of load balancers; each call tells what happened since the one before. Not thread-safe."""

    def __init__(self, clock: Clock, metrics: MetricSink) -> None:
        self._clock = clock
        self._metrics = metrics
        self._counted: dict[tuple[str, str], Counters] = {}

    def publish(self, balancer: Balancer) -> None:
        """Hosts as they are now; requests, codes and times belong to the minute that has just ended."""
        now = self._clock.now()
        ended = Instant(now.nanoseconds - now.nanoseconds % PERIOD.nanoseconds).back(PERIOD)
        self._hosts(balancer)
        total = Counters()
        for zone, counted in balancer.counters().items():
            fresh = counted.since(self._counted.get((balancer.arn, zone), Counters()))
            self._counted[balancer.arn, zone] = counted
            total = total.plus(fresh)
            self._requests(balancer, {"AvailabilityZone": f"{balancer.plan.region}{zone}"}, fresh, ended)
        self._requests(balancer, {}, total, ended)
        for span in _sampled(sorted(balancer.response_times())):
            for dimensions in _dimensions(balancer, {}):
                self._tell(balancer, "TargetResponseTime", dimensions, span.seconds, ended, "Seconds")

    def _hosts(self, balancer: Balancer) -> None:
        """Each node tells its own view, so that Minimum and Maximum differ while nodes disagree."""
        group = {"LoadBalancer": balancer.dimension, "TargetGroup": balancer.group_dimension}
        for zone, (healthy, unhealthy) in balancer.healthy_counts().items():
            for dimensions in (group, {**group, "AvailabilityZone": f"{balancer.plan.region}{zone}"}):
                self._tell(balancer, "HealthyHostCount", dimensions, healthy, None)
                self._tell(balancer, "UnHealthyHostCount", dimensions, unhealthy, None)

    def _requests(self, balancer: Balancer, zone: Mapping[str, str], counted: Counters, at: Instant) -> None:
        """Counts that are not zero; the load balancer's own errors belong to no target group."""
        own = {f"HTTPCode_ELB_{code}_Count": getattr(counted, f"elb_{code}") for code in (502, 503, 504)}
        own["HTTPCode_ELB_5XX_Count"] = sum(own.values())
        shared = {f"HTTPCode_Target_{kind}XX_Count": getattr(counted, f"target_{kind}xx") for kind in (2, 3, 4, 5)}
        shared |= {"RequestCount": counted.requests, "TargetConnectionErrorCount": counted.unconnected}
        whole, group = _dimensions(balancer, zone)
        for metric, count in (own | shared).items():
            for dimensions in (whole, group) if metric in shared else (whole,):
                if count:
                    self._tell(balancer, metric, dimensions, count, at)

    def _tell(
        self,
        balancer: Balancer,
        metric: str,
        dimensions: Mapping[str, str],
        value: float,
        at: Instant | None,
        unit: str = "Count",
    ) -> None:
        self._metrics.publish(balancer.plan.region, _NAMESPACE, metric, dimensions, value, at=at, unit=unit)


def _dimensions(balancer: Balancer, zone: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    whole = {"LoadBalancer": balancer.dimension, **zone}
    return whole, {**whole, "TargetGroup": balancer.group_dimension}


def _sampled(spans: Sequence[Duration]) -> list[Duration]:
    if len(spans) <= _MOST_SAMPLES:
        return list(spans)
    return [spans[round(rank * (len(spans) - 1) / (_MOST_SAMPLES - 1))] for rank in range(_MOST_SAMPLES)]
