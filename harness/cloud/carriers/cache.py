"""The cache restarts with an empty memory.

``RebootCacheCluster`` of every node (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.Rebooting.html):
what a cache without backups held is gone.
"""

from __future__ import annotations

from harness.clock import Duration, Instant, minutes
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import CloudFault, Refused
from harness.faults import Restart

_ASK_REAL_SECONDS = 0.5


class RestartCacheCarrier(Carrier):
    """Carries out ``Restart(Cache(region))``."""

    patience: Duration = minutes(10)

    def __init__(self, estate: Estate, fault: Restart) -> None:
        self._estate = estate
        self._region = fault.target.region.name
        if self._region not in estate.platform.caches:
            raise Refused(f"{self._region} has no cache.")
        self._cache = estate.platform.caches[self._region]
        self._run_before = ""
        self._seen = "not asked yet"

    def __enter__(self) -> RestartCacheCarrier:
        self._run_before = self._run_identifier()  # also starts the hand, so that the fault's own instant is sharp
        return self

    def change(self, arm: Arm) -> None:
        """Reboot every node of the replication group; they come back by themselves, empty."""
        found = self._estate.cloud.call(
            "elasticache", self._region, "describe_replication_groups", ReplicationGroupId=self._cache.identifier
        )
        for node in found["ReplicationGroups"][0]["MemberClusters"]:
            self._estate.cloud.call(
                "elasticache", self._region, "reboot_cache_cluster", CacheClusterId=node, CacheNodeIdsToReboot=["0001"]
            )

    def bites(self, since: Instant) -> Proof | None:
        """It does not answer, or answers as another process than before."""
        gone = self._run_identifier() != self._run_before
        return Proof(self._estate.clock.now(), self._seen) if gone else None

    def healed(self, since: Instant) -> Proof | None:
        """It answers."""
        return Proof(self._estate.clock.now(), self._seen) if self._run_identifier() else None

    def sight(self) -> str:
        """What it said last."""
        return self._seen

    def _run_identifier(self) -> str:
        """Redis names each of its processes; empty when nobody answers."""
        try:
            told = self._estate.hand(self._region).redis(
                self._cache.endpoint, self._cache.port, "INFO", "server", limit_seconds=_ASK_REAL_SECONDS
            )
        except CloudFault as error:
            self._seen = f"INFO: {error.message}"
            return ""
        found = str(told["run_id"])
        self._seen = f"answers as {found[:8]}"
        return found
