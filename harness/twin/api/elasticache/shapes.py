"""Caches in the shape of botocore's answers."""

from __future__ import annotations

from typing import Any

from harness.twin import names
from harness.twin.api.elasticache.group import NODE_GROUP, Event, Group, Member, node_endpoint, reader_endpoint
from harness.twin.designs.model import RegionPlan
from harness.twin.engines.redis import PORT

SUBNET_GROUP = "agentauri-data"
_ENGINE_VERSION = "7.0.7"


def group_arn(group: Group) -> str:
    """A replication group's ARN."""
    return names.arn("elasticache", group.plan.region, f"replicationgroup:{group.plan.identifier}")


def member_arn(group: Group, member: Member) -> str:
    """A node's ARN."""
    return names.arn("elasticache", group.plan.region, f"cluster:{member.identifier}")


def global_arn(identifier: str) -> str:
    """A Global Datastore's ARN; it belongs to no region."""
    return names.arn("elasticache", "", f"globalreplicationgroup:{identifier}")


def group(item: Group, global_role: str | None) -> dict[str, Any]:
    """A ReplicationGroup; ``global_role`` is PRIMARY or SECONDARY in a Global Datastore."""
    plan, failover = item.plan, "enabled" if item.plan.automatic_failover else "disabled"
    primary = item.primary
    shape: dict[str, Any] = {
        "ReplicationGroupId": plan.identifier,
        "Description": f"{plan.identifier} in {plan.region}",
        "Status": item.status,
        "PendingModifiedValues": {},
        "MemberClusters": [member.identifier for member in item.members],
        "NodeGroups": [
            {
                "NodeGroupId": NODE_GROUP,
                "Status": item.status,
                "PrimaryEndpoint": _endpoint(names.cache_endpoint(plan.identifier, plan.region)),
                "ReaderEndpoint": _endpoint(reader_endpoint(plan)),
                "NodeGroupMembers": [
                    {
                        "CacheClusterId": member.identifier,
                        "CacheNodeId": "0001",
                        "ReadEndpoint": _endpoint(node_endpoint(member.identifier, plan.region)),
                        "PreferredAvailabilityZone": f"{plan.region}{member.zone}",
                        "CurrentRole": "primary" if member is primary else "replica",
                    }
                    for member in item.members
                ],
            }
        ],
        "AutomaticFailover": failover,
        "MultiAZ": failover,
        "ClusterEnabled": False,
        "CacheNodeType": plan.node_type,
        "AuthTokenEnabled": False,
        "TransitEncryptionEnabled": False,
        "AtRestEncryptionEnabled": False,
        "ARN": group_arn(item),
        "ReplicationGroupCreateTime": item.created.datetime,
        "Engine": "redis",
    }
    if plan.global_datastore and global_role:
        shape["GlobalReplicationGroupInfo"] = {
            "GlobalReplicationGroupId": plan.global_datastore,
            "GlobalReplicationGroupMemberRole": global_role,
        }
    return shape


def cluster(item: Group, member: Member, *, nodes: bool) -> dict[str, Any]:
    """A CacheCluster: one node of a replication group."""
    plan = item.plan
    shape: dict[str, Any] = {
        "CacheClusterId": member.identifier,
        "CacheNodeType": plan.node_type,
        "Engine": "redis",
        "EngineVersion": _ENGINE_VERSION,
        "CacheClusterStatus": member.status,
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": f"{plan.region}{member.zone}",
        "CacheClusterCreateTime": item.created.datetime,
        "CacheSubnetGroupName": SUBNET_GROUP,
        "SecurityGroups": [{"SecurityGroupId": f"sg-{names.short(plan.region)}data", "Status": "active"}],
        "ReplicationGroupId": plan.identifier,
        "ARN": member_arn(item, member),
    }
    if nodes:
        shape["CacheNodes"] = [
            {
                "CacheNodeId": "0001",
                "CacheNodeStatus": member.status,
                "CacheNodeCreateTime": item.created.datetime,
                "Endpoint": _endpoint(node_endpoint(member.identifier, plan.region)),
                "CustomerAvailabilityZone": f"{plan.region}{member.zone}",
            }
        ]
    return shape


def event(item: Event) -> dict[str, Any]:
    """An Event."""
    return {
        "SourceIdentifier": item.source,
        "SourceType": item.kind,
        "Message": item.message,
        "Date": item.at.datetime,
    }


def datastore(identifier: str, groups: list[Group], primary: Group, status: str, *, members: bool) -> dict[str, Any]:
    """A GlobalReplicationGroup."""
    shape: dict[str, Any] = {
        "GlobalReplicationGroupId": identifier,
        "GlobalReplicationGroupDescription": identifier,
        "Status": status,
        "CacheNodeType": primary.plan.node_type,
        "Engine": "redis",
        "EngineVersion": _ENGINE_VERSION,
        "ClusterEnabled": False,
        "ARN": global_arn(identifier),
    }
    if members:
        shape["Members"] = [
            {
                "ReplicationGroupId": item.plan.identifier,
                "ReplicationGroupRegion": item.plan.region,
                "Role": "PRIMARY" if item is primary else "SECONDARY",
                "AutomaticFailover": "enabled" if item.plan.automatic_failover else "disabled",
                "Status": "associated",
            }
            for item in groups
        ]
    return shape


def subnet_group(plan: RegionPlan) -> dict[str, Any]:
    """The CacheSubnetGroup of a region: the data subnets."""
    return {
        "CacheSubnetGroupName": SUBNET_GROUP,
        "CacheSubnetGroupDescription": "Data subnets",
        "VpcId": f"vpc-{names.short(plan.name)}",
        "Subnets": [
            {
                "SubnetIdentifier": names.subnet_id(plan.name, zone, "data"),
                "SubnetAvailabilityZone": {"Name": f"{plan.name}{zone}"},
            }
            for zone in plan.zones
        ],
        "ARN": names.arn("elasticache", plan.name, f"subnetgroup:{SUBNET_GROUP}"),
    }


def _endpoint(name: str) -> dict[str, Any]:
    return {"Address": name, "Port": PORT}
