"""The strategy's own Terraform, phase by phase, as far as the strategy goes: its numbers, its gaps."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.terraform.rendering import Ref, Rendering

HOST = "api.agentauri.example"
PATH = "/api/v1/health"
US, EU, AP = "us-east-1", "eu-west-1", "ap-south-1"
SERVICES = ("api-gateway", "event-processor", "action-workers", "ponder-indexer")


def front(plan: Rendering, name: str, provider: str, environment: dict[str, str] | None = None, **checks: Any) -> None:
    """A region's load balancer, its target group and the four services."""
    plan.add(
        f"aws_lb.{name}",
        {"name": f"agentauri-{name}", "load_balancer_type": "application", "dns_name": Ref("aws_lb.x")},
        provider,
    )
    probe = {"path": PATH, "interval": 30, "timeout": 5, "healthy_threshold": 2, "unhealthy_threshold": 2, **checks}
    plan.add(f"aws_lb_target_group.{name}", {"port": 8080, "protocol": "HTTP", "health_check": [probe]}, provider)
    containers = [{"name": "api-gateway", "image": "agentauri/api-gateway:1"}]
    if environment is not None:
        containers[0]["environment"] = [{"name": key, "value": value} for key, value in environment.items()]  # type: ignore[assignment]
    definition: Any = (
        json.dumps(containers) if environment is not None else Ref("aws_ecr_repository.api.repository_url")
    )
    plan.add(
        f"aws_ecs_task_definition.{name}", {"family": "api-gateway", "container_definitions": definition}, provider
    )
    for service in SERVICES:
        made = f"aws_ecs_service.{name}_{service.replace('-', '_')}"
        count = 2 if service == "api-gateway" else 1
        task = Ref(f"aws_ecs_task_definition.{name}.arn")
        plan.add(
            made, {"name": service, "desired_count": count, "launch_type": "FARGATE", "task_definition": task}, provider
        )


def alias(balancer: str) -> list[dict[str, Any]]:
    return [
        {"name": Ref(f"{balancer}.dns_name"), "zone_id": Ref(f"{balancer}.zone_id"), "evaluate_target_health": True}
    ]


def lag_alarm(plan: Rendering, name: str = "replica_lag", provider: str = "aws") -> None:
    plan.add(
        f"aws_cloudwatch_metric_alarm.{name}",
        {
            "alarm_name": "rds-replica-lag-high",
            "namespace": "AWS/RDS",
            "metric_name": "ReplicaLag",
            "statistic": "Average",
            "comparison_operator": "GreaterThanThreshold",
            "threshold": 60,
            "period": 60,
            "evaluation_periods": 2,
            "dimensions": {"DBInstanceIdentifier": "read_replica"},
            "alarm_actions": [Ref("aws_sns_topic.alerts.arn")],
        },
        provider,
    )


def health_check(plan: Rendering, name: str) -> None:
    plan.add(
        f"aws_route53_health_check.{name}",
        {
            "fqdn": f"api-{name}.agentauri.example",
            "port": 443,
            "type": "HTTPS",
            "resource_path": PATH,
            "failure_threshold": 3,
            "request_interval": 30,
        },
    )


def health_alarm(plan: Rendering) -> None:
    plan.add(
        "aws_cloudwatch_metric_alarm.health",
        {
            "alarm_name": "api-unhealthy",
            "namespace": "AWS/Route53",
            "metric_name": "HealthCheckStatus",
            "comparison_operator": "LessThanThreshold",
            "threshold": 1,
            "period": 60,
            "evaluation_periods": 2,
            "dimensions": {"HealthCheckId": Ref("aws_route53_health_check.us.id")},
            "alarm_actions": [Ref("aws_sns_topic.alerts.arn")],
        },
    )


def database(plan: Rendering) -> None:
    plan.add(
        "aws_db_instance.primary",
        {
            "identifier": "agentauri-db",
            "engine": "postgres",
            "instance_class": "db.t3.medium",
            "multi_az": True,
            "replicate_source_db": None,
        },
    )


