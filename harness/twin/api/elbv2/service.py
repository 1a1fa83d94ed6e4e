"""The Elastic Load Balancing API of the twin, and the hands that ECS and Route 53 use directly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness.clock import Clock, Duration, seconds
from harness.twin.api.elbv2 import shapes
from harness.twin.api.elbv2.balancer import Balancer
from harness.twin.api.elbv2.opinions import Opinion
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call, Handler, MetricSink
from harness.twin.designs.model import Design
from harness.twin.engines.haproxy import TARGET_PORT, Counters
from harness.twin.names import Names
from harness.twin.network.network import Network
from harness.twin.schedule import Scheduler

_NAMESPACE = "AWS/ApplicationELB"
_NOTHING = Counters(0, 0, 0)


class ElbV2:
    """ALBs with one target group each. AWS's refusals, states and metrics; known difference: no TLS on port 443."""

    name = "elbv2"

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        network: Network,
        registry: Names,
        metrics: MetricSink,
        design: Design,
        state: Path,
    ) -> None:
        self._design = design
        self._scheduler = scheduler
        self._metrics = metrics
        self._balancers = {
            (plan.region, plan.name): Balancer(
                clock, scheduler, network, registry, plan, design.region(plan.region), state
            )
            for plan in design.load_balancers
        }
        self._counted: dict[str, Counters] = {}

    def boot(self) -> None:
        """Start every node of every load balancer, together; returns when they answer."""
        with ThreadPoolExecutor(max(1, len(self._balancers))) as pool:
            list(pool.map(Balancer.boot, self._balancers.values()))
        self._scheduler.every(seconds(60), self._publish, "load balancer metrics")

    def stop(self) -> None:
        """End every node."""
        for balancer in self._balancers.values():
            balancer.stop()

    def register(self, region: str, load_balancer: str, target: str) -> None:
        """Add an address to the target group of a load balancer."""
        self._balancers[region, load_balancer].register(target)

    def deregister(self, region: str, load_balancer: str, target: str) -> None:
        """Take an address out: no new requests now, none at all after the deregistration delay."""
        self._balancers[region, load_balancer].deregister(target)

    def targets(self, region: str, load_balancer: str) -> Mapping[str, Opinion]:
        """Every registered or draining address of a load balancer and its health."""
        return self._balancers[region, load_balancer].targets()

    def draining_span(self, region: str, load_balancer: str) -> Duration:
        """The deregistration delay in force."""
        return self._balancers[region, load_balancer].deregistration_delay

    def group_arn(self, region: str, load_balancer: str) -> str:
        """The ARN of a load balancer's target group."""
        return self._balancers[region, load_balancer].group_arn

    def target_health(self, dns_name: str) -> bool:
        """What Route 53 evaluates: does the load balancer of that name have a healthy target? No targets: no."""
        return bool(self.healthy_targets(dns_name))

    def healthy_targets(self, dns_name: str) -> tuple[str, ...]:
        """The healthy addresses behind a load balancer's DNS name; none for an unknown name."""
        wanted = dns_name.lower().rstrip(".").removeprefix("dualstack.")
        for balancer in self._balancers.values():
            if balancer.dns_name.lower() == wanted:
                return tuple(name for name, opinion in balancer.targets().items() if opinion.state == "healthy")
        return ()

    def processes(self, region: str, load_balancer: str) -> Mapping[str, int | None]:
        """The process id of each zone's node, for acts of nature."""
        return self._balancers[region, load_balancer].processes()

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {
            "DescribeLoadBalancers": self._describe_load_balancers,
            "DescribeLoadBalancerAttributes": self._describe_load_balancer_attributes,
            "DescribeListeners": self._describe_listeners,
            "DescribeTargetGroups": self._describe_target_groups,
            "DescribeTargetGroupAttributes": self._describe_target_group_attributes,
            "ModifyTargetGroupAttributes": self._modify_target_group_attributes,
            "DescribeTargetHealth": self._describe_target_health,
            "RegisterTargets": self._register_targets,
            "DeregisterTargets": self._deregister_targets,
            "DescribeTags": self._describe_tags,
        }

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Load balancers and target groups."""
        for balancer in self._of(region):
            yield balancer.arn, self._design.tags
            yield balancer.group_arn, self._design.tags

    def _of(self, region: str) -> list[Balancer]:
        return [balancer for (where, _), balancer in self._balancers.items() if where == region]

    def _describe_load_balancers(self, call: Call) -> Mapping[str, Any]:
        wanted_arns, wanted_names = call.get("LoadBalancerArns"), call.get("Names")
        known = self._of(call.region)
        for wanted in [*(wanted_arns or ()), *(wanted_names or ())]:
            if wanted not in [key for balancer in known for key in (balancer.arn, balancer.plan.name)]:
                raise AwsError("LoadBalancerNotFound", f"Load balancers '[{wanted}]' not found")
        found = [
            shapes.load_balancer(balancer)
            for balancer in known
            if (not wanted_arns or balancer.arn in wanted_arns)
            and (not wanted_names or balancer.plan.name in wanted_names)
        ]
        return _paged("LoadBalancers", found, call)

    def _describe_load_balancer_attributes(self, call: Call) -> Mapping[str, Any]:
        self._balancer(call)
        return {"Attributes": shapes.LOAD_BALANCER_ATTRIBUTES}

    def _describe_listeners(self, call: Call) -> Mapping[str, Any]:
        wanted = call.get("ListenerArns")
        known = [self._balancer(call)] if call.get("LoadBalancerArn") else self._of(call.region)
        listeners = [listener for balancer in known for listener in shapes.listeners(balancer)]
        for arn in wanted or ():
            if arn not in [listener["ListenerArn"] for listener in listeners]:
                raise AwsError("ListenerNotFound", f"Listener '{arn}' not found")
        return _paged("Listeners", [item for item in listeners if not wanted or item["ListenerArn"] in wanted], call)

    def _describe_target_groups(self, call: Call) -> Mapping[str, Any]:
        known = [self._balancer(call)] if call.get("LoadBalancerArn") else self._of(call.region)
        wanted_arns, wanted_names = call.get("TargetGroupArns"), call.get("Names")
        for wanted in [*(wanted_arns or ()), *(wanted_names or ())]:
            if wanted not in [key for balancer in known for key in (balancer.group_arn, balancer.group_name)]:
                raise AwsError("TargetGroupNotFound", f"Target groups '[{wanted}]' not found")
        found = [
            shapes.target_group(balancer)
            for balancer in known
            if (not wanted_arns or balancer.group_arn in wanted_arns)
            and (not wanted_names or balancer.group_name in wanted_names)
        ]
        return _paged("TargetGroups", found, call)

    def _describe_target_group_attributes(self, call: Call) -> Mapping[str, Any]:
        return {"Attributes": shapes.target_group_attributes(self._group(call))}

    def _modify_target_group_attributes(self, call: Call) -> Mapping[str, Any]:
        balancer = self._group(call)
        for attribute in call.get("Attributes"):
            key, value = attribute["Key"], attribute.get("Value", "")
            if key != "deregistration_delay.timeout_seconds":
                raise AwsError("NotImplementedByTwin", f"Target group attribute {key} cannot be changed.", 501)
            if not (value.isdigit() and int(value) <= 3600):
                raise AwsError("InvalidConfigurationRequest", f"'{value}' is not valid for '{key}': 0 to 3600.")
        for attribute in call.get("Attributes"):
            balancer.deregistration_delay = seconds(int(attribute["Value"]))
        return {"Attributes": shapes.target_group_attributes(balancer)}

    def _describe_target_health(self, call: Call) -> Mapping[str, Any]:
        balancer = self._group(call)
        seen = balancer.targets()
        wanted = [target["Id"] for target in call.get("Targets") or ()] or list(seen)
        return {
            "TargetHealthDescriptions": [
                shapes.target_health(call.region, target, seen.get(target, shapes.UNKNOWN)) for target in wanted
            ]
        }

    def _register_targets(self, call: Call) -> Mapping[str, Any]:
        balancer = self._group(call)
        for target in call.get("Targets"):
            self._check_target(call.region, target)
        for target in call.get("Targets"):
            balancer.register(target["Id"])
        return {}

    def _check_target(self, region: str, target: Mapping[str, Any]) -> None:
        if not target["Id"].startswith(f"10.{self._design.region(region).octet}."):
            raise AwsError(
                "InvalidTarget", f"The IP address '{target['Id']}' is not within the VPC of the target group."
            )
        if target.get("Port", TARGET_PORT) != TARGET_PORT:
            raise AwsError("NotImplementedByTwin", f"Targets listen on port {TARGET_PORT} only.", 501)

    def _deregister_targets(self, call: Call) -> Mapping[str, Any]:
        balancer = self._group(call)
        for target in call.get("Targets"):
            balancer.deregister(target["Id"])
        return {}

    def _describe_tags(self, call: Call) -> Mapping[str, Any]:
        known = dict(self.tagged(call.region))
        for arn in call.get("ResourceArns"):
            if arn not in known:
                kind = "TargetGroup" if ":targetgroup/" in arn else "LoadBalancer"
                raise AwsError(f"{kind}NotFound", f"'{arn}' not found")
        return {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": [{"Key": key, "Value": value} for key, value in known[arn].items()]}
                for arn in call.get("ResourceArns")
            ]
        }

    def _balancer(self, call: Call) -> Balancer:
        arn = call.get("LoadBalancerArn")
        for balancer in self._of(call.region):
            if balancer.arn == arn:
                return balancer
        raise AwsError("LoadBalancerNotFound", f"Load balancer '{arn}' not found")

    def _group(self, call: Call) -> Balancer:
        arn = call.get("TargetGroupArn")
        for balancer in self._of(call.region):
            if balancer.group_arn == arn:
                return balancer
        raise AwsError("TargetGroupNotFound", f"Target groups '{arn}' not found")

    def _publish(self) -> None:
        for (region, _), balancer in self._balancers.items():
            whole = {"LoadBalancer": balancer.dimension}
            group = {**whole, "TargetGroup": balancer.group_dimension}
            for healthy, unhealthy in balancer.healthy_counts().values():
                self._metrics.publish(region, _NAMESPACE, "HealthyHostCount", group, healthy, unit="Count")
                self._metrics.publish(region, _NAMESPACE, "UnHealthyHostCount", group, unhealthy, unit="Count")
            now = balancer.counters()
            before = self._counted.get(balancer.arn, _NOTHING)
            self._counted[balancer.arn] = now
            for metric, count in (
                ("RequestCount", now.requests - before.requests),
                ("HTTPCode_ELB_5XX_Count", now.elb_5xx - before.elb_5xx),
                ("HTTPCode_Target_5XX_Count", now.target_5xx - before.target_5xx),
            ):
                if count:
                    self._metrics.publish(region, _NAMESPACE, metric, whole, count, unit="Count")


def _paged(member: str, items: list[dict[str, Any]], call: Call) -> Mapping[str, Any]:
    found, marker = page(items, call.get("Marker"), call.get("PageSize"), error="ValidationError")
    return {member: found, **({"NextMarker": marker} if marker else {})}
