"""Every load balancer of the twin by what callers call it; a name that nobody has is refused as AWS refuses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.twin.api.elbv2 import shapes
from harness.twin.api.elbv2.balancer import Balancer
from harness.twin.calls import AwsError

_ARN = "arn:aws:elasticloadbalancing:"
_KINDS = {
    "loadbalancer/": ("LoadBalancerNotFound", "Load balancer", "load balancer"),
    "targetgroup/": ("TargetGroupNotFound", "Target group", "target group"),
    "listener/": ("ListenerNotFound", "Listener", "listener"),
    "listener-rule/": ("RuleNotFound", "Rule", "listener rule"),
}


class Estate:
    """The load balancers of all regions, each with one target group, two listeners and their default rules."""

    def __init__(self, balancers: Mapping[tuple[str, str], Balancer]) -> None:
        self._balancers = balancers

    def of(self, region: str) -> list[Balancer]:
        """The load balancers of a region."""
        return [balancer for (where, _), balancer in self._balancers.items() if where == region]

    def balancer(self, region: str, arn: str) -> Balancer:
        """The load balancer of that ARN; raises ``AwsError``."""
        return self._one(region, arn, "loadbalancer/", lambda balancer: [balancer.arn])

    def group(self, region: str, arn: str) -> Balancer:
        """The load balancer whose target group has that ARN; raises ``AwsError``."""
        return self._one(region, arn, "targetgroup/", lambda balancer: [balancer.group_arn])

    def listener(self, region: str, arn: str) -> Balancer:
        """The load balancer whose listener has that ARN; raises ``AwsError``."""
        return self._one(region, arn, "listener/", lambda balancer: arns(shapes.listeners(balancer), "ListenerArn"))

    def arns(self, region: str) -> Iterable[str]:
        """Every resource of a region that can carry tags."""
        for balancer in self.of(region):
            yield balancer.arn
            yield balancer.group_arn
            yield from arns(shapes.listeners(balancer), "ListenerArn")
            yield from arns(shapes.rules(balancer), "RuleArn")

    def _one(self, region: str, arn: str, kind: str, owned: Callable[[Balancer], Sequence[str]]) -> Balancer:
        if not arn.startswith(_ARN) or arn.split(":", 5)[5].partition("/")[0] + "/" != kind:
            raise AwsError("ValidationError", f"'{arn}' is not a valid {_KINDS[kind][2]} ARN")
        for balancer in self.of(region):
            if arn in owned(balancer):
                return balancer
        raise not_found(arn)


def arns(items: Iterable[Mapping[str, object]], key: str) -> list[str]:
    """The ARNs of some shapes."""
    return [str(item[key]) for item in items]


def not_found(arn: str) -> AwsError:
    """The refusal of a well-formed ARN that nothing has, by the kind of resource that it names."""
    resource = arn.split(":", 5)[5] if arn.startswith(_ARN) and arn.count(":") >= 5 else ""
    for kind, (code, title, _) in _KINDS.items():
        if resource.startswith(kind):
            return AwsError(code, f"{title} '{arn}' not found")
    return AwsError("ValidationError", f"'{arn}' is not a valid ARN")
