"""Parameter groups: what may be set, and setting it on the servers that use the group.

Values are AWS's; milliseconds of AWS time are divided by the speed on their way to PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.clock import ZERO
from harness.twin import names
from harness.twin.api.paging import page
from harness.twin.api.rds.state import Estate, Group, Instance
from harness.twin.calls import AwsError, Call, Handler

_PAGE = 100
_MOST = 20


@dataclass(frozen=True)
class Parameter:
    """A row of RDS's table. ``forwarded``: PostgreSQL is told; ``scaled``: it is milliseconds."""

    name: str
    apply_type: Literal["static", "dynamic"]
    data_type: Literal["integer", "boolean", "string"]
    allowed: str
    default: str | None = None
    description: str = ""
    forwarded: bool = True
    scaled: bool = False
    replicas_only: bool = False


_TIMES = "0-2147483647"
_TABLE = {
    row.name: row
    for row in (
        Parameter(
            "recovery_min_apply_delay",
            "dynamic",
            "integer",
            "0-86400000",
            "0",
            "(ms) Sets the minimum delay for applying changes during recovery.",
            scaled=True,
            replicas_only=True,
        ),
        Parameter("max_standby_streaming_delay", "dynamic", "integer", "-1-2147483647", "30000", scaled=True),
        Parameter("max_standby_archive_delay", "dynamic", "integer", "-1-2147483647", "30000", scaled=True),
        Parameter("hot_standby_feedback", "dynamic", "boolean", "0,1", "0"),
        Parameter("statement_timeout", "dynamic", "integer", _TIMES, "0", scaled=True),
        Parameter("lock_timeout", "dynamic", "integer", _TIMES, "0", scaled=True),
        Parameter("idle_in_transaction_session_timeout", "dynamic", "integer", _TIMES, "86400000", scaled=True),
        Parameter("deadlock_timeout", "dynamic", "integer", "1-2147483647", "1000", scaled=True),
        Parameter("log_min_duration_statement", "dynamic", "integer", "-1-2147483647", "-1", scaled=True),
        Parameter("log_statement", "dynamic", "string", "none,ddl,mod,all", "none"),
        Parameter("log_connections", "dynamic", "boolean", "0,1", "0"),
        Parameter("log_disconnections", "dynamic", "boolean", "0,1", "0"),
        Parameter("work_mem", "dynamic", "integer", "64-2147483647", "4096"),
        Parameter("random_page_cost", "dynamic", "integer", _TIMES, "4"),
        Parameter("tcp_keepalives_idle", "dynamic", "integer", _TIMES, "300"),
        Parameter("tcp_keepalives_interval", "dynamic", "integer", _TIMES, "30"),
        Parameter("tcp_keepalives_count", "dynamic", "integer", _TIMES, "2"),
        Parameter("autovacuum", "dynamic", "boolean", "0,1", "1"),
        Parameter("rds.force_ssl", "dynamic", "boolean", "0,1", "0", forwarded=False),
        Parameter("rds.logical_replication", "static", "boolean", "0,1", "0", forwarded=False),
        Parameter("max_connections", "static", "integer", "6-262143", None, forwarded=False),
        Parameter("max_wal_senders", "static", "integer", "5-100", "20", forwarded=False),
        Parameter("shared_buffers", "static", "integer", "16-1073741823", None, forwarded=False),
        Parameter(
            "shared_preload_libraries", "static", "string", "auto_explain,pg_stat_statements", None, forwarded=False
        ),
    )
}


def apply(estate: Estate, instance: Instance, *, everything: bool = False) -> None:
    """Tell an instance's servers the values of its groups; ``everything``: what waits for a reboot too."""
    changes: dict[str, str | None] = {}
    for group in _groups(estate, instance):
        for name, value in group.values.items():
            row = _TABLE.get(name)
            if row is not None and row.forwarded and (everything or row.apply_type == "dynamic"):
                changes[name] = None if row.replicas_only and instance.source is None else _real(estate, row, value)
    if changes:
        instance.node.set_parameters(changes)


def _real(estate: Estate, row: Parameter, value: str) -> str:
    if not row.scaled or int(value) <= 0:
        return value
    return str(max(1, round(int(value) / estate.clock.speed)))


def _groups(estate: Estate, instance: Instance) -> Iterable[Group]:
    wanted = [(instance.region, instance.parameter_group)]
    if instance.cluster:
        wanted.insert(0, (instance.region, estate.clusters[instance.cluster].parameter_group))
    return (estate.groups[key] for key in wanted if key in estate.groups)


