"""The writes of a region's cache move as AWS offers it where the cache is, and in a Global Datastore they come back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.clock import Anchor, Clock
from harness.cloud import undoing
from harness.cloud.carriers.failover import DatastoreFailoverCarrier, GroupFailoverCarrier, failover_cache
from harness.errors import Refused, UndoFailed
from harness.faults import Failover
from harness.topology import Cache, Region
from harness.undo import Act

US, EU = "us-east-1", "eu-west-1"


class Aws:
    """Two regions' caches, in a Global Datastore or each alone; an order to fail over is carried out at once."""

    def __init__(self, *, store: bool, automatic: str = "disabled") -> None:
        self.primary = US
        self.status = "available"
        self.orders: list[str] = []
        self._group: dict[str, Any] = {"AutomaticFailover": automatic}
        if store:
            self._group["GlobalReplicationGroupInfo"] = {"GlobalReplicationGroupId": "store"}

    def call(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation == "describe_replication_groups":
            return {"ReplicationGroups": [self._group]}
        if operation == "failover_global_replication_group":
            self.primary = parameters["PrimaryRegion"]
            self.orders.append(self.primary)
            return {}
        members = [
            {
                "ReplicationGroupRegion": name,
                "ReplicationGroupId": f"cache-{name}",
                "Role": "PRIMARY" if name == self.primary else "SECONDARY",
            }
            for name in (US, EU)
        ]
        return {"GlobalReplicationGroups": [{"Status": self.status, "Members": members}]}


def estate(aws: Aws) -> Any:
    cache = SimpleNamespace(identifier="agentauri-cache", endpoint="cache", port=6379)
    platform = SimpleNamespace(caches={US: cache, EU: cache}, regions=(Region(US), Region(EU)))
    return SimpleNamespace(cloud=aws, platform=platform, clock=Clock(10_000, Anchor.now()))


def fault(region: str) -> Failover:
    return Failover(Cache(Region(region)))


def test_a_global_datastore_hands_over_to_the_next_region_and_back():
    aws = Aws(store=True)
    carrier = failover_cache(estate(aws), fault(US))
    assert isinstance(carrier, DatastoreFailoverCarrier)
    armed: list[Act] = []
    carrier.change(armed.append)
    assert aws.orders == [EU]
    undoing.perform(estate(aws), armed[0])
    undoing.perform(estate(aws), armed[0])
    assert aws.orders == [EU, US]


def test_a_way_back_that_is_no_longer_ours_is_left_to_a_person():
    aws = Aws(store=True)
    way_back = {"GlobalReplicationGroupId": "store", "PrimaryRegion": "ap-south-1"}
    act = Act("elasticache", US, "FailoverGlobalReplicationGroup", way_back, {"PrimaryRegion": EU})
    with pytest.raises(UndoFailed, match="neither our doing"):
        undoing.perform(estate(aws), act)
    aws.status = "modifying"
    with pytest.raises(UndoFailed, match="ten minutes"):
        undoing.perform(estate(aws), act)


def test_a_secondary_has_no_writes_to_give_up():
    with pytest.raises(Refused, match="takes the writes of store"):
        failover_cache(estate(Aws(store=True)), fault(EU))


def test_a_cache_of_its_own_needs_a_replica():
    assert isinstance(failover_cache(estate(Aws(store=False, automatic="enabled")), fault(US)), GroupFailoverCarrier)
    with pytest.raises(Refused, match="nobody takes over"):
        failover_cache(estate(Aws(store=False)), fault(US))
    with pytest.raises(Refused, match="no cache"):
        failover_cache(estate(Aws(store=False)), fault("ap-south-1"))
