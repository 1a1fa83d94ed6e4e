"""ModifyDBInstance: what changes at once, what costs a reboot or a failover, and what waits to be applied.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO, Instant, seconds
from harness.errors import TwinFault
from harness.twin.api.rds import boot, failovers, instances, parameters, reboots, replication, shapes
from harness.twin.api.rds.state import LOG, Estate, Instance
from harness.twin.calls import AwsError, Call, Handler

_CLASS = "DBInstanceClass"
_LATER = (_CLASS, "MultiAZ", "BackupRetentionPeriod")
"""What waits without ``ApplyImmediately``; the twin has no maintenance window, so it waits for a call that has it."""
_KNOWN = {*_LATER, "DBInstanceIdentifier", "ApplyImmediately", "DBParameterGroupName", "DeletionProtection"}
_AGAIN = seconds(2)


class Modification:
    """ModifyDBInstance."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {"ModifyDBInstance": self.modify}

    def modify(self, call: Call) -> Mapping[str, Any]:
        """Parameter group and deletion protection at once; class, Multi-AZ and backups when they are applied."""
        estate = self._estate
        foreign = set(call.parameters) - _KNOWN
        if foreign:
            raise AwsError("NotImplementedByTwin", f"The twin does not modify {', '.join(sorted(foreign))}.", 501)
        with estate.lock:
            item = instances.available(estate, call)
            wanted = {name: call.get(name) for name in _LATER if call.get(name) is not None}
            self._check(item, wanted)
            if call.get("DBParameterGroupName"):
                parameters.assign(estate, item, str(call.get("DBParameterGroupName")))
                message = f"Updated to use DBParameterGroup {item.parameter_group}"
                instances.tell(estate, item, "configuration change", message)
            if call.get("DeletionProtection") is not None:
                item.deletion_protection = bool(call.get("DeletionProtection"))
            item.pending |= wanted
            answer = shapes.instance(estate, item)
            if call.get("ApplyImmediately"):
                self._apply(item)
            return {"DBInstance": answer}

    def _check(self, item: Instance, wanted: Mapping[str, Any]) -> None:
        if item.cluster and ("MultiAZ" in wanted or "BackupRetentionPeriod" in wanted):
            raise AwsError(
                "InvalidParameterCombination", f"{item.identifier} is a member of a DB cluster: modify the cluster."
            )
        if wanted.get("MultiAZ") and item.source:
            raise AwsError("NotImplementedByTwin", "The twin's read replicas are Single-AZ.", 501)
        if not str(wanted.get(_CLASS, "db.")).startswith("db."):
            raise AwsError("InvalidParameterValue", f"Invalid DB Instance class: {wanted[_CLASS]}")
        days = wanted.get("BackupRetentionPeriod", 1)
        if not 0 <= days <= 35:
            raise AwsError("InvalidParameterValue", f"Invalid backup retention period: {days}. Must be 0 to 35 days.")
        if days == 0 and self._estate.replicas(item.identifier):
            raise AwsError(
                "InvalidDBInstanceState", f"Automated backups of {item.identifier} are needed by its read replicas."
            )

    def _apply(self, item: Instance) -> None:
        """Everything that is pending, this call's and earlier ones'. Lock held."""
        estate = self._estate
        pending, item.pending = item.pending, {}
        item.retention = pending.get("BackupRetentionPeriod", item.retention)
        zones = pending.get("MultiAZ")
        scaled = pending.get(_CLASS) not in (None, item.instance_class)
        converted = zones is not None and zones != (item.standby is not None)
        if not scaled and not converted:
            return
        item.status = "modifying"
        end = estate.clock.now() + estate.draw("rds.modify")
        if converted and zones:
            self._convert(item, end)
        elif converted:
            self._divest(item, end)
        if scaled:
            wanted = str(pending[_CLASS])
            instances.tell(estate, item, "configuration change", "Applying modification to database instance class")
            estate.scheduler.at(end, lambda: self._scale(item, wanted), f"modify {item.identifier}")

    def _convert(self, item: Instance, end: Instant) -> None:
        """A hidden standby in another zone, from a base backup of the running writer."""
        estate = self._estate
        zones = [zone for zone in estate.design.region(item.region).zones if zone != item.zone]
        if not zones:
            raise AwsError("InvalidParameterValue", f"{item.region} has no second Availability Zone.")
        name = "Applying modification to convert to a Multi-AZ DB Instance"
        instances.tell(estate, item, "configuration change", name)
        standby = boot.joining(estate, f"{item.identifier}-standby", item.region, zones[0], hidden=True)
        item.in_sync = False
        item.standby, item.standby_zone = standby, zones[0]

        def build() -> None:
            try:
                standby.copy_from(item.node)
                parameters.mirror(item.node, standby)
                standby.start_standby(item.node)
                standby.wait_until_streaming()
            except TwinFault as error:
                LOG.warning("%s is not converted yet: %s", item.identifier, error)

        estate.scheduler.later(ZERO, build, f"convert {item.identifier}")
        told = "Finished applying modification to convert to a Multi-AZ DB Instance"
        estate.scheduler.at(end, lambda: self._done(item, told), f"convert {item.identifier}")

    def _divest(self, item: Instance, end: Instant) -> None:
        """The hidden standby goes away."""
        estate, standby = self._estate, item.standby
        name = "Applying modification to convert to a Single-AZ DB Instance"
        instances.tell(estate, item, "configuration change", name)
        item.standby, item.standby_zone = None, None

        def end_standby() -> None:
            replication.leave_alone(item)
            if standby is not None:
                boot.dismantle(estate, standby)

        estate.scheduler.later(ZERO, end_standby, f"convert {item.identifier}")
        told = "Finished applying modification to convert to a Single-AZ DB Instance"
        estate.scheduler.at(end, lambda: self._done(item, told), f"convert {item.identifier}")

    def _done(self, item: Instance, told: str) -> None:
        with self._estate.lock:
            if item.status == "modifying":
                item.status = "available"
        instances.tell(self._estate, item, "configuration change", told)

    def _scale(self, item: Instance, wanted: str) -> None:
        """The new class costs a reboot, or with a standby in sync a failover; it waits while something else goes on."""
        estate = self._estate
        with estate.lock:
            if not item.settled:
                return
            if item.status not in ("modifying", "available"):
                item.pending[_CLASS] = wanted
                estate.scheduler.later(_AGAIN, lambda: self._resume(item, wanted), f"modify {item.identifier}")
                return
            item.instance_class = wanted
            if item.standby is not None and item.in_sync:
                failovers.multi_az(estate, item)
            else:
                reboots.begin(estate, item)
        message = "Finished applying modification to DB instance class"
        instances.tell(estate, item, "configuration change", message)

    def _resume(self, item: Instance, wanted: str) -> None:
        """Unless another modification took its place meanwhile."""
        with self._estate.lock:
            if item.pending.get(_CLASS) != wanted:
                return
            del item.pending[_CLASS]
            self._scale(item, wanted)
