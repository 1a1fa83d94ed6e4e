"""Route 53's health checks as AWS documents them: real probes over the twin's network, seen through the API."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from harness.clock import seconds
from harness.twin.designs.catalogue import design
from tests.contract.route53_platform import ENDPOINT, Platform, platform
from tests.twin.stage import needs_root

pytestmark = needs_root
SPEED = 30
EVERYWHERE = "0.0.0.0/0"
AMERICA, EUROPE, ASIA = "10.101.0.0/16", "10.102.0.0/16", "10.103.0.0/16"
CHECKER_REGIONS = {
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "sa-east-1",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
}


@pytest.fixture(scope="module")
def world() -> Iterator[Platform]:
    bare = replace(design("active_passive", "hardened"), load_balancers=(), records=(), health_checks=(), alarms=())
    with platform(bare, SPEED) as built:
        built.endpoint(443)
        yield built


@pytest.fixture
def route53(world: Platform) -> Iterator[Any]:
    yield world.client()
    world.deny()
    for check in world.route53.health.all():
        world.route53.health.delete(check.identifier)


def config(interval: int = 10, threshold: int = 2, path: str = "/", **fields: Any) -> dict[str, Any]:
    return {
        "Type": "HTTPS",
        "IPAddress": ENDPOINT,
        "Port": 443,
        "ResourcePath": path,
        "RequestInterval": interval,
        "FailureThreshold": threshold,
        **fields,
    }


def create(client: Any, reference: str, settings: dict[str, Any]) -> str:
    made = client.create_health_check(CallerReference=reference, HealthCheckConfig=settings)
    identifier: str = made["HealthCheck"]["Id"]
    return identifier


def observed(client: Any, check: str) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = client.get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
    return seen


def statuses(client: Any, check: str) -> set[str]:
    return {each["StatusReport"]["Status"] for each in observed(client, check)}


def test_a_dark_endpoint_is_detected_within_awss_figures_whatever_the_checkers_phases(
    world: Platform, route53: Any
) -> None:
    """Each check's id spreads its checkers' first probes anew, so every check is a seed of its own."""
    figures = {(30, 3): (96.3, 102, 8), (10, 3): (40.0, 42, 4), (10, 2): (26.0, 28, 4)}
    checks: dict[str, tuple[int, int]] = {}
    for (interval, threshold), (_, _, count) in figures.items():
        for number in range(count):
            made = world.route53.health.create(f"{interval}x{threshold}#{number}", config(interval, threshold))
            checks[made.identifier] = (interval, threshold)
    world.stage.clock.sleep(seconds(35))
    assert all(world.route53.health.healthy(check) for check in checks)
    light = world.stage.clock.now()
    dark = world.deny(EVERYWHERE)
    world.stage.until(lambda: all(world.turned(check, dark) for check in checks), seconds(130))
    for check, kind in checks.items():
        low, high, _ = figures[kind]
        longest, shortest = world.turned(check, light), world.turned(check, dark)
        assert longest is not None
        assert shortest is not None
        # A second more: thirty of them are 33 ms of a machine that others use too.
        assert longest >= low, kind
        assert shortest <= high + 1, kind


def test_a_check_turns_back_after_as_many_successes_as_its_threshold(world: Platform, route53: Any) -> None:
    quick, slow = (create(route53, f"threshold {count}", config(threshold=count)) for count in (1, 3))
    dark = world.deny(EVERYWHERE)
    world.stage.until(lambda: world.turned(slow, dark), seconds(60))
    healed = world.deny()
    world.stage.until(lambda: world.turned(slow, healed), seconds(60))
    first, last = world.turned(quick, healed), world.turned(slow, healed)
    assert first is not None
    assert last is not None
    # The third of 16 checkers decides: one success each takes less than an interval, three take two intervals more.
    assert first < 10
    assert 20 <= last < 30


def test_checkers_stand_in_awss_eight_regions_and_regions_chooses_among_them(world: Platform, route53: Any) -> None:
    everywhere = create(route53, "all", config())
    chosen = ["us-west-1", "eu-west-1", "sa-east-1"]
    some = create(route53, "some", config(Regions=chosen))
    world.stage.until(lambda: len(observed(route53, everywhere)) == 16)
    assert {each["Region"] for each in observed(route53, everywhere)} == CHECKER_REGIONS
    assert {each["IPAddress"] for each in observed(route53, everywhere)} == {f"10.{o}.0.10" for o in (101, 102, 103)}
    assert statuses(route53, everywhere) == {"Success: HTTP Status Code 200, OK"}
    world.stage.until(lambda: len(observed(route53, some)) == 6)
    assert {each["Region"] for each in observed(route53, some)} == set(chosen)
    with pytest.raises(ClientError, match="InvalidInput"):
        route53.update_health_check(HealthCheckId=some, Regions=["us-west-1", "us-west-1", "eu-west-1"])


def test_more_than_eighteen_percent_of_the_checkers_keep_an_endpoint_healthy(world: Platform, route53: Any) -> None:
    check = create(route53, "share", config(threshold=1))
    world.stage.until(lambda: len(observed(route53, check)) == 16)
    began = world.deny(AMERICA, EUROPE)

    def failing() -> int:
        return sum(each["StatusReport"]["Status"].startswith("Failure") for each in observed(route53, check))

    world.stage.until(lambda: failing() == 10)
    assert world.turned(check, began) is None  # 6 of 16 checkers, 37.5 %, still reach it
    began = world.deny(AMERICA, ASIA)
    world.stage.until(lambda: failing() == 14)
    assert world.turned(check, began) is not None  # 2 of 16 are 12.5 %
    assert world.route53.transitions[-1].percentage == pytest.approx(12.5)


@pytest.mark.parametrize(
    ("port", "path", "limit", "words"),
    [(443, "/", 4, "could not establish a connection"), (80, "/silent", 2, "did not respond within the timeout")],
)
def test_limits_of_connecting_and_answering_and_the_interval_after_the_last_response(
    world: Platform, route53: Any, port: int, path: str, limit: int, words: str
) -> None:
    if port == 443:
        world.deny(EVERYWHERE)
    else:
        world.endpoint(port)
    settings = config(path=path, Regions=["us-east-1", "us-west-1", "eu-west-1"], Port=port, FailureThreshold=10)
    created = world.stage.clock.now().epoch_seconds
    check = create(route53, path, settings)
    times: list[float] = []

    def probed_three_times() -> bool:
        seen = observed(route53, check)
        if seen and (not times or seen[0]["StatusReport"]["CheckedTime"].timestamp() != times[-1]):
            times.append(seen[0]["StatusReport"]["CheckedTime"].timestamp())
        return len(times) == 3

    world.stage.until(probed_three_times, seconds(120))
    assert all(words in status for status in statuses(route53, check))
    # Where packets are dropped a probe costs the 4 s of connecting, where nothing answers the 2 s of the response; the
    # next begins an interval of 10 s after that. Counted from the beginning of a probe the third would be over two such
    # limits earlier. CheckedTime has whole seconds.
    assert times[-1] - created >= 3 * limit + 20 - 1
    cycle = 10 + limit
    for before, after in itertools.pairwise(times):
        # A slow look may miss a probe, and then two cycles lie between; two seconds are 67 ms of a machine that others
        # use too.
        whole = round((after - before) / cycle)
        assert whole >= 1
        assert abs(after - before - whole * cycle) <= 2


def test_an_http_status_of_400_or_more_is_a_failure_and_the_last_failure_outlives_it(
    world: Platform, route53: Any
) -> None:
    check = create(route53, "status", config(path="/status/503", threshold=1))
    world.stage.until(lambda: not world.route53.health.healthy(check))
    assert "Failure: HTTP Status Code 503, Service Unavailable" in statuses(route53, check)
    assert route53.get_health_check_last_failure_reason(HealthCheckId=check)["HealthCheckObservations"]
    route53.update_health_check(HealthCheckId=check, ResourcePath="/status/302")
    world.stage.until(lambda: world.route53.health.healthy(check))
    world.stage.until(lambda: statuses(route53, check) == {"Success: HTTP Status Code 302, Found"})
    failed = route53.get_health_check_last_failure_reason(HealthCheckId=check)["HealthCheckObservations"]
    assert {each["StatusReport"]["Status"] for each in failed} == {"Failure: HTTP Status Code 503, Service Unavailable"}
    last = max(each["StatusReport"]["CheckedTime"] for each in failed)
    assert last <= min(each["StatusReport"]["CheckedTime"] for each in observed(route53, check))


def test_a_search_string_must_be_in_the_body_and_a_tcp_check_only_connects(world: Platform, route53: Any) -> None:
    found = config(Type="HTTPS_STR_MATCH", SearchString="Amazon-Route53-Health-Check-Service")
    matching = create(route53, "found", found)
    missing = create(route53, "missing", {**found, "SearchString": "nowhere", "FailureThreshold": 1})
    tcp = config()
    del tcp["ResourcePath"]
    connecting = create(route53, "tcp", {**tcp, "Type": "TCP"})
    world.stage.until(lambda: not world.route53.health.healthy(missing))
    world.stage.until(lambda: len(observed(route53, matching)) == len(observed(route53, connecting)) == 16)
    assert statuses(route53, matching) == {"Success: HTTP Status Code 200, OK. The search string was found."}
    assert statuses(route53, connecting) == {"Success: TCP connection established."}


def test_inverted_turns_the_status_and_disabled_stops_the_probes(world: Platform, route53: Any) -> None:
    healthy = world.route53.health.healthy
    check = create(route53, "switches", config())
    world.stage.until(lambda: len(observed(route53, check)) == 16)
    route53.update_health_check(HealthCheckId=check, Inverted=True)
    assert not healthy(check)
    route53.update_health_check(HealthCheckId=check, Disabled=True, Inverted=False)
    world.deny(EVERYWHERE)
    before = observed(route53, check)
    world.stage.clock.sleep(seconds(30))
    assert observed(route53, check) == before
    assert healthy(check)
    route53.update_health_check(HealthCheckId=check, Inverted=True)
    assert not healthy(check)
    route53.update_health_check(HealthCheckId=check, Disabled=False, Inverted=False)
    world.stage.until(lambda: not healthy(check))


def test_a_check_follows_an_alarm_and_says_what_missing_data_means(world: Platform, route53: Any) -> None:
    alarms = world.client("cloudwatch", "eu-west-1")
    alarms.put_metric_alarm(
        AlarmName="writer",
        Namespace="Test",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
    )

    def settings(missing: str) -> dict[str, Any]:
        alarm = {"Region": "eu-west-1", "Name": "writer"}
        return {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": alarm, "InsufficientDataHealthStatus": missing}

    well, ill, last = (
        create(route53, missing, settings(missing)) for missing in ("Healthy", "Unhealthy", "LastKnownStatus")
    )

    def seen(state: str) -> list[bool]:
        # Set again each time: the next evaluation finds no data and takes the alarm back.
        alarms.set_alarm_state(AlarmName="writer", StateValue=state, StateReason="test")
        return [world.route53.health.healthy(check) for check in (well, ill, last)]

    world.stage.until(lambda: seen("INSUFFICIENT_DATA") == [True, False, True])
    world.stage.until(lambda: seen("OK") == [True, True, True])
    world.stage.until(lambda: seen("ALARM") == [False, False, False])
    world.stage.until(lambda: seen("INSUFFICIENT_DATA") == [True, False, False])


def test_a_calculated_check_counts_its_healthy_children(world: Platform, route53: Any) -> None:
    children = [create(route53, name, config(Disabled=True)) for name in ("one", "two", "three")]
    parent = create(route53, "parent", {"Type": "CALCULATED", "ChildHealthChecks": children, "HealthThreshold": 2})
    healthy = world.route53.health.healthy
    route53.update_health_check(HealthCheckId=children[0], Inverted=True)
    assert healthy(parent)
    route53.update_health_check(HealthCheckId=children[1], Inverted=True)
    assert not healthy(parent)
    route53.update_health_check(HealthCheckId=parent, HealthThreshold=1)
    assert healthy(parent)
    for operation in (route53.get_health_check_status, route53.get_health_check_last_failure_reason):
        with pytest.raises(ClientError, match="InvalidInput"):
            operation(HealthCheckId=parent)


def test_metrics_are_published_in_us_east_1_only(world: Platform, route53: Any) -> None:
    check = create(route53, "metrics", config())
    parent = create(route53, "above", {"Type": "CALCULATED", "ChildHealthChecks": [check], "HealthThreshold": 1})

    def published(region: str, identifier: str) -> set[str]:
        dimensions = [{"Name": "HealthCheckId", "Value": identifier}]
        listed = world.client("cloudwatch", region).list_metrics(Namespace="AWS/Route53", Dimensions=dimensions)
        return {metric["MetricName"] for metric in listed["Metrics"]}

    world.stage.until(lambda: published("us-east-1", parent), seconds(90))
    assert published("us-east-1", check) == {"HealthCheckStatus", "HealthCheckPercentageHealthy"}
    assert published("us-east-1", parent) == {"HealthCheckStatus", "ChildHealthCheckHealthyCount"}
    assert published("eu-west-1", check) == set()


def test_health_checks_go_on_when_the_control_plane_is_gone_with_us_east_1(world: Platform, route53: Any) -> None:
    check = create(route53, "orphan", config(threshold=1))
    world.door.darken("us-east-1")
    try:
        with pytest.raises(HTTPClientError):
            world.client(attempts=1).get_health_check(HealthCheckId=check)
        dark = world.deny(EVERYWHERE)
        world.stage.until(lambda: world.turned(check, dark), seconds(40))
        healed = world.deny()
        world.stage.until(lambda: world.turned(check, healed), seconds(40))
    finally:
        world.door.lighten("us-east-1")
    assert route53.get_health_check(HealthCheckId=check)["HealthCheck"]["Id"] == check
