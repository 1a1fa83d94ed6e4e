"""Health checks without any network: opinions, thresholds, verdicts, and AWS's refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.clock import Clock, seconds
from harness.twin.api.route53.check_configs import endpoint
from harness.twin.api.route53.health_checks import HealthChecks
from harness.twin.api.route53.observations import Observation, Outcome, is_healthy
from harness.twin.api.route53.throttle import Throttle
from harness.twin.calls import AwsError
from harness.twin.names import health_check_id
from harness.twin.schedule import Scheduler

GOOD, BAD = Outcome(True, "Success"), Outcome(False, "Failure")
HTTPS = {"Type": "HTTPS", "FullyQualifiedDomainName": "elb.example", "RequestInterval": 10, "FailureThreshold": 2}
REGIONS = ("us-east-1", "us-east-1", "us-west-1", "eu-west-1", "ap-southeast-1", "sa-east-1")


class Metrics:
    def __init__(self) -> None:
        self.points: list[tuple[Any, ...]] = []

    def publish(self, region, namespace, metric, dimensions, value, **options):  # type: ignore[no-untyped-def]
        self.points.append((region, namespace, metric, dimensions["HealthCheckId"], value))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def alarms() -> dict[tuple[str, str], str]:
    return {}


@pytest.fixture
def checks(metrics: Metrics, alarms: dict[tuple[str, str], str]) -> Iterator[HealthChecks]:
    clock = Clock.start(100)
    scheduler = Scheduler(clock, 2)
    yield HealthChecks(clock, scheduler, metrics, lambda *which: alarms.get(which), REGIONS)
    scheduler.close()


def fail(checks: HealthChecks, identifier: str, checkers: int, times: int = 2) -> None:
    for checker in range(checkers):
        for _ in range(times):
            checks.observe(identifier, checker, BAD)


def test_an_opinion_turns_after_as_many_contradictions_in_a_row_as_the_threshold() -> None:
    now = Clock.start().now()
    opinion = Observation()
    for outcome, healthy in [(BAD, True), (GOOD, True), (BAD, True), (BAD, False), (GOOD, False), (GOOD, True)]:
        opinion = opinion.after(outcome, 2, now)
        assert opinion.healthy is healthy


@pytest.mark.parametrize(("good", "of", "verdict"), [(1, 6, False), (2, 6, True), (9, 50, False), (10, 50, True)])
def test_more_than_eighteen_percent_must_agree(good: int, of: int, verdict: bool) -> None:
    assert is_healthy([Observation(index < good) for index in range(of)]) is verdict


def test_a_new_check_is_healthy_and_turns_when_five_of_six_checkers_fail(checks: HealthChecks) -> None:
    check = checks.create("one", HTTPS).identifier
    assert checks.healthy(check)
    fail(checks, check, 4)
    assert checks.healthy(check)
    fail(checks, check, 5)
    assert not checks.healthy(check)
    checks.observe(check, 0, GOOD)
    checks.observe(check, 0, GOOD)
    assert checks.healthy(check)
    assert [turn.healthy for turn in checks.transitions] == [False, True]
    assert checks.transitions[0].name == "one"
    assert checks.transitions[0].percentage == pytest.approx(100 / 6)


def test_inverted_disabled_and_both(checks: HealthChecks) -> None:
    check = checks.create("one", HTTPS).identifier
    checks.update(check, {"Inverted": True})
    assert not checks.healthy(check)
    fail(checks, check, 6)
    assert checks.healthy(check)
    checks.update(check, {"Inverted": False, "Disabled": True})
    assert checks.healthy(check)
    checks.update(check, {"Inverted": True})
    assert not checks.healthy(check)


def test_a_disabled_check_is_not_probed(checks: HealthChecks) -> None:
    told: list[Any] = []
    checks.watch = lambda check, probed: told.append(probed)
    check = checks.create("one", HTTPS).identifier
    checks.update(check, {"Disabled": True})
    checks.delete(check)
    assert [probed and probed.interval for probed in told] == [seconds(10), None, None]


@pytest.mark.parametrize(
    ("state", "missing", "verdict"),
    [
        ("OK", "Unhealthy", True),
        ("ALARM", "Healthy", False),
        ("INSUFFICIENT_DATA", "Healthy", True),
        ("INSUFFICIENT_DATA", "Unhealthy", False),
        ("INSUFFICIENT_DATA", "LastKnownStatus", True),
        (None, "Unhealthy", False),
    ],
)
def test_a_check_may_follow_an_alarm(
    checks: HealthChecks, alarms: dict[tuple[str, str], str], state: str | None, missing: str, verdict: bool
) -> None:
    config = {
        "Type": "CLOUDWATCH_METRIC",
        "AlarmIdentifier": {"Region": "eu-west-1", "Name": "lag"},
        "InsufficientDataHealthStatus": missing,
    }
    check = checks.create("one", config).identifier
    if state:
        alarms["eu-west-1", "lag"] = state
    checks.poll_alarms()
    assert checks.healthy(check) is verdict


def test_a_calculated_check_counts_its_children(checks: HealthChecks, metrics: Metrics) -> None:
    children = [checks.create(name, HTTPS).identifier for name in ("one", "two")]
    config = {"Type": "CALCULATED", "ChildHealthChecks": children, "HealthThreshold": 2}
    parent = checks.create("both", config).identifier
    fail(checks, children[0], 6)
    assert not checks.healthy(parent)
    checks.publish()
    assert ("us-east-1", "AWS/Route53", "ChildHealthCheckHealthyCount", parent, 1.0) in metrics.points


def test_metrics_are_published_in_us_east_1(checks: HealthChecks, metrics: Metrics) -> None:
    check = checks.create("one", HTTPS).identifier
    fail(checks, check, 6)
    checks.publish()
    assert metrics.points == [
        ("us-east-1", "AWS/Route53", "HealthCheckStatus", check, 0.0),
        ("us-east-1", "AWS/Route53", "HealthCheckPercentageHealthy", check, 0.0),
    ]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"Type": "HTTP"}, "At least one of IPAddress"),
        ({**HTTPS, "RequestInterval": 20}, "either 10 or 30"),
        ({**HTTPS, "FailureThreshold": 11}, "between 1 and 10"),
        ({**HTTPS, "SearchString": "x"}, "SearchString cannot be specified"),
        ({**HTTPS, "Type": "HTTPS_STR_MATCH"}, "SearchString is required"),
        ({"Type": "TCP", "IPAddress": "10.0.0.1"}, "Port is required"),
        ({**HTTPS, "SearchString": "", "Type": "HTTPS_STR_MATCH"}, "must not be empty"),
        ({**HTTPS, "IPAddress": "999.1.1.1"}, "not a valid IP address"),
        ({**HTTPS, "Regions": ["us-east-1", "us-west-1"]}, "At least 3 health check regions"),
        ({**HTTPS, "AlarmIdentifier": {"Region": "eu-west-1", "Name": "lag"}}, "must not have an metric region"),
        ({**HTTPS, "HealthThreshold": 1}, "HealthThreshold cannot be specified"),
        ({"Type": "TCP", "IPAddress": "10.0.0.1", "Port": 1, "ResourcePath": "/"}, "ResourcePath cannot be specified"),
        ({"Type": "CLOUDWATCH_METRIC"}, "AlarmIdentifier is required"),
        ({"Type": "CALCULATED", "ChildHealthChecks": ["no"], "HealthThreshold": 1}, "does not exist"),
    ],
)
def test_aws_refuses_configurations(checks: HealthChecks, config: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words) as refusal:
        checks.create("one", config)
    assert refusal.value.code == "InvalidInput"
    assert not checks.all()


def test_a_caller_reference_is_used_once(checks: HealthChecks) -> None:
    first = checks.create("one", HTTPS)
    assert checks.create("one", HTTPS) == first
    with pytest.raises(AwsError, match="HealthCheckAlreadyExists"):
        checks.create("one", {**HTTPS, "FailureThreshold": 3})
    checks.delete(first.identifier)
    with pytest.raises(AwsError, match="HealthCheckAlreadyExists"):
        checks.create("one", HTTPS)


def test_an_update_counts_versions_and_refuses_a_stale_one(checks: HealthChecks) -> None:
    check = checks.create("one", HTTPS).identifier
    assert checks.update(check, {"FailureThreshold": 3, "HealthCheckVersion": 1}).version == 2
    with pytest.raises(AwsError) as refusal:
        checks.update(check, {"FailureThreshold": 4, "HealthCheckVersion": 1})
    assert (refusal.value.code, refusal.value.status) == ("HealthCheckVersionMismatch", 409)


def test_what_the_checkers_probe_follows_from_the_configuration(checks: HealthChecks) -> None:
    config = {"Type": "HTTP_STR_MATCH", "IPAddress": "10.0.0.1", "SearchString": "ok", "ResourcePath": "health"}
    probed = endpoint(checks.create("one", config).config)
    assert probed is not None
    assert (probed.address, probed.port, probed.path, probed.search) == ("10.0.0.1", 80, "/health", b"ok")
    assert (probed.interval, probed.threshold) == (seconds(30), 3)


def test_an_address_can_be_changed_but_neither_added_nor_removed(checks: HealthChecks) -> None:
    named = checks.create("named", HTTPS).identifier
    with pytest.raises(AwsError, match="cannot be added"):
        checks.update(named, {"IPAddress": "10.0.0.1"})
    addressed = checks.create("addressed", {**HTTPS, "IPAddress": "10.0.0.1"}).identifier
    assert checks.update(addressed, {"IPAddress": "10.0.0.2"}).config["IPAddress"] == "10.0.0.2"


def test_only_checkers_of_the_chosen_regions_count(checks: HealthChecks) -> None:
    check = checks.create("one", {**HTTPS, "Regions": ["us-west-1", "eu-west-1", "sa-east-1"]}).identifier
    assert set(checks.observations(check)) == {2, 3, 5}
    fail(checks, check, 6)
    assert not checks.healthy(check)
    checks.update(check, {"ResetElements": ["Regions"]})
    assert set(checks.observations(check)) == set(range(6))
    assert checks.healthy(check)


def test_the_last_failure_outlives_later_successes(checks: HealthChecks) -> None:
    check = checks.create("one", HTTPS).identifier
    checks.observe(check, 1, BAD)
    checks.observe(check, 1, GOOD)
    seen = checks.observations(check)
    assert (seen[1].last, seen[1].failure, seen[0].failure) == (GOOD, BAD, None)
    assert seen[1].failed_at is not None
    assert seen[1].checked_at is not None
    assert seen[1].failed_at < seen[1].checked_at


def test_a_calculated_check_has_no_observations(checks: HealthChecks) -> None:
    child = checks.create("one", HTTPS).identifier
    config = {"Type": "CALCULATED", "ChildHealthChecks": [child], "HealthThreshold": 1}
    parent = checks.create("parent", config).identifier
    with pytest.raises(AwsError, match="InvalidInput"):
        checks.observations(parent)


def test_a_designs_check_has_the_same_id_in_every_boot() -> None:
    assert health_check_id("api-us-east-1") == health_check_id("api-us-east-1")
    assert len(health_check_id("api-us-east-1")) == 36


def test_five_requests_an_aws_second_are_allowed() -> None:
    clock = Clock.start(100)
    throttle = Throttle(clock)
    for _ in range(5):
        throttle.take()
    with pytest.raises(AwsError, match="Rate exceeded") as refusal:
        throttle.take()
    assert (refusal.value.code, refusal.value.status) == ("Throttling", 400)
    clock.sleep(seconds(2))
    for _ in range(5):
        throttle.take()
