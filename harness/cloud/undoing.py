"""Carry out what an undo journal says, idempotently, from any machine: each act checks what is there first."""

from __future__ import annotations

from collections.abc import Callable

from harness.clock import minutes, seconds
from harness.cloud.carriers import tasks
from harness.cloud.carriers.acl import RUN_TAG, association, replace_association
from harness.cloud.carriers.datastore import fail_over, standing
from harness.cloud.carriers.geography import records, replace_records
from harness.cloud.carriers.lag import parameter, set_parameter
from harness.cloud.estate import Estate
from harness.errors import CloudFault, UndoFailed
from harness.undo import Act


def perform(estate: Estate, act: Act) -> None:
    """Undo one act; does nothing when it is undone already.

    Raises ``UndoFailed`` when somebody else changed the thing meanwhile, or AWS did not let us.
    """
    interpreter = _INTERPRETERS.get((act.service, act.operation))
    if interpreter is None:
        raise UndoFailed(f"no way is known to undo: {act}")
    try:
        interpreter(estate, act)
    except CloudFault as error:
        raise UndoFailed(f"{act}: {error.message}", "Run `gameday undo` again when the endpoint answers.") from error


def _restore_association(estate: Estate, act: Act) -> None:
    subnet, original = act.parameters["SubnetId"], act.parameters["NetworkAclId"]
    _, current = association(estate, act.region, subnet)
    if current == original:
        return
    if current != act.precondition["NetworkAclId"]:
        raise UndoFailed(
            f"{subnet} has network ACL {current} now, which is neither ours nor the original {original}.",
            "Somebody else changed it: decide by hand.",
        )
    replace_association(estate, act.region, subnet, original)


def _delete_clones(estate: Estate, act: Act) -> None:
    filters = [
        {"Name": f"tag:{RUN_TAG}", "Values": [act.parameters["Run"]]},
        {"Name": "tag:gameday:clone-of", "Values": [act.parameters["CloneOf"]]},
    ]
    for acl in estate.cloud.call("ec2", act.region, "describe_network_acls", Filters=filters)["NetworkAcls"]:
        estate.cloud.call("ec2", act.region, "delete_network_acl", NetworkAclId=acl["NetworkAclId"])


def _restore_parameter(estate: Estate, act: Act) -> None:
    group, before = act.parameters["DBParameterGroupName"], act.parameters["ParameterValue"]
    current = parameter(estate, act.region, group)
    if current == before:
        return
    if current != act.precondition["ParameterValue"]:
        raise UndoFailed(
            f"{group}: {act.parameters['ParameterName']} is {current} now, neither ours nor the original {before}.",
            "Somebody else changed it: decide by hand.",
        )
    set_parameter(estate, act.region, group, before)


def _resume_replay(estate: Estate, act: Act) -> None:
    estate.hand(act.region).sql(act.parameters["Host"], "select pg_wal_replay_resume()")


def _start_instance(estate: Estate, act: Act) -> None:
    name = act.parameters["DBInstanceIdentifier"]
    found = estate.cloud.call("rds", act.region, "describe_db_instances", DBInstanceIdentifier=name)
    if found["DBInstances"][0]["DBInstanceStatus"] in ("stopped", "stopping"):
        estate.cloud.call("rds", act.region, "start_db_instance", DBInstanceIdentifier=name)


def _await_cache(estate: Estate, act: Act) -> None:
    last = "nothing"
    for _ in estate.clock.every(seconds(1), minutes(5)):
        try:
            estate.hand(act.region).redis(act.parameters["Host"], act.parameters["Port"], "PING", limit_seconds=1)
        except CloudFault as error:
            last = error.message
        else:
            return
    raise UndoFailed(f"the cache of {act.region} still does not answer: {last}")


def _restore_records(estate: Estate, act: Act) -> None:
    before, current = act.parameters["Records"], records(estate)
    if current == before:
        return
    if current != act.precondition["Records"]:
        raise UndoFailed(
            f"the records of {estate.target.api.host} are neither ours nor the original ones.",
            "Somebody else changed them: decide by hand.",
        )
    replace_records(estate, current, before)


def _fail_back(estate: Estate, act: Act) -> None:
    """The members as they were. AWS takes no order while another is carried out, so this waits before and after."""
    store, region = act.parameters["GlobalReplicationGroupId"], act.parameters["PrimaryRegion"]
    ordered, seen = False, ""
    for _ in estate.clock.every(seconds(2), minutes(10)):
        found = standing(estate, act.region, store)
        seen = f"{store} is {found.status}, {found.primary} takes its writes"
        if found.status != "available":
            continue
        if found.primary == region:
            return
        if ordered:
            raise UndoFailed(f"{seen}, though {region} was ordered to.", "Somebody else changed it: decide by hand.")
        if found.primary != act.precondition["PrimaryRegion"]:
            raise UndoFailed(f"{seen}, neither our doing nor as before.", "Somebody else changed it: decide by hand.")
        fail_over(estate, act.region, found, region)
        ordered = True
    raise UndoFailed(f"{seen} ten minutes later, {region} did before.", "Run `gameday undo` again.")


def _restore_count(estate: Estate, act: Act) -> None:
    cluster, service = act.parameters["Cluster"], act.parameters["Service"]
    before = act.parameters["DesiredCount"]
    current = tasks.describe(estate, act.region, cluster, service)["desiredCount"]
    if current == before:
        return
    if current != act.precondition["DesiredCount"]:
        raise UndoFailed(
            f"{service}: its desired count is {current} now, neither ours nor the original {before}.",
            "Somebody else changed it: decide by hand.",
        )
    tasks.set_desired(estate, act.region, cluster, service, before)


def _enable_actions(estate: Estate, act: Act) -> None:
    estate.cloud.call("cloudwatch", act.region, "enable_alarm_actions", AlarmNames=list(act.parameters["AlarmNames"]))


def _strike_back(estate: Estate, act: Act) -> None:
    estate.strike(act.parameters)


_INTERPRETERS: dict[tuple[str, str], Callable[[Estate, Act], None]] = {
    ("ec2", "ReplaceNetworkAclAssociation"): _restore_association,
    ("ec2", "DeleteNetworkAcl"): _delete_clones,
    ("rds", "ModifyDBParameterGroup"): _restore_parameter,
    ("rds", "StartDBInstance"): _start_instance,
    ("database", "pg_wal_replay_resume"): _resume_replay,
    ("ecs", "UpdateService"): _restore_count,
    ("cloudwatch", "EnableAlarmActions"): _enable_actions,
    ("cache", "AwaitAnswer"): _await_cache,
    ("route53", "ChangeResourceRecordSets"): _restore_records,
    ("elasticache", "FailoverGlobalReplicationGroup"): _fail_back,
    ("twin", "strike"): _strike_back,
}
