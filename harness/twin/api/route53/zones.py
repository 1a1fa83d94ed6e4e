"""The hosted zone: its records as the API shows them, changed by whole batches or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.twin import names
from harness.twin.api.route53 import rules
from harness.twin.api.route53.records import LOAD_BALANCER_ZONES, Alias, Key, RecordSet, dotted, record_set
from harness.twin.calls import AwsError
from harness.twin.designs.model import Design, RecordPlan

Action = Literal["CREATE", "DELETE", "UPSERT"]
MAXIMUM_CHANGES = 1000
NAME_SERVERS = ("ns-2048.awsdns-64.com", "ns-2049.awsdns-65.net", "ns-2050.awsdns-66.org", "ns-2051.awsdns-67.co.uk")
START_OF_AUTHORITY = f"{NAME_SERVERS[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"


@dataclass(frozen=True)
class Change:
    """One change of a batch."""

    action: Action
    record: RecordSet


@dataclass(frozen=True)
class Zone:
    """A hosted zone. Immutable: a batch makes a new one."""

    name: str
    identifier: str
    records: Mapping[Key, RecordSet]

    def changed(
        self,
        changes: Sequence[Change],
        is_check: Callable[[str], bool],
        provider_zone: Callable[[str], str | None],
    ) -> Zone:
        """The zone after a batch; raises AWS's ``InvalidChangeBatch`` or ``NoSuchHealthCheck`` and changes nothing.

        ``is_check`` says whether a health check exists; ``provider_zone``: see :func:`rules.problems`.
        """
        if len(changes) > MAXIMUM_CHANGES:
            raise _refusal([f"Number of records limit of {MAXIMUM_CHANGES} exceeded."])
        found = _clashes(changes)
        records = dict(self.records)
        for change in sorted(changes, key=lambda each: each.action != "DELETE"):
            problem = _apply(records, change)
            if problem:
                found.append(problem)
        kept = [change.record for change in changes if change.action != "DELETE"]
        for record in kept:
            if record.health_check is not None and not is_check(record.health_check):
                raise AwsError("NoSuchHealthCheck", f"No health check exists with the ID: {record.health_check}", 404)
        if not found:
            found = rules.problems(
                self.name, self.identifier, records, [change.record.name for change in changes], provider_zone
            )
        if found:
            raise _refusal(found)
        return Zone(self.name, self.identifier, records)


def changes_of(batch: Mapping[str, Any]) -> list[Change]:
    """The changes of botocore's ``ChangeBatch``; raises AWS's ``InvalidInput`` for contradictory fields."""
    for item in batch["Changes"]:
        rules.check_shape(item["Action"], item["ResourceRecordSet"])
    return [Change(item["Action"], record_set(item["ResourceRecordSet"])) for item in batch["Changes"]]


def planned_zone(design: Design, health_check_id: Callable[[str], str]) -> Zone:
    """The zone that a design describes, with the SOA and NS records that AWS adds."""
    records = [
        RecordSet(names.ZONE_NAME, "SOA", 900, (START_OF_AUTHORITY,)),
        RecordSet(names.ZONE_NAME, "NS", 172800, tuple(dotted(server) for server in NAME_SERVERS)),
        *(_planned(design, plan, health_check_id) for plan in design.records),
    ]
    return Zone(names.ZONE_NAME, names.HOSTED_ZONE_ID, {record.key: record for record in records})


def load_balancer_of(design: Design, region: str) -> str:
    """The DNS name of a region's load balancer."""
    plan = next(plan for plan in design.load_balancers if plan.region == region)
    return names.load_balancer_dns(plan.name, region).lower()


def _planned(design: Design, plan: RecordPlan, health_check_id: Callable[[str], str]) -> RecordSet:
    target = load_balancer_of(design, plan.region)
    alias = Alias(LOAD_BALANCER_ZONES[plan.region], target, plan.evaluate_target_health) if plan.alias else None
    return RecordSet(
        names.API_HOST,
        "A" if plan.alias else "CNAME",
        None if plan.alias else plan.ttl,
        () if plan.alias else (target,),
        alias,
        None if plan.routing == "simple" else plan.set_identifier,
        plan.region if plan.routing == "latency" else None,
        plan.failover,
        None,
        health_check_id(plan.health_check) if plan.health_check else None,
    )


def _clashes(changes: Sequence[Change]) -> list[str]:
    """A record set may be deleted and created in one batch, and nothing else twice."""
    actions: dict[Key, list[str]] = {}
    for change in changes:
        actions.setdefault(change.record.key, []).append(change.action)
    return [
        f"The request contains an invalid set of changes for a resource record set '{key[1]} {dotted(key[0])}'"
        for key, done in actions.items()
        if len(done) > 1 and sorted(done) != ["CREATE", "DELETE"]
    ]


def _apply(records: dict[Key, RecordSet], change: Change) -> str | None:
    record, key = change.record, change.record.key
    identity = f"name='{dotted(record.name)}', type='{record.kind}'"
    if record.set_identifier:
        identity += f", set-identifier='{record.set_identifier}'"
    if change.action == "DELETE":
        if key not in records:
            return f"Tried to delete resource record set [{identity}] but it was not found"
        if not _same(records[key], record):
            problem = "but the values provided do not match the current values"
            return f"Tried to delete resource record set [{identity}] {problem}"
        del records[key]
        return None
    if change.action == "CREATE" and key in records:
        return f"Tried to create resource record set [{identity}] but it already exists"
    records[key] = record
    return None


def _same(one: RecordSet, other: RecordSet) -> bool:
    """Whether two record sets are equal; host names are compared without their final dot."""

    def values(record: RecordSet) -> list[str]:
        return sorted(value.rstrip(".").lower() if record.kind == "CNAME" else value for value in record.values)

    fields = ("ttl", "alias", "region", "failover", "geo", "weight", "health_check")
    return values(one) == values(other) and all(getattr(one, name) == getattr(other, name) for name in fields)


def _refusal(messages: Sequence[str]) -> AwsError:
    return AwsError("InvalidChangeBatch", f"[{', '.join(messages)}]")
