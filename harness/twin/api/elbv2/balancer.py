"""One Application Load Balancer at run time: its nodes, its targets, what each node thinks of them, and its name."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from harness.clock import Clock, Duration, Instant, monotonic_nanoseconds, seconds
from harness.errors import TwinFault
from harness.twin import names
from harness.twin.api.elbv2.checks import FIRST_CHECK, TargetWatch
from harness.twin.api.elbv2.opinions import DRAINING, REGISTERING, CheckResult, Opinion, admitted, together
from harness.twin.api.elbv2.settings import HealthSettings
from harness.twin.designs.model import LoadBalancerPlan, RegionPlan
from harness.twin.engines.haproxy import Counters, HaproxyNode
from harness.twin.names import Names, Pointer
from harness.twin.network.network import Network
from harness.twin.schedule import Scheduler

NODE_OCTET = 80
DNS_TTL = 60

Answer = TypeVar("Answer")

_CLOSING = seconds(1)
_LEFT_ALONE_SECONDS = 2
_LOG = logging.getLogger("twin.elbv2")


@dataclass
class _Node:
    """A node with its view of every target and what its process already knows: whom it has, whom it sends to."""

    zone: str
    engine: HaproxyNode
    opinions: dict[str, Opinion] = field(default_factory=dict)
    watches: dict[str, TargetWatch] = field(default_factory=dict)
    sending_to: frozenset[str] = frozenset()
    servers: set[str] = field(default_factory=set)
    left_alone_until: int = 0
    """CLOCK_MONOTONIC; its process did not answer, and asking it costs everybody a time-out."""


class Balancer:
    """The load balancer of a region with its one target group. Thread-safe; its lock is held for HAProxy's commands."""

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        network: Network,
        registry: Names,
        plan: LoadBalancerPlan,
        region: RegionPlan,
        state: Path,
    ) -> None:
        self.plan = plan
        self.created: Instant = clock.now()
        self.deregistration_delay: Duration = plan.deregistration_delay
        self._health = HealthSettings.of(plan)
        self._clock = clock
        self._scheduler = scheduler
        self._network = network
        self._registry = registry
        self._lock = threading.Lock()
        self._turns: dict[str, int] = {}
        self._nodes = tuple(_node(network, clock, state, region, zone) for zone in plan.zones)

    @property
    def dns_name(self) -> str:
        """The name that records lead to."""
        return names.load_balancer_dns(self.plan.name, self.plan.region)

    @property
    def dimension(self) -> str:
        """The load balancer as CloudWatch and its ARN call it, e.g. ``app/agentauri-alb/50dc6c495c0c9188``."""
        return f"app/{self.plan.name}/{_digits('lb', self.plan)}"

    @property
    def group_name(self) -> str:
        """The target group's name."""
        return f"{self.plan.name}-targets"

    @property
    def group_dimension(self) -> str:
        """The target group as CloudWatch and its ARN call it."""
        return f"targetgroup/{self.group_name}/{_digits('tg', self.plan)}"

    @property
    def arn(self) -> str:
        """The load balancer's ARN."""
        return names.arn("elasticloadbalancing", self.plan.region, f"loadbalancer/{self.dimension}")

    @property
    def group_arn(self) -> str:
        """The target group's ARN."""
        return names.arn("elasticloadbalancing", self.plan.region, self.group_dimension)

    @property
    def health(self) -> HealthSettings:
        """The health check in force."""
        return self._health

    def boot(self) -> None:
        """Start every node, together, and give the load balancer its name."""
        with ThreadPoolExecutor(len(self._nodes)) as pool:
            list(pool.map(lambda node: node.engine.start(), self._nodes))
        with self._lock:
            self._point()

    def stop(self) -> None:
        """End checks and processes."""
        with self._lock:
            for node in self._nodes:
                for watch in node.watches.values():
                    watch.stop()
                node.watches.clear()
                node.engine.stop()
            self._turns.clear()

    def register(self, target: str) -> None:
        """Add a target, or take a draining one back; a registered one stays as it is."""
        with self._lock:
            known = self._nodes[0].opinions.get(target)
            if known and known.state != "draining":
                return
            self._turns[target] = self._turns.get(target, 0) + 1
            for node in self._nodes:
                node.opinions[target] = REGISTERING
                self._watch(node, target, self._turns[target])
            self._send()

    def deregister(self, target: str) -> None:
        """Send a target nothing new, and forget it after the deregistration delay; an unknown one is ignored."""
        with self._lock:
            known = self._nodes[0].opinions.get(target)
            if not known or known.state == "draining":
                return
            for node in self._nodes:
                node.watches.pop(target).stop()
                node.opinions[target] = DRAINING
            self._send()
            turn = self._turns[target]
        self._scheduler.later(
            self.deregistration_delay, lambda: self._forget(target, turn), f"deregistration of {target}"
        )

    def modify(self, wanted: Mapping[str, Any]) -> None:
        """ModifyTargetGroup: every target is asked in the new way from now on; what is known of it stays.

        Raises ``AwsError`` and changes nothing when AWS would refuse.
        """
        with self._lock:
            self._health = self._health.changed(wanted)
            for node in self._nodes:
                for target, watch in list(node.watches.items()):
                    watch.stop()
                    self._watch(node, target, self._turns[target], min(FIRST_CHECK, self._health.interval))

    def targets(self) -> Mapping[str, Opinion]:
        """Every registered or draining target with what the nodes together say of it."""
        with self._lock:
            return {
                target: together([node.opinions[target] for node in self._nodes]) for target in self._nodes[0].opinions
            }

    def healthy_counts(self) -> Mapping[str, tuple[int, int]]:
        """Healthy and not healthy targets as each zone's node sees them; draining ones count as neither."""
        with self._lock:
            return {node.zone: _counts(node.opinions.values()) for node in self._nodes}

    def counters(self) -> Mapping[str, Counters]:
        """What each zone's node has counted since it started; a node that does not answer is left out."""
        return {node.zone: told for node in self._nodes for told in _asked(node, node.engine.counters)}

    def response_times(self) -> list[Duration]:
        """How long targets took to answer, for the requests since the last call; at most what the nodes remember."""
        return [span for node in self._nodes for told in _asked(node, node.engine.response_times) for span in told]

    def processes(self) -> Mapping[str, int | None]:
        """The process of each zone's node, ``None`` for one that is gone."""
        return {node.zone: node.engine.pid for node in self._nodes}

    def _watch(self, node: _Node, target: str, turn: int, first: Duration = FIRST_CHECK) -> None:
        settings = self._health

        def asking() -> None:
            with self._lock:
                if self._turns.get(target) == turn:
                    node.opinions[target] = node.opinions[target].asked()

        def report(result: CheckResult) -> None:
            with self._lock:
                if self._turns.get(target) == turn and node.opinions[target].state != "draining":
                    node.opinions[target] = node.opinions[target].after(result, settings)
                    self._send()

        place = node.engine.place
        node.watches[target] = TargetWatch(self._network, self._clock, place, settings, target, asking, report, first)

    def _send(self) -> None:
        """Bring every node's process up to date; one that does not answer is told again after the next check."""
        for node in self._nodes:
            _asked(node, lambda node=node: _update(node))
        self._point()

    def _point(self) -> None:
        """A zone whose node sees no healthy target leaves the name, unless that is true of every zone."""
        working = [node for node in self._nodes if _counts(node.opinions.values())[0]] or self._nodes
        pointer = Pointer(tuple(node.engine.address for node in working), ttl=DNS_TTL)
        if self._registry.lookup(self.dns_name) != pointer:
            self._registry.point(self.dns_name, pointer)

    def _forget(self, target: str, turn: int) -> None:
        with self._lock:
            if self._turns.get(target) != turn or self._nodes[0].opinions[target].state != "draining":
                return
            for node in self._nodes:
                if target in node.servers and (
                    node.engine.pid is None or any(_asked(node, node.engine.remove, target))
                ):
                    node.servers.discard(target)
            if not any(target in node.servers for node in self._nodes):
                for node in self._nodes:
                    del node.opinions[target]
                del self._turns[target]
                return
        self._scheduler.later(_CLOSING, lambda: self._forget(target, turn), f"deregistration of {target}")