class ParameterGroups:
    """The operations on both kinds of parameter group."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "DescribeDBParameterGroups": lambda call: self._describe_groups(call, cluster=False),
            "DescribeDBClusterParameterGroups": lambda call: self._describe_groups(call, cluster=True),
            "DescribeDBParameters": lambda call: self._describe(call, cluster=False),
            "DescribeDBClusterParameters": lambda call: self._describe(call, cluster=True),
            "ModifyDBParameterGroup": lambda call: self._modify(call, cluster=False),
            "ModifyDBClusterParameterGroup": lambda call: self._modify(call, cluster=True),
        }

    def _describe_groups(self, call: Call, *, cluster: bool) -> Mapping[str, Any]:
        wanted = call.get(_name(cluster=cluster))
        with self._estate.lock:
            if wanted:
                groups = [self._group(call.region, str(wanted), cluster=cluster)]
            else:
                groups = [
                    group
                    for (region, _), group in sorted(self._estate.groups.items())
                    if region == call.region and group.plan.cluster == cluster
                ]
            shaped = [_group_shape(group) for group in groups]
        items, marker = page(shaped, call.get("Marker"), call.get("MaxRecords", _PAGE))
        key = "DBClusterParameterGroups" if cluster else "DBParameterGroups"
        return {key: items, **({"Marker": marker} if marker else {})}

    def _describe(self, call: Call, *, cluster: bool) -> Mapping[str, Any]:
        with self._estate.lock:
            group = self._group(call.region, str(call.get(_name(cluster=cluster))), cluster=cluster)
            shaped = [_shape(row, group.values.get(row.name)) for row in _TABLE.values()]
        if call.get("Source"):
            shaped = [item for item in shaped if item["Source"] == call.get("Source")]
        items, marker = page(shaped, call.get("Marker"), call.get("MaxRecords", _PAGE))
        return {"Parameters": items, **({"Marker": marker} if marker else {})}

    def _modify(self, call: Call, *, cluster: bool) -> Mapping[str, Any]:
        name = str(call.get(_name(cluster=cluster)))
        changes: Sequence[Mapping[str, Any]] = call.get("Parameters") or ()
        if not 0 < len(changes) <= _MOST:
            raise AwsError("InvalidParameterValue", f"Between 1 and {_MOST} parameters can be modified in one request.")
        with self._estate.lock:
            group = self._group(call.region, name, cluster=cluster)
            if name.startswith("default."):
                raise AwsError("InvalidParameterValue", "Cannot modify a default parameter group.")
            for change in changes:
                _check(change)
            for change in changes:
                group.values[str(change["ParameterName"])] = str(change["ParameterValue"])
                self._tell(group, change)
            if any(change["ApplyMethod"] == "immediate" for change in changes):
                self._spread(group)
        return {_name(cluster=cluster): name}

    def _group(self, region: str, name: str, *, cluster: bool) -> Group:
        found = self._estate.groups.get((region, name))
        if found is None or found.plan.cluster != cluster:
            kind = "DBClusterParameterGroup" if cluster else "DBParameterGroup"
            raise AwsError("DBParameterGroupNotFound", f"{kind} not found: {name}", 404)
        return found

    def _spread(self, group: Group) -> None:
        users = [item for item in self._estate.instances.values() if group in _groups(self._estate, item)]

        def spread() -> None:
            for instance in users:
                apply(self._estate, instance)

        self._estate.scheduler.later(ZERO, spread, f"apply {group.plan.name}")

    def _tell(self, group: Group, change: Mapping[str, Any]) -> None:
        self._estate.events.tell(
            group.plan.region,
            "db-parameter-group",
            group.plan.name,
            "configuration change",
            f"Updated parameter {change['ParameterName']} to {change['ParameterValue']} "
            f"with apply method {change['ApplyMethod']}",
        )


def _name(*, cluster: bool) -> str:
    return "DBClusterParameterGroupName" if cluster else "DBParameterGroupName"


def _check(change: Mapping[str, Any]) -> None:
    """Raises what RDS raises for an unknown parameter, a value out of range or a static one set at once."""
    missing = [key for key in ("ParameterName", "ParameterValue", "ApplyMethod") if change.get(key) is None]
    if missing:
        raise AwsError("InvalidParameterValue", f"The parameter {missing[0]} must be provided and must not be blank.")
    name, value = str(change["ParameterName"]), str(change["ParameterValue"])
    row = _TABLE.get(name)
    if row is None:
        raise AwsError("InvalidParameterValue", f"Could not find parameter with name: {name}")
    if row.apply_type == "static" and change["ApplyMethod"] == "immediate":
        raise AwsError("InvalidParameterCombination", f"cannot use immediate apply method for static parameter {name}")
    if not _fits(row, value):
        raise AwsError(
            "InvalidParameterValue", f"Invalid parameter value: {value} for: {name} allowed values are: {row.allowed}"
        )


def _fits(row: Parameter, value: str) -> bool:
    if row.data_type != "integer":
        return set(value.split(",")) <= set(row.allowed.split(","))
    if not value.removeprefix("-").isdigit():
        return False
    low, _, high = row.allowed.rpartition("-")
    return int(low) <= int(value) <= int(high)


def _shape(row: Parameter, value: str | None) -> dict[str, Any]:
    shown = value if value is not None else row.default
    return {
        "ParameterName": row.name,
        **({"ParameterValue": shown} if shown is not None else {}),
        "Description": row.description or row.name,
        "Source": "user" if value is not None else "engine-default",
        "ApplyType": row.apply_type,
        "DataType": row.data_type,
        "AllowedValues": row.allowed,
        "IsModifiable": True,
        "ApplyMethod": "immediate" if row.apply_type == "dynamic" else "pending-reboot",
    }


def _group_shape(group: Group) -> Mapping[str, Any]:
    prefix = "DBClusterParameterGroup" if group.plan.cluster else "DBParameterGroup"
    kind = "cluster-pg" if group.plan.cluster else "pg"
    return {
        f"{prefix}Name": group.plan.name,
        "DBParameterGroupFamily": group.plan.family,
        "Description": f"Parameter group {group.plan.name}",
        f"{prefix}Arn": names.arn("rds", group.plan.region, f"{kind}:{group.plan.name}"),
    }
