"""A kept volume is restored beside the platform, and its deletion is ordered whatever happened to the reader."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.clock import Clock, Instant
from harness.cloud import volumes
from harness.cloud.estate import Estate
from harness.errors import CloudFault, OutOfPatience

REGION = "us-east-1"


class Rds:
    """Answers in AWS's words; ``refusals`` are raised before an operation is carried out."""

    def __init__(self, **refusals: list[str]) -> None:
        self.refusals = refusals
        self.calls: list[str] = []

    def call(self, service: str, region: str, operation: str, **parameters: Any) -> Any:
        self.calls.append(operation)
        assert (service, region) == ("rds", REGION)
        if self.refusals.get(operation):
            raise CloudFault(f"rds.{operation}", self.refusals[operation].pop(0), "not now")
        status = "creating" if self.calls.count("describe_db_instances") < 3 else "available"
        return {"DBInstances": [{"DBInstanceStatus": status, "Endpoint": {"Address": "kept.twin"}}]}


def estate(rds: Rds) -> Estate:
    return cast(Estate, SimpleNamespace(cloud=rds, clock=Clock.start(50_000)))


def test_the_instance_is_ordered_with_its_cluster_and_both_deletions_when_it_was_read():
    rds = Rds()
    with volumes.restored(estate(rds), REGION, "rds:unplanned-global-failover-us", "readback") as endpoint:
        assert endpoint == "kept.twin"
        assert rds.calls[:2] == ["restore_db_cluster_from_snapshot", "create_db_instance"]
        assert set(rds.calls[2:]) == {"describe_db_instances"}
    assert rds.calls[-2:] == ["delete_db_instance", "delete_db_cluster"]


def test_it_is_deleted_when_the_reader_failed_and_when_it_was_never_made():
    rds = Rds(create_db_instance=["DBInstanceQuotaExceeded"], delete_db_instance=["DBInstanceNotFound"])
    with pytest.raises(CloudFault, match="not now"), volumes.restored(estate(rds), REGION, "kept", "readback"):
        raise AssertionError("nothing to read")
    assert rds.calls[-2:] == ["delete_db_instance", "delete_db_cluster"]


def test_what_is_still_being_made_is_asked_again_and_another_refusal_is_told():
    busy = ["InvalidDBInstanceState", "InvalidDBClusterStateFault"]
    rds = Rds(delete_db_instance=list(busy))
    with volumes.restored(estate(rds), REGION, "kept", "readback"):
        pass
    assert rds.calls.count("delete_db_instance") == 3
    refused = Rds(delete_db_instance=["AccessDenied"])
    with pytest.raises(CloudFault, match="not now"), volumes.restored(estate(refused), REGION, "kept", "readback"):
        pass


def test_a_deletion_that_is_refused_for_ever_is_told():
    rds = Rds(delete_db_cluster=["InvalidDBClusterStateFault"] * 1000)
    with (
        pytest.raises(OutOfPatience, match="readback to be deleted: it is left behind"),
        volumes.restored(estate(rds), REGION, "kept", "readback"),
    ):
        pass


def test_only_volumes_of_unplanned_failovers_since_the_run_began_count():
    made = {"rds:unplanned-global-failover-old": 50, "rds:unplanned-global-failover-new": 150, "nightly": 150}
    items = [
        {"DBClusterSnapshotIdentifier": name, "SnapshotCreateTime": Instant(at * 10**9).datetime}
        for name, at in made.items()
    ]
    cloud = SimpleNamespace(call=lambda *_: {"DBClusterSnapshots": items})
    found = volumes.kept_since(cast(Estate, SimpleNamespace(cloud=cloud)), REGION, Instant(100 * 10**9))
    assert found == ["rds:unplanned-global-failover-new"]