def _update(node: _Node) -> None:
    """Give the node's process the servers that it lacks, and traffic to those that shall have it."""
    for target in set(node.opinions) - node.servers:
        node.engine.add(target)
        node.servers.add(target)
    wanted = admitted(node.opinions)
    for target in wanted - node.sending_to:
        node.engine.admit(target)
    for target in (node.sending_to - wanted) & node.servers:
        node.engine.withhold(target)
    node.sending_to = wanted


def _asked(node: _Node, question: Callable[..., Answer], *arguments: str) -> list[Answer]:
    """The node's answer; none from a process that is gone or frozen, or that is too slow: that is told in the log."""
    if node.engine.pid is None or node.engine.frozen or monotonic_nanoseconds() < node.left_alone_until:
        return []
    try:
        return [question(*arguments)]
    except TwinFault as fault:
        _LOG.warning("the node in zone %s: %s", node.zone, fault)
        node.left_alone_until = monotonic_nanoseconds() + _LEFT_ALONE_SECONDS * 1_000_000_000
        return []


def _node(network: Network, clock: Clock, state: Path, region: RegionPlan, zone: str) -> _Node:
    address = f"{names.subnet(region.octet, zone, 'public')}.{NODE_OCTET}"
    place = names.place(region.name, zone, "public")
    return _Node(zone, HaproxyNode(network, clock, state, f"alb-{names.short(region.name)}{zone}", place, address))


def _counts(opinions: Iterable[Opinion]) -> tuple[int, int]:
    states = [opinion.state for opinion in opinions]
    return states.count("healthy"), len(states) - states.count("healthy") - states.count("draining")


def _digits(kind: str, plan: LoadBalancerPlan) -> str:
    return hashlib.sha256(f"{kind}/{plan.region}/{plan.name}".encode()).hexdigest()[:16]
