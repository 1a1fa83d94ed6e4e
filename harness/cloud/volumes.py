"""A fenced writer's volume, kept by Aurora as a snapshot: restored beside the platform, read, and removed again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from harness.clock import Instant, minutes, seconds
from harness.cloud.estate import Estate
from harness.errors import CloudFault, OutOfPatience

_PREFIX = "rds:unplanned-global-failover-"


def kept_since(estate: Estate, region: str, since: Instant) -> list[str]:
    """Snapshots that an unplanned global failover left in a region since then, by identifier.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
    """
    found = estate.cloud.call("rds", region, "describe_db_cluster_snapshots")["DBClusterSnapshots"]
    return [
        item["DBClusterSnapshotIdentifier"]
        for item in found
        if item["DBClusterSnapshotIdentifier"].startswith(_PREFIX) and Instant.of(item["SnapshotCreateTime"]) >= since
    ]


@contextmanager
def restored(estate: Estate, region: str, snapshot: str, name: str) -> Iterator[str]:
    """The endpoint of a cluster restored from the snapshot under ``name``; both are deleted on the way out.

    Raises ``OutOfPatience`` when it does not become available within an hour of AWS time.
    """
    call = estate.cloud.call
    call(
        "rds",
        region,
        "restore_db_cluster_from_snapshot",
        DBClusterIdentifier=name,
        SnapshotIdentifier=snapshot,
        Engine="aurora-postgresql",
    )
    try:
        call(
            "rds",
            region,
            "create_db_instance",
            DBInstanceIdentifier=f"{name}-1",
            DBClusterIdentifier=name,
            DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql",
        )
        yield _endpoint(estate, region, f"{name}-1")
    finally:
        _delete(estate, region, name)


def _endpoint(estate: Estate, region: str, instance: str) -> str:
    last: Mapping[str, Any] = {}
    for _ in estate.clock.every(seconds(5), minutes(60)):
        found = estate.cloud.call("rds", region, "describe_db_instances", DBInstanceIdentifier=instance)
        last = found["DBInstances"][0]
        if last["DBInstanceStatus"] == "available":
            return str(last["Endpoint"]["Address"])
    raise OutOfPatience(f"{instance} to be restored", str(last.get("DBInstanceStatus")))


def _delete(estate: Estate, region: str, name: str) -> None:
    try:
        estate.cloud.call("rds", region, "delete_db_instance", DBInstanceIdentifier=f"{name}-1", SkipFinalSnapshot=True)
    except CloudFault as error:
        if "NotFound" not in error.code:
            raise
    estate.cloud.call("rds", region, "delete_db_cluster", DBClusterIdentifier=name, SkipFinalSnapshot=True)
