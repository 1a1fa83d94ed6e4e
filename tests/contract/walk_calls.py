"""The calls of the random walk: legal ones that change every service, and ones that AWS refuses in any state."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.twin import names
from tests.contract.whole import REGIONS

CLIENTS = ("10.101.0.0/16", "10.102.0.0/16", "10.103.0.0/16")
CLUSTERS = {"us-east-1": "agentauri-us", "eu-west-1": "agentauri-eu", "ap-south-1": "agentauri-ap"}
_SERVICES = ("api-gateway", "event-processor", "action-workers", "ponder-indexer")
_ZONE = names.HOSTED_ZONE_ID
_RECORDS = tuple(f"walk-{number}.{names.ZONE_NAME}" for number in range(4))


@dataclass(frozen=True)
class Step:
    """One call by botocore's method name. ``illegal``: AWS refuses it whatever the state."""

    service: str
    region: str
    operation: str
    parameters: Mapping[str, Any]
    illegal: bool = False


Describe = Callable[..., Mapping[str, Any]]
"""``describe(service, region, operation, **parameters)``: how a generator looks at the present state."""


class Calls:
    """A seeded stream of steps. Which kinds may come is up to the design: ``cached`` says it has a Global Datastore."""

    def __init__(self, seed: int, describe: Describe, *, cached: bool) -> None:
        self._random = random.Random(seed)
        self._describe = describe
        legal: list[tuple[int, Callable[[str], Step | None]]] = [
            (2, self._fail_over),
            (2, self._reboot),
            (1, self._switch_over),
            (3, self._parameter),
            (8, self._rule),
            (3, self._replace_rule),
            (4, self._drop_rule),
            (3, self._associate),
            (2, self._new_acl),
            (4, self._resize),
            (4, self._stop_task),
            (3, self._target),
            (6, self._record),
            (3, self._drop_record),
            (4, self._alarm),
            (3, self._alarm_state),
            (3, self._metric),
            (3, self._queue),
        ]
        if cached:
            legal.append((1, self._fail_cache_over))
        self._legal = [make for weight, make in legal for _ in range(weight)]

    def next(self, illegal_share: float = 0.35) -> Step:
        """The next step."""
        region = self._random.choice(REGIONS)
        if self._random.random() < illegal_share:
            service, operation, parameters = self._random.choice(_illegal(region))
            return Step(service, region, operation, parameters, illegal=True)
        while True:
            step = self._random.choice(self._legal)(region)
            if step is not None:
                return step

    def chance(self, share: float) -> bool:
        """Whether something that happens in ``share`` of all cases happens now."""
        return self._random.random() < share

    def pick(self, items: list[int]) -> int:
        """One of them."""
        return self._random.choice(items)

    def _fail_over(self, region: str) -> Step:
        return Step("rds", region, "failover_db_cluster", {"DBClusterIdentifier": CLUSTERS[region]})

    def _reboot(self, region: str) -> Step:
        found = self._describe("rds", region, "describe_db_instances")["DBInstances"]
        chosen = self._random.choice(found)["DBInstanceIdentifier"]
        return Step("rds", region, "reboot_db_instance", {"DBInstanceIdentifier": chosen})

    def _switch_over(self, region: str) -> Step | None:
        if not self.chance(0.3):
            return None
        target = names.arn("rds", region, f"cluster:{CLUSTERS[region]}")
        given = {"GlobalClusterIdentifier": "agentauri-global", "TargetDbClusterIdentifier": target}
        if self.chance(0.5):
            return Step("rds", region, "failover_global_cluster", {**given, "AllowDataLoss": True})
        return Step("rds", region, "switchover_global_cluster", given)

    def _parameter(self, region: str) -> Step:
        value = str(self._random.randrange(1, 5000))
        one = {"ParameterName": "log_min_duration_statement", "ParameterValue": value, "ApplyMethod": "immediate"}
        given = {"DBClusterParameterGroupName": "agentauri-aurora", "Parameters": [one]}
        return Step("rds", region, "modify_db_cluster_parameter_group", given)

    def _fail_cache_over(self, region: str) -> Step | None:
        found = self._describe("elasticache", region, "describe_global_replication_groups", ShowMemberInfo=True)
        (group,) = found["GlobalReplicationGroups"]
        secondaries = [item for item in group["Members"] if item["Role"] == "SECONDARY"]
        if not secondaries or not self.chance(0.5):
            return None
        chosen = self._random.choice(secondaries)
        given = {
            "GlobalReplicationGroupId": group["GlobalReplicationGroupId"],
            "PrimaryRegion": chosen["ReplicationGroupRegion"],
            "PrimaryReplicationGroupId": chosen["ReplicationGroupId"],
        }
        return Step("elasticache", region, "failover_global_replication_group", given)

    def _acls(self, region: str) -> list[Mapping[str, Any]]:
        return list(self._describe("ec2", region, "describe_network_acls")["NetworkAcls"])

    def _rule(self, region: str) -> Step | None:
        acl = self._random.choice(self._acls(region))
        if len(acl["Entries"]) > 10:
            return None
        denied = acl["IsDefault"]
        given = {
            "NetworkAclId": acl["NetworkAclId"],
            "RuleNumber": self._random.randrange(1, 90) if denied else self._random.randrange(1, 400),
            "Egress": False if denied else self.chance(0.5),
            "RuleAction": self._random.choice(("allow", "deny")) if denied else "allow",
            **self._traffic(narrow=denied),
        }
        return Step("ec2", region, "create_network_acl_entry", given)

    def _traffic(self, *, narrow: bool) -> dict[str, Any]:
        cidr = self._random.choice(CLIENTS if narrow else (*CLIENTS, "0.0.0.0/0", "10.0.0.0/8"))
        if not narrow and self.chance(0.5):
            return {"Protocol": "-1", "CidrBlock": cidr}
        ports = {"From": 80, "To": 80} if narrow else {"From": self._random.choice((80, 1024)), "To": 65535}
        return {"Protocol": "6", "PortRange": ports, "CidrBlock": cidr}

    def _own_rules(self, region: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [
            (acl["NetworkAclId"], entry)
            for acl in self._acls(region)
            for entry in acl["Entries"]
            if entry["RuleNumber"] < 100 or (not acl["IsDefault"] and entry["RuleNumber"] != 32767)
        ]

    def _replace_rule(self, region: str) -> Step | None:
        rules = [rule for rule in self._own_rules(region) if not rule[1]["Egress"] and rule[1]["RuleNumber"] < 90]
        if not rules:
            return None
        acl, entry = self._random.choice(rules)
        given = {"NetworkAclId": acl, "RuleNumber": entry["RuleNumber"], "Egress": False, "RuleAction": "deny"}
        return Step("ec2", region, "replace_network_acl_entry", {**given, **self._traffic(narrow=True)})

    def _drop_rule(self, region: str) -> Step | None:
        rules = self._own_rules(region)
        if not rules:
            return None
        acl, entry = self._random.choice(rules)
        given = {"NetworkAclId": acl, "RuleNumber": entry["RuleNumber"], "Egress": entry["Egress"]}
        return Step("ec2", region, "delete_network_acl_entry", given)

    def _new_acl(self, region: str) -> Step:
        acls = self._acls(region)
        free = [acl for acl in acls if not acl["IsDefault"] and not acl["Associations"]]
        if len(acls) > 3 and free:
            chosen = self._random.choice(free)["NetworkAclId"]
            return Step("ec2", region, "delete_network_acl", {"NetworkAclId": chosen})
        return Step("ec2", region, "create_network_acl", {"VpcId": acls[0]["VpcId"]})

    def _associate(self, region: str) -> Step:
        """Public subnets only: a database behind a closed ACL could not be asked."""
        acls = self._acls(region)
        pairs = [pair for acl in acls for pair in acl["Associations"] if pair["SubnetId"].endswith("public")]
        default = next(acl["NetworkAclId"] for acl in acls if acl["IsDefault"])
        to = default if self.chance(0.5) else self._random.choice(acls)["NetworkAclId"]
        chosen = self._random.choice(pairs)["NetworkAclAssociationId"]
        return Step("ec2", region, "replace_network_acl_association", {"AssociationId": chosen, "NetworkAclId": to})

    def _resize(self, region: str) -> Step:
        name, count = self._random.choice(_SERVICES), self._random.randrange(1, 4)
        return Step("ecs", region, "update_service", {"cluster": "agentauri", "service": name, "desiredCount": count})

    def _stop_task(self, region: str) -> Step | None:
        found = self._describe("ecs", region, "list_tasks", cluster="agentauri")["taskArns"]
        if not found:
            return None
        return Step("ecs", region, "stop_task", {"cluster": "agentauri", "task": self._random.choice(found)})

    def _target(self, region: str) -> Step | None:
        group = self._describe("elbv2", region, "describe_target_groups")["TargetGroups"][0]["TargetGroupArn"]
        told = self._describe("elbv2", region, "describe_target_health", TargetGroupArn=group)
        # A target that drains belongs to a task that ends; registered again by hand it would stay, on AWS too.
        healthy = [item for item in told["TargetHealthDescriptions"] if item["TargetHealth"]["State"] == "healthy"]
        targets = [item["Target"] for item in healthy]
        if not targets:
            return None
        chosen = [self._random.choice(targets)]
        return Step("elbv2", region, "register_targets", {"TargetGroupArn": group, "Targets": chosen})

    def _record(self, region: str) -> Step:
        value = f"192.0.2.{self._random.randrange(1, 250)}"
        record = {"Name": self._random.choice(_RECORDS), "Type": "A", "TTL": self._random.choice((1, 5, 60))}
        return _change(region, "UPSERT", {**record, "ResourceRecords": [{"Value": value}]})

    def _drop_record(self, region: str) -> Step | None:
        found = self._describe("route53", region, "list_resource_record_sets", HostedZoneId=_ZONE)
        own = [item for item in found["ResourceRecordSets"] if item["Name"].startswith("walk-")]
        return _change(region, "DELETE", self._random.choice(own)) if own else None

    def _alarm(self, region: str) -> Step:
        given = {
            "AlarmName": f"walk-{self._random.randrange(3)}",
            "Namespace": "Walk",
            "MetricName": "Steps",
            "Statistic": self._random.choice(("Average", "Maximum", "Sum")),
            "Period": 60,
            "EvaluationPeriods": self._random.randrange(1, 4),
            "Threshold": float(self._random.randrange(100)),
            "ComparisonOperator": "GreaterThanThreshold",
        }
        return Step("cloudwatch", region, "put_metric_alarm", given)

    def _alarm_state(self, region: str) -> Step | None:
        found = self._describe("cloudwatch", region, "describe_alarms", AlarmNamePrefix="walk-")["MetricAlarms"]
        if not found:
            return None
        name = self._random.choice(found)["AlarmName"]
        if self.chance(0.3):
            return Step("cloudwatch", region, "delete_alarms", {"AlarmNames": [name]})
        state = self._random.choice(("OK", "ALARM", "INSUFFICIENT_DATA"))
        given = {"AlarmName": name, "StateValue": state, "StateReason": "walk"}
        return Step("cloudwatch", region, "set_alarm_state", given)

    def _metric(self, region: str) -> Step:
        data = [{"MetricName": "Steps", "Value": float(self._random.randrange(200))}]
        return Step("cloudwatch", region, "put_metric_data", {"Namespace": "Walk", "MetricData": data})

    def _queue(self, region: str) -> Step:
        return self._random.choice(
            (
                Step("sqs", region, "create_queue", {"QueueName": "walk"}),
                Step("sns", region, "list_topics", {}),
                Step("sts", region, "get_caller_identity", {}),
            )
        )


def _change(region: str, action: str, record: Mapping[str, Any]) -> Step:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    return Step("route53", region, "change_resource_record_sets", {"HostedZoneId": _ZONE, "ChangeBatch": batch})


def _illegal(region: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Calls that AWS refuses in any state of any design."""
    cluster, instance, unknown = CLUSTERS[region], f"{CLUSTERS[region]}-1", "nobody"
    acl = {"NetworkAclId": "acl-0123456789abcdef0"}
    rule = {"RuleNumber": 10, "Egress": False, "Protocol": "-1", "RuleAction": "deny"}
    api = {"Name": names.API_HOST, "Type": "A", "TTL": 10, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    group = {"TargetGroupArn": names.arn("elasticloadbalancing", region, "targetgroup/nobody/0123456789abcdef")}
    nothing = {"Name": f"nobody.{names.ZONE_NAME}", "Type": "A", "TTL": 1, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    zone = {"HostedZoneId": _ZONE}
    return [
        ("rds", "describe_db_instances", {"DBInstanceIdentifier": unknown}),
        ("rds", "failover_db_cluster", {"DBClusterIdentifier": unknown}),
        ("rds", "failover_db_cluster", {"DBClusterIdentifier": cluster, "TargetDBInstanceIdentifier": unknown}),
        ("rds", "reboot_db_instance", {"DBInstanceIdentifier": instance, "ForceFailover": True}),
        ("rds", "stop_db_instance", {"DBInstanceIdentifier": instance}),
        ("rds", "start_db_instance", {"DBInstanceIdentifier": instance}),
        ("rds", "promote_read_replica", {"DBInstanceIdentifier": instance}),
        (
            "rds",
            "modify_db_parameter_group",
            {
                "DBParameterGroupName": "default.aurora-postgresql15",
                "Parameters": [{"ParameterName": "work_mem", "ParameterValue": "9", "ApplyMethod": "immediate"}],
            },
        ),
        (
            "rds",
            "switchover_global_cluster",
            {"GlobalClusterIdentifier": unknown, "TargetDbClusterIdentifier": cluster},
        ),
        ("rds", "describe_orderable_db_instance_options", {"Engine": "postgres"}),
        ("elasticache", "describe_replication_groups", {"ReplicationGroupId": unknown}),
        ("elasticache", "test_failover", {"ReplicationGroupId": unknown, "NodeGroupId": "0001"}),
        ("elasticache", "test_failover", {"ReplicationGroupId": "agentauri-cache", "NodeGroupId": "9999"}),
        ("ec2", "create_network_acl_entry", {**acl, **rule, "CidrBlock": "192.0.2.0/24"}),
        ("ec2", "delete_network_acl_entry", {**acl, "RuleNumber": 10, "Egress": False}),
        ("ec2", "delete_network_acl", acl),
        ("ec2", "create_network_acl", {"VpcId": "vpc-nobody"}),
        ("ec2", "replace_network_acl_association", {**acl, "AssociationId": "aclassoc-0123456789abcdef0"}),
        ("ec2", "create_network_acl_entry", {**acl, **rule, "CidrBlock": "300.0.0.0/8"}),
        ("ecs", "update_service", {"cluster": "agentauri", "service": unknown, "desiredCount": 1}),
        ("ecs", "update_service", {"cluster": "agentauri", "service": "api-gateway", "desiredCount": -1}),
        ("ecs", "describe_services", {"cluster": unknown, "services": ["api-gateway"]}),
        ("ecs", "stop_task", {"cluster": "agentauri", "task": "0" * 32}),
        ("elbv2", "describe_target_health", group),
        ("elbv2", "register_targets", {**group, "Targets": [{"Id": "10.1.11.99", "Port": 8080}]}),
        ("route53", "change_resource_record_sets", {**zone, "ChangeBatch": _batch("CREATE", api)}),
        ("route53", "change_resource_record_sets", {**zone, "ChangeBatch": _batch("DELETE", nothing)}),
        ("route53", "get_health_check", {"HealthCheckId": "00000000-0000-0000-0000-000000000000"}),
        ("route53", "list_resource_record_sets", {"HostedZoneId": "ZNOBODY"}),
        ("cloudwatch", "set_alarm_state", {"AlarmName": unknown, "StateValue": "OK", "StateReason": "walk"}),
        ("cloudwatch", "set_alarm_state", {"AlarmName": unknown, "StateValue": "LOUD", "StateReason": "walk"}),
        ("cloudwatch", "put_metric_data", {"Namespace": "AWS/Mine", "MetricData": [{"MetricName": "m", "Value": 1}]}),
        ("sqs", "get_queue_url", {"QueueName": unknown}),
        ("dynamodb", "describe_table", {"TableName": unknown}),
        ("sns", "get_topic_attributes", {"TopicArn": names.arn("sns", region, unknown)}),
    ]


def _batch(action: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
