"""Instances, clusters, global clusters and snapshots as DescribeDB… shows them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from harness.twin import names
from harness.twin.api.rds.state import AURORA, LONGEST_STOP, Backup, Cluster, Estate, GlobalGroup, Instance, Snapshot
from harness.twin.designs.model import RegionPlan
from harness.twin.engines import postgres_template
from harness.twin.engines.postgres_sql import PORT

SUBNET_GROUP = "agentauri-data"


def tags(estate: Estate, arn: str) -> list[Mapping[str, str]]:
    """A resource's tags as a TagList."""
    return [{"Key": key, "Value": value} for key, value in estate.tags(arn).items()]


def resource_id(kind: str, arn: str) -> str:
    """A stable resource id, e.g. ``db-3F2A…``."""
    return f"{kind}-{hashlib.sha256(arn.encode()).hexdigest()[:26].upper()}"


def instance(estate: Estate, item: Instance) -> Mapping[str, Any]:
    """A DBInstance."""
    shape: dict[str, Any] = {
        "DBInstanceIdentifier": item.identifier,
        "DBInstanceClass": item.instance_class,
        "Engine": item.engine,
        "EngineVersion": postgres_template.version(),
        "DBInstanceStatus": item.status,
        "MasterUsername": "agentauri",
        "DBName": postgres_template.DATABASE,
        "AllocatedStorage": 1 if item.engine == AURORA else 100,
        "InstanceCreateTime": item.created.datetime,
        "AvailabilityZone": f"{item.region}{item.zone}",
        "MultiAZ": item.standby is not None,
        "BackupRetentionPeriod": item.retention,
        "DBSecurityGroups": [],
        "VpcSecurityGroups": _security_groups(item.region),
        "DBSubnetGroup": _subnet_group(estate.design.region(item.region)),
        "DBParameterGroups": [
            {"DBParameterGroupName": item.parameter_group, "ParameterApplyStatus": _applied(item, cluster=False)}
        ],
        "PendingModifiedValues": dict(item.pending),
        "AutoMinorVersionUpgrade": False,
        "ReadReplicaDBInstanceIdentifiers": _replicas(estate, item.identifier, item.region),
        "ReadReplicaDBClusterIdentifiers": [],
        "LicenseModel": "postgresql-license",
        "PubliclyAccessible": False,
        "StorageType": "aurora" if item.engine == AURORA else "gp3",
        "StorageEncrypted": True,
        "DbInstancePort": 0,
        "DbiResourceId": resource_id("db", item.arn),
        "DBInstanceArn": item.arn,
        "DeletionProtection": item.deletion_protection,
        "TagList": tags(estate, item.arn),
    }
    if item.stopped is not None:
        shape["AutomaticRestartTime"] = (item.stopped + LONGEST_STOP).datetime
    if item.status not in ("creating", "failed"):
        address = names.instance_endpoint(item.identifier, item.region)
        shape["Endpoint"] = {"Address": address, "Port": PORT, "HostedZoneId": "Z2R2ITUGPM61AM"}
    if item.standby is not None and item.standby_zone:
        shape["SecondaryAvailabilityZone"] = f"{item.region}{item.standby_zone}"
    if item.cluster:
        shape["DBClusterIdentifier"] = item.cluster
        shape["PromotionTier"] = 1
    if item.source:
        shape.update(_source(estate, item))
    return shape


def _security_groups(region: str) -> list[Mapping[str, str]]:
    return [{"VpcSecurityGroupId": names.security_group_id(region, "data"), "Status": "active"}]


def _subnet_group(plan: RegionPlan) -> Mapping[str, Any]:
    """The DBSubnetGroup of a region: the data subnets."""
    subnets = [
        {
            "SubnetIdentifier": names.subnet_id(plan.name, zone, "data"),
            "SubnetAvailabilityZone": {"Name": f"{plan.name}{zone}"},
            "SubnetStatus": "Active",
        }
        for zone in plan.zones
    ]
    return {
        "DBSubnetGroupName": SUBNET_GROUP,
        "DBSubnetGroupDescription": "Data subnets",
        "VpcId": f"vpc-{names.short(plan.name)}",
        "SubnetGroupStatus": "Complete",
        "Subnets": subnets,
    }


def _applied(item: Instance, *, cluster: bool) -> str:
    return "pending-reboot" if any(kind == cluster for kind, _ in item.waiting) else "in-sync"


def _source(estate: Estate, item: Instance) -> Mapping[str, Any]:
    """What a read replica shows; a source in another region is shown by its ARN, one that is gone not at all."""
    source = str(item.source)
    cluster = estate.clusters.get(source)
    found = cluster or estate.instances.get(source)
    status = "terminated" if found is None else "replicating" if item.replicating else "error"
    shown = {}
    if found is not None:
        key = "ReadReplicaSourceDBClusterIdentifier" if cluster else "ReadReplicaSourceDBInstanceIdentifier"
        shown[key] = source if found.region == item.region else found.arn
    normal = status == "replicating"
    return {
        **shown,
        "ReplicaMode": "open-read-only",
        "StatusInfos": [{"StatusType": "read replication", "Normal": normal, "Status": status}],
    }


def _replicas(estate: Estate, identifier: str, region: str) -> list[str]:
    found = estate.replicas(identifier)
    return [item.identifier if item.region == region else item.arn for item in found]


