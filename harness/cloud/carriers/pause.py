"""The cache pauses: it accepts connections and answers nothing, and comes back by itself when its time is up.

``CLIENT PAUSE`` is not on ElastiCache's list of restricted commands
(https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/RestrictedCommands.html). Under ``ALL`` even ``UNPAUSE`` waits,
so the pause's own length is its undo.
"""

from __future__ import annotations

from harness.clock import Duration, Instant, seconds
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import CloudFault, Refused
from harness.faults import Pause
from harness.undo import Act

_PING_LIMIT = seconds(2)


class PauseCarrier(Carrier):
    """Carries out ``Pause(Cache(region), span)``."""

    def __init__(self, estate: Estate, fault: Pause) -> None:
        self._estate = estate
        self._region = fault.target.region.name
        if self._region not in estate.platform.caches:
            raise Refused(f"{self._region} has no cache.")
        self._cache = estate.platform.caches[self._region]
        self._span = fault.span
        self.patience: Duration = fault.span + seconds(60)
        self._seen = "not asked yet"

    def __enter__(self) -> PauseCarrier:
        self._answers()  # the hand is started now, so that the fault's own instant is sharp
        return self

    def change(self, arm: Arm) -> None:
        """Pause all commands for the span."""
        arm(Act("cache", self._region, "AwaitAnswer", {"Host": self._cache.endpoint, "Port": self._cache.port}))
        milliseconds = str(max(1, round(self._estate.clock.real_seconds(self._span) * 1000)))
        self._estate.hand(self._region).redis(
            self._cache.endpoint, self._cache.port, "CLIENT", "PAUSE", milliseconds, "ALL"
        )

    def bites(self, since: Instant) -> Proof | None:
        """A PING on a connection made after ``since`` got no answer."""
        return None if self._answers() else Proof(self._estate.clock.now(), self._seen)

    def healed(self, since: Instant) -> Proof | None:
        """A PING is answered."""
        return Proof(self._estate.clock.now(), self._seen) if self._answers() else None

    def sight(self) -> str:
        """The last PING's fate."""
        return self._seen

    def _answers(self) -> bool:
        limit = max(0.1, self._estate.clock.real_seconds(_PING_LIMIT))
        try:
            told = self._estate.hand(self._region).redis(
                self._cache.endpoint, self._cache.port, "PING", limit_seconds=limit
            )
        except CloudFault as error:
            self._seen = f"PING: {error.message}"
            return False
        self._seen = f"PING: {told}"
        return True
