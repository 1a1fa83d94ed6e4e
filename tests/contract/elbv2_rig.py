"""A load balancer over real backends on a network, called through boto3."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.clock import Duration, seconds
from harness.twin import names
from harness.twin.api.elbv2 import ElbV2
from harness.twin.designs import catalogue
from tests.contract.door import REGION, client, opened
from tests.twin import backend
from tests.twin.stage import PATIENCE, Stage, stage

NAME = "agentauri-alb"
DNS = names.load_balancer_dns(NAME, REGION)
FIRST, SECOND = "10.1.11.20", "10.1.21.20"
NODES = ("10.1.10.80", "10.1.20.80")


@dataclass
class Rig:
    stage: Stage
    elb: ElbV2
    api: Any
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        return self.elb.group_arn(REGION, NAME)

    @property
    def arn(self) -> str:
        found: str = self.api.describe_load_balancers(Names=[NAME])["LoadBalancers"][0]["LoadBalancerArn"]
        return found

    def start(self, address: str) -> None:
        """A backend on an address; its process is the one that the test may freeze or kill."""
        place = f"us-east-1{'a' if address == FIRST else 'b'}-app"
        self.stage.network.address(place, address)
        command = [sys.executable, str(Path(backend.__file__ or "")), address]
        self.processes[address] = self.stage.network.spawn(f"target-{address}", place, command)
        self.stage.until(lambda: self._listens(place, address))

    def _listens(self, place: str, address: str) -> bool:
        try:
            with self.stage.network.connect(place, (address, 8080), seconds(1)):
                return True
        except OSError:
            return False

    def kill(self, address: str) -> None:
        self.processes[address].kill()
        self.processes[address].wait()

    def register(self, *addresses: str) -> None:
        self.api.register_targets(TargetGroupArn=self.group, Targets=[{"Id": address} for address in addresses])

    def deregister(self, *addresses: str) -> None:
        self.api.deregister_targets(TargetGroupArn=self.group, Targets=[{"Id": address} for address in addresses])

    def serve(self, *addresses: str) -> None:
        """Start and register backends; returns when all are healthy."""
        for address in addresses:
            self.start(address)
        self.register(*addresses)
        self.stage.until(lambda: {self.health(address)["State"] for address in addresses} == {"healthy"})

    def health(self, address: str) -> dict[str, str]:
        """State, Reason and Description of one target."""
        answer = self.api.describe_target_health(TargetGroupArn=self.group, Targets=[{"Id": address}])
        (seen,) = answer["TargetHealthDescriptions"]
        health: dict[str, str] = seen["TargetHealth"]
        return health

    def becomes(self, address: str, state: str, reason: str | None = None, *, patience: Duration = PATIENCE) -> None:
        wanted = (state, reason)

        def told() -> bool:
            health = self.health(address)
            return (health["State"], health.get("Reason")) == wanted

        self.stage.until(told, patience)

    def statuses(self, path: str = "/", count: int = 4) -> set[int]:
        return {self.stage.get(NODES[0], path)[0] for _ in range(count)}

    def servers(self, count: int = 4) -> set[str]:
        """Who answers, by the first word of each body."""
        return {self.stage.get(NODES[0])[1].split()[0] for _ in range(count)}

    def reset(self) -> None:
        """No targets, no backends, and the health check as it was."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()
        known = list(self.elb.targets(REGION, NAME))
        self.api.modify_target_group_attributes(TargetGroupArn=self.group, Attributes=delay(0))
        self.deregister(*(known or [FIRST]))
        self.stage.until(lambda: not self.elb.targets(REGION, NAME))
        self.api.modify_target_group(TargetGroupArn=self.group, **SETTINGS)
        self.api.modify_target_group_attributes(TargetGroupArn=self.group, Attributes=delay(6))


SETTINGS: dict[str, Any] = {
    "HealthCheckIntervalSeconds": 5,
    "HealthCheckTimeoutSeconds": 4,
    "HealthCheckPath": "/api/v1/health",
    "HealthCheckPort": "traffic-port",
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
    "Matcher": {"HttpCode": "200"},
}


def delay(count: int) -> list[dict[str, str]]:
    return [{"Key": "deregistration_delay.timeout_seconds", "Value": str(count)}]


@contextmanager
def rig(speed: float) -> Iterator[Rig]:
    """One load balancer with checks of 5 s, at that speed."""
    design = catalogue.design("read_replicas", "hardened")
    (plan,) = design.load_balancers
    quick = replace(plan, interval=seconds(5), timeout=seconds(4), deregistration_delay=seconds(6))
    with stage(replace(design, load_balancers=(quick,)), speed) as built:
        elb = ElbV2(built.clock, built.scheduler, built.network, built.names, built.metrics, built.design, built.state)
        built.exits.callback(elb.stop)
        elb.boot()
        yield Rig(built, elb, client(opened(built, elb), "elbv2"))
