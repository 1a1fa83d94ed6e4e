"""Members of DB clusters are made: readers, the first instance over a kept volume, a region that rejoins as secondary.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-replicas-adding.html,
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-attaching.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import ZERO, Instant
from harness.twin.api.rds import boot, endpoints, failovers, growth, identifiers, instances, parameters, shapes
from harness.twin.api.rds.membership import global_cluster
from harness.twin.api.rds.state import AURORA, Cluster, Estate, Instance
from harness.twin.calls import AwsError, Call, Handler

_MOST = 16


class Creation:
    """CreateDBCluster and CreateDBInstance."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {"CreateDBCluster": self.cluster, "CreateDBInstance": self.instance}

    def cluster(self, call: Call) -> Mapping[str, Any]:
        """A secondary of a global cluster in a region that has none; it has no instance until one is made in it."""
        estate = self._estate
        identifier = identifiers.fresh(call, "DBClusterIdentifier")
        given = identifiers.tags(call)
        if not call.get("GlobalClusterIdentifier"):
            raise AwsError("NotImplementedByTwin", "The twin creates DB clusters only in a global cluster.", 501)
        with estate.lock:
            everywhere = global_cluster(estate, call)
            growth.zone_of(estate, call)
            if identifier in estate.clusters:
                raise AwsError("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {identifier}")
            if everywhere.status != "available" or everywhere.primary is None:
                raise AwsError(
                    "InvalidGlobalClusterStateFault", f"Global cluster {everywhere.identifier} is not ready."
                )
            if call.get("Engine") != AURORA:
                raise AwsError("InvalidParameterValue", f"The engine of {everywhere.identifier} is {AURORA}.")
            if any(call.get(each) for each in ("MasterUsername", "MasterUserPassword", "DatabaseName")):
                raise AwsError(
                    "InvalidParameterCombination",
                    "Cannot specify user name, password or database name for a cross region replication cluster",
                )
            if any(each.region == call.region for each in everywhere.clusters):
                raise AwsError(
                    "InvalidParameterValue", f"{everywhere.identifier} has a DB cluster in {call.region} already."
                )
            group = Cluster(
                identifier,
                call.region,
                AURORA,
                [],
                None,
                self._group(call, everywhere.primary),
                estate.clock.now(),
                everywhere.identifier,
                status="creating",
            )
            estate.clusters[identifier] = group
            everywhere.clusters.append(group)
            estate.tag(group.arn, given)
            estate.scheduler.later(estate.draw("rds.create"), lambda: created(estate, group), f"create {identifier}")
            return {"DBCluster": shapes.cluster(estate, group)}

    def instance(self, call: Call) -> Mapping[str, Any]:
        """A member of an Aurora cluster; the twin makes no instance outside a cluster."""
        estate = self._estate
        identifier = identifiers.fresh(call, "DBInstanceIdentifier")
        given = identifiers.tags(call)
        if not call.get("DBClusterIdentifier"):
            raise AwsError("NotImplementedByTwin", "The twin creates DB instances only in DB clusters.", 501)
        with estate.lock:
            group = estate.cluster(str(call.get("DBClusterIdentifier")), call.region)
            self._may_join(group, call)
            if identifier in estate.instances:
                raise AwsError("DBInstanceAlreadyExists", "DB instance already exists")
            zone = growth.zone_of(estate, call, first=len(group.members))
            wanted = call.get("DBParameterGroupName")
            if wanted:
                parameters.group_of(estate, call.region, str(wanted))
            first = not group.members and estate.global_of(group) in (None, self._led_by(group))
            item = Instance(
                identifier,
                call.region,
                zone,
                str(call.get("DBInstanceClass")),
                group.engine,
                str(wanted or parameters.default_group(estate, call.region, group.engine)),
                estate.clock.now(),
                boot.joining(estate, identifier, call.region, zone),
                cluster=group.identifier,
                status="creating",
            )
            estate.instances[identifier] = item
            estate.tag(item.arn, given)
            group.members.append(identifier)
            group.writer = identifier if first else group.writer
            end = estate.clock.now() + estate.draw("rds.restore" if first else "rds.create")
            begin = self._revive if first else self._join
            estate.scheduler.later(ZERO, lambda: begin(group, item, end), f"create {identifier}")
            return {"DBInstance": shapes.instance(estate, item)}

    def _led_by(self, group: Cluster) -> object:
        """The global cluster, if this cluster is its primary."""
        everywhere = self._estate.global_of(group)
        return everywhere if everywhere is not None and everywhere.primary is group else None

    def _may_join(self, group: Cluster, call: Call) -> None:
        """Raises what RDS raises when a cluster takes no further instance."""
        if group.engine != AURORA:
            raise AwsError("InvalidParameterCombination", "You can't add an instance to a Multi-AZ DB cluster.")
        if call.get("Engine") != group.engine:
            raise AwsError(
                "InvalidParameterCombination",
                f"The engine name requested for your DB instance ({call.get('Engine')}) doesn't match the engine name "
                f"of your DB cluster ({group.engine}).",
            )
        if not str(call.get("DBInstanceClass")).startswith("db."):
            raise AwsError("InvalidParameterValue", f"Invalid DB Instance class: {call.get('DBInstanceClass')}")
        reviving = group.status == "creating" and group.volume is not None
        if group.retired or not (group.status == "available" or reviving):
            raise AwsError("InvalidDBClusterStateFault", f"DB cluster {group.identifier} is {group.status}.")
        if len(group.members) >= _MOST:
            raise AwsError("InstanceQuotaExceeded", f"DB cluster {group.identifier} has {_MOST} DB instances already.")

    def _group(self, call: Call, primary: Cluster) -> str:
        """The cluster parameter group that is asked for, or the primary's namesake in this region, or the default."""
        estate, wanted = self._estate, call.get("DBClusterParameterGroupName")
        if wanted:
            return parameters.group_of(estate, call.region, str(wanted), cluster=True).plan.name
        return parameters.default_group(estate, call.region, primary.engine, cluster=True)

    def _revive(self, group: Cluster, item: Instance, end: Instant) -> None:
        """The first instance over a volume: it takes writes."""
        estate = self._estate
        if group.volume is None:
            with estate.lock:
                item.status = "failed"
            return
        item.node.create(group.volume)
        parameters.apply(estate, item, everything=True)
        item.node.start()
        estate.scheduler.at(end, lambda: self._ready(group, item), f"create {item.identifier}")

    def _join(self, group: Cluster, item: Instance, end: Instant) -> None:
        """A reader: of the cluster's writer, or of a global cluster's primary."""
        if growth.grow(self._estate, item):
            self._estate.scheduler.at(end, lambda: self._ready(group, item), f"create {item.identifier}")

    def _ready(self, group: Cluster, item: Instance) -> None:
        estate = self._estate
        growth.catch_up_with_changes(estate, item)
        with estate.lock:
            if item.status != "creating":
                return
            item.status = "available"
            if group.writer == item.identifier:
                group.volume = None
            endpoints.point_instance(estate, item)
            endpoints.point_cluster(estate, group)
        if group.writer == item.identifier:
            failovers.rejoin(estate, group, item, None)
        instances.tell(estate, item, "creation", "DB instance created")


def created(estate: Estate, group: Cluster) -> None:
    """A new cluster is ready for its first instance."""
    with estate.lock:
        if group.status == "creating":
            group.status = "available"
        endpoints.point_cluster(estate, group)
    estate.events.tell(group.region, "db-cluster", group.identifier, "creation", "DB cluster created")
