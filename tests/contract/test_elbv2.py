"""Elastic Load Balancing as AWS SDKs and clients meet it: targets, their health, and what clients get."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clock import milliseconds, seconds
from tests.contract.door import code
from tests.contract.elbv2_rig import DNS, FIRST, NODES, SECOND, Rig, delay, rig
from tests.twin.stage import needs_root

pytestmark = needs_root


@pytest.fixture(scope="module")
def shared() -> Iterator[Rig]:
    with rig(speed=10) as built:
        yield built


@pytest.fixture
def world(shared: Rig) -> Iterator[Rig]:
    yield shared
    shared.reset()


def test_an_empty_load_balancer_has_a_name_and_answers_503(world: Rig) -> None:
    pointer = world.stage.names.lookup(DNS)
    assert pointer is not None
    assert (pointer.addresses, pointer.ttl) == (NODES, 60)
    assert [world.stage.get(node)[0] for node in NODES] == [503, 503]
    assert not world.elb.target_health(DNS)


def test_a_target_is_initial_then_healthy_and_every_node_spreads_over_all(world: Rig) -> None:
    world.start(FIRST)
    world.register(FIRST)
    assert world.health(FIRST)["Reason"] == "Elb.RegistrationInProgress"
    world.stage.until(lambda: world.health(FIRST) == {"State": "healthy"})
    world.serve(SECOND)
    assert world.elb.target_health(DNS)
    for node in NODES:
        bodies = [world.stage.get(node, port=443)[1] for _ in range(4)]
        assert {body.split()[0] for body in bodies} == {FIRST, SECOND}
        assert "x-forwarded-for: 10.101.0.10" in bodies[0].lower()
        assert "x-forwarded-proto: https" in bodies[0].lower()


def test_a_target_that_never_answers_is_checked_first_then_unhealthy_by_time_out(world: Rig) -> None:
    world.start(FIRST)
    world.processes[FIRST].send_signal(signal.SIGSTOP)
    world.register(FIRST)
    world.becomes(FIRST, "initial", "Elb.InitialHealthChecking")
    world.becomes(FIRST, "unhealthy", "Target.Timeout")
    assert world.health(FIRST)["Description"] == "Request timed out"


def test_an_unhealthy_target_is_left_out_and_all_unhealthy_fail_open(world: Rig) -> None:
    world.serve(FIRST, SECOND)
    world.processes[FIRST].send_signal(signal.SIGSTOP)
    took = world.stage.until(lambda: world.health(FIRST).get("Reason") == "Target.Timeout")
    assert seconds(4) < took < seconds(16)
    assert world.servers() == {SECOND}
    world.kill(SECOND)
    world.becomes(SECOND, "unhealthy", "Target.FailedHealthChecks")
    assert not world.elb.target_health(DNS)
    world.processes[FIRST].send_signal(signal.SIGCONT)
    assert 200 in world.statuses(count=2), "fails open before the checks have noticed"
    world.becomes(FIRST, "healthy")


def test_a_target_recovers_after_the_healthy_threshold_only(world: Rig) -> None:
    world.serve(FIRST)
    world.processes[FIRST].send_signal(signal.SIGSTOP)
    world.becomes(FIRST, "unhealthy", "Target.Timeout")
    world.api.modify_target_group(TargetGroupArn=world.group, HealthyThresholdCount=4)
    world.processes[FIRST].send_signal(signal.SIGCONT)
    took = world.stage.until(lambda: world.health(FIRST)["State"] == "healthy")
    assert took > seconds(13), "four checks of 5 s in a row"


def test_a_modified_health_check_takes_effect_on_registered_targets(world: Rig) -> None:
    world.serve(FIRST)
    changed = world.api.modify_target_group(TargetGroupArn=world.group, HealthCheckPath="/status/404")
    assert changed["TargetGroups"][0]["HealthCheckPath"] == "/status/404"
    world.becomes(FIRST, "unhealthy", "Target.ResponseCodeMismatch")
    assert world.health(FIRST)["Description"] == "Health checks failed with these codes: [404]"
    world.api.modify_target_group(TargetGroupArn=world.group, Matcher={"HttpCode": "200,400-410"})
    world.becomes(FIRST, "healthy")
    world.api.modify_target_group(TargetGroupArn=world.group, HealthCheckPort="8081")
    world.becomes(FIRST, "unhealthy", "Target.FailedHealthChecks")
    (seen,) = world.api.describe_target_health(TargetGroupArn=world.group)["TargetHealthDescriptions"]
    assert (seen["HealthCheckPort"], seen["Target"]["Port"]) == ("8081", 8080)
    assert world.statuses() == {200}, "traffic keeps its own port, and the only target fails open"


def test_a_longer_interval_and_threshold_detect_later(world: Rig) -> None:
    world.serve(FIRST)
    world.api.modify_target_group(
        TargetGroupArn=world.group,
        HealthCheckIntervalSeconds=10,
        HealthCheckTimeoutSeconds=2,
        UnhealthyThresholdCount=3,
    )
    world.kill(FIRST)
    took = world.stage.until(lambda: world.health(FIRST)["State"] == "unhealthy", seconds(60))
    assert seconds(20) < took < seconds(34), "three checks, 10 s apart"


@pytest.mark.parametrize(
    "changes",
    [
        {"HealthCheckIntervalSeconds": 4},
        {"HealthCheckTimeoutSeconds": 121},
        {"HealthCheckTimeoutSeconds": 5},
        {"HealthyThresholdCount": 1},
        {"UnhealthyThresholdCount": 11},
        {"HealthCheckPath": "health"},
        {"HealthCheckPort": "http"},
        {"HealthCheckProtocol": "TCP"},
        {"HealthCheckEnabled": False},
        {"Matcher": {"HttpCode": "200-599"}},
        {"Matcher": {"HttpCode": "ok"}},
    ],
    ids=str,
)
def test_a_health_check_that_aws_refuses_changes_nothing(shared: Rig, changes: dict[str, Any]) -> None:
    before = shared.api.describe_target_groups(TargetGroupArns=[shared.group])["TargetGroups"]
    with pytest.raises(ClientError) as refusal:
        shared.api.modify_target_group(TargetGroupArn=shared.group, **changes)
    assert code(refusal.value) == "ValidationError"
    assert shared.api.describe_target_groups(TargetGroupArns=[shared.group])["TargetGroups"] == before


def test_draining_sends_nothing_new_until_the_delay_is_over_then_the_target_is_unused(world: Rig) -> None:
    world.serve(FIRST, SECOND)
    world.api.modify_target_group_attributes(TargetGroupArn=world.group, Attributes=delay(12))
    began = world.stage.clock.now()
    world.deregister(FIRST)
    assert world.health(FIRST) == {
        "State": "draining",
        "Reason": "Target.DeregistrationInProgress",
        "Description": "Target deregistration is in progress",
    }
    assert world.servers() == {SECOND}
    world.becomes(FIRST, "unused", "Target.NotRegistered")
    assert seconds(12) <= world.stage.clock.now() - began < seconds(18), "the changed delay, not the design's 6 s"
    world.register(FIRST)
    world.becomes(FIRST, "healthy")


def test_a_draining_target_finishes_what_it_has_begun_and_can_be_taken_back(world: Rig) -> None:
    world.serve(FIRST)
    with world.stage.network.connect("america", (NODES[0], 80), seconds(60)) as line:
        line.sendall(b"GET /slow HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
        world.stage.until(lambda: b"/slow" in world.stage.state.joinpath(f"logs/target-{FIRST}.log").read_bytes())
        world.deregister(FIRST)
        line.settimeout(10)
        assert line.recv(64).startswith(b"HTTP/1.1 200")
    assert world.statuses() == {503}, "only draining targets are none"
    world.register(FIRST)
    world.becomes(FIRST, "healthy")
    assert world.statuses() == {200}


def test_a_request_that_outlives_the_deregistration_delay_is_cut(world: Rig) -> None:
    world.serve(FIRST)
    world.api.modify_target_group_attributes(TargetGroupArn=world.group, Attributes=delay(1))
    with world.stage.network.connect("america", (NODES[0], 80), seconds(60)) as line:
        line.sendall(b"GET /hang HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
        world.stage.until(lambda: b"/hang" in world.stage.state.joinpath(f"logs/target-{FIRST}.log").read_bytes())
        world.deregister(FIRST)
        line.settimeout(5)
        assert not line.recv(64).startswith(b"HTTP/1.1 200")


def test_errors_are_an_albs_also_on_kept_connections(world: Rig) -> None:
    world.serve(FIRST)
    assert world.stage.get(NODES[0], "/status/503")[1].startswith(FIRST), "a target's own 503 passes"
    connection = http.client.HTTPConnection("api")
    connection.sock = world.stage.network.connect("america", (NODES[0], 80), seconds(20))

    def status(path: str) -> int:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert [status(path) for path in ("/", "/reset", "/", "/status/500", "/garbage")] == [200, 502, 200, 500, 502]
    world.kill(FIRST)
    assert status("/") == 502, "refused"
    connection.close()


def test_a_hung_target_gives_504_after_the_idle_time_out_and_a_dark_one_after_ten_seconds() -> None:
    with rig(speed=40) as world:
        world.start(FIRST)
        world.register(FIRST)
        began = world.stage.clock.now()
        assert world.stage.get(NODES[0], "/hang")[0] == 504
        assert 59 < (world.stage.clock.now() - began).seconds < 70
        world.stage.network.remove_address("us-east-1a-app", FIRST)
        began = world.stage.clock.now()
        assert world.stage.get(NODES[0])[0] == 504
        assert 9.5 < (world.stage.clock.now() - began).seconds < 20


def test_a_lost_zone_leaves_the_name(world: Rig) -> None:
    world.serve(FIRST, SECOND)
    world.stage.network.lose_zone("us-east-1", "b")

    def addresses() -> tuple[str, ...]:
        pointer = world.stage.names.lookup(DNS)
        return pointer.addresses if pointer else ()

    world.stage.until(lambda: addresses() == (NODES[0],), seconds(40))
    world.stage.network.restore_zone("us-east-1", "b")
    world.stage.until(lambda: addresses() == NODES, seconds(40))


def test_a_frozen_node_does_not_stop_the_others_and_catches_up(world: Rig) -> None:
    world.serve(FIRST, SECOND)
    frozen = world.elb.processes("us-east-1", "agentauri-alb")["b"]
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    try:
        world.kill(FIRST)
        world.becomes(FIRST, "unhealthy", "Target.FailedHealthChecks", patience=seconds(20))
        world.stage.until(lambda: world.servers() == {SECOND})
    finally:
        os.kill(frozen, signal.SIGCONT)
    world.stage.until(lambda: {world.stage.get(NODES[1])[0] for _ in range(4)} == {200})


def test_a_request_does_not_wait_for_delayed_acknowledgements(world: Rig) -> None:
    world.serve(FIRST)
    times = []
    for _ in range(20):
        began = world.stage.clock.now()
        world.stage.get(NODES[0], place="us-east-1a-public")
        times.append(world.stage.clock.now() - began)
    assert sorted(times)[10] < milliseconds(20 * 10)
