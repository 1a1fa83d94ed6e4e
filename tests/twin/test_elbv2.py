from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from harness.clock import milliseconds, seconds
from harness.twin import names
from harness.twin.api.elbv2 import ElbV2
from harness.twin.calls import AwsError
from harness.twin.designs import catalogue
from tests.twin.stage import Stage, needs_root, stage

pytestmark = needs_root
REGION, NAME = "us-east-1", "agentauri-alb"
DNS = names.load_balancer_dns(NAME, REGION)
FIRST, SECOND = "10.1.11.20", "10.1.21.20"
NODES = ("10.1.10.80", "10.1.20.80")


@dataclass
class World:
    stage: Stage
    elb: ElbV2
    targets: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, address: str) -> None:
        place = f"us-east-1{'a' if address == FIRST else 'b'}-app"
        self.stage.network.address(place, address)
        command = [sys.executable, str(Path(__file__).with_name("backend.py")), address]
        self.targets[address] = self.stage.network.spawn(f"target-{address}", place, command)
        self.stage.until(lambda: self.listens(place, address))

    def listens(self, place: str, address: str) -> bool:
        try:
            with self.stage.network.connect(place, (address, 8080), seconds(1)):
                return True
        except OSError:
            return False

    def states(self) -> dict[str, str]:
        return {target: opinion.state for target, opinion in self.elb.targets(REGION, NAME).items()}

    def register_both(self) -> None:
        for address in (FIRST, SECOND):
            self.start(address)
            self.elb.register(REGION, NAME, address)
        self.stage.until(lambda: set(self.states().values()) == {"healthy"})

    def group(self) -> str:
        return self.elb.group_arn(REGION, NAME)


@pytest.fixture
def world() -> Iterator[World]:
    design = catalogue.design("read_replicas", "hardened")
    (plan,) = design.load_balancers
    quick = replace(plan, interval=seconds(5), timeout=seconds(4), deregistration_delay=seconds(6))
    with stage(replace(design, load_balancers=(quick,)), speed=10) as built:
        elb = ElbV2(built.clock, built.scheduler, built.network, built.names, built.metrics, built.design, built.state)
        built.exits.callback(elb.stop)
        elb.boot()
        yield World(built, elb)


def test_an_empty_load_balancer_has_a_name_and_answers_503(world: World) -> None:
    pointer = world.stage.names.lookup(DNS)
    assert pointer is not None
    assert (pointer.addresses, pointer.ttl) == (NODES, 60)
    assert [world.stage.get(node)[0] for node in NODES] == [503, 503]
    assert not world.elb.target_health(DNS)


def test_a_target_is_initial_then_healthy_and_both_nodes_spread_over_all(world: World) -> None:
    world.start(FIRST)
    world.elb.register(REGION, NAME, FIRST)
    (seen,) = world.stage.call(world.elb, "DescribeTargetHealth", TargetGroupArn=world.group())[
        "TargetHealthDescriptions"
    ]
    assert (seen["TargetHealth"]["State"], seen["TargetHealth"]["Reason"]) == ("initial", "Elb.RegistrationInProgress")
    assert seen["Target"]["AvailabilityZone"] == "us-east-1a"
    world.register_both()
    assert world.elb.target_health(DNS)
    for node in NODES:
        bodies = [world.stage.get(node, port=443)[1] for _ in range(4)]
        assert {body.split()[0] for body in bodies} == {FIRST, SECOND}
        assert "x-forwarded-for: 10.101.0.10" in bodies[0].lower()
        assert "x-forwarded-proto: https" in bodies[0].lower()


def test_errors_are_an_albs_also_on_kept_connections(world: World) -> None:
    world.start(FIRST)
    world.elb.register(REGION, NAME, FIRST)
    assert world.stage.get(NODES[0], "/status/503")[1].startswith(FIRST)
    sock = world.stage.network.connect("america", (NODES[0], 80), seconds(20))
    client = http.client.HTTPConnection("api")
    client.sock = sock

    def status(path: str) -> int:
        client.request("GET", path)
        answer = client.getresponse()
        answer.read()
        return answer.status

    assert [status(path) for path in ("/", "/reset", "/", "/status/500")] == [200, 502, 200, 500]
    world.targets[FIRST].kill()
    world.targets[FIRST].wait()
    assert status("/") == 502
    client.close()
    world.elb._publish()
    assert world.stage.metrics.last["HTTPCode_ELB_5XX_Count"] == 2
    assert world.stage.metrics.last["HTTPCode_Target_5XX_Count"] == 2
    assert world.stage.metrics.last["RequestCount"] == 6


def test_a_hung_target_gives_504_after_the_idle_time_out_and_a_dark_one_after_ten_seconds(world: World) -> None:
    world.start(FIRST)
    world.elb.register(REGION, NAME, FIRST)
    began = world.stage.clock.now()
    assert world.stage.get(NODES[0], "/hang")[0] == 504
    assert 59 < (world.stage.clock.now() - began).seconds < 66
    world.stage.network.remove_address("us-east-1a-app", FIRST)
    began = world.stage.clock.now()
    assert world.stage.get(NODES[0])[0] == 504
    assert 9.5 < (world.stage.clock.now() - began).seconds < 14


