"""The calls about targets: who is registered, how healthy each is, and how the target group treats them.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from harness.clock import seconds
from harness.twin import names
from harness.twin.api.elbv2 import shapes
from harness.twin.api.elbv2.estate import Estate
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.designs.model import Design
from harness.twin.engines.haproxy import TARGET_PORT

_DELAY = "deregistration_delay.timeout_seconds"
_LONGEST_DELAY = 3600


class TargetCalls:
    """Handlers of targets and of the settings of their group."""

    def __init__(self, estate: Estate, design: Design) -> None:
        self._estate = estate
        self._design = design

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by botocore's name."""
        return {
            "DescribeTargetHealth": self._describe_target_health,
            "RegisterTargets": self._register,
            "DeregisterTargets": self._deregister,
            "ModifyTargetGroup": self._modify,
            "ModifyTargetGroupAttributes": self._modify_attributes,
        }

    def _describe_target_health(self, call: Call) -> Mapping[str, Any]:
        balancer = self._estate.group(call.region, call.get("TargetGroupArn"))
        seen, port = balancer.targets(), balancer.health.port
        for target in call.get("Targets") or ():
            self._check(call.region, target)
        wanted = [target["Id"] for target in call.get("Targets") or ()] or list(seen)
        return {
            "TargetHealthDescriptions": [
                shapes.target_health(call.region, target, seen.get(target, shapes.UNKNOWN), port) for target in wanted
            ]
        }

    def _register(self, call: Call) -> Mapping[str, Any]:
        balancer = self._estate.group(call.region, call.get("TargetGroupArn"))
        for target in call.get("Targets"):
            self._check(call.region, target)
        for target in call.get("Targets"):
            balancer.register(target["Id"])
        return {}

    def _deregister(self, call: Call) -> Mapping[str, Any]:
        balancer = self._estate.group(call.region, call.get("TargetGroupArn"))
        for target in call.get("Targets"):
            self._check(call.region, target)
        for target in call.get("Targets"):
            balancer.deregister(target["Id"])
        return {}

    def _modify(self, call: Call) -> Mapping[str, Any]:
        balancer = self._estate.group(call.region, call.get("TargetGroupArn"))
        balancer.modify({name: value for name, value in call.parameters.items() if name != "TargetGroupArn"})
        return {"TargetGroups": [shapes.target_group(balancer)]}

    def _modify_attributes(self, call: Call) -> Mapping[str, Any]:
        balancer = self._estate.group(call.region, call.get("TargetGroupArn"))
        known = {item["Key"]: item["Value"] for item in shapes.target_group_attributes(balancer)}
        wanted = {item["Key"]: item.get("Value", "") for item in call.get("Attributes")}
        for key, value in wanted.items():
            if key not in known:
                raise AwsError("InvalidConfigurationRequest", f"Target group attribute key '{key}' is not recognized")
            if key == _DELAY and not (value.isdigit() and int(value) <= _LONGEST_DELAY):
                raise AwsError(
                    "ValidationError", f"'{_DELAY}' value '{value}' must be between '0-{_LONGEST_DELAY}' inclusive"
                )
            if key != _DELAY and value != known[key]:
                raise AwsError("NotImplementedByTwin", f"Target group attribute {key} cannot be changed.", 501)
        if _DELAY in wanted:
            balancer.deregistration_delay = seconds(int(wanted[_DELAY]))
        return {"Attributes": shapes.target_group_attributes(balancer)}

    def _check(self, region: str, target: Mapping[str, Any]) -> None:
        """An ip target is an address of one of the VPC's subnets, on the port that the twin's services listen on."""
        plan = self._design.region(region)
        try:
            address = str(ipaddress.IPv4Address(target["Id"]))
        except ValueError:
            raise AwsError("ValidationError", f"The IP address '{target['Id']}' is not a valid IPv4 address") from None
        subnets = [names.subnet(plan.octet, zone, tier) for zone in plan.zones for tier in names.TIERS]
        if address.rpartition(".")[0] not in subnets:
            raise AwsError("InvalidTarget", f"The IP address '{address}' is not within the VPC of the target group")
        if target.get("Port", TARGET_PORT) != TARGET_PORT:
            raise AwsError("NotImplementedByTwin", f"Targets listen on port {TARGET_PORT} only.", 501)
