"""The platform's own software that brings a standby region to full size when it is called up.

Stands in for the ECS service scaling of ARC Region switch
(https://docs.aws.amazon.com/r53recovery/latest/dg/ecs-service-scaling-block.html): service auto scaling alone would
wait for minutes of its own metrics. It asks what Route 53's checkers saw of the primary region.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.clock import Clock, Instant
from harness.twin import names
from harness.twin.api.ecs.task import CLUSTER
from harness.twin.api.route53.observations import HEALTHY_SHARE
from harness.twin.calls import AwsError
from harness.twin.designs.model import Design, EcsService

_LOG = logging.getLogger("twin.automation")

Ask = Callable[[str, str, str, Mapping[str, Any]], Mapping[str, Any]]
"""An AWS call by the platform: service, operation, region, parameters. Raises ``AwsError``."""


@dataclass(frozen=True)
class Decision:
    """What the automation did about a fault, and when."""

    at: Instant
    what: str


def is_served(call: Ask, design: Design, region: str) -> bool:
    """Whether the health checkers, who ask from outside, saw a region's endpoint well; a region without a check is."""
    for check in design.health_checks:
        if check.region == region:
            wanted = {"HealthCheckId": names.health_check_id(check.identifier)}
            try:
                seen = call("route53", "GetHealthCheckStatus", "us-east-1", wanted)["HealthCheckObservations"]
            except AwsError as error:
                _LOG.warning("GetHealthCheckStatus: %s", error)
                return False
            good: int = sum(item["StatusReport"]["Status"].startswith("Success") for item in seen)
            return bool(good > HEALTHY_SHARE * len(seen))
    return True


class StandbyScaling:
    """While the primary region is not served, no service of another region is smaller than the primary's was planned.

    It does not wait for the health check's threshold: a task too many costs little, one too late an outage. It never
    makes a service smaller.
    """

    def __init__(self, clock: Clock, design: Design, call: Ask, region_up: Callable[[str], bool]) -> None:
        self._clock = clock
        self._design = design
        self._call = call
        self._region_up = region_up
        self._lock = threading.Lock()
        self._decisions: list[Decision] = []

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was done, oldest first."""
        with self._lock:
            return tuple(self._decisions)

    def look(self) -> None:
        """Ask after the primary, and let grow what is too small."""
        primary = self._design.primary.name
        if is_served(self._call, self._design, primary):
            return
        for plan in self._design.services:
            for region in self._design.regions:
                if plan.region == primary != region.name and self._region_up(region.name):
                    self._grow(region.name, plan)

    def _grow(self, region: str, plan: EcsService) -> None:
        service = {"cluster": CLUSTER, "service": plan.name}
        try:
            told = self._call("ecs", "DescribeServices", region, {"cluster": CLUSTER, "services": [plan.name]})
            count = next((one["desiredCount"] for one in told["services"]), plan.desired_count)
            if count >= plan.desired_count:
                return
            self._call("ecs", "UpdateService", region, {**service, "desiredCount": plan.desired_count})
        except AwsError as error:
            _LOG.warning("%s of %s does not grow: %s", plan.name, region, error)
            return
        what = f"{plan.region} is not served: {plan.name} of {region} grows from {count} to {plan.desired_count}"
        with self._lock:
            self._decisions.append(Decision(self._clock.now(), what))
        _LOG.warning("%s", what)
