"""Parameter groups: made, changed, reset, and set on the servers that use them.

Values are AWS's; milliseconds of AWS time are divided by the speed on their way to PostgreSQL. A dynamic parameter is
taken at once when that is asked for; everything else, and the whole of a group that an instance was just given, waits
for the instance's reboot.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clock import ZERO
from harness.twin.api.rds import identifiers, listing
from harness.twin.api.rds.parameter_table import TABLE, Parameter, check, shape
from harness.twin.api.rds.state import Estate, Group, Instance
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.designs.model import ParameterGroup
from harness.twin.engines import postgres_template
from harness.twin.engines.postgres import PostgresNode

_MOST = 20
_FAMILY = re.compile(r"(aurora-postgresql|postgres)\d+")


def apply(estate: Estate, instance: Instance, *, everything: bool = False) -> None:
    """Tell an instance's servers the values of its groups; ``everything``: what waits for a reboot too."""
    values: dict[str, str] = {}
    for group in _groups(estate, instance):
        values |= group.values
    if everything:
        instance.waiting.clear()
    waiting = {name for _, name in instance.waiting}
    changes: dict[str, str | None] = {}
    for row in TABLE.values():
        if row.forwarded and (everything or (row.apply_type == "dynamic" and row.name not in waiting)):
            wanted = values.get(row.name)
            meant = wanted is not None and not (row.replicas_only and instance.source is None)
            changes[row.name] = _real(estate, row, wanted) if wanted is not None and meant else None
    for server in (instance.node, instance.standby):
        if server is not None and any(server.setting(name) != value for name, value in changes.items()):
            server.set_parameters(changes)


def default_group(estate: Estate, region: str, engine: str, *, cluster: bool = False) -> str:
    """The name of a region's default group for an engine; AWS makes it when it is first needed. Lock held."""
    families = (group.plan.family for group in estate.groups.values())
    prefix = re.compile(rf"{re.escape(engine)}\d+")
    major = postgres_template.version().partition(".")[0]
    family = next((each for each in families if prefix.fullmatch(each)), f"{engine}{major}")
    name = f"default.{family}"
    estate.groups.setdefault((region, name, cluster), Group(ParameterGroup(name, region, family, cluster=cluster)))
    return name


def mirror(source: PostgresNode, target: PostgresNode) -> None:
    """Let a new hidden standby have the parameters that its writer runs with."""
    target.set_parameters({row.name: source.setting(row.name) for row in TABLE.values() if row.forwarded})


def assign(estate: Estate, instance: Instance, name: str) -> None:
    """Give an instance another DB parameter group: what differs waits for its reboot. Lock held.

    Raises what RDS raises for an unknown group or one of another family.
    """
    new, old = (
        group_of(estate, instance.region, name),
        estate.groups.get((instance.region, instance.parameter_group, False)),
    )
    fitting = old.plan.family if old is not None else new.plan.family
    if new.plan.family != fitting:
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameter group {name} with DBParameterGroupFamily {new.plan.family} can't be used for this "
            f"instance. Use a parameter group with DBParameterGroupFamily {fitting}.",
        )
    if new is old:
        return
    instance.parameter_group = name
    before = old.values if old is not None else {}
    instance.waiting = {pair for pair in instance.waiting if pair[0]}
    instance.waiting |= {(False, each) for each in {*before, *new.values}}
    instance.waiting.add((False, ""))  # even a group without values counts only after a reboot


def group_of(estate: Estate, region: str, name: str, *, cluster: bool = False) -> Group:
    """A group by its name or ARN; ``DBParameterGroupNotFound`` when the region has none of that kind."""
    wanted = name.rsplit(":", 1)[-1]
    found = estate.groups.get((region, wanted, cluster))
    if found is None:
        kind = "DBClusterParameterGroup" if cluster else "DBParameterGroup"
        raise AwsError("DBParameterGroupNotFound", f"{kind} not found: {wanted}", 404)
    return found


def _real(estate: Estate, row: Parameter, value: str) -> str:
    if not row.scaled or int(value) <= 0:
        return value
    return str(max(1, round(int(value) / estate.clock.speed)))


