"""An operator moves the writer of the global database to another region, as planned.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from harness.clock import Duration, Instant, minutes
from harness.cloud import discovery
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.faults import Fidelity, Switchover


class SwitchoverCarrier(Carrier):
    """Carries out ``Switchover(GlobalCluster(), to)``. Its way back is another switchover: a runbook, not an undo."""

    fidelity = Fidelity.FAITHFUL
    left_out = ""
    regions: tuple[str, ...] = ()
    patience: Duration = minutes(15)

    def __init__(self, estate: Estate, fault: Switchover) -> None:
        self._estate = estate
        self._to = fault.to.name
        name = estate.platform.global_cluster
        if name is None:
            raise Refused("the platform has no global cluster.", "Aim at a design with Aurora Global Database.")
        self._name = name
        self._seen = "not looked at yet"

    def __enter__(self) -> SwitchoverCarrier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def change(self, arm: Arm) -> None:
        """One call, to the region that is to write."""
        self._estate.cloud.call(
            "rds",
            self._to,
            "switchover_global_cluster",
            GlobalClusterIdentifier=self._name,
            TargetDbClusterIdentifier=self._target(),
        )

    def bites(self, since: Instant) -> Proof | None:
        """RDS says that it is switching over, or that it has."""
        status, writer = self._look()
        moving = status == "switching-over" or writer == self._to
        return Proof(self._estate.clock.now(), self._seen) if moving else None

    def healed(self, since: Instant) -> Proof | None:
        """The cluster is available and no instance is being changed; AWS may have called the switchover off."""
        status, _ = self._look()
        busy = [
            item.identifier
            for region in self._estate.platform.regions
            for item in discovery.instances(self._estate.cloud, region.name)
            if item.status != "available"
        ]
        whole = status == "available" and not busy
        return Proof(self._estate.clock.now(), self._seen) if whole else None

    def sight(self) -> str:
        """The global cluster as it was described last."""
        return self._seen

    def _target(self) -> str:
        arns = [str(member["DBClusterArn"]) for member in self._described()["GlobalClusterMembers"]]
        return next(arn for arn in arns if arn.split(":")[3] == self._to)

    def _look(self) -> tuple[str, str]:
        seen = self._described()
        writers = [
            member["DBClusterArn"].split(":")[3] for member in seen["GlobalClusterMembers"] if member["IsWriter"]
        ]
        status, writer = str(seen["Status"]), str(writers[0]) if writers else ""
        self._seen = f"{self._name} is {status}, {writer or 'nobody'} writes"
        return status, writer

    def _described(self) -> Mapping[str, Any]:
        found = self._estate.cloud.call("rds", self._to, "describe_global_clusters", GlobalClusterIdentifier=self._name)
        seen: Mapping[str, Any] = found["GlobalClusters"][0]
        return seen
