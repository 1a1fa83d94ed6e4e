"""One node of a replication group: its process, its place in ElastiCache's words, and what can be learned of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Literal

from harness.clock import Clock, Duration, seconds
from harness.errors import TwinFault
from harness.twin import names
from harness.twin.engines.redis import RedisNode

NODE_GROUP = "0001"
NODE = "0001"
_LOOK_TIMEOUT = seconds(1)

NodeStatus = Literal["creating", "available", "modifying", "rebooting cluster nodes", "deleting"]


@dataclass(eq=False)
class Member:
    """A node with its own name; its group guards ``status``."""

    identifier: str
    region: str
    zone: str
    engine: RedisNode
    status: NodeStatus = "available"
    source: str | None = None
    """Whom it was last told to follow."""

    @property
    def gone(self) -> bool:
        """Whether ElastiCache would call it failed: no process, a frozen one, or no connection to be had.

        A paused Redis still accepts connections: not gone.
        """
        engine = self.engine
        return engine.pid is None or engine.frozen or not engine.reachable(self.region, _LOOK_TIMEOUT)

    @property
    def placed(self) -> bool:
        """Whether its zone can be reached, so that a process there is of use."""
        return self.engine.hosted(self.region, _LOOK_TIMEOUT)

    @property
    def offset(self) -> int | None:
        """How far it has replicated, in bytes; ``None`` when it cannot be asked."""
        with contextlib.suppress(TwinFault):
            return int(self.engine.info("replication").get("slave_repl_offset", "0"))
        return None

    def start(self, source: str | None) -> None:
        """Start its process, empty, as a replica of the node at ``source``, or as a primary."""
        self.source = source
        self.engine.start(source)

    def obey(self, source: str | None) -> bool:
        """Follow the node at ``source``, or take writes when there is none; whether it does or could be told.

        Nothing has to be told to a node without a process: it learns when it starts.
        """
        if self.engine.pid is None or self.source == source:
            return True
        if self.engine.frozen:
            return False
        try:
            if source:
                self.engine.follow(source)
            else:
                self.engine.promote()
        except TwinFault:
            return False
        self.source = source
        return True

    def lag(self, clock: Clock) -> Duration | None:
        """How long a replica has heard nothing from its source; ``None`` when it cannot be asked or follows nobody."""
        with contextlib.suppress(TwinFault):
            info = self.engine.info("replication")
            if info.get("role") == "slave":
                silent = info.get("master_link_down_since_seconds") or info.get("master_last_io_seconds_ago", "0")
                return seconds(max(0, int(silent)) * clock.speed)
        return None


def node_endpoint(member: Member) -> str:
    """The name of one node."""
    return f"{member.identifier}.x7kq3x.{NODE_GROUP}.{names.short(member.region)}.cache.amazonaws.com"
