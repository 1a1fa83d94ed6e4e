"""The twin's world: every part made and connected, and the order in which they start.

``main`` runs in the twin's root process (see ``harness.twin.root``). Two moments count: *boot* ends when every region's
load balancer serves and every replica streams; *settled* is later, when alarms are OK and all targets healthy.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness.clock import Instant, minutes, seconds
from harness.errors import TwinFault
from harness.twin import names
from harness.twin.api.cloudwatch.service import CloudWatch
from harness.twin.api.ec2.service import Ec2
from harness.twin.api.ecs.service import Ecs
from harness.twin.api.elasticache.service import ElastiCache
from harness.twin.api.elbv2.service import ElbV2
from harness.twin.api.front_door import FrontDoor
from harness.twin.api.moto_gateway import MOTO_SERVICES, Gateway
from harness.twin.api.rds.service import Rds
from harness.twin.api.route53.service import Route53
from harness.twin.api.tagging import Tagging
from harness.twin.api.topics import Topics
from harness.twin.automation import Automation
from harness.twin.designs import catalogue
from harness.twin.designs.model import Design
from harness.twin.engines.apps import AppHost
from harness.twin.engines.dns import Dns
from harness.twin.handover import Handover
from harness.twin.names import Names
from harness.twin.nature import Nature
from harness.twin.network.network import Network
from harness.twin.nodes import Node
from harness.twin.schedule import Scheduler

_LOG = logging.getLogger("twin.world")
_SERVING_PATIENCE = minutes(5)
_OWN = (Rds, ElastiCache, ElbV2, Ecs, Ec2, Route53, CloudWatch, Tagging)
SERVICES = (*(kind.name for kind in _OWN), *MOTO_SERVICES)
"""By the names of botocore's models."""


