"""An operator moves the writer of the global database to another region, as planned.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
"""

from __future__ import annotations

from harness.clock import Duration, Instant, minutes
from harness.cloud import global_cluster, orders
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.cloud.global_cluster import GlobalClusterSeen
from harness.faults import Switchover


class SwitchoverCarrier(Carrier):
    """Carries out ``Switchover(GlobalCluster(), to)``. Its way back is another switchover: a runbook, not an undo."""

    patience: Duration = minutes(15)

    def __init__(self, estate: Estate, fault: Switchover) -> None:
        self._estate = estate
        self._to = fault.to.name
        self._name = global_cluster.name_of(estate)
        self._seen = "not looked at yet"

    def change(self, arm: Arm) -> None:
        """One call, to the region that is to write."""
        arn = global_cluster.member(self._look(), self._to).arn
        orders.switch_over(self._name, arn).give(self._estate.cloud)

    def bites(self, since: Instant) -> Proof | None:
        """RDS says that it is switching over, or that it has."""
        seen = self._look()
        moving = seen.status == "switching-over" or seen.writer == self._to
        return Proof(self._estate.clock.now(), self._seen) if moving else None

    def healed(self, since: Instant) -> Proof | None:
        """The cluster is available and no instance is being changed; AWS may have called the switchover off."""
        seen = self._look()
        regions = tuple(region.name for region in self._estate.platform.regions)
        whole = seen.status == "available" and not global_cluster.busy(self._estate, regions)
        return Proof(self._estate.clock.now(), self._seen) if whole else None

    def sight(self) -> str:
        """The global cluster as it was described last."""
        return self._seen

    def _look(self) -> GlobalClusterSeen:
        seen = global_cluster.look(self._estate, self._to)
        self._seen = str(seen)
        return seen