def replica(plan: Rendering, name: str, identifier: str, provider: str = "aws") -> None:
    source = Ref("aws_db_instance.primary.arn" if provider != "aws" else "aws_db_instance.primary.identifier")
    values = {
        "identifier": identifier,
        "instance_class": "db.t3.medium",
        "multi_az": False,
        "replicate_source_db": source,
    }
    plan.add(f"aws_db_instance.{name}", values, provider)


def read_replicas() -> Rendering:
    """7.1: one region, a Multi-AZ writer, a read replica, one Redis node."""
    plan = Rendering()
    plan.add("aws_sns_topic.alerts", {"name": "alerts"})
    front(plan, "us", "aws")
    plan.add("aws_route53_record.api", {"name": HOST, "type": "A", "zone_id": "Z1", "alias": alias("aws_lb.us")})
    database(plan)
    replica(plan, "replica", "agentauri-db-replica")
    plan.add(
        "aws_elasticache_cluster.redis",
        {"cluster_id": "agentauri-cache", "engine": "redis", "node_type": "cache.t3.micro", "num_cache_nodes": 1},
    )
    lag_alarm(plan)
    return plan


def active_passive() -> Rendering:
    """7.2: a PRIMARY record and no SECONDARY, a warm standby with no Redis, a replica that nobody promotes."""
    plan = Rendering()
    plan.add("aws_sns_topic.alerts", {"name": "alerts"})
    front(plan, "us", "aws")
    front(plan, "eu", "aws.eu")
    health_check(plan, "us")
    plan.add(
        "aws_route53_record.primary",
        {
            "name": HOST,
            "type": "A",
            "zone_id": "Z1",
            "set_identifier": "primary",
            "failover_routing_policy": [{"type": "PRIMARY"}],
            "health_check_id": Ref("aws_route53_health_check.us.id"),
            "alias": alias("aws_lb.us"),
        },
    )
    database(plan)
    replica(plan, "eu_replica", "agentauri-db-eu", "aws.eu")
    plan.add(
        "aws_elasticache_replication_group.us",
        {"replication_group_id": "agentauri-cache", "node_type": "cache.t3.micro"},
    )
    lag_alarm(plan)
    health_alarm(plan)
    return plan


def active_active() -> Rendering:
    """7.3: latency records for three regions, two of them built; Aurora Global and Global Datastore, all t3."""
    plan = Rendering()
    plan.add("aws_sns_topic.alerts", {"name": "alerts"})
    for region in (US, EU):
        module = f'module.region["{region}"]'
        plan.add(f"{module}.aws_lb.main", {"name": "agentauri", "region": region, "dns_name": Ref("aws_lb.x")})
        probe = {"path": PATH, "interval": 30, "timeout": 5, "healthy_threshold": 2, "unhealthy_threshold": 2}
        plan.add(f"{module}.aws_lb_target_group.main", {"region": region, "port": 8080, "health_check": [probe]})
        plan.add(f"{module}.aws_ecs_service.api", {"name": "api-gateway", "region": region, "desired_count": 2})
        plan.output(module, "dns_name", Ref("aws_lb.main.dns_name"))
    for name, region in (("us", US), ("eu", EU)):
        health_check(plan, name)
        leads = {"name": Ref(f'module.region["{region}"].dns_name'), "zone_id": "Z2", "evaluate_target_health": True}
        latency(plan, name, region, [leads])
    health_check(plan, "ap")
    drawn = {"name": "agentauri-ap.ap-south-1.elb.amazonaws.com", "zone_id": "Z2", "evaluate_target_health": True}
    latency(plan, "ap", AP, [drawn])
    plan.add("aws_rds_global_cluster.main", {"global_cluster_identifier": "agentauri-global"})
    for name, region in (("us", US), ("eu", EU)):
        cluster(plan, name, region)
    plan.add(
        "aws_elasticache_replication_group.us",
        {"replication_group_id": "agentauri-us", "region": US, "node_type": "cache.t3.micro"},
    )
    plan.add(
        "aws_elasticache_global_replication_group.main",
        {
            "global_replication_group_id_suffix": "agentauri",
            "primary_replication_group_id": Ref("aws_elasticache_replication_group.us.id"),
        },
    )
    joined = Ref("aws_elasticache_global_replication_group.main.global_replication_group_id")
    values = {
        "replication_group_id": "agentauri-eu",
        "region": EU,
        "node_type": "cache.t3.micro",
        "global_replication_group_id": joined,
    }
    plan.add("aws_elasticache_replication_group.eu", values)
    lag_alarm(plan)
    health_alarm(plan)
    return plan


