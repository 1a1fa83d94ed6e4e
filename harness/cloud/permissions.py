"""What IAM calls each AWS call, under which condition it is granted, and the policy that grants no more than is made.

The names, resources and condition keys are those of AWS's service authorization reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html,
one page a service), as they were in June 2026. Where a resource type has no ``aws:ResourceTag`` there (Route 53, a
Global Datastore), the grant says so and is held to what else there is: a name, a kind of record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.errors import HarnessFault

Name = tuple[str, str]
"""botocore's name of a service and the API's name of an operation, e.g. ``("elbv2", "DescribeListeners")``."""

LONGEST_POLICY = 6144
"""Characters of a managed policy, white space not counted.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

_PREFIXES = {
    "cloudwatch": "cloudwatch",
    "dynamodb": "dynamodb",
    "ec2": "ec2",
    "ecs": "ecs",
    "elasticache": "elasticache",
    "elbv2": "elasticloadbalancing",
    "iam": "iam",
    "rds": "rds",
    "resourcegroupstaggingapi": "tag",
    "route53": "route53",
    "sqs": "sqs",
    "sts": "sts",
}
_READS = ("Describe", "Get", "List", "Query")

_INSTEAD: Mapping[Name, tuple[str, ...]] = {
    ("dynamodb", "TransactWriteItems"): ("dynamodb:ConditionCheckItem", "dynamodb:PutItem"),
}
"""Calls that have no action of their own: what they are made of here."""
_ALSO: Mapping[Name, tuple[str, ...]] = {
    ("ec2", "CreateNetworkAcl"): ("ec2:CreateTags",),
    ("rds", "CreateDBInstanceReadReplica"): ("rds:AddTagsToResource",),
    ("rds", "DeleteDBInstance"): ("rds:CreateDBSnapshot", "rds:AddTagsToResource"),
}
"""What AWS asks for beside the action itself, as these calls are made here: with tags, with a final snapshot."""

_ALLOWED = {"StringEquals": {"aws:ResourceTag/gameday:allowed": "true"}}
_RUN = "gameday:run"


@dataclass(frozen=True)
class Grant:
    """One statement: these actions (those of them that are made), on these resources, under this condition."""

    name: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    condition: Mapping[str, Any] = field(default_factory=dict)

    def statement(self, needed: Iterable[str]) -> dict[str, Any] | None:
        """The statement for what is needed of it; ``None`` when nothing is."""
        wanted = set(needed)
        actions = sorted(action for action in self.actions if action in wanted)
        if not actions:
            return None
        told: dict[str, Any] = {"Sid": self.name, "Effect": "Allow", "Action": actions}
        told["Resource"] = self.resources[0] if len(self.resources) == 1 else list(self.resources)
        return {**told, "Condition": dict(self.condition)} if self.condition else told


