"""A Global Datastore: one region's group takes writes, the others' follow it read-only, and nobody fails it over alone.

Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastore.html
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from harness.twin.api.elasticache.group import Group
from harness.twin.api.spans import Spans
from harness.twin.calls import AwsError
from harness.twin.schedule import Scheduler


class Datastore:
    """The groups of a Global Datastore, the primary first at boot. Thread-safe."""

    def __init__(self, identifier: str, groups: Sequence[Group], scheduler: Scheduler, spans: Spans) -> None:
        self.identifier = identifier
        self.groups = list(groups)
        self._scheduler = scheduler
        self._spans = spans
        self._lock = threading.Lock()
        self._primary = self.groups[0]
        self._status = "available"

    @property
    def primary(self) -> Group:
        """The group that takes writes."""
        with self._lock:
            return self._primary

    @property
    def status(self) -> str:
        """``available``, or ``modifying`` during a failover."""
        with self._lock:
            return self._status

    def upstream(self, group: Group) -> str | None:
        """The backplane address that a group's primary follows; ``None`` for the one that takes writes."""
        primary = self.primary
        return None if group is primary else primary.primary.engine.backplane

    def moved(self, group: Group) -> None:
        """A group has another primary node now: if it is the one that takes writes, the others follow that node."""
        if group is self.primary:
            self._follow(group)

    def fail_over(self, region: str, identifier: str) -> None:
        """Make the group of ``region`` the primary, as an operator orders it; it takes the drawn time."""
        with self._lock:
            chosen = next((item for item in self.groups if item.plan.region == region), None)
            if chosen is None or chosen.plan.identifier != identifier:
                raise AwsError("InvalidParameterValue", f"{identifier} in {region} is no member of {self.identifier}.")
            if chosen is self._primary:
                raise AwsError("InvalidParameterValue", f"{identifier} in {region} is the primary already.")
            if self._status != "available":
                raise AwsError("InvalidGlobalReplicationGroupState", f"{self.identifier} is {self._status}.")
            self._status = "modifying"
        self._scheduler.later(
            self._spans.draw("elasticache.global_failover"),
            lambda: self._finish(chosen),
            f"failover of {self.identifier} to {region}",
        )

    def _finish(self, chosen: Group) -> None:
        with self._lock:
            self._primary = chosen
        try:
            chosen.join(None)
            self._follow(chosen)
        finally:
            with self._lock:
                self._status = "available"

    def _follow(self, leader: Group) -> None:
        for group in self.groups:
            if group is not leader:
                group.join(leader.primary.engine.backplane)