def _groups(estate: Estate, instance: Instance) -> Iterable[Group]:
    wanted = [(instance.region, instance.parameter_group, False)]
    if instance.cluster:
        wanted.insert(0, (instance.region, estate.clusters[instance.cluster].parameter_group, True))
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
            "CreateDBParameterGroup": lambda call: self._create(call, cluster=False),
            "CreateDBClusterParameterGroup": lambda call: self._create(call, cluster=True),
            "DeleteDBParameterGroup": lambda call: self._delete(call, cluster=False),
            "DeleteDBClusterParameterGroup": lambda call: self._delete(call, cluster=True),
            "ModifyDBParameterGroup": lambda call: self._modify(call, cluster=False),
            "ModifyDBClusterParameterGroup": lambda call: self._modify(call, cluster=True),
            "ResetDBParameterGroup": lambda call: self._reset(call, cluster=False),
            "ResetDBClusterParameterGroup": lambda call: self._reset(call, cluster=True),
        }

    def _describe_groups(self, call: Call, *, cluster: bool) -> Mapping[str, Any]:
        wanted = call.get(_name(cluster=cluster))
        with self._estate.lock:
            if wanted:
                groups = [group_of(self._estate, call.region, str(wanted), cluster=cluster)]
            else:
                groups = [
                    group
                    for (region, _, kind), group in sorted(self._estate.groups.items())
                    if region == call.region and kind == cluster
                ]
            shaped = [_group_shape(group) for group in groups]
        return listing.page(call, "DBClusterParameterGroups" if cluster else "DBParameterGroups", shaped)

    def _describe(self, call: Call, *, cluster: bool) -> Mapping[str, Any]:
        with self._estate.lock:
            group = group_of(self._estate, call.region, str(call.get(_name(cluster=cluster))), cluster=cluster)
            shaped = [shape(row, group.values.get(row.name)) for row in TABLE.values()]
        if call.get("Source"):
            shaped = [item for item in shaped if item["Source"] == call.get("Source")]
        return listing.page(call, "Parameters", shaped)

    def _create(self, call: Call, *, cluster: bool) -> Mapping[str, Any]:
        family = str(call.get("DBParameterGroupFamily"))
        name = identifiers.fresh(call, _name(cluster=cluster), longest=255)
        if not _FAMILY.fullmatch(family):
            raise AwsError("InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid family")
        with self._estate.lock:
            if (call.region, name, cluster) in self._estate.groups:
                raise AwsError("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")
            group = Group(ParameterGroup(name, call.region, family, cluster=cluster), {}, str(call.get("Description")))
            self._estate.groups[call.region, name, cluster] = group
            self._estate.tag(group.arn, identifiers.tags(call))
            return {"DBClusterParameterGroup" if cluster else "DBParameterGroup": _group_shape(group)}

    def _delete(self, call: Call, *, cluster: bool) -> Mapping[str, Any]:
        with self._estate.lock:
            group = self._changeable(call, cluster=cluster)
            if self._users(group):
                raise AwsError(
                    "InvalidDBParameterGroupState",
                    f"One or more database instances are still members of this parameter group {group.plan.name}, "
                    "so the group cannot be deleted",
                )
            del self._estate.groups[call.region, group.plan.name, cluster]
            self._estate.forget_tags(group.arn)
        return {}

    def _modify(self, call: Call, *, cluster: bool) -> Mapping[str, Any]:
        changes: Sequence[Mapping[str, Any]] = call.get("Parameters") or ()
        if not 0 < len(changes) <= _MOST:
            raise AwsError("InvalidParameterValue", f"Between 1 and {_MOST} parameters can be modified in one request.")
        with self._estate.lock:
            group = self._changeable(call, cluster=cluster)
            for change in changes:
                check(change)
            for change in changes:
                name = str(change["ParameterName"])
                group.values[name] = str(change["ParameterValue"])
                self._note(group, name, at_once=change["ApplyMethod"] == "immediate")
                self._tell(
                    group,
                    f"Updated parameter {name} to {change['ParameterValue']} with apply method {change['ApplyMethod']}",
                )
            if any(change["ApplyMethod"] == "immediate" for change in changes):
                self._spread(group)
            return {_name(cluster=cluster): group.plan.name}

    def _reset(self, call: Call, *, cluster: bool) -> Mapping[str, Any]:
        """Source: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ResetDBParameterGroup.html."""
        listed: Sequence[Mapping[str, Any]] = call.get("Parameters") or ()
        if bool(listed) == bool(call.get("ResetAllParameters")):
            raise AwsError(
                "InvalidParameterCombination", "Specify either a list of parameters or ResetAllParameters, not both."
            )
        with self._estate.lock:
            group = self._changeable(call, cluster=cluster)
            if listed:
                for change in listed:
                    check({"ParameterValue": _default(change), **change})
                at_once = {str(each["ParameterName"]): each["ApplyMethod"] == "immediate" for each in listed}
            else:
                at_once = {name: TABLE[name].apply_type == "dynamic" for name in group.values if name in TABLE}
            for name, immediately in at_once.items():
                if group.values.pop(name, None) is not None:
                    self._note(group, name, at_once=immediately)
                    self._tell(group, f"Reset parameter {name} to its default")
            if any(at_once.values()):
                self._spread(group)
            return {_name(cluster=cluster): group.plan.name}

    def _changeable(self, call: Call, *, cluster: bool) -> Group:
        group = group_of(self._estate, call.region, str(call.get(_name(cluster=cluster))), cluster=cluster)
        if group.plan.name.startswith("default."):
            raise AwsError("InvalidParameterValue", "Cannot modify a default parameter group.")
        return group

    def _users(self, group: Group) -> list[Instance]:
        return [item for item in self._estate.instances.values() if group in _groups(self._estate, item)]

    def _note(self, group: Group, name: str, *, at_once: bool) -> None:
        """A value changed: until their reboot its users wait for it, or no longer do."""
        for instance in self._users(group):
            if at_once:
                instance.waiting.discard((group.plan.cluster, name))
            else:
                instance.waiting.add((group.plan.cluster, name))

    def _spread(self, group: Group) -> None:
        users = self._users(group)

        def spread() -> None:
            for instance in users:
                apply(self._estate, instance)

        self._estate.scheduler.later(ZERO, spread, f"apply {group.plan.name}")

    def _tell(self, group: Group, message: str) -> None:
        region, name = group.plan.region, group.plan.name
        self._estate.events.tell(region, "db-parameter-group", name, "configuration change", message)


def _name(*, cluster: bool) -> str:
    return "DBClusterParameterGroupName" if cluster else "DBParameterGroupName"


def _default(change: Mapping[str, Any]) -> str:
    """A value that fits, so that a reset is checked like a change."""
    row = TABLE.get(str(change.get("ParameterName")))
    if row is None:
        return ""
    return row.default or row.allowed.rpartition("-")[0] or row.allowed.split(",")[0]


def _group_shape(group: Group) -> Mapping[str, Any]:
    prefix = "DBClusterParameterGroup" if group.plan.cluster else "DBParameterGroup"
    return {
        f"{prefix}Name": group.plan.name,
        "DBParameterGroupFamily": group.plan.family,
        "Description": group.description or f"Parameter group {group.plan.name}",
        f"{prefix}Arn": group.arn,
    }
