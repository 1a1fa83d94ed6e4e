"""A Global Datastore: one region's group takes writes, the others' follow it read-only, and nobody fails it over alone.

Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastore.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.twin.api.elasticache.group import Group
from harness.twin.api.spans import Spans
from harness.twin.calls import AwsError
from harness.twin.schedule import Scheduler

Membership = Literal["associating", "associated", "disassociating"]
Status = Literal["creating", "available", "modifying", "primary-only", "deleting"]


@dataclass(frozen=True)
class Standing:
    """A Global Datastore at one moment, for describes."""

    status: Status
    primary: Group
    members: tuple[tuple[Group, Membership], ...]


class Datastore:
    """The groups of a Global Datastore, the primary first at boot. Thread-safe; no lock is held while nodes obey."""

    def __init__(
        self, identifier: str, description: str, groups: Sequence[Group], scheduler: Scheduler, spans: Spans
    ) -> None:
        self.identifier = identifier
        self.description = description
        self._scheduler = scheduler
        self._spans = spans
        self._lock = threading.Lock()
        self._members: dict[Group, Membership] = dict.fromkeys(groups, "associated")
        self._primary = groups[0]
        self._busy: Status | None = None

    @property
    def standing(self) -> Standing:
        """Status, primary and members, of one moment."""
        with self._lock:
            return Standing(self._status(), self._primary, tuple(self._members.items()))

    @property
    def primary(self) -> Group:
        """The group that takes writes."""
        with self._lock:
            return self._primary

    def holds(self, group: Group) -> bool:
        """Whether ``group`` is a member."""
        with self._lock:
            return group in self._members

    def upstream(self, group: Group) -> str | None:
        """The backplane address that a group's primary follows; ``None`` for the one that takes writes."""
        primary = self.primary
        return None if group is primary else primary.primary.engine.backplane

    def moved(self, group: Group) -> None:
        """A group has another primary node now: if it is the one that takes writes, the others follow that node."""
        if group is self.primary:
            self._follow(group)

    def create(self) -> None:
        """Be ``creating`` for as long as AWS takes."""
        with self._lock:
            self._busy = "creating"
        self._later("elasticache.global_create", self._settle, f"creation of {self.identifier}")

    def admit(self, group: Group) -> None:
        """Take in a group that is being created; it follows as soon as it serves (``admitted``)."""
        with self._lock:
            self._require_quiet()
            if any(member.plan.region == group.plan.region for member in self._members):
                raise AwsError(
                    "InvalidParameterValue", f"{self.identifier} has a member in {group.plan.region} already."
                )
            if len(self._members) > 2:
                raise AwsError("InvalidParameterValue", f"{self.identifier} has two secondary regions already.")
            self._members[group] = "associating"
            self._busy = "modifying"

    def admitted(self, group: Group) -> None:
        """The new member serves."""
        group.join(self.upstream(group))
        with self._lock:
            self._members[group] = "associated"
        self._settle()

    def dismiss(self, region: str, identifier: str) -> None:
        """Let a secondary go: it keeps its data, takes writes and follows nobody. The primary is refused."""
        with self._lock:
            group = self._member(region, identifier)
            if group is self._primary:
                raise AwsError(
                    "InvalidParameterValue", f"{identifier} in {region} is the primary of {self.identifier}."
                )
            self._require_quiet()
            self._members[group] = "disassociating"
            self._busy = "modifying"

        def finish() -> None:
            with self._lock:
                self._members.pop(group)
            try:
                group.join(None)
            finally:
                self._settle()

        self._later("elasticache.global_disassociate", finish, f"{identifier} leaves {self.identifier}")

    def retire(self) -> None:
        """Begin to delete it; only the primary may be left, which stays as it is."""
        with self._lock:
            if len(self._members) > 1:
                raise AwsError(
                    "InvalidGlobalReplicationGroupState", f"{self.identifier} still has secondary replication groups."
                )
            self._require_quiet()
            self._busy = "deleting"

    def fail_over(self, region: str, identifier: str) -> None:
        """Make the group of ``region`` the primary, as an operator orders it; it takes the drawn time."""
        with self._lock:
            chosen = self._member(region, identifier)
            if chosen is self._primary:
                raise AwsError("InvalidParameterValue", f"{identifier} in {region} is the primary already.")
            self._require_quiet()
            self._busy = "modifying"

        def finish() -> None:
            with self._lock:
                self._primary = chosen
            try:
                chosen.join(None)
                self._follow(chosen)
            finally:
                self._settle()

        self._later("elasticache.global_failover", finish, f"failover of {self.identifier} to {region}")

    def _member(self, region: str, identifier: str) -> Group:
        for group in self._members:
            if (group.plan.region, group.plan.identifier) == (region, identifier):
                return group
        raise AwsError("InvalidParameterValue", f"{identifier} in {region} is no member of {self.identifier}.")

    def _require_quiet(self) -> None:
        if self._busy:
            raise AwsError("InvalidGlobalReplicationGroupState", f"{self.identifier} is {self._busy}.")

    def _status(self) -> Status:
        return self._busy or ("available" if len(self._members) > 1 else "primary-only")

    def _settle(self) -> None:
        with self._lock:
            self._busy = None

    def _follow(self, leader: Group) -> None:
        for group, membership in self.standing.members:
            if group is not leader and membership == "associated":
                group.join(leader.primary.engine.backplane)

    def _later(self, timing: str, action: Callable[[], None], name: str) -> None:
        self._scheduler.later(self._spans.draw(timing), action, name)
