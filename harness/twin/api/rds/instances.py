"""DB instances: described, rebooted, stopped, started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.clock import ZERO, Instant
from harness.twin.api.rds import backups, failovers, listing, reboots, shapes
from harness.twin.api.rds.state import LONGEST_STOP, Estate, Instance
from harness.twin.calls import AwsError, Call, Handler


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
        }

    def describe(self, call: Call) -> Mapping[str, Any]:
        """One by its identifier, or all of the region that pass the filters."""
        with self._estate.lock:
            if call.get("DBInstanceIdentifier"):
                found = [self._estate.instance(str(call.get("DBInstanceIdentifier")), call.region)]
            else:
                found = [item for item in self._estate.instances.values() if item.region == call.region]
            kept = [item for item in found if _passes(item, call)]
            shaped = [shapes.instance(self._estate, item) for item in kept]
        return listing.page(call, "DBInstances", shaped)

    def reboot(self, call: Call) -> Mapping[str, Any]:
        """In place, or with ``ForceFailover`` to the hidden standby of a Multi-AZ instance.

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RebootInstance.html
        """
        estate = self._estate
        with estate.lock:
            item = estate.instance(str(call.get("DBInstanceIdentifier")), call.region)
            if item.status not in ("available", "incompatible-parameters"):
                raise _unavailable(item)
            cluster = estate.clusters.get(item.cluster or "")
            if cluster is not None and cluster.status != "available":
                raise AwsError(
                    "InvalidDBInstanceState", f"DB cluster {cluster.identifier} is in {cluster.status} state."
                )
            if not call.get("ForceFailover"):
                reboots.begin(estate, item)
            elif item.standby is None:
                raise AwsError(
                    "InvalidParameterCombination", "You can't force a failover: the DB instance isn't Multi-AZ."
                )
            elif not item.in_sync:
                raise AwsError(
                    "InvalidDBInstanceState", f"The standby of DB instance {item.identifier} is not in sync."
                )
            else:
                failovers.multi_az(estate, item)
            return {"DBInstance": shapes.instance(estate, item)}

    def stop(self, call: Call) -> Mapping[str, Any]:
        """Refused for members of a cluster and for instances that have or are a read replica.

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
        """
        estate = self._estate
        with estate.lock:
            item = available(estate, call)
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
            if call.get("DBSnapshotIdentifier"):
                backups.final(estate, item, call, "DBSnapshotIdentifier")
            mine = item.take("stopping")
            end = estate.clock.now() + estate.draw("rds.stop")
            estate.scheduler.later(ZERO, lambda: self._halt(item, end, mine), f"stop {item.identifier}")
            return {"DBInstance": shapes.instance(estate, item)}

    def start(self, call: Call) -> Mapping[str, Any]:
        """Only a stopped one."""
        estate = self._estate
        with estate.lock:
            item = estate.instance(str(call.get("DBInstanceIdentifier")), call.region)
            if item.cluster:
                raise AwsError(
                    "InvalidParameterCombination",
                    f"{item.engine} DB instances are not eligible for stopping and starting.",
                )
            if item.status != "stopped":
                raise AwsError("InvalidDBInstanceState", f"Instance {item.identifier} is not stopped.")
            self._start(item)
            return {"DBInstance": shapes.instance(estate, item)}

    def _halt(self, item: Instance, end: Instant, mine: Callable[[], bool]) -> None:
        estate = self._estate
        backups.take(estate, item)
        for server in (item.node, item.standby):
            if server is not None:
                server.stop()
        estate.scheduler.at(end, lambda: self._rest(item, mine), f"stop {item.identifier}")

    def _rest(self, item: Instance, mine: Callable[[], bool]) -> None:
        with self._estate.lock:
            if not mine():
                return
            stopped = item.stopped = self._estate.clock.now()
            item.status = "stopped"
        self._estate.scheduler.later(LONGEST_STOP, lambda: self._wake(item, stopped), f"start {item.identifier} again")
        tell(self._estate, item, "notification", "DB instance stopped")

    def _wake(self, item: Instance, stopped: Instant) -> None:
        with self._estate.lock:
            if item.status != "stopped" or item.stopped != stopped:
                return
            self._start(item)
        tell(
            self._estate,
            item,
            "notification",
            "DB instance is being started due to it exceeding the maximum allowed time being stopped.",
        )

    def _start(self, item: Instance) -> None:
        mine, item.stopped = item.take("starting"), None
        end = self._estate.clock.now() + self._estate.draw("rds.start")
        lead = end.back(self._estate.lead)
        self._estate.scheduler.at(lead, lambda: self._begin(item, mine), f"start {item.identifier}")

    def _begin(self, item: Instance, mine: Callable[[], bool]) -> None:
        if not mine():
            return
        reboots.come_up(self._estate, item, mine)
        tell(self._estate, item, "notification", "DB instance started")


def available(estate: Estate, call: Call) -> Instance:
    """The instance that a call names; ``InvalidDBInstanceState`` unless it is available. Lock held."""
    item = estate.instance(str(call.get("DBInstanceIdentifier")), call.region)
    if item.status != "available":
        raise _unavailable(item)
    return item


def tell(estate: Estate, item: Instance, category: str, message: str) -> None:
    """An event of this instance."""
    estate.events.tell(item.region, "db-instance", item.identifier, category, message)


def _unavailable(item: Instance) -> AwsError:
    return AwsError("InvalidDBInstanceState", f"Instance {item.identifier} is not in available state: {item.status}.")


def _passes(item: Instance, call: Call) -> bool:
    arn = f"{item.arn.rpartition(':db:')[0]}:cluster:{item.cluster}" if item.cluster else None
    known = {
        "db-instance-id": (item.identifier, item.arn),
        "db-cluster-id": (item.cluster, arn),
        "engine": (item.engine,),
        "dbi-resource-id": (shapes.resource_id("db", item.arn),),
    }
    return listing.passes(known, call)
