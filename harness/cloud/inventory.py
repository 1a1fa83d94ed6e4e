"""The inventory of the live platform: everything that a fault may touch, by describes alone.

States that come and go by themselves (an alarm's, a task's, an instance's) are left out: others wait for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.cloud import services
from harness.cloud.estate import Estate
from harness.cloud.session import GLOBAL_REGION, Cloud
from harness.inventory import Inventory

Things = dict[str, dict[str, Any]]
_DELETING = "deleting"
_ALARM_FIELDS = (
    "ActionsEnabled", "AlarmActions", "OKActions", "Namespace", "MetricName", "Dimensions", "Statistic", "Period",
    "EvaluationPeriods", "Threshold", "ComparisonOperator", "TreatMissingData",
)  # fmt: skip
_RECORD_FIELDS = (
    "Type", "TTL", "ResourceRecords", "AliasTarget", "HealthCheckId", "Failover", "Region", "Weight", "GeoLocation",
)  # fmt: skip
_PLACE = "{} {} in {}"


def take(estate: Estate) -> Inventory:
    """The platform as it is now. Raises ``CloudFault`` when a part of it cannot be seen."""
    cloud, regions = estate.cloud, [region.name for region in estate.platform.regions]
    looks = [(look, region) for region in regions for look in _REGIONAL]
    with ThreadPoolExecutor(len(regions), thread_name_prefix="inventory") as pool:
        parts = list(pool.map(lambda one: one[0](cloud, one[1]), looks))
    things: Things = {}
    roles: dict[str, str] = {}
    for found, played in [*parts, _global_clusters(cloud, regions[0]), _names(estate)]:
        things |= found
        roles |= played
    return Inventory(things, roles)


Part = tuple[Things, dict[str, str]]


def _network(cloud: Cloud, region: str) -> Part:
    things: Things = {}
    for acl in cloud.pages("ec2", region, "describe_network_acls", "NetworkAcls"):
        things[_PLACE.format("network ACL", acl["NetworkAclId"], region)] = {"Entries": _ordered(acl["Entries"])}
        for item in acl["Associations"]:
            things[_PLACE.format("subnet", item["SubnetId"], region)] = {"NetworkAclId": acl["NetworkAclId"]}
    for group in cloud.pages("ec2", region, "describe_security_groups", "SecurityGroups"):
        things[_PLACE.format("security group", group["GroupId"], region)] = {
            way: _ordered(group[way]) for way in ("IpPermissions", "IpPermissionsEgress")
        }
    return things, {}


def _databases(cloud: Cloud, region: str) -> Part:
    things: Things = {}
    roles: dict[str, str] = {}
    for item in _staying(cloud.pages("rds", region, "describe_db_instances", "DBInstances"), "DBInstanceStatus"):
        things[_PLACE.format("DB instance", item["DBInstanceIdentifier"], region)] = {
            "DBClusterIdentifier": item.get("DBClusterIdentifier", ""),
            "ReadReplicaSource": item.get("ReadReplicaSourceDBInstanceIdentifier")
            or item.get("ReadReplicaSourceDBClusterIdentifier", ""),
            "DBInstanceClass": item["DBInstanceClass"],
            "MultiAZ": item["MultiAZ"],
            "DBParameterGroups": sorted(group["DBParameterGroupName"] for group in item["DBParameterGroups"]),
        }
    for item in _staying(cloud.pages("rds", region, "describe_db_clusters", "DBClusters"), "Status"):
        name = _PLACE.format("DB cluster", item["DBClusterIdentifier"], region)
        members = item["DBClusterMembers"]
        things[name] = {
            "DBClusterMembers": sorted(member["DBInstanceIdentifier"] for member in members),
            "DBClusterParameterGroup": item["DBClusterParameterGroup"],
            "GlobalClusterIdentifier": item.get("GlobalClusterIdentifier", ""),
        }
        for member in members:
            role = "writer" if member["IsClusterWriter"] else "reader"
            roles[_PLACE.format("DB instance", member["DBInstanceIdentifier"], region)] = role
    return things, roles


def _staying(items: Iterable[Mapping[str, Any]], status: str) -> Iterator[Mapping[str, Any]]:
    return (item for item in items if item[status] != _DELETING)


def _snapshots(cloud: Cloud, region: str) -> Part:
    things: Things = {}
    for kind, operation, key in (
        ("DB snapshot", "describe_db_snapshots", "DBSnapshot"),
        ("DB cluster snapshot", "describe_db_cluster_snapshots", "DBClusterSnapshot"),
    ):
        for item in cloud.pages("rds", region, operation, f"{key}s"):
            things[_PLACE.format(kind, item[f"{key}Identifier"], region)] = {}
    return things, {}


def _parameters(cloud: Cloud, region: str) -> Part:
    """What somebody set in groups of their own; default groups cannot be changed."""
    things: Things = {}
    for kind, word in (("DB parameter group", "db"), ("DB cluster parameter group", "db_cluster")):
        name = "DBParameterGroupName" if word == "db" else "DBClusterParameterGroupName"
        key = "DBParameterGroups" if word == "db" else "DBClusterParameterGroups"
        for group in cloud.pages("rds", region, f"describe_{word}_parameter_groups", key):
            if not group[name].startswith("default."):
                asked = {name: group[name], "Source": "user"}
                values = cloud.pages("rds", region, f"describe_{word}_parameters", "Parameters", **asked)
                things[_PLACE.format(kind, group[name], region)] = {
                    item["ParameterName"]: item.get("ParameterValue", "") for item in values
                }
    return things, {}


def _services(cloud: Cloud, region: str) -> Part:
    return {
        _PLACE.format("ECS service", item["serviceName"], region): {
            "desiredCount": item["desiredCount"],
            "taskDefinition": item["taskDefinition"],
        }
        for _, item in services.described(cloud, region, services.listed(cloud, region))
    }, {}


def _caches(cloud: Cloud, region: str) -> Part:
    things: Things = {}
    roles: dict[str, str] = {}
    for item in _staying(
        cloud.pages("elasticache", region, "describe_replication_groups", "ReplicationGroups"), "Status"
    ):
        name = _PLACE.format("replication group", item["ReplicationGroupId"], region)
        shared = item.get("GlobalReplicationGroupInfo", {})
        things[name] = {
            "MemberClusters": sorted(item["MemberClusters"]),
            "GlobalReplicationGroupId": shared.get("GlobalReplicationGroupId", ""),
            "AutomaticFailover": item["AutomaticFailover"],
        }
        if shared:
            roles[name] = shared.get("GlobalReplicationGroupMemberRole", "")
        for group in item["NodeGroups"]:
            for node in group.get("NodeGroupMembers", ()):
                roles[_PLACE.format("cache node", node["CacheClusterId"], region)] = node.get("CurrentRole", "")
    return things, roles


def _alarms(cloud: Cloud, region: str) -> Part:
    return {
        _PLACE.format("alarm", item["AlarmName"], region): {name: item.get(name) for name in _ALARM_FIELDS}
        for item in cloud.pages("cloudwatch", region, "describe_alarms", "MetricAlarms")
    }, {}


_REGIONAL: Sequence[Callable[[Cloud, str], Part]] = (
    _network, _databases, _snapshots, _parameters, _services, _caches, _alarms,
)  # fmt: skip


def _global_clusters(cloud: Cloud, region: str) -> Part:
    things: Things = {}
    roles: dict[str, str] = {}
    for item in cloud.pages("rds", region, "describe_global_clusters", "GlobalClusters"):
        members = item["GlobalClusterMembers"]
        things[f"global cluster {item['GlobalClusterIdentifier']}"] = {
            "GlobalClusterMembers": sorted(member["DBClusterArn"] for member in members),
        }
        for member in members:
            _, _, _, where, _, _, name = member["DBClusterArn"].split(":")
            role = "primary" if member["IsWriter"] else "secondary"
            roles[_PLACE.format("DB cluster", name, where)] = role
    return things, roles


def _names(estate: Estate) -> Part:
    things: Things = {}
    asked = {"HostedZoneId": estate.platform.zone}
    for item in estate.cloud.pages(
        "route53", GLOBAL_REGION, "list_resource_record_sets", "ResourceRecordSets", **asked
    ):
        own = f"{item['Name']} {item['Type']} {item.get('SetIdentifier', '')}".rstrip()
        things[f"record {own}"] = {name: item[name] for name in _RECORD_FIELDS if name in item}
    for item in estate.cloud.pages("route53", GLOBAL_REGION, "list_health_checks", "HealthChecks"):
        things[f"health check {item['Id']}"] = dict(item["HealthCheckConfig"])
    return things, {}


def _ordered(items: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The same list for the same rules, in whichever order AWS tells them."""
    return sorted((json.loads(json.dumps(item)) for item in items), key=lambda item: json.dumps(item, sort_keys=True))
