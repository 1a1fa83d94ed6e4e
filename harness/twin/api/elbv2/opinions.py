"""What a load balancer node thinks of a target, as ELB counts its health checks. Pure.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.twin.api.elbv2.settings import HealthSettings

State = Literal["initial", "healthy", "unhealthy", "draining"]


@dataclass(frozen=True)
class CheckResult:
    """One health check: passed, or the reason why not, in AWS's codes and words."""

    passed: bool
    reason: str = ""
    description: str = ""


PASSED = CheckResult(True)
TIMED_OUT = CheckResult(False, "Target.Timeout", "Request timed out")
FAILED = CheckResult(False, "Target.FailedHealthChecks", "Health checks failed")


def mismatch(status: int) -> CheckResult:
    """An answer with a code that the target group does not accept."""
    return CheckResult(False, "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")


@dataclass(frozen=True)
class Opinion:
    """A node's view of a target. ``streak`` counts the checks in a row that contradict ``state``."""

    state: State
    reason: str = ""
    description: str = ""
    streak: int = 0

    def after(self, check: CheckResult, settings: HealthSettings) -> Opinion:
        """The view after one more check; a new target needs to pass just one."""
        if self.state == "draining":
            return self
        return self._passed(settings) if check.passed else self._failed(check, settings)

    def asked(self) -> Opinion:
        """The view once a check is under way."""
        return CHECKED_FIRST if self == REGISTERING else self

    def _passed(self, settings: HealthSettings) -> Opinion:
        if self.state == "unhealthy" and self.streak + 1 < settings.healthy_count:
            return replace(self, streak=self.streak + 1)
        return HEALTHY

    def _failed(self, check: CheckResult, settings: HealthSettings) -> Opinion:
        if self.state == "unhealthy" or self.streak + 1 >= settings.unhealthy_count:
            return Opinion("unhealthy", check.reason, check.description)
        return replace(CHECKED_FIRST if self.state == "initial" else self, streak=self.streak + 1)


REGISTERING = Opinion("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKED_FIRST = Opinion("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
HEALTHY = Opinion("healthy")
DRAINING = Opinion("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")


def together(opinions: Sequence[Opinion]) -> Opinion:
    """What DescribeTargetHealth says when several nodes watch a target: healthy when any of them finds it so."""
    order: tuple[State, ...] = ("draining", "healthy", "initial", "unhealthy")
    return min(opinions, key=lambda opinion: order.index(opinion.state))


def admitted(opinions: dict[str, Opinion]) -> frozenset[str]:
    """The targets that a node sends requests to: the healthy ones, or every registered one when none is (fail open)."""
    healthy = frozenset(target for target, opinion in opinions.items() if opinion.state == "healthy")
    return healthy or frozenset(target for target, opinion in opinions.items() if opinion.state != "draining")
