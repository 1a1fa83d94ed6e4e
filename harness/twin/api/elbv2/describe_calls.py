"""The calls that only look: load balancers, listeners, rules, target groups and their attributes.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.twin.api.elbv2 import shapes
from harness.twin.api.elbv2.balancer import Balancer
from harness.twin.api.elbv2.estate import Estate, arns, not_found
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call, Handler


class DescribeCalls:
    """Handlers of what can be described without asking HAProxy."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by botocore's name."""
        return {
            "DescribeLoadBalancers": self._load_balancers,
            "DescribeLoadBalancerAttributes": self._load_balancer_attributes,
            "DescribeListeners": self._listeners,
            "DescribeListenerAttributes": self._listener_attributes,
            "DescribeRules": self._rules,
            "DescribeTargetGroups": self._target_groups,
            "DescribeTargetGroupAttributes": self._target_group_attributes,
        }

    def _load_balancers(self, call: Call) -> Mapping[str, Any]:
        wanted_arns, wanted_names = call.get("LoadBalancerArns"), call.get("Names")
        if wanted_arns and wanted_names:
            raise AwsError("ValidationError", "Load balancer names and ARNs cannot be specified at the same time")
        for arn in wanted_arns or ():
            self._estate.balancer(call.region, arn)
        known = self._estate.of(call.region)
        strangers = [name for name in wanted_names or () if name not in [balancer.plan.name for balancer in known]]
        if strangers:
            raise AwsError("LoadBalancerNotFound", f"Load balancers '[{', '.join(strangers)}]' not found")
        return paged(
            "LoadBalancers",
            [
                shapes.load_balancer(balancer)
                for balancer in known
                if (not wanted_arns or balancer.arn in wanted_arns)
                and (not wanted_names or balancer.plan.name in wanted_names)
            ],
            call,
        )

    def _load_balancer_attributes(self, call: Call) -> Mapping[str, Any]:
        self._estate.balancer(call.region, call.get("LoadBalancerArn"))
        return {"Attributes": shapes.LOAD_BALANCER_ATTRIBUTES}

    def _listeners(self, call: Call) -> Mapping[str, Any]:
        arn, wanted = call.get("LoadBalancerArn"), call.get("ListenerArns")
        if bool(arn) == bool(wanted):
            raise AwsError("ValidationError", "You must specify either listener ARNs or a load balancer ARN")
        if arn:
            return paged("Listeners", shapes.listeners(self._estate.balancer(call.region, arn)), call)
        found = {one: self._estate.listener(call.region, one) for one in wanted}
        return paged("Listeners", _owned(found, shapes.listeners, "ListenerArn"), call)

    def _listener_attributes(self, call: Call) -> Mapping[str, Any]:
        self._estate.listener(call.region, call.get("ListenerArn"))
        return {"Attributes": shapes.LISTENER_ATTRIBUTES}

    def _rules(self, call: Call) -> Mapping[str, Any]:
        listener, wanted = call.get("ListenerArn"), call.get("RuleArns")
        if bool(listener) == bool(wanted):
            raise AwsError("ValidationError", "You must specify either listener rule ARNs or a listener ARN")
        if listener:
            balancer = self._estate.listener(call.region, listener)
            prefix = listener.replace(":listener/", ":listener-rule/")
            return paged("Rules", [one for one in shapes.rules(balancer) if one["RuleArn"].startswith(prefix)], call)
        known = [rule for balancer in self._estate.of(call.region) for rule in shapes.rules(balancer)]
        for one in wanted:
            if one not in arns(known, "RuleArn"):
                raise not_found(one)
        return paged("Rules", [rule for rule in known if rule["RuleArn"] in wanted], call)

    def _target_groups(self, call: Call) -> Mapping[str, Any]:
        arn, wanted_arns, wanted_names = call.get("LoadBalancerArn"), call.get("TargetGroupArns"), call.get("Names")
        if sum(map(bool, (arn, wanted_arns, wanted_names))) > 1:
            raise AwsError("ValidationError", "Specify one of: a load balancer ARN, target group ARNs, names")
        known = [self._estate.balancer(call.region, arn)] if arn else self._estate.of(call.region)
        for one in wanted_arns or ():
            self._estate.group(call.region, one)
        strangers = [name for name in wanted_names or () if name not in [balancer.group_name for balancer in known]]
        if strangers:
            raise AwsError("TargetGroupNotFound", f"Target groups '[{', '.join(strangers)}]' not found")
        return paged(
            "TargetGroups",
            [
                shapes.target_group(balancer)
                for balancer in known
                if (not wanted_arns or balancer.group_arn in wanted_arns)
                and (not wanted_names or balancer.group_name in wanted_names)
            ],
            call,
        )

    def _target_group_attributes(self, call: Call) -> Mapping[str, Any]:
        balancer = self._estate.group(call.region, call.get("TargetGroupArn"))
        return {"Attributes": shapes.target_group_attributes(balancer)}


def paged(member: str, items: Sequence[Mapping[str, Any]], call: Call) -> Mapping[str, Any]:
    """One page of a list, with ``NextMarker`` while there is more."""
    found, marker = page(items, call.get("Marker"), call.get("PageSize"), error="ValidationError")
    return {member: found, **({"NextMarker": marker} if marker else {})}


def _owned(found: Mapping[str, Balancer], shape: Any, key: str) -> list[dict[str, Any]]:
    return [item for arn, balancer in found.items() for item in shape(balancer) if item[key] == arn]
