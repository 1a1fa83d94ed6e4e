"""Read replicas: made from a base backup of their source, and promoted away from it.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.html,
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PostgreSQL.Replication.ReadReplicas.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.clock import ZERO, Instant
from harness.twin.api.rds import boot, endpoints, growth, identifiers, parameters, shapes
from harness.twin.api.rds.instances import available, tell
from harness.twin.api.rds.state import AURORA, Cluster, Estate, Instance
from harness.twin.calls import AwsError, Call, Handler

_MOST = 15
_DEEPEST = 3


class Replicas:
    """CreateDBInstanceReadReplica and PromoteReadReplica."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {"CreateDBInstanceReadReplica": self.create, "PromoteReadReplica": self.promote}

    def create(self, call: Call) -> Mapping[str, Any]:
        """A replica of an instance (by ARN: of another region) or of a Multi-AZ DB cluster of this region."""
        estate = self._estate
        identifier = identifiers.fresh(call, "DBInstanceIdentifier")
        given = identifiers.tags(call)
        if call.get("MultiAZ"):
            raise AwsError("NotImplementedByTwin", "The twin's new read replicas are Single-AZ.", 501)
        with estate.lock:
            source = self._source(call)
            if identifier in estate.instances:
                raise AwsError("DBInstanceAlreadyExists", "DB instance already exists")
            if len(estate.replicas(source.identifier)) >= _MOST:
                raise AwsError("InstanceQuotaExceeded", f"{source.identifier} has {_MOST} read replicas already.")
            zone = growth.zone_of(estate, call, first=1)
            model = source if isinstance(source, Instance) else estate.members(source)[0]
            item = Instance(
                identifier,
                call.region,
                zone,
                str(call.get("DBInstanceClass") or model.instance_class),
                source.engine,
                self._group(call, source),
                estate.clock.now(),
                boot.joining(estate, identifier, call.region, zone),
                source=source.identifier,
                status="creating",
                retention=0,
                deletion_protection=bool(call.get("DeletionProtection")),
            )
            estate.instances[identifier] = item
            estate.tag(item.arn, given)
            end = estate.clock.now() + estate.draw("rds.create_replica")
            estate.scheduler.later(ZERO, lambda: self._build(item, end), f"create {identifier}")
            return {"DBInstance": shapes.instance(estate, item)}

    def promote(self, call: Call) -> Mapping[str, Any]:
        """A read replica becomes a primary of its own; it reboots on the way and takes writes at the end.

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_PromoteReadReplica.html
        """
        estate = self._estate
        with estate.lock:
            item = available(estate, call)
            if item.source is None:
                raise AwsError("InvalidDBInstanceState", f"DB Instance {item.identifier} is not a read replica.")
            item.retention = call.get("BackupRetentionPeriod", 1)
            promotion(estate, item)
            return {"DBInstance": shapes.instance(estate, item)}

    def _source(self, call: Call) -> Instance | Cluster:
        """Raises what RDS raises for a source that is unknown, unavailable, without backups or too far down."""
        estate = self._estate
        wanted, cluster = call.get("SourceDBInstanceIdentifier"), call.get("SourceDBClusterIdentifier")
        if bool(wanted) == bool(cluster):
            raise AwsError(
                "InvalidParameterCombination", "Specify either SourceDBInstanceIdentifier or SourceDBClusterIdentifier."
            )
        if cluster:
            group = estate.cluster(str(cluster), call.region)
            if group.engine == AURORA:
                raise AwsError("InvalidParameterCombination", "Aurora doesn't support this operation.")
            if group.status != "available":
                raise AwsError("InvalidDBClusterStateFault", f"DB cluster {group.identifier} is {group.status}.")
            return group
        name = str(wanted)
        source = estate.instance(name, name.split(":")[3] if name.startswith("arn:") else call.region)
        if source.cluster:
            raise AwsError(
                "InvalidDBInstanceState", f"{source.identifier} is a member of a DB cluster and can't be a source."
            )
        if source.status != "available":
            raise AwsError("InvalidDBInstanceState", f"Instance {source.identifier} is {source.status}.")
        if not source.retention:
            raise AwsError(
                "InvalidDBInstanceState",
                f"Automated backups are not enabled for this database instance: {source.identifier}.",
            )
        if self._depth(source) >= _DEEPEST:
            raise AwsError("InvalidDBInstanceState", f"{source.identifier} is a replica of the third level.")
        return source

    def _depth(self, item: Instance) -> int:
        above = self._estate.instances.get(item.source or "")
        return 0 if item.source is None else 1 + (self._depth(above) if above is not None else 0)

    def _group(self, call: Call, source: Instance | Cluster) -> str:
        """The source's own group in its region, else the default one; only a cluster's replica may name one."""
        estate, wanted = self._estate, call.get("DBParameterGroupName")
        if isinstance(source, Instance):
            if wanted:
                raise AwsError(
                    "InvalidParameterCombination",
                    "A parameter group can't be specified during Read Replica creation for the following DB engine: "
                    f"{source.engine}",
                )
            if source.region == call.region:
                return source.parameter_group
        if wanted:
            return parameters.group_of(estate, call.region, str(wanted)).plan.name
        return parameters.default_group(estate, call.region, source.engine)

    def _build(self, item: Instance, end: Instant) -> None:
        estate = self._estate
        if growth.grow(estate, item):
            estate.scheduler.at(end, lambda: self._ready(item), f"create {item.identifier}")
        elif item.status == "failed":
            tell(estate, item, "read replica", "Read replica creation failed.")

    def _ready(self, item: Instance) -> None:
        estate = self._estate
        growth.catch_up_with_changes(estate, item)
        with estate.lock:
            if item.status != "creating":
                return
            item.status = "available"
            endpoints.point_instance(estate, item)
        tell(estate, item, "creation", "DB instance created")
        tell(estate, item, "read replica", "Replication for the Read Replica resumed")


def promotion(estate: Estate, item: Instance) -> None:
    """Begin the promotion of an available replica. Lock held."""
    mine = item.take("modifying")
    item.rebuild_from = None
    span, reboot = estate.draw("rds.promote"), estate.draw("rds.reboot")
    end = estate.clock.now() + span

    def go_down() -> None:
        if not mine():
            return
        item.node.stop()
        begin = end.back(estate.lead * 2)
        estate.scheduler.at(begin, lambda: _crown(estate, item, end, mine), f"promote {item.identifier}")

    estate.scheduler.at(end.back(min(span, reboot)), go_down, f"reboot {item.identifier}")


def _crown(estate: Estate, item: Instance, end: Instant, mine: Callable[[], bool]) -> None:
    if not mine():
        return
    if not item.node.alive:
        item.node.start_standby(estate.source_node(item))
    item.node.set_parameters({"recovery_min_apply_delay": None})
    item.node.promote()
    estate.clock.sleep_until(end)
    with estate.lock:
        item.source = None
        item.status = "available"
    parameters.apply(estate, item, everything=True)
    tell(estate, item, "read replica", "Promoted Read Replica instance to a stand-alone database instance")
    tell(estate, item, "availability", "DB instance restarted")