class World:
    """A running platform. ``boot`` returns when it serves and replicates; ``stop`` ends every process."""

    def __init__(self, handover: Handover, design: Design) -> None:
        clock, state = handover.clock, handover.state
        self.design = design
        self._handover = handover
        self._clock = clock
        self._began: Instant = clock.now()
        self._gateway = Gateway(clock)
        self._importing = self._gateway.prepare()
        self.scheduler = Scheduler(clock)
        self.names = Names()
        self.network = Network(clock, self.design, state)
        topics = Topics(self._gateway, self.design)
        self.cloudwatch = CloudWatch(clock, self.scheduler, self.design, topics.notify)
        shared = (clock, self.scheduler, self.network, self.names, self.cloudwatch, self.design)
        self.rds = Rds(clock, self.network, self.names, self.scheduler, self.cloudwatch, self.design, state)
        self.elasticache = ElastiCache(*shared, state)
        self.elbv2 = ElbV2(*shared, state)
        self.apps = AppHost(self.network, clock, state)
        self.ecs = Ecs(clock, self.scheduler, self.network, self.cloudwatch, self.design, self.elbv2, self.apps)
        self.ec2 = Ec2(self.network, self.design)
        self.route53 = Route53(*shared, self.elbv2.target_health, self._alarm_seen_by_route53)
        self.dns = Dns(clock, self.network, self.names, self.route53, self.design, handover.dns)
        services = (self.rds, self.elasticache, self.elbv2, self.ecs, self.ec2, self.route53, self.cloudwatch)
        routes = {"strike": self._strike, "status": self._status}
        tagging = Tagging((*services, topics))
        self.door = FrontDoor(clock, (*services, tagging), state / "logs" / "audit.jsonl", routes, self._gateway)
        self.nature = Nature(clock, self.design, self.network, self.door, self.rds, self.cloudwatch, self._nodes)
        self.automation = Automation(
            clock,
            self.scheduler,
            self.network,
            self.names,
            self.design,
            self.cloudwatch,
            self._by_platform,
            self._is_up,
        )

    def boot(self) -> Mapping[str, Any]:
        """Start everything, what can start together together; returns figures for the launcher."""
        with ThreadPoolExecutor(4) as pool:
            template = pool.submit(self._template)
            self.network.up()
            self.ec2.boot()
            template.result()
            starting = [pool.submit(part.boot) for part in (self.rds, self.elasticache, self.elbv2, self.apps)]
            self.dns.start()
            for part in starting:
                part.result()
        self.ecs.boot()
        self.route53.start()
        self._await_service()
        self.automation.start()
        self._importing.join()
        self.door.serve(self._handover.api)
        return {"boot_seconds": self._clock.real_seconds(self._clock.now() - self._began)}

    def stop(self) -> None:
        """End every part in the reverse order; the namespaces end whatever a part forgot."""
        self.door.close()
        for part in (
            self.automation,
            self.route53,
            self.ecs,
            self.apps,
            self.dns,
            self.elbv2,
            self.elasticache,
            self.rds,
        ):
            part.stop()
        self.scheduler.close()
        self.network.down()

    def _template(self) -> None:
        """The database template, from the checkout's cache when it is there: the twin's own tmpfs is new each time."""
        cache = self._handover.checkout / ".twin" / "template"
        inside = self._handover.state / "template"
        if cache.exists():
            _copy(cache, inside)
        before = set(inside.rglob("*")) if inside.exists() else set()
        self.rds.prepare()
        if set(inside.rglob("*")) != before:
            shutil.rmtree(cache, ignore_errors=True)
            _copy(inside, cache)

    def _await_service(self) -> None:
        """Every load balancer whose region can serve answers its health path.

        A standby that cannot start its tasks (a cold Redis, as the strategy has it) is a finding, not a reason to wait.
        """
        waiting = {plan.region: plan for plan in self.design.load_balancers if self._can_serve(plan.region)}
        for _ in self._clock.every(seconds(0.05 * self._clock.speed), _SERVING_PATIENCE * self._clock.speed):
            for region, plan in list(waiting.items()):
                if self._answers(region, plan.zones[0], plan.health_path):
                    del waiting[region]
            if not waiting:
                return
        raise TwinFault(f"{', '.join(waiting)} did not begin to serve.", "See .twin/logs.")

    def _can_serve(self, region: str) -> bool:
        app = self.design.app[region]
        cached = any(group.region == region for group in self.design.caches)
        return cached or not app.cache_required_to_start

    def _answers(self, region: str, zone: str, path: str) -> bool:
        octet = self.design.region(region).octet
        address = (f"{names.subnet(octet, zone, 'public')}.80", 80)
        try:
            with self.network.connect(region, address, seconds(2) * self._clock.speed) as connection:
                connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {names.API_HOST}\r\n\r\n".encode())
                return b" 200 " in connection.recv(64)
        except OSError:
            return False

    def _by_platform(
        self, service: str, operation: str, region: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        return self.door.call(service, operation, region, parameters, "platform:region-switch")

    def _is_up(self, region: str) -> bool:
        return region not in self.nature.lost()

    def _alarm_seen_by_route53(self, region: str, alarm: str) -> str | None:
        """An alarm's state; a lost region's CloudWatch gives Route 53 no data."""
        return self.cloudwatch.state(region, alarm) if self._is_up(region) else None

    def _strike(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.nature.strike(wanted)

    def _nodes(self) -> list[Node]:
        return [node for service in (self.rds, self.elasticache, self.ecs) for node in service.nodes()]

    def _status(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        databases: dict[str, str] = {}
        struck = self.nature.struck()
        for plan in self.design.regions:
            if not {f"region {plan.name}", f"endpoint {plan.name}"} & struck.keys():
                told = self.door.call("rds", "DescribeDBInstances", plan.name, {}, "twin:status")
                databases |= {item["DBInstanceIdentifier"]: item["DBInstanceStatus"] for item in told["DBInstances"]}
        alarms = {
            f"{alarm.name} {alarm.region}": self.cloudwatch.state(alarm.region, alarm.name)
            for alarm in self.design.alarms
        }
        balancers = {
            f"{plan.name} {plan.region}": len(
                self.elbv2.healthy_targets(names.load_balancer_dns(plan.name, plan.region))
            )
            for plan in self.design.load_balancers
        }
        return {
            "time": str(self._clock.now()),
            "lost": self.nature.lost(),
            "struck": struck,
            "databases": databases,
            "alarms": alarms,
            "healthy targets": balancers,
            "failures": list(self.scheduler.failures),
        }


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def main(handover: Handover) -> None:
    """The world of the catalogue's design, as the launcher starts it."""
    serve(handover, catalogue.design(handover.design, handover.version))


def serve(handover: Handover, design: Design) -> None:
    """Build the world of a design, say that it is ready, and keep it until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    world = World(handover, design)
    try:
        handover.ready(world.boot())
        handover.stop.wait()
    finally:
        world.stop()
