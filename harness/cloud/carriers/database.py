"""The writer stops: as an operator would make it fail over, since AWS refuses to stop one that has replicas."""

from __future__ import annotations

from harness.clock import Duration, Instant, minutes, seconds
from harness.cloud import discovery
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.cloud.observation import database_events
from harness.errors import Refused
from harness.faults import Stop
from harness.topology import Writer
from harness.undo import Act


class StopWriterCarrier(Carrier):
    """Carries out ``Stop(Writer())``.

    Aurora and Multi-AZ DB clusters: ``FailoverDBCluster``. Multi-AZ instance: ``RebootDBInstance`` with
    ``ForceFailover``. Single instance without replicas: ``StopDBInstance``, undone by ``StartDBInstance``.
    """

    patience: Duration = minutes(15)

    def __init__(self, estate: Estate, fault: Stop) -> None:
        assert isinstance(fault.target, Writer)
        self._estate = estate
        writer = discovery.writer(estate.cloud, estate.platform)
        if writer is None:
            raise Refused("AWS names no writer now.", "Wait until the database is available.")
        self._writer = writer
        self._seen = f"writer {writer.identifier} is {writer.status}"

    def change(self, arm: Arm) -> None:
        """One call; a failover needs no way back, roles simply have moved."""
        call, writer = self._estate.cloud.call, self._writer
        if writer.cluster:
            call("rds", writer.region, "failover_db_cluster", DBClusterIdentifier=writer.cluster)
        elif self._multi_az():
            call("rds", writer.region, "reboot_db_instance", DBInstanceIdentifier=writer.identifier, ForceFailover=True)
        else:
            arm(Act("rds", writer.region, "StartDBInstance", {"DBInstanceIdentifier": writer.identifier}))
            call("rds", writer.region, "stop_db_instance", DBInstanceIdentifier=writer.identifier)

    def bites(self, since: Instant) -> Proof | None:
        """RDS says that a failover (or stop) of this writer began after ``since``."""
        now = self._estate.clock.now()
        names = {self._writer.identifier, self._writer.cluster}
        for event in database_events(self._estate.cloud, self._writer.region, since.back(seconds(2)), now):
            if event.at >= since and event.source in names:
                return Proof(event.at, f"RDS: {event.message}")
        self._look()
        return None

    def healed(self, since: Instant) -> Proof | None:
        """The cluster and every instance of the region are available, and one of them is the writer."""
        seen = self._look()
        states = {item.status for item in seen} | self._cluster_state()
        if states == {"available"} and any(item.role == "writer" for item in seen):
            return Proof(self._estate.clock.now(), self._seen)
        return None

    def sight(self) -> str:
        """The instances with their roles and states."""
        return self._seen

    def _look(self) -> list[discovery.InstanceSeen]:
        seen = discovery.instances(self._estate.cloud, self._writer.region)
        self._seen = "; ".join(f"{item.identifier} ({item.role}) is {item.status}" for item in seen)
        return seen

    def _cluster_state(self) -> set[str]:
        if not self._writer.cluster:
            return set()
        name = self._writer.cluster
        found = self._estate.cloud.call("rds", self._writer.region, "describe_db_clusters", DBClusterIdentifier=name)
        status = str(found["DBClusters"][0]["Status"])
        self._seen += f"; {name} is {status}"
        return {status}

    def _multi_az(self) -> bool:
        found = self._estate.cloud.call(
            "rds", self._writer.region, "describe_db_instances", DBInstanceIdentifier=self._writer.identifier
        )
        return bool(found["DBInstances"][0]["MultiAZ"])
