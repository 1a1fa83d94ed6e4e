"""The read replica: it reboots, since AWS refuses to stop it, or becomes a database of its own.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.html
"""

from __future__ import annotations

from harness.clock import Duration, Instant, minutes
from harness.cloud import discovery, orders
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.discovery import InstanceSeen
from harness.cloud.estate import Estate
from harness.errors import CloudFault, Refused
from harness.faults import Promote, Stop, on_aws
from harness.topology import Replica

_ASK_REAL_SECONDS = 1.0
_IN_RECOVERY = "select pg_is_in_recovery()"


class _ReplicaCarrier(Carrier):
    """The replica of a region, and what SQL and RDS say of it."""

    patience: Duration = minutes(20)

    def __init__(self, estate: Estate, fault: Stop | Promote) -> None:
        assert isinstance(fault.target, Replica)
        self._estate = estate
        self._region = fault.target.region.name
        self.fidelity, self.left_out = on_aws(type(fault), Replica)
        known = [item for item in discovery.instances(estate.cloud, self._region) if item.role in ("replica", "reader")]
        if not known:
            raise Refused(f"{self._region} has no read replica.")
        # Nobody's reads need to go to a reader of the writer's own cluster while there is a replica beside it.
        self._replica = min(known, key=lambda item: item.role != "replica")
        self._seen = "not looked at yet"

    def __enter__(self) -> _ReplicaCarrier:
        self._follows()  # the hand is started now, so that the fault's own instant is sharp
        return self

    def sight(self) -> str:
        """What SQL and RDS said last."""
        return self._seen

    def _follows(self) -> bool | None:
        """Whether it follows a writer; ``None`` when it does not answer."""
        try:
            rows = self._estate.hand(self._region).sql(
                self._replica.endpoint, _IN_RECOVERY, limit_seconds=_ASK_REAL_SECONDS
            )
        except CloudFault as error:
            self._seen = f"{self._replica.identifier}: {error.message}"
            return None
        self._seen = f"{self._replica.identifier} is {'a replica' if rows[0][0] else 'a primary'}"
        return bool(rows[0][0])

    def _described(self) -> InstanceSeen | None:
        seen = discovery.instances(self._estate.cloud, self._region)
        found = next((item for item in seen if item.identifier == self._replica.identifier), None)
        self._seen += f"; RDS: {found.status if found else 'not there'}"
        return found


class StopReplicaCarrier(_ReplicaCarrier):
    """Carries out ``Stop(Replica(region))``."""

    def change(self, arm: Arm) -> None:
        """One call; it comes back by itself."""
        self._estate.cloud.call(
            "rds", self._region, "reboot_db_instance", DBInstanceIdentifier=self._replica.identifier
        )

    def bites(self, since: Instant) -> Proof | None:
        """It answers no SQL."""
        return Proof(self._estate.clock.now(), self._seen) if self._follows() is None else None

    def healed(self, since: Instant) -> Proof | None:
        """It answers as a replica, and RDS calls it available."""
        follows, seen = self._follows(), self._described()
        well = follows and seen is not None and seen.status == "available"
        return Proof(self._estate.clock.now(), self._seen) if well else None


class PromoteReplicaCarrier(_ReplicaCarrier):
    """Carries out ``Promote(Replica(region))``: it cannot be undone, the replica has to be made anew."""

    def __init__(self, estate: Estate, fault: Promote) -> None:
        """Raises ``Refused`` for a reader of a cluster: AWS promotes none, since all share one volume."""
        super().__init__(estate, fault)
        if self._replica.role != "replica":
            raise Refused(f"{self._replica.identifier} is a cluster's reader, which cannot be promoted.")

    def change(self, arm: Arm) -> None:
        """One call."""
        orders.promote(self._region, self._replica.identifier).give(self._estate.cloud)

    def bites(self, since: Instant) -> Proof | None:
        """It takes writes."""
        return Proof(self._estate.clock.now(), self._seen) if self._follows() is False else None

    def healed(self, since: Instant) -> Proof | None:
        """RDS calls it available: what can come back did, the rest is residue."""
        seen = self._described()
        available = seen is not None and seen.status == "available"
        return Proof(self._estate.clock.now(), self._seen) if available else None