def _arns(service: str, *names: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:{service}:*:*:{name}" for name in names)


GRANTS = (
    Grant(
        "ChangeWhatIsAllowed",
        (
            "ec2:ReplaceNetworkAclAssociation",
            "rds:FailoverDBCluster", "rds:FailoverGlobalCluster", "rds:SwitchoverGlobalCluster",
            "rds:RebootDBInstance", "rds:StopDBInstance", "rds:StartDBInstance", "rds:ModifyDBParameterGroup",
            "rds:PromoteReadReplica", "rds:DeleteDBInstance", "rds:RemoveTagsFromResource",
            "elasticache:TestFailover", "elasticache:RebootCacheCluster",
            "ecs:UpdateService", "ecs:StopTask", "ecs:TagResource", "ecs:UntagResource",
            "cloudwatch:DisableAlarmActions", "cloudwatch:EnableAlarmActions",
        ),
        condition=_ALLOWED,
    ),
    Grant(
        "CloneNetworkAcls",
        ("ec2:CreateNetworkAcl",),
        _arns("ec2", "network-acl/*"),
        {"StringEquals": {"aws:RequestTag/gameday:allowed": "true"}, "Null": {f"aws:RequestTag/{_RUN}": "false"}},
    ),
    Grant("CloneNetworkAclsIn", ("ec2:CreateNetworkAcl",), _arns("ec2", "vpc/*"), _ALLOWED),
    Grant(
        "TagClones",
        ("ec2:CreateTags",),
        _arns("ec2", "network-acl/*"),
        {"StringEquals": {"ec2:CreateAction": "CreateNetworkAcl"}},
    ),
    Grant(
        "ChangeClones",
        ("ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAcl"),
        _arns("ec2", "network-acl/*"),
        {"Null": {f"aws:ResourceTag/{_RUN}": "false"}},
    ),
    # Who may tag a DB instance that is made may tag any: narrow the second one to your instances' names.
    Grant(
        "RebuildReplicas",
        ("rds:CreateDBInstanceReadReplica",),
        _arns("rds", "db:*", "cluster:*", "og:*", "pg:*", "subgrp:*"),
        {"StringEquals": {"aws:RequestTag/gameday:allowed": "true"}},
    ),
    Grant(
        "TagRebuiltReplicas",
        ("rds:AddTagsToResource",),
        _arns("rds", "db:*"),
        {"StringEquals": {"aws:RequestTag/gameday:allowed": "true"}},
    ),
    Grant("KeepWhatIsDeleted", ("rds:CreateDBSnapshot",), _arns("rds", "db:*", "snapshot:fail-back-*")),
    Grant("TagWhatIsKept", ("rds:AddTagsToResource",), _arns("rds", "snapshot:fail-back-*")),
    Grant(
        "ReadAFencedVolume",
        ("rds:RestoreDBClusterFromSnapshot", "rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:DeleteDBCluster"),
        _arns(
            "rds", "cluster:gameday-readback-*", "db:gameday-readback-*", "cluster-snapshot:gameday-readback-*",
            "cluster-snapshot:rds:unplanned-global-failover-*", "cluster-pg:*", "pg:*", "og:*", "subgrp:*",
        ),
    ),
    # No aws:ResourceTag for a global replication group.
    Grant(
        "FailOverGlobalDatastores",
        ("elasticache:FailoverGlobalReplicationGroup",),
        ("arn:aws:elasticache::*:globalreplicationgroup:*",),
    ),
    # No aws:ResourceTag in Route 53 at all: narrow both to your zone's and your checks' ids.
    Grant(
        "ArrangeRecords",
        ("route53:ChangeResourceRecordSets",),
        ("arn:aws:route53:::hostedzone/*",),
        {
            "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsActions": ["CREATE", "DELETE"],
                "route53:ChangeResourceRecordSetsRecordTypes": ["A", "CNAME"],
            }
        },
    ),
    Grant("HoldHealthChecks", ("route53:UpdateHealthCheck",), ("arn:aws:route53:::healthcheck/*",)),
    # Named as infrastructure/dead_mans_switch names it: narrow it to your table's ARN.
    Grant(
        "KeepLockAndJournal",
        (
            "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem",
            "dynamodb:Query", "dynamodb:UpdateItem",
        ),
        _arns("dynamodb", "table/gameday*"),
    ),
    Grant("TakeNotifications", ("sqs:ReceiveMessage", "sqs:DeleteMessage"), _arns("sqs", "*-gameday"), _ALLOWED),
)  # fmt: skip
"""Every grant of something that changes, or looks into data; what looks at anything else is granted on everything."""


def changes(operation: str) -> bool:
    """Whether a call changes something: all but Describe…, Get…, List… and Query do, ``ReceiveMessage`` too."""
    return not operation.startswith(_READS)


def actions(name: Name) -> tuple[str, ...]:
    """IAM's actions for a call, its own first. Raises ``HarnessFault`` for a service that nobody looked up yet."""
    service, operation = name
    if service not in _PREFIXES:
        raise HarnessFault(f"IAM's prefix of {service} is not known.", "Look it up, and add it to permissions.py.")
    return (*_INSTEAD.get(name, (f"{_PREFIXES[service]}:{operation}",)), *_ALSO.get(name, ()))


def policy(calls: Iterable[Name]) -> dict[str, Any]:
    """The least policy under which these calls succeed. Raises ``HarnessFault`` for a change that no grant covers."""
    covered = {action for grant in GRANTS for action in grant.actions}
    made = set(calls)
    needed = {action for name in made for action in actions(name)}
    looks = {action for name in made if not changes(name[1]) for action in actions(name)} - covered
    if needed - looks - covered:
        lacking = ", ".join(sorted(needed - looks - covered))
        raise HarnessFault(f"no grant covers {lacking}.", "Add one to permissions.py.")
    statements = (grant.statement(needed) for grant in (Grant("Look", tuple(looks)), *GRANTS))
    return {"Version": "2012-10-17", "Statement": [statement for statement in statements if statement]}
