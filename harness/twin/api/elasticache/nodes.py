"""Where nodes stand: each has a zone's data subnet, an address of its own there and one on the backplane."""

from __future__ import annotations

import threading
from pathlib import Path

from harness.clock import Clock
from harness.twin import names
from harness.twin.api.elasticache.member import Member, NodeStatus
from harness.twin.calls import AwsError
from harness.twin.designs.model import Design
from harness.twin.engines.redis import RedisNode
from harness.twin.network.network import Network

_OCTETS = range(200, 250)


class Nodes:
    """Makes nodes and gives each its last octet, unique in the design while the node lives; thread-safe."""

    def __init__(self, network: Network, clock: Clock, design: Design, state: Path) -> None:
        self._network = network
        self._clock = clock
        self._design = design
        self._state = state
        self._lock = threading.Lock()
        self._taken: set[int] = set()

    def make(self, region: str, group: str, number: int, zone: str, status: NodeStatus = "available") -> Member:
        """The node ``GROUP-00N``, not started; raises ``AwsError`` when there is no address left."""
        with self._lock:
            octet = next((octet for octet in _OCTETS if octet not in self._taken), None)
            if octet is None:
                raise AwsError("InsufficientCacheClusterCapacity", "The requested node cannot be placed.")
            self._taken.add(octet)
        plan, identifier = self._design.region(region), f"{group}-{number:03d}"
        engine = RedisNode(
            self._network,
            self._clock,
            self._state,
            f"redis-{names.short(region)}-{identifier}",
            names.place(region, zone, "data"),
            f"{names.subnet(plan.octet, zone, 'data')}.{octet}",
            f"{names.backplane(plan.octet, zone)}.{octet}",
        )
        return Member(identifier, region, zone, engine, status)

    def forget(self, member: Member) -> None:
        """Its address may be given to another; the node must be removed by then."""
        with self._lock:
            self._taken.discard(int(member.engine.address.rpartition(".")[2]))