def latency(plan: Rendering, name: str, region: str, leads: list[dict[str, Any]]) -> None:
    plan.add(
        f"aws_route53_record.{name}",
        {
            "name": HOST,
            "type": "A",
            "zone_id": "Z1",
            "set_identifier": region,
            "latency_routing_policy": [{"region": region}],
            "health_check_id": Ref(f"aws_route53_health_check.{name}.id"),
            "alias": leads,
        },
    )


def cluster(plan: Rendering, name: str, region: str, made: str = "db.t3.medium", count: int = 2) -> None:
    user = {"master_username": "agentauri"} if region == US else {"master_username": None}
    joined = Ref("aws_rds_global_cluster.main.id")
    values = {
        "cluster_identifier": f"agentauri-{name}",
        "region": region,
        "engine": "aurora-postgresql",
        "global_cluster_identifier": joined,
        **user,
    }
    plan.add(f"aws_rds_cluster.{name}", values)
    for number in range(count):
        plan.add(
            f"aws_rds_cluster_instance.{name}[{number}]",
            {
                "identifier": f"agentauri-{name}-{number}",
                "region": region,
                "instance_class": made,
                "cluster_identifier": Ref(f"aws_rds_cluster.{name}.id"),
            },
        )


def hardened(name: str = "active_passive") -> Rendering:
    """The hardened 7.2: what the strategy must become to keep its promise."""
    assert name == "active_passive"
    plan = Rendering()
    plan.add("aws_sns_topic.alerts", {"name": "alerts"})
    known = {
        "DATABASE_HOST": "agentauri-global.global-x.global.rds.amazonaws.com",
        "HEALTH_CHECK": "shallow",
        "READS_FALL_BACK": "true",
        "REDIS_REQUIRED": "false",
    }
    front(plan, "us", "aws", known, interval=5)
    front(plan, "eu", "aws.eu", known, interval=5)
    check = {
        "fqdn": Ref("aws_lb.us.dns_name"),
        "port": 443,
        "type": "HTTPS",
        "resource_path": PATH,
        "failure_threshold": 2,
        "request_interval": 10,
    }
    plan.add("aws_route53_health_check.us", check)
    for role, place in (("PRIMARY", "us"), ("SECONDARY", "eu")):
        record = {
            "name": HOST,
            "type": "CNAME",
            "ttl": 10,
            "set_identifier": place,
            "failover_routing_policy": [{"type": role}],
            "records": [Ref(f"aws_lb.{place}.dns_name")],
        }
        if role == "PRIMARY":
            record["health_check_id"] = Ref("aws_route53_health_check.us.id")
        plan.add(f"aws_route53_record.{place}", record)
    plan.add("aws_rds_global_cluster.main", {"global_cluster_identifier": "agentauri-global"})
    for place, region in (("us", US), ("eu", EU)):
        cluster(plan, place, region, "db.r6g.large")
    for place, region in (("us", US), ("eu", EU)):
        plan.add(
            f"aws_elasticache_replication_group.{place}",
            {"replication_group_id": f"cache-{place}", "region": region, "node_type": "cache.t4g.small"},
        )
    shape = {
        "namespace": "AgentAuri",
        "period": 10,
        "alarm_actions": [Ref("aws_sns_topic.alerts.arn")],
        "dimensions": {"Region": EU},
        "region": EU,
    }
    lag = {
        "alarm_name": "agentauri-replica-lag-high",
        "metric_name": "ReplicaHeartbeatLag",
        "threshold": 60,
        "evaluation_periods": 2,
    }
    plan.add("aws_cloudwatch_metric_alarm.lag", {**shape, **lag})
    writer = {
        "alarm_name": "writer-unreachable",
        "metric_name": "WriterReachable",
        "threshold": 0.5,
        "evaluation_periods": 7,
    }
    plan.add("aws_cloudwatch_metric_alarm.writer", {**shape, **writer})
    return plan
