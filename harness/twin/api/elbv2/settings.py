"""How a target group checks its targets, and what ModifyTargetGroup may change about it. Pure.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyTargetGroup.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.clock import Duration, seconds
from harness.twin.calls import AwsError
from harness.twin.designs.model import LoadBalancerPlan

TRAFFIC_PORT = "traffic-port"

_CODES = re.compile(r"\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*")
_RANGES = {
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}


@dataclass(frozen=True)
class HealthSettings:
    """The health check of a target group. ``codes`` as AWS writes them; ``port`` a number or ``traffic-port``."""

    path: str
    interval: Duration
    timeout: Duration
    healthy_count: int
    unhealthy_count: int
    codes: str = "200"
    port: str = TRAFFIC_PORT

    @classmethod
    def of(cls, plan: LoadBalancerPlan) -> HealthSettings:
        """What a design says; 200 is the only good answer, on the port of the traffic."""
        return cls(plan.health_path, plan.interval, plan.timeout, plan.healthy_count, plan.unhealthy_count)

    def accepts(self, status: int) -> bool:
        """Whether an answer with this code passes."""
        return any(low <= status <= high for low, high in _ranges(self.codes))

    def changed(self, wanted: Mapping[str, Any]) -> HealthSettings:
        """These settings with the parameters of a ModifyTargetGroup; raises ``AwsError`` as AWS refuses them."""
        _check(wanted)
        new = replace(
            self,
            path=wanted.get("HealthCheckPath", self.path),
            interval=seconds(wanted.get("HealthCheckIntervalSeconds", self.interval.seconds)),
            timeout=seconds(wanted.get("HealthCheckTimeoutSeconds", self.timeout.seconds)),
            healthy_count=wanted.get("HealthyThresholdCount", self.healthy_count),
            unhealthy_count=wanted.get("UnhealthyThresholdCount", self.unhealthy_count),
            codes=(wanted.get("Matcher") or {}).get("HttpCode", self.codes),
            port=wanted.get("HealthCheckPort", self.port),
        )
        if new.timeout >= new.interval:
            raise _invalid(
                f"Health check timeout '{int(new.timeout.seconds)}' must be smaller than"
                f" the interval '{int(new.interval.seconds)}'"
            )
        return new


def _check(wanted: Mapping[str, Any]) -> None:
    for name, (low, high) in _RANGES.items():
        if name in wanted and not low <= wanted[name] <= high:
            raise _invalid(f"'{wanted[name]}' is not valid for {name}: it must be between {low} and {high}")
    if wanted.get("HealthCheckEnabled") is False:
        raise _invalid("Health check enabled must be true for target groups with target type 'ip'")
    if wanted.get("HealthCheckProtocol", "HTTP") not in ("HTTP", "HTTPS"):
        raise _invalid(
            f"Health check protocol '{wanted['HealthCheckProtocol']}' is not supported by HTTP target groups"
        )
    if wanted.get("HealthCheckProtocol") == "HTTPS" or "GrpcCode" in (wanted.get("Matcher") or {}):
        raise AwsError("NotImplementedByTwin", "The twin checks targets by plain HTTP/1.1 only.", 501)
    if not wanted.get("HealthCheckPath", "/").startswith("/"):
        raise _invalid(f"Health check path '{wanted['HealthCheckPath']}' must begin with a '/' character")
    port = wanted.get("HealthCheckPort", TRAFFIC_PORT)
    if port != TRAFFIC_PORT and not (port.isdigit() and 1 <= int(port) <= 65535):
        raise _invalid(f"Health check port '{port}' must be '{TRAFFIC_PORT}' or between 1 and 65535")
    _check_codes((wanted.get("Matcher") or {}).get("HttpCode", "200"))


def _check_codes(codes: str) -> None:
    if not _CODES.fullmatch(codes) or not all(200 <= low <= high <= 499 for low, high in _ranges(codes)):
        raise _invalid(f"Health check matcher HTTP code '{codes}' must be within '200-499' inclusive")


def _ranges(codes: str) -> list[tuple[int, int]]:
    pairs = [part.partition("-") for part in codes.split(",")]
    return [(int(low), int(high or low)) for low, _, high in pairs]


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
