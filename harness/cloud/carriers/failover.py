"""The writes of a region's cache go to another node, as AWS offers it where the cache is.

In a Global Datastore ``FailoverGlobalReplicationGroup``
(https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastores-Console.html): another region's member
takes them, and this region's can only be read. Else ``TestFailover`` within the region
(https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html): the primary is replaced by a replica.
"""

from __future__ import annotations

from harness.clock import Duration, Instant, minutes
from harness.cloud import datastore
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import CloudFault, Refused
from harness.faults import Failover
from harness.undo import Act

_ASK_REAL_SECONDS = 0.5
_NODE_GROUP = "0001"


class _CacheFailover(Carrier):
    """What both have in common: the region's cache, and what its primary endpoint says of itself."""

    patience: Duration = minutes(10)

    def __init__(self, estate: Estate, region: str) -> None:
        self._estate = estate
        self._region = region
        self._cache = estate.platform.caches[region]
        self._seen = "not asked yet"

    def sight(self) -> str:
        """What it said last."""
        return self._seen

    def _told(self, section: str, field: str) -> str:
        """A field of ``INFO``; empty when nobody answers."""
        try:
            told = self._estate.hand(self._region).redis(
                self._cache.endpoint, self._cache.port, "INFO", section, limit_seconds=_ASK_REAL_SECONDS
            )
        except CloudFault as error:
            self._seen = f"INFO: {error.message}"
            return ""
        found = str(told[field])
        self._seen = f"{self._cache.endpoint}: {field} {found}"
        return found


class DatastoreFailoverCarrier(_CacheFailover):
    """Another region of the Global Datastore takes the writes; its way back is to fail over again."""

    def __init__(self, estate: Estate, region: str, store: str) -> None:
        super().__init__(estate, region)
        self._store = datastore.standing(estate.cloud, region, store)
        others = [item.name for item in estate.platform.regions if item.name in self._store.groups]
        self._heir = next((name for name in others if name != region), "")
        if self._store.primary != region or not self._heir:
            raise Refused(
                f"{self._store.primary} takes the writes of {store}, a member of {region} cannot give them up.",
                f"It has members in {', '.join(self._store.groups)}.",
            )

    def __enter__(self) -> DatastoreFailoverCarrier:
        self._told("replication", "role")  # the hand is started now, so that the fault's own instant is sharp
        return self

    def change(self, arm: Arm) -> None:
        """One call."""
        before = {"GlobalReplicationGroupId": self._store.identifier, "PrimaryRegion": self._region}
        arm(
            Act(
                "elasticache",
                self._region,
                "FailoverGlobalReplicationGroup",
                {**before, "PrimaryReplicationGroupId": self._store.groups[self._region]},
                {"PrimaryRegion": self._heir},
            )
        )
        datastore.fail_over(self._estate.cloud, self._region, self._store, self._heir)

    def bites(self, since: Instant) -> Proof | None:
        """The region's own primary endpoint calls itself a replica."""
        return Proof(self._estate.clock.now(), self._seen) if self._told("replication", "role") == "slave" else None

    def healed(self, since: Instant) -> Proof | None:
        """It takes writes again."""
        return Proof(self._estate.clock.now(), self._seen) if self._told("replication", "role") == "master" else None


class GroupFailoverCarrier(_CacheFailover):
    """A replica of the region takes the writes. Nothing to arm: roles have moved, and AWS replaces the old primary."""

    def __init__(self, estate: Estate, region: str) -> None:
        super().__init__(estate, region)
        self._run_before = ""

    def __enter__(self) -> GroupFailoverCarrier:
        self._run_before = self._told("server", "run_id")
        return self

    def change(self, arm: Arm) -> None:
        """One call, of which AWS allows fifteen a day."""
        self._estate.cloud.call(
            "elasticache",
            self._region,
            "test_failover",
            ReplicationGroupId=self._cache.identifier,
            NodeGroupId=_NODE_GROUP,
        )

    def bites(self, since: Instant) -> Proof | None:
        """Nobody answers, or another process than before."""
        gone = self._told("server", "run_id") != self._run_before
        return Proof(self._estate.clock.now(), self._seen) if gone else None

    def healed(self, since: Instant) -> Proof | None:
        """A primary answers, and every node of the group serves."""
        if self._told("replication", "role") != "master":
            return None
        waits = self._waits()
        return None if waits else Proof(self._estate.clock.now(), self._seen)

    def _waits(self) -> list[str]:
        call, region = self._estate.cloud.call, self._region
        group = call("elasticache", region, "describe_replication_groups", ReplicationGroupId=self._cache.identifier)[
            "ReplicationGroups"
        ][0]
        states = {group["ReplicationGroupId"]: group["Status"]}
        for member in group["MemberClusters"]:
            found = call("elasticache", region, "describe_cache_clusters", CacheClusterId=member)["CacheClusters"][0]
            states[member] = found["CacheClusterStatus"]
        waits = [f"{name} is {state}" for name, state in states.items() if state != "available"]
        self._seen += "".join(f"; {words}" for words in waits)
        return waits


def failover_cache(estate: Estate, fault: Failover) -> Carrier:
    """The carrier of ``Failover(Cache(region))``. Raises ``Refused`` where nobody could take over."""
    region = fault.target.region.name
    if region not in estate.platform.caches:
        raise Refused(f"{region} has no cache.")
    identifier = estate.platform.caches[region].identifier
    group = estate.cloud.call("elasticache", region, "describe_replication_groups", ReplicationGroupId=identifier)[
        "ReplicationGroups"
    ][0]
    store = group.get("GlobalReplicationGroupInfo", {}).get("GlobalReplicationGroupId")
    if store:
        return DatastoreFailoverCarrier(estate, region, store)
    if group["AutomaticFailover"] != "enabled":
        raise Refused(
            f"{identifier} of {region} has no automatic failover and is in no Global Datastore: nobody takes over.",
            "Give it a replica.",
        )
    return GroupFailoverCarrier(estate, region)
