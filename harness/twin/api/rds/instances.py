"""DB instances: described, rebooted, stopped, started, promoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO, Instant
from harness.twin.api.paging import page
from harness.twin.api.rds import failovers, parameters, replication, shapes
from harness.twin.api.rds.state import Estate, Instance
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.engines.postgres import PostgresNode

_PAGE = 100


class Instances:
    """The operations on instances; each answers at once with AWS's state in between."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "DescribeDBInstances": self.describe,
            "RebootDBInstance": self.reboot,
            "StopDBInstance": self.stop,
            "StartDBInstance": self.start,
            "PromoteReadReplica": self.promote,
        }

    def describe(self, call: Call) -> Mapping[str, Any]:
        """One by its identifier, or all of the region that pass the filters."""
        with self._estate.lock:
            if call.get("DBInstanceIdentifier"):
                found = [self._estate.instance(str(call.get("DBInstanceIdentifier")), call.region)]
            else:
                found = [item for item in self._estate.instances.values() if item.region == call.region]
            kept = [item for item in found if _passes(item, call.get("Filters") or ())]
            shaped = [shapes.instance(self._estate, item) for item in kept]
        items, marker = page(shaped, call.get("Marker"), call.get("MaxRecords", _PAGE))
        return {"DBInstances": items, **({"Marker": marker} if marker else {})}

    def reboot(self, call: Call) -> Mapping[str, Any]:
        """In place, or with ``ForceFailover`` to the hidden standby of a Multi-AZ instance."""
        estate = self._estate
        with estate.lock:
            item = self._available(call)
            if not call.get("ForceFailover"):
                item.status = "rebooting"
                self._tell(item, "availability", "DB instance shutdown")
                end = estate.clock.now() + estate.draw("rds.reboot")
                estate.scheduler.later(ZERO, lambda: self._reboot(item, end), f"reboot {item.identifier}")
            elif item.standby is None:
                raise AwsError(
                    "InvalidParameterCombination", "You can't force a failover: the DB instance isn't Multi-AZ."
                )
            elif not item.in_sync:
                raise AwsError(
                    "InvalidDBInstanceState", f"The standby of DB instance {item.identifier} is not in sync."
                )
            else:
                item.status = "rebooting"
                failovers.multi_az(estate, item)
            return {"DBInstance": shapes.instance(estate, item)}

    def stop(self, call: Call) -> Mapping[str, Any]:
        """Refused for members of a cluster and for instances that have or are a read replica.

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
        """
        estate = self._estate
        with estate.lock:
            item = self._available(call)
            if item.cluster:
                raise AwsError(
                    "InvalidParameterCombination",
                    f"{item.engine} DB instances are not eligible for stopping and starting.",
                )
            if item.source or estate.replicas(item.identifier):
                raise AwsError(
                    "InvalidDBInstanceState",
                    f"Cannot stop DB instance {item.identifier}: it has a read replica or is one.",
                )
            item.status = "stopping"
            end = estate.clock.now() + estate.draw("rds.stop")
            estate.scheduler.later(ZERO, lambda: self._halt(item), f"stop {item.identifier}")
            estate.scheduler.at(end, lambda: self._note(item, "stopped", "DB instance stopped"), "stopped")
            return {"DBInstance": shapes.instance(estate, item)}

    def start(self, call: Call) -> Mapping[str, Any]:
        """Only a stopped one."""
        estate = self._estate
        with estate.lock:
            item = estate.instance(str(call.get("DBInstanceIdentifier")), call.region)
            if item.status != "stopped":
                raise AwsError("InvalidDBInstanceState", f"Instance {item.identifier} is not stopped.")
            item.status = "starting"
            end = estate.clock.now() + estate.draw("rds.start")
            estate.scheduler.at(end.back(estate.lead), lambda: self._begin(item), f"start {item.identifier}")
            return {"DBInstance": shapes.instance(estate, item)}

    def promote(self, call: Call) -> Mapping[str, Any]:
        """A read replica becomes a primary of its own; it reboots on the way and takes writes at the end.

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.Promote.html
        """
        estate = self._estate
        with estate.lock:
            item = self._available(call)
            if item.source is None:
                raise AwsError("InvalidDBInstanceState", f"DB Instance {item.identifier} is not a read replica.")
            item.status = "modifying"
            span, reboot = estate.draw("rds.promote"), estate.draw("rds.reboot")
            end = estate.clock.now() + span
            estate.scheduler.at(end.back(min(span, reboot)), item.node.stop, f"reboot {item.identifier}")
            estate.scheduler.at(end.back(estate.lead * 2), lambda: self._crown(item, end), f"promote {item.identifier}")
            return {"DBInstance": shapes.instance(estate, item)}

    def _available(self, call: Call) -> Instance:
        item = self._estate.instance(str(call.get("DBInstanceIdentifier")), call.region)
        if item.status != "available":
            raise AwsError(
                "InvalidDBInstanceState", f"Instance {item.identifier} is not in available state: {item.status}."
            )
        return item

    def _reboot(self, item: Instance, end: Instant) -> None:
        item.node.stop()
        parameters.apply(self._estate, item, everything=True)
        self._estate.scheduler.at(
            end.back(self._estate.lead), lambda: self._come_back(item), f"reboot {item.identifier}"
        )

    def _come_back(self, item: Instance) -> None:
        upstream = self._estate.source_node(item)
        if upstream is None:
            item.node.start()
        else:
            item.node.start_standby(upstream)
        self._note(item, "available", "DB instance restarted", "availability")

    def _halt(self, item: Instance) -> None:
        servers: list[PostgresNode | None] = [item.node, item.standby]
        for server in servers:
            if server is not None:
                server.stop()

    def _begin(self, item: Instance) -> None:
        if item.standby is not None:
            replication.relent(item)
            item.standby.start_standby(item.node, wait=False)
        item.node.start()
        self._note(item, "available", "DB instance started")

    def _crown(self, item: Instance, end: Instant) -> None:
        estate = self._estate
        source = estate.source_node(item)
        if not item.node.alive and source is not None:
            item.node.start_standby(source)
        item.node.set_parameters({"recovery_min_apply_delay": None})
        item.node.promote()
        estate.clock.sleep_until(end)
        with estate.lock:
            item.source = None
            item.status = "available"
        self._tell(item, "read replica", "Promoted Read Replica instance to a stand-alone database instance")
        self._tell(item, "availability", "DB instance restarted")

    def _note(self, item: Instance, status: str, message: str, category: str = "notification") -> None:
        with self._estate.lock:
            item.status = status
        self._tell(item, category, message)

    def _tell(self, item: Instance, category: str, message: str) -> None:
        self._estate.events.tell(item.region, "db-instance", item.identifier, category, message)


def _passes(item: Instance, filters: Any) -> bool:
    known = {
        "db-instance-id": (item.identifier, item.arn),
        "db-cluster-id": (item.cluster,),
        "engine": (item.engine,),
        "dbi-resource-id": (shapes.resource_id("db", item.arn),),
    }
    for each in filters:
        if each["Name"] not in known:
            raise AwsError("InvalidParameterValue", f"Unrecognized filter name: {each['Name']}")
        values = {value.rsplit(":", 1)[-1] if each["Name"] == "db-cluster-id" else value for value in each["Values"]}
        if not values.intersection(known[each["Name"]]):
            return False
    return True
