"""Load balancers in the shape of botocore's answers."""

from __future__ import annotations

from typing import Any

from harness.twin import names
from harness.twin.api.elbv2.balancer import Balancer
from harness.twin.api.elbv2.opinions import Opinion
from harness.twin.api.elbv2.settings import TRAFFIC_PORT
from harness.twin.engines.haproxy import IDLE, TARGET_PORT

UNKNOWN = Opinion("initial", "Target.NotRegistered", "Target is not registered to the target group")

LOAD_BALANCER_ATTRIBUTES = [
    {"Key": "access_logs.s3.enabled", "Value": "false"},
    {"Key": "deletion_protection.enabled", "Value": "false"},
    {"Key": "idle_timeout.timeout_seconds", "Value": str(int(IDLE.seconds))},
    {"Key": "routing.http.xff_header_processing.mode", "Value": "append"},
    {"Key": "load_balancing.cross_zone.enabled", "Value": "true"},
]

LISTENER_ATTRIBUTES = [{"Key": "routing.http.response.server.enabled", "Value": "true"}]

# https://docs.aws.amazon.com/general/latest/gr/elb.html
_CANONICAL_ZONES = {"us-east-1": "Z35SXDOTRQ7X7K", "eu-west-1": "Z32O12XQLNTSW2", "ap-south-1": "ZP97RAFLXTNZK"}


def load_balancer(balancer: Balancer) -> dict[str, Any]:
    """A LoadBalancer."""
    region = balancer.plan.region
    return {
        "LoadBalancerArn": balancer.arn,
        "DNSName": balancer.dns_name,
        "CanonicalHostedZoneId": _CANONICAL_ZONES.get(region, "Z0000000000ELB"),
        "CreatedTime": balancer.created.datetime,
        "LoadBalancerName": balancer.plan.name,
        "Scheme": "internet-facing",
        "VpcId": f"vpc-{names.short(region)}",
        "State": {"Code": "active"},
        "Type": "application",
        "AvailabilityZones": [
            {
                "ZoneName": f"{region}{zone}",
                "SubnetId": names.subnet_id(region, zone, "public"),
                "LoadBalancerAddresses": [],
            }
            for zone in balancer.plan.zones
        ],
        "SecurityGroups": [f"sg-{names.short(region)}public"],
        "IpAddressType": "ipv4",
    }


def listeners(balancer: Balancer) -> list[dict[str, Any]]:
    """The two Listeners of a load balancer, forwarding to its target group."""
    prefix = balancer.arn.replace(":loadbalancer/", ":listener/")
    action = {"Type": "forward", "TargetGroupArn": balancer.group_arn}
    common = {"LoadBalancerArn": balancer.arn, "DefaultActions": [action]}
    return [
        {"ListenerArn": f"{prefix}/0000000000000080", "Port": 80, "Protocol": "HTTP", **common},
        {
            "ListenerArn": f"{prefix}/0000000000000443",
            "Port": 443,
            "Protocol": "HTTPS",
            "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            **common,
        },
    ]


def rules(balancer: Balancer) -> list[dict[str, Any]]:
    """The default Rule of each listener of a load balancer; the twin has no others."""
    return [
        {
            "RuleArn": f"{listener['ListenerArn'].replace(':listener/', ':listener-rule/')}/0000000000000001",
            "Priority": "default",
            "Conditions": [],
            "Actions": listener["DefaultActions"],
            "IsDefault": True,
        }
        for listener in listeners(balancer)
    ]


def target_group(balancer: Balancer) -> dict[str, Any]:
    """A TargetGroup."""
    plan, health = balancer.plan, balancer.health
    return {
        "TargetGroupArn": balancer.group_arn,
        "TargetGroupName": balancer.group_name,
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": TARGET_PORT,
        "VpcId": f"vpc-{names.short(plan.region)}",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": health.port,
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": int(health.interval.seconds),
        "HealthCheckTimeoutSeconds": int(health.timeout.seconds),
        "HealthyThresholdCount": health.healthy_count,
        "UnhealthyThresholdCount": health.unhealthy_count,
        "HealthCheckPath": health.path,
        "Matcher": {"HttpCode": health.codes},
        "LoadBalancerArns": [balancer.arn],
        "TargetType": "ip",
        "IpAddressType": "ipv4",
    }


def target_group_attributes(balancer: Balancer) -> list[dict[str, str]]:
    """A target group's attributes."""
    delay = int(balancer.deregistration_delay.seconds)
    return [
        {"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)},
        {"Key": "load_balancing.algorithm.type", "Value": "round_robin"},
        {"Key": "stickiness.enabled", "Value": "false"},
        {"Key": "target_group_health.dns_failover.minimum_healthy_targets.count", "Value": "1"},
        {"Key": "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "Value": "1"},
    ]


def target_health(region: str, target: str, opinion: Opinion, port: str) -> dict[str, Any]:
    """A TargetHealthDescription; a target that is not registered is ``unused``. ``port``: of the health check."""
    zone = chr(ord("a") + int(target.split(".")[2]) // 10 - 1)
    health: dict[str, str] = {"State": "unused" if opinion is UNKNOWN else opinion.state}
    if opinion.reason:
        health |= {"Reason": opinion.reason, "Description": opinion.description}
    return {
        "Target": {"Id": target, "Port": TARGET_PORT, "AvailabilityZone": f"{region}{zone}"},
        "HealthCheckPort": str(TARGET_PORT) if port == TRAFFIC_PORT else port,
        "TargetHealth": health,
    }
