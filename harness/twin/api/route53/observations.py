"""What one health checker has seen, and what many make of it: pure.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.clock import Instant

HEALTHY_SHARE = 0.18
"""An endpoint is healthy when more than this share of the checkers report it healthy."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one probe; ``text`` in AWS's words."""

    success: bool
    text: str


@dataclass(frozen=True, slots=True)
class Observation:
    """One checker's opinion. It begins healthy, as AWS counts a new check until there is enough data.

    ``failure`` and ``failed_at`` are kept when later probes succeed: what GetHealthCheckLastFailureReason tells.
    """

    healthy: bool = True
    against: int = 0
    last: Outcome | None = None
    checked_at: Instant | None = None
    failure: Outcome | None = None
    failed_at: Instant | None = None

    def after(self, outcome: Outcome, threshold: int, at: Instant) -> Observation:
        """The opinion after one more probe; it turns when ``threshold`` probes in a row contradict it."""
        against = 0 if outcome.success == self.healthy else self.against + 1
        failure, failed_at = (self.failure, self.failed_at) if outcome.success else (outcome, at)
        turned = against >= threshold
        return Observation(self.healthy is not turned, 0 if turned else against, outcome, at, failure, failed_at)


def percentage_healthy(observations: Collection[Observation]) -> float:
    """The percentage of checkers whose opinion is healthy; 100 when there are none."""
    if not observations:
        return 100.0
    return 100.0 * sum(observation.healthy for observation in observations) / len(observations)


def is_healthy(observations: Collection[Observation]) -> bool:
    """Whether more than 18 % of the checkers report the endpoint healthy."""
    return percentage_healthy(observations) > 100 * HEALTHY_SHARE
