"""The Elastic Load Balancing API of the twin, and the hands that ECS and Route 53 use directly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.clock import Clock, Duration
from harness.twin.api.elbv2.balancer import Balancer
from harness.twin.api.elbv2.describe_calls import DescribeCalls
from harness.twin.api.elbv2.estate import Estate
from harness.twin.api.elbv2.opinions import Opinion
from harness.twin.api.elbv2.publication import PERIOD, Publication
from harness.twin.api.elbv2.tag_calls import TagCalls
from harness.twin.api.elbv2.target_calls import TargetCalls
from harness.twin.calls import Handler, MetricSink
from harness.twin.designs.model import Design
from harness.twin.names import Names
from harness.twin.network.network import Network
from harness.twin.schedule import Scheduler


class ElbV2:
    """ALBs with one target group each. AWS's refusals, states and metrics; known difference: no TLS on port 443."""

    name = "elbv2"

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        network: Network,
        registry: Names,
        metrics: MetricSink,
        design: Design,
        state: Path,
    ) -> None:
        self._scheduler = scheduler
        self._publication = Publication(clock, metrics)
        self._balancers = {
            (plan.region, plan.name): Balancer(
                clock, scheduler, network, registry, plan, design.region(plan.region), state
            )
            for plan in design.load_balancers
        }
        estate = Estate(self._balancers)
        self._tags = TagCalls(estate, design.tags)
        self._parts = (DescribeCalls(estate), TargetCalls(estate, design), self._tags)

    def boot(self) -> None:
        """Start every node of every load balancer, together; returns when they answer."""
        with ThreadPoolExecutor(max(1, len(self._balancers))) as pool:
            list(pool.map(Balancer.boot, self._balancers.values()))
        self._scheduler.every(PERIOD, self._publish, "load balancer metrics")

    def stop(self) -> None:
        """End every node."""
        for balancer in self._balancers.values():
            balancer.stop()

    def register(self, region: str, load_balancer: str, target: str) -> None:
        """Add an address to the target group of a load balancer."""
        self._balancers[region, load_balancer].register(target)

    def deregister(self, region: str, load_balancer: str, target: str) -> None:
        """Take an address out: no new requests now, none at all after the deregistration delay."""
        self._balancers[region, load_balancer].deregister(target)

    def targets(self, region: str, load_balancer: str) -> Mapping[str, Opinion]:
        """Every registered or draining address of a load balancer and its health."""
        return self._balancers[region, load_balancer].targets()

    def draining_span(self, region: str, load_balancer: str) -> Duration:
        """The deregistration delay in force."""
        return self._balancers[region, load_balancer].deregistration_delay

    def group_arn(self, region: str, load_balancer: str) -> str:
        """The ARN of a load balancer's target group."""
        return self._balancers[region, load_balancer].group_arn

    def target_health(self, dns_name: str) -> bool:
        """What Route 53 evaluates: does the load balancer of that name have a healthy target? No targets: no."""
        return bool(self.healthy_targets(dns_name))

    def healthy_targets(self, dns_name: str) -> tuple[str, ...]:
        """The healthy addresses behind a load balancer's DNS name; none for an unknown name."""
        wanted = dns_name.lower().rstrip(".").removeprefix("dualstack.")
        for balancer in self._balancers.values():
            if balancer.dns_name.lower() == wanted:
                return tuple(name for name, opinion in balancer.targets().items() if opinion.state == "healthy")
        return ()

    def processes(self, region: str, load_balancer: str) -> Mapping[str, int | None]:
        """The process id of each zone's node, for acts of nature."""
        return self._balancers[region, load_balancer].processes()

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {name: handler for part in self._parts for name, handler in part.handlers().items()}

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Every tagged resource of a region."""
        return self._tags.tagged(region)

    def _publish(self) -> None:
        for balancer in self._balancers.values():
            self._publication.publish(balancer)
