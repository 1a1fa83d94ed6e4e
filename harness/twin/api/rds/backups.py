"""DB snapshots: a real base backup of an instance, which is ``backing-up`` while it is taken.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CreateSnapshot.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO, Instant
from harness.errors import TwinFault
from harness.twin.api.rds import identifiers, listing, shapes
from harness.twin.api.rds.state import LOG, Backup, Estate, Instance
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.engines import postgres_template

_MOST = 100


class Backups:
    """CreateDBSnapshot, DescribeDBSnapshots and DeleteDBSnapshot; the twin takes no automated backups."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "CreateDBSnapshot": self.create,
            "DescribeDBSnapshots": self.describe,
            "DeleteDBSnapshot": self.delete,
        }

    def create(self, call: Call) -> Mapping[str, Any]:
        """The instance is ``backing-up`` until the snapshot is available."""
        estate = self._estate
        with estate.lock:
            item = estate.instance(str(call.get("DBInstanceIdentifier")), call.region)
            if item.cluster:
                raise AwsError(
                    "InvalidParameterValue",
                    "The specified instance is a member of a cluster and a snapshot cannot be created directly. "
                    "Please use the CreateDBClusterSnapshot API instead.",
                )
            if item.status != "available":
                raise AwsError(
                    "InvalidDBInstanceState",
                    f"Cannot create a snapshot because the database instance {item.identifier} is not currently in "
                    f"the available state: {item.status}.",
                )
            backup = note(estate, item, call, "DBSnapshotIdentifier")
            item.status = "backing-up"
            end = estate.clock.now() + estate.draw("rds.backup")
            estate.scheduler.later(ZERO, lambda: self._back_up(backup, end), f"snapshot {backup.identifier}")
            return {"DBSnapshot": shapes.backup(estate, backup)}

    def describe(self, call: Call) -> Mapping[str, Any]:
        """One by its identifier, or all of the region, of one instance or of one type."""
        estate = self._estate
        with estate.lock:
            if call.get("DBSnapshotIdentifier"):
                found = [self._backup(call)]
            else:
                found = [each for each in estate.backups.values() if each.region == call.region]
            name = str(call.get("DBInstanceIdentifier") or "").rsplit(":", 1)[-1].lower()
            kept = [
                each
                for each in found
                if name in ("", each.instance.identifier)
                and call.get("SnapshotType") in (None, "manual")
                and listing.passes(_known(each), call)
            ]
            shaped = [shapes.backup(estate, each) for each in kept]
        return listing.page(call, "DBSnapshots", shaped)

    def delete(self, call: Call) -> Mapping[str, Any]:
        """Only a finished one."""
        estate = self._estate
        with estate.lock:
            backup = self._backup(call)
            if backup.status == "creating":
                raise AwsError("InvalidDBSnapshotState", f"Snapshot {backup.identifier} is not in available state.")
            del estate.backups[call.region, backup.identifier]
            estate.forget_tags(backup.arn)
            backup.status = "deleted"
            directory = backup.directory
            estate.scheduler.later(ZERO, lambda: postgres_template.remove(directory), f"delete {backup.identifier}")
        _tell(estate, backup, "deletion", "Deleted user snapshot")
        return {"DBSnapshot": shapes.backup(estate, backup)}

    def _backup(self, call: Call) -> Backup:
        wanted = str(call.get("DBSnapshotIdentifier")).rsplit("snapshot:", 1)[-1].lower()
        found = self._estate.backups.get((call.region, wanted))
        if found is None:
            raise AwsError("DBSnapshotNotFound", f"DBSnapshot {wanted} not found.", 404)
        return found

    def _back_up(self, backup: Backup, end: Instant) -> None:
        estate, item = self._estate, backup.instance
        estate.events.tell(item.region, "db-instance", item.identifier, "backup", "Backing up DB instance")
        _take(estate, backup)

        def finish() -> None:
            _settle(estate, backup)
            with estate.lock:
                if item.status == "backing-up":
                    item.status = "available"
            estate.events.tell(item.region, "db-instance", item.identifier, "backup", "Finished DB Instance backup")

        estate.scheduler.at(end, finish, f"snapshot {backup.identifier}")


def note(estate: Estate, item: Instance, call: Call, key: str) -> Backup:
    """Note down a snapshot that is about to be taken, under the name that ``key`` of the call gives. Lock held.

    Raises what RDS raises for a malformed or taken identifier, or too many snapshots.
    """
    identifier = identifiers.fresh(call, key, longest=255)
    if (item.region, identifier) in estate.backups:
        raise AwsError("DBSnapshotAlreadyExists", f"Cannot create the snapshot because {identifier} exists already.")
    if sum(each.region == item.region for each in estate.backups.values()) >= _MOST:
        raise AwsError("SnapshotQuotaExceeded", f"{_MOST} manual snapshots of a region are the most.")
    directory = estate.directory / "snapshots" / f"{item.region}-{identifier}"
    backup = Backup(identifier, item, item.zone, directory, estate.clock.now())
    estate.backups[item.region, identifier] = backup
    estate.tag(backup.arn, identifiers.tags(call))
    _tell(estate, backup, "creation", "Creating manual snapshot")
    return backup


def final(estate: Estate, item: Instance, call: Call, key: str) -> None:
    """Note down the snapshot to be taken before an instance stops or is deleted; ``take`` takes it. Lock held."""
    item.last = note(estate, item, call, key)


def take(estate: Estate, item: Instance) -> None:
    """Take the snapshot that ``final`` noted down, if there is one."""
    backup, item.last = item.last, None
    if backup is not None:
        _take(estate, backup)
        _settle(estate, backup)


def _take(estate: Estate, backup: Backup) -> None:
    """From the hidden standby where there is one, so that the writer is spared."""
    item = backup.instance
    server = item.standby if item.standby is not None and item.standby.alive and item.in_sync else item.node
    try:
        server.keep(backup.directory)
    except TwinFault as error:
        LOG.warning("snapshot %s: %s", backup.identifier, error)
        backup.status = "failed"
    backup.created = estate.clock.now()


def _settle(estate: Estate, backup: Backup) -> None:
    with estate.lock:
        if backup.status != "creating":
            return
        backup.status = "available"
    _tell(estate, backup, "creation", "Manual snapshot created")


def _tell(estate: Estate, backup: Backup, category: str, message: str) -> None:
    estate.events.tell(backup.region, "db-snapshot", backup.identifier, category, message)


def _known(backup: Backup) -> Mapping[str, tuple[str, ...]]:
    return {
        "db-instance-id": (backup.instance.identifier, backup.instance.arn),
        "db-snapshot-id": (backup.identifier,),
        "dbi-resource-id": (shapes.resource_id("db", backup.instance.arn),),
        "snapshot-type": ("manual",),
        "engine": (backup.instance.engine,),
    }
