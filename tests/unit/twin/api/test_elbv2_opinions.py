from __future__ import annotations

import pytest

from harness.twin.api.elbv2.opinions import (
    DRAINING,
    FAILED,
    HEALTHY,
    PASSED,
    REGISTERING,
    TIMED_OUT,
    CheckResult,
    Opinion,
    admitted,
    mismatch,
    together,
)
from harness.twin.api.elbv2.settings import HealthSettings
from harness.twin.designs.model import LoadBalancerPlan

SETTINGS = HealthSettings.of(LoadBalancerPlan("alb", "us-east-1", ("a", "b"), healthy_count=3, unhealthy_count=2))
SICK = Opinion("unhealthy", "Target.Timeout", "Request timed out")


def after(opinion: Opinion, *checks: CheckResult) -> Opinion:
    for check in checks:
        opinion = opinion.after(check, SETTINGS)
    return opinion


def test_a_new_target_needs_one_check() -> None:
    assert after(REGISTERING, PASSED) == HEALTHY
    assert after(REGISTERING, FAILED, PASSED) == HEALTHY
    assert after(REGISTERING, FAILED).reason == "Elb.InitialHealthChecking"


def test_a_healthy_target_fails_only_in_a_row() -> None:
    assert after(HEALTHY, FAILED).state == "healthy"
    assert after(HEALTHY, FAILED, PASSED, FAILED).state == "healthy"
    assert after(HEALTHY, FAILED, TIMED_OUT) == SICK


def test_an_unhealthy_target_recovers_only_in_a_row() -> None:
    assert after(SICK, PASSED, PASSED).state == "unhealthy"
    assert after(SICK, PASSED, PASSED, FAILED, PASSED, PASSED).state == "unhealthy"
    assert after(SICK, PASSED, PASSED, PASSED) == HEALTHY


def test_the_reason_is_the_last_failure() -> None:
    assert after(HEALTHY, TIMED_OUT, mismatch(503)).description == "Health checks failed with these codes: [503]"
    assert after(SICK, FAILED).reason == "Target.FailedHealthChecks"


def test_the_first_check_ends_the_registration_only() -> None:
    assert REGISTERING.asked().reason == "Elb.InitialHealthChecking"
    assert [opinion.asked() for opinion in (HEALTHY, SICK, DRAINING)] == [HEALTHY, SICK, DRAINING]


def test_accepted_codes_are_lists_and_ranges() -> None:
    settings = SETTINGS.changed({"Matcher": {"HttpCode": "200,204,300-399"}})
    assert [settings.accepts(status) for status in (200, 204, 206, 302, 400)] == [True, True, False, True, False]


def test_draining_is_not_judged() -> None:
    assert after(DRAINING, FAILED, FAILED, PASSED) == DRAINING


@pytest.mark.parametrize(
    ("opinions", "state"),
    [((HEALTHY, SICK), "healthy"), ((REGISTERING, SICK), "initial"), ((SICK, SICK), "unhealthy")],
)
def test_one_node_that_finds_a_target_healthy_is_enough(opinions: tuple[Opinion, ...], state: str) -> None:
    assert together(opinions).state == state


def test_only_healthy_targets_get_requests_unless_there_is_none() -> None:
    assert admitted({"1": HEALTHY, "2": SICK, "3": REGISTERING, "4": DRAINING}) == {"1"}
    assert admitted({"2": SICK, "3": REGISTERING, "4": DRAINING}) == {"2", "3"}
    assert admitted({"4": DRAINING}) == frozenset()
