"""Caches in the shape of botocore's answers."""

from __future__ import annotations

from typing import Any

from harness.twin import names
from harness.twin.api.elasticache.datastore import Datastore
from harness.twin.api.elasticache.events import Event
from harness.twin.api.elasticache.group import Group, reader_endpoint
from harness.twin.api.elasticache.member import NODE, NODE_GROUP, Member, node_endpoint
from harness.twin.designs.model import RegionPlan
from harness.twin.engines.redis import PORT

SUBNET_GROUP = "agentauri-data"
_ENGINE_VERSION = "7.0.7"


def group_arn(group: Group) -> str:
    """A replication group's ARN."""
    return names.arn("elasticache", group.plan.region, f"replicationgroup:{group.plan.identifier}")


def member_arn(member: Member) -> str:
    """A node's ARN."""
    return names.arn("elasticache", member.region, f"cluster:{member.identifier}")


def global_arn(identifier: str) -> str:
    """A Global Datastore's ARN; it belongs to no region."""
    return names.arn("elasticache", "", f"globalreplicationgroup:{identifier}")


def group(item: Group, store: Datastore | None) -> dict[str, Any]:
    """A ReplicationGroup; ``store`` is the Global Datastore that it is in."""
    plan, primary, members = item.plan, item.primary, item.members
    shape: dict[str, Any] = {
        "ReplicationGroupId": plan.identifier,
        "Description": item.description,
        "Status": item.status,
        "PendingModifiedValues": {},
        "MemberClusters": [member.identifier for member in members],
        "NodeGroups": [
            {
                "NodeGroupId": NODE_GROUP,
                "Status": item.status,
                "PrimaryEndpoint": _endpoint(names.cache_endpoint(plan.identifier, plan.region)),
                "ReaderEndpoint": _endpoint(reader_endpoint(plan)),
                "NodeGroupMembers": [
                    {
                        "CacheClusterId": member.identifier,
                        "CacheNodeId": NODE,
                        "ReadEndpoint": _endpoint(node_endpoint(member)),
                        "PreferredAvailabilityZone": f"{plan.region}{member.zone}",
                        "CurrentRole": "primary" if member is primary else "replica",
                    }
                    for member in members
                ],
            }
        ],
        "AutomaticFailover": _enabled(item.automatic_failover),
        "MultiAZ": _enabled(item.multi_az),
        "ClusterEnabled": False,
        "CacheNodeType": plan.node_type,
        "AuthTokenEnabled": False,
        "TransitEncryptionEnabled": False,
        "AtRestEncryptionEnabled": False,
        "ARN": group_arn(item),
        "ReplicationGroupCreateTime": item.created.datetime,
        "Engine": "redis",
    }
    if store:
        shape["GlobalReplicationGroupInfo"] = {
            "GlobalReplicationGroupId": store.identifier,
            "GlobalReplicationGroupMemberRole": "PRIMARY" if item is store.primary else "SECONDARY",
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
        "ARN": member_arn(member),
    }
    if nodes:
        shape["CacheNodes"] = [
            {
                "CacheNodeId": NODE,
                "CacheNodeStatus": "rebooting" if member.status == "rebooting cluster nodes" else member.status,
                "CacheNodeCreateTime": item.created.datetime,
                "Endpoint": _endpoint(node_endpoint(member)),
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


def datastore(store: Datastore, *, members: bool) -> dict[str, Any]:
    """A GlobalReplicationGroup."""
    standing = store.standing
    shape: dict[str, Any] = {
        "GlobalReplicationGroupId": store.identifier,
        "GlobalReplicationGroupDescription": store.description,
        "Status": standing.status,
        "CacheNodeType": standing.primary.plan.node_type,
        "Engine": "redis",
        "EngineVersion": _ENGINE_VERSION,
        "ClusterEnabled": False,
        "AuthTokenEnabled": False,
        "TransitEncryptionEnabled": False,
        "AtRestEncryptionEnabled": False,
        "ARN": global_arn(store.identifier),
    }
    if members:
        shape["Members"] = [
            {
                "ReplicationGroupId": item.plan.identifier,
                "ReplicationGroupRegion": item.plan.region,
                "Role": "PRIMARY" if item is standing.primary else "SECONDARY",
                "AutomaticFailover": _enabled(item.automatic_failover),
                "Status": membership,
            }
            for item, membership in standing.members
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


def _enabled(whether: bool) -> str:
    return "enabled" if whether else "disabled"
