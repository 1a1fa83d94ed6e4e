"""The replica falls behind: every change is applied late, or, where the parameter cannot be set, not at all.

``recovery_min_apply_delay`` is dynamic on replicas of PostgreSQL 15.14+ in a group of the replica's own
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PostgreSQL.Replication.ReadReplicas.Delayed.html); a
default group cannot be changed, and then ``pg_wal_replay_pause()`` stands in: partial, as the lag grows without bound.
"""

from __future__ import annotations

from harness.clock import Duration, Instant, seconds
from harness.cloud import discovery, levers
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import CloudFault, Refused
from harness.faults import Fidelity, Lag
from harness.undo import Act

_AGE = "select coalesce(extract(epoch from now() - pg_last_xact_replay_timestamp()), 0)::float8"


class LagCarrier(Carrier):
    """Carries out ``Lag(Replica(region), delay)``."""

    def __init__(self, estate: Estate, fault: Lag) -> None:
        self._estate = estate
        self._region = fault.target.region.name
        self._delay = fault.delay
        self.patience: Duration = fault.delay + seconds(60)
        replicas = [item for item in discovery.instances(estate.cloud, self._region) if item.role == "replica"]
        if not replicas:
            raise Refused(f"{self._region} has no read replica that can be delayed.")
        self._replica = replicas[0]
        self._fixed = self._replica.parameter_group.startswith("default.")
        self.fidelity = Fidelity.PARTIAL if self._fixed else Fidelity.FAITHFUL
        self.left_out = "replay is paused instead of delayed" if self._fixed else ""
        self._seen = "not looked at yet"
        self._ordered: Instant | None = None

    def __enter__(self) -> LagCarrier:
        self._age()  # the hand is started now, so that the fault's own instant is sharp
        return self

    def change(self, arm: Arm) -> None:
        """Set the parameter, or pause replay."""
        if self._fixed:
            host = {"Host": self._replica.endpoint}
            arm(Act("database", self._region, "pg_wal_replay_resume", host))
            self._estate.hand(self._region).sql(self._replica.endpoint, "select pg_wal_replay_pause()")
            self._ordered = self._estate.clock.now()
            return
        group = self._replica.parameter_group
        before = levers.delay(self._estate.cloud, self._region, group)
        wanted = str(self._delay.nanoseconds // 1_000_000)
        arm(
            Act(
                "rds",
                self._region,
                "ModifyDBParameterGroup",
                {"DBParameterGroupName": group, "ParameterName": levers.DELAY, "ParameterValue": before},
                {"ParameterValue": wanted},
            )
        )
        levers.set_delay(self._estate.cloud, self._region, group, wanted)
        self._ordered = self._estate.clock.now()

    def bites(self, since: Instant) -> Proof | None:
        """The newest change that the replica has applied is no newer than the order, give or take a second.

        When replay is paused the last change that still gets through may be a moment younger than the call. Where the
        order took its time, as on a busy machine, the replica may only be seen as late as it was told to be.
        """
        age = self._age()
        now = self._estate.clock.now()
        if age is None or age <= seconds(2):
            return None
        stands = now.back(age) <= (self._ordered or since) + seconds(1)
        late = not self._fixed and age >= self._delay
        return Proof(now, self._seen) if stands or late else None

    def healed(self, since: Instant) -> Proof | None:
        """The replica applies changes made after the undo."""
        age = self._age()
        now = self._estate.clock.now()
        return Proof(now, self._seen) if age is not None and now.back(age) > since else None

    def sight(self) -> str:
        """The replica's age as it was seen last."""
        return self._seen

    def _age(self) -> Duration | None:
        try:
            rows = self._estate.hand(self._region).sql(self._replica.endpoint, _AGE)
        except CloudFault as error:
            self._seen = str(error)
            return None
        age = seconds(float(rows[0][0])) * self._estate.clock.speed
        self._seen = f"{self._replica.identifier} is {age} behind"
        return age
