"""Carry out what an undo journal says, idempotently, from any machine: each act checks what is there first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import tenacity

from harness.clock import Clock, minutes, seconds
from harness.cloud import datastore, levers
from harness.cloud.session import Cloud
from harness.errors import CloudFault, UndoFailed
from harness.undo import Act

PATIENCE_REAL_SECONDS = 60.0
"""How long an act is tried again while AWS does not answer, throttles, or is busy with the thing."""
_PASSING = (
    "Unreachable",
    "InternalError",
    "InternalFailure",
    "RequestTimeout",
    "ServiceUnavailable",
)
_PASSING_WORDS = ("Throttl", "RequestLimit", "TooManyRequests", "Unavailable", "PriorRequestNotComplete", "SlowDown")


class Hand(Protocol):
    """SQL and Redis in a region."""

    def sql(self, host: str, query: str, *, limit_seconds: float = ...) -> list[list[Any]]:
        """The rows of a query."""

    def redis(self, host: str, port: int, *command: str, limit_seconds: float = ...) -> Any:
        """The answer of a command."""


class Reach(Protocol):
    """All that an undo needs. An ``Estate`` is one; so is what a function inside the account has."""

    @property
    def cloud(self) -> Cloud:
        """AWS."""

    @property
    def clock(self) -> Clock:
        """AWS time."""

    def hand(self, region: str) -> Hand:
        """The hand of a region. Raises a ``GamedayError`` where there is none."""

    def strike(self, act: Mapping[str, Any]) -> Mapping[str, Any]:
        """An act of nature."""


def perform(reach: Reach, act: Act, patience_real_seconds: float = PATIENCE_REAL_SECONDS) -> None:
    """Undo one act; does nothing when it is undone already.

    What may pass by itself (no answer, throttling) is tried again with growing, random pauses, as AWS advises:
    https://docs.aws.amazon.com/general/latest/gr/api-retries.html
    Raises ``UndoFailed`` when somebody else changed the thing meanwhile, or AWS did not let us.
    """
    interpreter = _INTERPRETERS.get((act.service, act.operation))
    if interpreter is None:
        raise UndoFailed(f"no way is known to undo: {act}")
    tries = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        wait=tenacity.wait_random_exponential(multiplier=0.3, max=8),
        stop=tenacity.stop_after_delay(patience_real_seconds),
        reraise=True,
    )
    try:
        tries(interpreter, reach, act)
    except CloudFault as error:
        raise UndoFailed(f"{act}: {error.message}", error.remedy or _REMEDY) from error
    except KeyError as error:
        raise UndoFailed(f"{act}: the journal does not say {error}.", "Put it back by hand.") from error


def _may_pass(error: BaseException) -> bool:
    if not isinstance(error, CloudFault):
        return False
    return error.code in _PASSING or any(word in error.code for word in _PASSING_WORDS)


_REMEDY = "Run `gameday undo` again when the endpoint answers."


def _restore_association(reach: Reach, act: Act) -> None:
    subnet, original = act.parameters["SubnetId"], act.parameters["NetworkAclId"]
    _, current = levers.association(reach.cloud, act.region, subnet)
    if current == original:
        return
    if current != act.precondition["NetworkAclId"]:
        raise UndoFailed(
            f"{subnet} has network ACL {current} now, which is neither ours nor the original {original}.",
            "Somebody else changed it: decide by hand.",
        )
    levers.replace_association(reach.cloud, act.region, subnet, original)


def _delete_clones(reach: Reach, act: Act) -> None:
    levers.delete_clones(reach.cloud, act.region, act.parameters["Run"], act.parameters["CloneOf"])


def _restore_parameter(reach: Reach, act: Act) -> None:
    group, before = act.parameters["DBParameterGroupName"], act.parameters["ParameterValue"]
    current = levers.delay(reach.cloud, act.region, group)
    if current == before:
        return
    if current != act.precondition["ParameterValue"]:
        raise UndoFailed(
            f"{group}: {act.parameters['ParameterName']} is {current} now, neither ours nor the original {before}.",
            "Somebody else changed it: decide by hand.",
        )
    levers.set_delay(reach.cloud, act.region, group, before)


def _resume_replay(reach: Reach, act: Act) -> None:
    reach.hand(act.region).sql(act.parameters["Host"], "select pg_wal_replay_resume()")


def _start_instance(reach: Reach, act: Act) -> None:
    name = act.parameters["DBInstanceIdentifier"]
    found = reach.cloud.call("rds", act.region, "describe_db_instances", DBInstanceIdentifier=name)
    if found["DBInstances"][0]["DBInstanceStatus"] in ("stopped", "stopping"):
        reach.cloud.call("rds", act.region, "start_db_instance", DBInstanceIdentifier=name)


def _await_cache(reach: Reach, act: Act) -> None:
    last = "nothing"
    for _ in reach.clock.every(seconds(1), minutes(5)):
        try:
            reach.hand(act.region).redis(act.parameters["Host"], act.parameters["Port"], "PING", limit_seconds=1)
        except CloudFault as error:
            last = error.message
        else:
            return
    raise UndoFailed(f"the cache of {act.region} still does not answer: {last}")


def _restore_records(reach: Reach, act: Act) -> None:
    zone, host, before = (act.parameters[name] for name in ("HostedZoneId", "Host", "Records"))
    current = levers.records(reach.cloud, zone, host)
    if current == before:
        return
    if current != act.precondition["Records"]:
        raise UndoFailed(
            f"the records of {host} are neither ours nor the original ones.",
            "Somebody else changed them: decide by hand.",
        )
    levers.replace_records(reach.cloud, zone, current, before)


def _fail_back(reach: Reach, act: Act) -> None:
    """The members as they were. AWS takes no order while another is carried out, so this waits before and after."""
    store, region = act.parameters["GlobalReplicationGroupId"], act.parameters["PrimaryRegion"]
    ordered, seen = False, ""
    for _ in reach.clock.every(seconds(2), minutes(10)):
        found = datastore.standing(reach.cloud, act.region, store)
        seen = f"{store} is {found.status}, {found.primary} takes its writes"
        if found.status != "available":
            continue
        if found.primary == region:
            return
        if ordered:
            raise UndoFailed(f"{seen}, though {region} was ordered to.", "Somebody else changed it: decide by hand.")
        if found.primary != act.precondition["PrimaryRegion"]:
            raise UndoFailed(f"{seen}, neither our doing nor as before.", "Somebody else changed it: decide by hand.")
        datastore.fail_over(reach.cloud, act.region, found, region)
        ordered = True
    raise UndoFailed(f"{seen} ten minutes later, {region} did before.", "Run `gameday undo` again.")


def _restore_count(reach: Reach, act: Act) -> None:
    cluster, service = act.parameters["Cluster"], act.parameters["Service"]
    before = act.parameters["DesiredCount"]
    current = levers.service(reach.cloud, act.region, cluster, service)["desiredCount"]
    if current == before:
        return
    if current != act.precondition["DesiredCount"]:
        raise UndoFailed(
            f"{service}: its desired count is {current} now, neither ours nor the original {before}.",
            "Somebody else changed it: decide by hand.",
        )
    levers.set_desired(reach.cloud, act.region, cluster, service, before)


def _enable_actions(reach: Reach, act: Act) -> None:
    reach.cloud.call("cloudwatch", act.region, "enable_alarm_actions", AlarmNames=list(act.parameters["AlarmNames"]))


def _strike_back(reach: Reach, act: Act) -> None:
    reach.strike(act.parameters)


_INTERPRETERS: dict[tuple[str, str], Callable[[Reach, Act], None]] = {
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