def test_an_unhealthy_target_is_left_out_and_all_unhealthy_fail_open(world: World) -> None:
    world.register_both()
    world.targets[FIRST].send_signal(signal.SIGSTOP)
    took = world.stage.until(lambda: world.states()[FIRST] == "unhealthy")
    assert seconds(4) < took < seconds(16)
    assert world.elb.targets(REGION, NAME)[FIRST].reason == "Target.Timeout"
    assert {world.stage.get(NODES[0])[1].split()[0] for _ in range(4)} == {SECOND}
    world.targets[SECOND].kill()
    world.targets[SECOND].wait()
    world.stage.until(lambda: world.states()[SECOND] == "unhealthy")
    assert world.elb.targets(REGION, NAME)[SECOND].reason == "Target.FailedHealthChecks"
    assert not world.elb.target_health(DNS)
    world.targets[FIRST].send_signal(signal.SIGCONT)
    assert 200 in {world.stage.get(NODES[0])[0] for _ in range(2)}, "fails open before the checks have noticed"
    world.stage.until(lambda: world.states()[FIRST] == "healthy")


def test_draining_sends_nothing_new_and_lets_requests_finish_until_the_delay_is_over(world: World) -> None:
    world.register_both()
    arn = world.group()
    world.stage.call(world.elb, "DeregisterTargets", TargetGroupArn=arn, Targets=[{"Id": FIRST}])
    assert {world.stage.get(NODES[1])[1].split()[0] for _ in range(4)} == {SECOND}
    (seen,) = world.stage.call(world.elb, "DescribeTargetHealth", TargetGroupArn=arn, Targets=[{"Id": FIRST}])[
        "TargetHealthDescriptions"
    ]
    assert seen["TargetHealth"]["Reason"] == "Target.DeregistrationInProgress"
    world.stage.until(lambda: FIRST not in world.states())
    world.stage.call(world.elb, "RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": FIRST}])
    world.stage.until(lambda: world.states().get(FIRST) == "healthy")


def test_a_lost_zone_leaves_the_name(world: World) -> None:
    world.register_both()
    world.stage.network.lose_zone(REGION, "b")

    def addresses() -> tuple[str, ...]:
        pointer = world.stage.names.lookup(DNS)
        return pointer.addresses if pointer else ()

    world.stage.until(lambda: addresses() == (NODES[0],), seconds(40))
    world.stage.network.restore_zone(REGION, "b")
    world.stage.until(lambda: addresses() == NODES, seconds(40))


def test_describes_and_refusals(world: World) -> None:
    (found,) = world.stage.call(world.elb, "DescribeLoadBalancers")["LoadBalancers"]
    assert found["DNSName"] == DNS
    assert [zone["SubnetId"] for zone in found["AvailabilityZones"]] == ["subnet-use1apublic", "subnet-use1bpublic"]
    (group,) = world.stage.call(world.elb, "DescribeTargetGroups", LoadBalancerArn=found["LoadBalancerArn"])[
        "TargetGroups"
    ]
    assert (group["HealthCheckIntervalSeconds"], group["UnhealthyThresholdCount"]) == (5, 2)
    listeners = world.stage.call(world.elb, "DescribeListeners", LoadBalancerArn=found["LoadBalancerArn"])["Listeners"]
    assert [listener["Port"] for listener in listeners] == [80, 443]
    with pytest.raises(AwsError, match=r"^LoadBalancerNotFound"):
        world.stage.call(world.elb, "DescribeLoadBalancers", Names=["other"])
    with pytest.raises(AwsError, match=r"^TargetGroupNotFound"):
        world.stage.call(world.elb, "DescribeTargetHealth", TargetGroupArn="arn:none")
    with pytest.raises(AwsError, match=r"^InvalidTarget"):
        world.stage.call(world.elb, "RegisterTargets", TargetGroupArn=world.group(), Targets=[{"Id": "10.2.11.20"}])
    changed = [{"Key": "deregistration_delay.timeout_seconds", "Value": "77"}]
    world.stage.call(world.elb, "ModifyTargetGroupAttributes", TargetGroupArn=world.group(), Attributes=changed)
    seen = world.stage.call(world.elb, "DescribeTargetGroupAttributes", TargetGroupArn=world.group())["Attributes"]
    assert changed[0] in seen


def test_a_speed_of_the_wire_does_not_wait_for_delayed_acknowledgements(world: World) -> None:
    world.register_both()
    times = []
    for _ in range(20):
        began = world.stage.clock.now()
        world.stage.get(NODES[0], place="us-east-1a-public")
        times.append(world.stage.clock.now() - began)
    assert sorted(times)[10] < milliseconds(20 * 10)
