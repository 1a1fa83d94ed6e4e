"""A Global Datastore as a hand: which region takes its writes, and the order that moves them.

It never fails over by itself: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastores-Console.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.cloud.session import Cloud


@dataclass(frozen=True)
class Standing:
    """A Global Datastore as described: its members' replication groups by region, and the region that takes writes."""

    identifier: str
    status: str
    groups: Mapping[str, str]
    primary: str


def standing(cloud: Cloud, region: str, identifier: str) -> Standing:
    """The Global Datastore now, as the endpoint of ``region`` tells it. Raises ``CloudFault``."""
    found = cloud.call(
        "elasticache",
        region,
        "describe_global_replication_groups",
        GlobalReplicationGroupId=identifier,
        ShowMemberInfo=True,
    )["GlobalReplicationGroups"][0]
    members = found["Members"]
    return Standing(
        identifier,
        found["Status"],
        {member["ReplicationGroupRegion"]: member["ReplicationGroupId"] for member in members},
        next((member["ReplicationGroupRegion"] for member in members if member["Role"] == "PRIMARY"), ""),
    )


def fail_over(cloud: Cloud, region: str, store: Standing, to: str) -> None:
    """Order the member in the region ``to`` to take the writes; AWS says less than a minute."""
    cloud.call(
        "elasticache",
        region,
        "failover_global_replication_group",
        GlobalReplicationGroupId=store.identifier,
        PrimaryRegion=to,
        PrimaryReplicationGroupId=store.groups[to],
    )
