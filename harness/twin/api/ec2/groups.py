"""The security groups of a VPC, one a tier: whatever lives in a tier's subnets has that group; carried out at once.

Source: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from harness.twin import names
from harness.twin.api.ec2.permissions import EVERYBODY, Permission, Rule, enforced, grouped
from harness.twin.calls import AwsError
from harness.twin.names import TIERS, Tier
from harness.twin.network.network import Network

RULES_PER_DIRECTION = 60
"""AWS's default quota: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"""
_PORTS: dict[Tier, tuple[int, ...]] = {"public": (80, 443), "app": (8080,), "data": (5432, 6379)}


@dataclass
class SecurityGroup:
    """A group and its rules in the order of their making; ``subnets`` are (place, network) of its members."""

    identifier: str
    tier: Tier
    subnets: tuple[tuple[str, str], ...]
    rules: list[Rule] = field(default_factory=list)

    def of(self, *, egress: bool) -> list[Rule]:
        """The rules of one direction."""
        return [rule for rule in self.rules if rule.permission.egress == egress]


class SecurityGroups:
    """The groups of one region, with the rules that the platform starts with. ``lock`` and ``tags`` are the VPC's.

    The lock is held while rules reach the network, so that they keep order.
    """

    def __init__(
        self,
        network: Network,
        region: str,
        subnets: Mapping[Tier, Sequence[tuple[str, str]]],
        peers: Sequence[str],
        lock: RLock,
        tags: dict[str, dict[str, str]],
    ) -> None:
        self._network = network
        self._region = region
        self._lock = lock
        self._tags = tags
        self._numbers = itertools.count(1)
        self._groups = {
            identifier: SecurityGroup(identifier, tier, tuple(subnets[tier]))
            for tier in TIERS
            for identifier in (names.security_group_id(region, tier),)
        }
        for group in self._groups.values():
            for permission in _initial(group.tier, peers):
                self._add(group, permission, "")

    def carry_out(self) -> None:
        """Give every subnet its group's rules; the network is up."""
        with self._lock:
            for group in self._groups.values():
                self._carry_out(group)

    def ids(self) -> list[str]:
        """The ids of the groups."""
        return list(self._groups)

    def get(self, identifier: str) -> SecurityGroup:
        """A group by its id; ``InvalidGroup.NotFound``."""
        if identifier not in self._groups:
            raise AwsError("InvalidGroup.NotFound", f"The security group '{identifier}' does not exist")
        return self._groups[identifier]

    def described(self, identifier: str) -> dict[str, Any]:
        """The parts of DescribeSecurityGroups that change."""
        with self._lock:
            group = self.get(identifier)
            return {
                "IpPermissions": grouped(group.of(egress=False)),
                "IpPermissionsEgress": grouped(group.of(egress=True)),
            }

    def rules(self) -> list[tuple[str, Rule]]:
        """Every rule with its group's id."""
        with self._lock:
            return [(group.identifier, rule) for group in self._groups.values() for rule in group.rules]

    def authorize(
        self, identifier: str, wanted: Sequence[tuple[Permission, str]], tags: Mapping[str, str]
    ) -> list[Rule]:
        """Add rules, all or none."""
        with self._lock:
            group = self.get(identifier)
            for permission, _ in wanted:
                if permission.kind == "group":
                    self.get(permission.peer)
                if any(rule.permission == permission for rule in group.rules):
                    raise AwsError(
                        "InvalidPermission.Duplicate", f"the specified rule {permission.told()} already exists"
                    )
            egress = wanted[0][0].egress
            if len(group.of(egress=egress)) + len(wanted) > RULES_PER_DIRECTION:
                raise AwsError(
                    "RulesPerSecurityGroupLimitExceeded",
                    "The maximum number of rules per security group has been reached.",
                )
            made = [self._add(group, permission, description) for permission, description in wanted]
            for rule in made:
                self._tags[rule.identifier] = dict(tags)
            self._carry_out(group)
            return made

    def revoke(self, identifier: str, wanted: Sequence[Permission]) -> list[Rule]:
        """Take rules away, all or none; flows that they let in and that are tracked go on."""
        with self._lock:
            group = self.get(identifier)
            gone = [self._matching(group, permission) for permission in wanted]
            return self._remove(group, gone)

    def revoke_by_id(self, identifier: str, wanted: Sequence[str], *, egress: bool) -> list[Rule]:
        """The same, by the ids of the rules."""
        with self._lock:
            group = self.get(identifier)
            known = {rule.identifier: rule for rule in group.of(egress=egress)}
            for each in wanted:
                if each not in known:
                    raise AwsError(
                        "InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{each}' does not exist"
                    )
            return self._remove(group, [known[each] for each in dict.fromkeys(wanted)])

    def _remove(self, group: SecurityGroup, gone: Sequence[Rule]) -> list[Rule]:
        group.rules = [rule for rule in group.rules if rule not in gone]
        for rule in gone:
            self._tags.pop(rule.identifier, None)
        self._carry_out(group)
        return list(gone)

    def _matching(self, group: SecurityGroup, permission: Permission) -> Rule:
        for rule in group.rules:
            if rule.permission == permission:
                return rule
        raise AwsError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")

    def _add(self, group: SecurityGroup, permission: Permission, description: str) -> Rule:
        digits = hashlib.sha256(f"{self._region}/sgr/{next(self._numbers)}".encode()).hexdigest()
        rule = Rule(f"sgr-{digits[:17]}", permission, description)
        group.rules.append(rule)
        self._tags[rule.identifier] = {}
        return rule

    def _carry_out(self, group: SecurityGroup) -> None:
        members = {other.identifier: tuple(network for _, network in other.subnets) for other in self._groups.values()}
        ingress, egress = (enforced(group.rules, members, egress=egress) for egress in (False, True))
        for place, _ in group.subnets:
            self._network.apply_group(place, ingress, egress)


def _initial(tier: Tier, peers: Sequence[str]) -> Iterator[Permission]:
    """The world may come to the load balancers, the VPC to the services, every VPC to databases and caches."""
    sources = {"public": (EVERYBODY,), "app": peers[:1], "data": peers}[tier]
    for port in _PORTS[tier]:
        for source in sources:
            yield Permission(False, "tcp", (port, port), "cidr", source)
    yield Permission(True, "-1", None, "cidr", EVERYBODY)
