"""A task, and the addresses that the tasks of a service live on."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from harness.clock import Instant
from harness.errors import TwinFault
from harness.twin import names
from harness.twin.designs.model import RegionPlan
from harness.twin.engines.apps import RunningTask

CLUSTER = "agentauri"
PORT = 8080

Status = Literal[
    "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"
]
StopCode = Literal["EssentialContainerExited", "UserInitiated", "ServiceSchedulerInitiated", "TaskFailedToStart"]
ContainerHealth = Literal["HEALTHY", "UNHEALTHY", "UNKNOWN"]

_OCTETS = {
    "api-gateway": range(20, 40),
    "event-processor": range(40, 50),
    "action-workers": range(50, 60),
    "ponder-indexer": range(60, 70),
}


@dataclass
class Task:
    """One task of a service, from PROVISIONING to STOPPED; guarded by its fleet's lock."""

    service: str
    region: str
    zone: str
    address: str
    created: Instant
    deployment: str
    identifier: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: Status = "PROVISIONING"
    wanted: bool = True
    starting: bool = False
    """Its process is being started at this moment, outside the lock."""
    process: RunningTask | None = None
    enlisted: bool = False
    """It is a target of its service's load balancer."""
    health: ContainerHealth = "UNKNOWN"
    failed_checks: int = 0
    check_due: Instant | None = None
    reported: bool = False
    """The service has told that it is unhealthy."""
    started: Instant | None = None
    stopping: Instant | None = None
    ended: Instant | None = None
    stopped: Instant | None = None
    stop_code: StopCode | None = None
    stopped_reason: str = ""
    exit_code: int | None = None

    @property
    def place(self) -> str:
        """The subnet that the task lives in."""
        return names.place(self.region, self.zone, "app")

    @property
    def arn(self) -> str:
        """The task's ARN."""
        return names.arn("ecs", self.region, f"task/{CLUSTER}/{self.identifier}")


class Addresses:
    """The addresses of one service in a zone, given out in turn, so that one is not used again soon."""

    def __init__(self, service: str, region: RegionPlan, zone: str) -> None:
        if service not in _OCTETS:
            raise TwinFault(f"The twin has no addresses for a service {service}.")
        prefix = names.subnet(region.octet, zone, "app")
        self._ring = [f"{prefix}.{octet}" for octet in _OCTETS[service]]

    def take(self, used: Collection[str]) -> str | None:
        """The next address that nobody uses; ``None`` when all are in use."""
        for address in list(self._ring):
            self._ring.remove(address)
            self._ring.append(address)
            if address not in used:
                return address
        return None