def cluster(estate: Estate, item: Cluster) -> Mapping[str, Any]:
    """A DBCluster."""
    members = estate.members(item)
    multi_az = item.engine != AURORA
    return {
        "DBClusterIdentifier": item.identifier,
        "DBClusterParameterGroup": item.parameter_group,
        "Status": item.status,
        "AllocatedStorage": 100 if multi_az else 1,
        "AvailabilityZones": [f"{item.region}{zone}" for zone in estate.design.region(item.region).zones],
        "BackupRetentionPeriod": 7,
        "DatabaseName": postgres_template.DATABASE,
        "Endpoint": names.cluster_endpoint(item.identifier, item.region),
        "ReaderEndpoint": names.cluster_endpoint(item.identifier, item.region, reader=True),
        "MultiAZ": multi_az or len({member.zone for member in members}) > 1,
        "Engine": item.engine,
        "EngineVersion": postgres_template.version(),
        "EngineMode": "provisioned",
        "Port": PORT,
        "MasterUsername": "agentauri",
        "ReadReplicaIdentifiers": _replicas(estate, item.identifier, item.region),
        "DBClusterMembers": [
            {
                "DBInstanceIdentifier": member.identifier,
                "IsClusterWriter": member.identifier == item.writer,
                "DBClusterParameterGroupStatus": _applied(member, cluster=True),
                "PromotionTier": 1,
            }
            for member in members
        ],
        "VpcSecurityGroups": _security_groups(item.region),
        "DBSubnetGroup": SUBNET_GROUP,
        "StorageEncrypted": True,
        "DbClusterResourceId": resource_id("cluster", item.arn),
        "DBClusterArn": item.arn,
        "ClusterCreateTime": item.created.datetime,
        "DeletionProtection": False,
        "TagList": tags(estate, item.arn),
        **({"AutomaticRestartTime": (item.stopped + LONGEST_STOP).datetime} if item.stopped is not None else {}),
        **({"GlobalClusterIdentifier": item.global_cluster} if item.global_cluster else {}),
        **_replication_source(estate, item),
    }


def _replication_source(estate: Estate, item: Cluster) -> Mapping[str, Any]:
    group = estate.global_of(item)
    if group is None or group.primary is None or item is group.primary:
        return {}
    return {"ReplicationSourceIdentifier": group.primary.arn}


def global_cluster(estate: Estate, item: GlobalGroup) -> Mapping[str, Any]:
    """A GlobalCluster."""
    secondaries = item.clusters[1:]
    return {
        "GlobalClusterIdentifier": item.identifier,
        "GlobalClusterResourceId": resource_id("cluster", item.arn),
        "GlobalClusterArn": item.arn,
        "Status": item.status,
        "Engine": AURORA,
        "EngineVersion": postgres_template.version(),
        "DatabaseName": postgres_template.DATABASE,
        "StorageEncrypted": True,
        "DeletionProtection": item.deletion_protection,
        "Endpoint": names.global_endpoint(item.identifier),
        "GlobalClusterMembers": [
            {
                "DBClusterArn": member.arn,
                "Readers": [] if member in secondaries else [each.arn for each in secondaries],
                "IsWriter": member not in secondaries,
                **({} if member not in secondaries else {"GlobalWriteForwardingStatus": "disabled"}),
                "SynchronizationStatus": "pending-resync" if member.retired else "connected",
            }
            for member in item.clusters
        ],
        "TagList": tags(estate, item.arn),
        **({"FailoverState": _failover_state(item)} if item.failover else {}),
    }


def _failover_state(item: GlobalGroup) -> Mapping[str, Any]:
    change = item.failover
    return (
        {}
        if change is None
        else {
            "Status": item.status,
            "FromDbClusterArn": change.source.arn,
            "ToDbClusterArn": change.target.arn,
            "IsDataLossAllowed": change.data_loss,
        }
    )


def backup(estate: Estate, item: Backup) -> Mapping[str, Any]:
    """A DBSnapshot."""
    of = item.instance
    return {
        "DBSnapshotIdentifier": item.identifier,
        "DBInstanceIdentifier": of.identifier,
        "DbiResourceId": resource_id("db", of.arn),
        **({"SnapshotCreateTime": item.created.datetime} if item.created is not None else {}),
        "InstanceCreateTime": of.created.datetime,
        "Engine": of.engine,
        "EngineVersion": postgres_template.version(),
        "AllocatedStorage": 100,
        "Status": item.status,
        "Port": PORT,
        "AvailabilityZone": f"{item.region}{item.zone}",
        "MasterUsername": "agentauri",
        "LicenseModel": "postgresql-license",
        "SnapshotType": "manual",
        "PercentProgress": 100 if item.status == "available" else 0,
        "StorageType": "gp3",
        "Encrypted": True,
        "DBSnapshotArn": item.arn,
        "TagList": tags(estate, item.arn),
    }


def snapshot(estate: Estate, item: Snapshot) -> Mapping[str, Any]:
    """A DBClusterSnapshot."""
    return {
        "DBClusterSnapshotIdentifier": item.identifier,
        "DBClusterIdentifier": item.cluster,
        "SnapshotCreateTime": item.created.datetime,
        "ClusterCreateTime": item.cluster_created.datetime,
        "Engine": item.engine,
        "EngineMode": "provisioned",
        "EngineVersion": postgres_template.version(),
        "AllocatedStorage": 1,
        "Status": "available",
        "Port": 0,
        "MasterUsername": "agentauri",
        "LicenseModel": "postgresql-license",
        "SnapshotType": "automated",
        "PercentProgress": 100,
        "StorageEncrypted": True,
        "DBClusterSnapshotArn": item.arn,
        "TagList": tags(estate, item.arn),
    }
