"""What is ordered of AWS, as data: shown before it is given, given in one place. One implementation of each act.

A fault's carrier and an operator's runbook give the same orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.cloud.session import GLOBAL_REGION, Cloud


@dataclass(frozen=True)
class Order:
    """One call that changes something: botocore's service and method, the region, the parameters."""

    service: str
    region: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def give(self, cloud: Cloud) -> None:
        """Make the call. Raises ``CloudFault`` with AWS's code."""
        cloud.call(self.service, self.region, self.operation, **self.parameters)

    def __str__(self) -> str:
        words = " ".join(f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.service} {self.operation} in {self.region}: {words}"


def promote(region: str, replica: str) -> Order:
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_PromoteReadReplica.html"""
    return Order("rds", region, "promote_read_replica", {"DBInstanceIdentifier": replica})


def delete_instance(region: str, instance: str, snapshot: str) -> Order:
    """With a final snapshot: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html"""
    names = {"DBInstanceIdentifier": instance, "FinalDBSnapshotIdentifier": snapshot}
    return Order("rds", region, "delete_db_instance", names)


def create_replica(region: str, replica: str, source: str, tags: Mapping[str, str]) -> Order:
    """``source`` is an ARN, of another region too.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstanceReadReplica.html
    """
    names = {"DBInstanceIdentifier": replica, "SourceDBInstanceIdentifier": source}
    told = [{"Key": key, "Value": value} for key, value in tags.items()]
    return Order("rds", region, "create_db_instance_read_replica", {**names, "Tags": told})


def set_desired(region: str, cluster: str, service: str, count: int) -> Order:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html"""
    return Order("ecs", region, "update_service", {"cluster": cluster, "service": service, "desiredCount": count})


def switch_over(group: str, cluster: str) -> Order:
    """``cluster`` is the ARN of the one that is to write.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_SwitchoverGlobalCluster.html
    """
    return _move("switchover_global_cluster", group, cluster)


def fail_over(group: str, cluster: str) -> Order:
    """Likewise, without the old primary's help; what it had not replicated is lost.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_FailoverGlobalCluster.html
    """
    return _move("failover_global_cluster", group, cluster, AllowDataLoss=True)


def _move(operation: str, group: str, cluster: str, **more: Any) -> Order:
    names = {"GlobalClusterIdentifier": group, "TargetDbClusterIdentifier": cluster}
    return Order("rds", cluster.split(":")[3], operation, {**names, **more})


def hold_unhealthy(check: str, *, held: bool) -> Order:
    """A health check that is disabled counts as healthy, and inverted as unhealthy, whatever the endpoint does.

    https://docs.aws.amazon.com/Route53/latest/APIReference/API_UpdateHealthCheck.html
    """
    return Order(
        "route53", GLOBAL_REGION, "update_health_check", {"HealthCheckId": check, "Disabled": held, "Inverted": held}
    )
