"""A fenced writer's volume, kept by Aurora as a snapshot: restored beside the platform, read, and removed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
    """The endpoint of a cluster restored from the snapshot under ``name``; on the way out its deletion is ordered.

    AWS takes the order for the instance while the cluster is still being made, and deletes both without us. Raises
    ``OutOfPatience`` when it does not become available within an hour of AWS time.
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
    def look() -> str:
        found = estate.cloud.call("rds", region, "describe_db_instances", DBInstanceIdentifier=instance)
        return str(found["DBInstances"][0]["DBInstanceStatus"])

    _await(estate, f"{instance} to be restored", look)
    found = estate.cloud.call("rds", region, "describe_db_instances", DBInstanceIdentifier=instance)
    return str(found["DBInstances"][0]["Endpoint"]["Address"])


def _await(estate: Estate, what: str, look: Callable[[], str]) -> None:
    last = "nothing"
    for _ in estate.clock.every(seconds(5), minutes(60)):
        last = look()
        if last == "available":
            return
    raise OutOfPatience(what, last)


def _delete(estate: Estate, region: str, name: str) -> None:
    call, last = estate.cloud.call, f"{name}-1"
    _order(
        estate,
        last,
        lambda: call("rds", region, "delete_db_instance", DBInstanceIdentifier=last, SkipFinalSnapshot=True),
    )
    _order(
        estate, name, lambda: call("rds", region, "delete_db_cluster", DBClusterIdentifier=name, SkipFinalSnapshot=True)
    )


def _order(estate: Estate, name: str, delete: Callable[[], object]) -> None:
    """Order the deletion; what is still being made refuses, so ask again. What was never made needs none."""
    refusal = ""
    for _ in estate.clock.every(seconds(5), minutes(30)):
        try:
            delete()
        except CloudFault as error:
            if "NotFound" in error.code:
                return
            if not error.code.startswith("InvalidDB"):
                raise
            refusal = error.message
        else:
            return
    raise OutOfPatience(f"{name} to be deleted: it is left behind", refusal)
