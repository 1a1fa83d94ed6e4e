"""A region's VPC: its subnets, security groups and network ACLs, carried out in the network as they change."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.twin import names
from harness.twin.api.ec2.entries import LAST_RULE, Entry, allow_all, default_denies, enforced
from harness.twin.api.ec2.groups import SecurityGroups
from harness.twin.calls import AwsError, Call
from harness.twin.designs.model import Design, RegionPlan
from harness.twin.names import TIERS, Tier
from harness.twin.network.network import Network

RULES_PER_DIRECTION = 20
ACLS_OF_A_VPC = 200
"""AWS's default quotas: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"""


@dataclass(frozen=True)
class Subnet:
    """A subnet of the VPC and the place where it lives in the twin."""

    identifier: str
    zone: str
    tier: Tier
    place: str
    cidr: str


@dataclass
class NetworkAcl:
    """A network ACL; ``default`` for the one that new subnets get and that nobody can delete."""

    identifier: str
    default: bool
    tags: dict[str, str]
    entries: dict[tuple[bool, int], Entry] = field(default_factory=dict)


class Vpc:
    """The VPC of one region. Thread-safe: its lock is held while rules reach the network, so that they keep order."""

    def __init__(self, network: Network, plan: RegionPlan, tags: Mapping[str, str], peers: Sequence[str]) -> None:
        """``peers`` are the networks of the other VPCs, which are joined to this one."""
        self.region = plan.name
        self.identifier = f"vpc-{names.short(plan.name)}"
        self.cidr = f"10.{plan.octet}.0.0/16"
        self.subnets = {subnet.identifier: subnet for subnet in _subnets(plan)}
        self.tags: dict[str, dict[str, str]] = {self.identifier: dict(tags) | {"Name": "agentauri"}}
        for subnet in self.subnets.values():
            self.tags[subnet.identifier] = dict(tags) | {"Name": subnet.place, "Tier": subnet.tier}
        self._network = network
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._tokens: dict[str, tuple[str, dict[str, str]]] = {}
        members = {
            tier: [(each.place, each.cidr) for each in self.subnets.values() if each.tier == tier] for tier in TIERS
        }
        self.groups = SecurityGroups(network, plan.name, members, (self.cidr, *peers), self._lock, self.tags)
        for identifier in self.groups.ids():
            self.tags[identifier] = dict(tags) | {"Name": self.groups.get(identifier).tier}
        default = NetworkAcl(self._new("acl"), True, dict(tags) | {"Name": "default"})
        default.entries = {entry.key: entry for entry in (*allow_all(), *default_denies())}
        self.tags[default.identifier] = default.tags
        self._acls = {default.identifier: default}
        self._associations = {subnet: (self._new("aclassoc"), default.identifier) for subnet in self.subnets}

    def acl_ids(self) -> list[str]:
        """The ids of the network ACLs."""
        with self._lock:
            return list(self._acls)

    def described_acls(self) -> list[dict[str, Any]]:
        """Every ACL as DescribeNetworkAcls tells it."""
        with self._lock:
            return [self._described(acl) for acl in self._acls.values()]

    def create(self, tags: Mapping[str, str], token: str | None = None) -> dict[str, Any]:
        """A new ACL that denies everything until it gets entries; the same ``token`` again gives the same one."""
        with self._lock:
            if token in self._tokens:
                made, asked = self._tokens[token]
                if asked != tags or made not in self._acls:
                    raise AwsError(
                        "IdempotentParameterMismatch", f"The client token {token} was used with other parameters."
                    )
                return self._described(self._acls[made])
            if len(self._acls) >= ACLS_OF_A_VPC:
                raise AwsError("NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.")
            acl = NetworkAcl(self._new("acl"), False, dict(tags))
            acl.entries = {entry.key: entry for entry in default_denies()}
            self._acls[acl.identifier] = acl
            self.tags[acl.identifier] = acl.tags
            if token is not None:
                self._tokens[token] = (acl.identifier, dict(tags))
            return self._described(acl)

    def delete(self, identifier: str) -> None:
        """Remove an ACL that no subnet uses."""
        with self._lock:
            acl = self._acl(identifier)
            if acl.default:
                raise AwsError(
                    "InvalidParameterValue", f"The network acl '{identifier}' is a default and cannot be deleted."
                )
            if any(used == identifier for _, used in self._associations.values()):
                raise AwsError(
                    "DependencyViolation", f"The networkAcl '{identifier}' has dependencies and cannot be deleted."
                )
            del self._acls[identifier], self.tags[identifier]

    def add(self, identifier: str, entry: Entry) -> None:
        """Add a rule under a number that is free in its direction."""
        with self._lock:
            acl = self._acl(identifier)
            if entry.key in acl.entries:
                raise AwsError(
                    "NetworkAclEntryAlreadyExists",
                    f"The network acl entry identified by {entry.number} already exists.",
                )
            if sum(egress == entry.egress for egress, _ in acl.entries) > RULES_PER_DIRECTION:
                raise AwsError(
                    "NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached."
                )
            self._change(acl, entry.key, entry)

    def replace(self, identifier: str, entry: Entry) -> None:
        """Put another rule in the place of an existing one."""
        with self._lock:
            acl = self._acl(identifier)
            self._existing(acl, entry.egress, entry.number)
            self._change(acl, entry.key, entry)

    def drop(self, identifier: str, number: int, *, egress: bool) -> None:
        """Remove a rule."""
        with self._lock:
            acl = self._acl(identifier)
            self._existing(acl, egress, number)
            self._change(acl, (egress, number), None)

    def associate(self, association: str, identifier: str) -> str:
        """Give a subnet, named by its association's id, another ACL; returns the id of the new association."""
        with self._lock:
            acl = self._acl(identifier)
            for subnet, (known, _) in self._associations.items():
                if known == association:
                    self._associations[subnet] = (self._new("aclassoc"), acl.identifier)
                    self._carry_out(subnet)
                    return self._associations[subnet][0]
        raise AwsError("InvalidAssociationID.NotFound", f"The association ID '{association}' does not exist")

    def tag(self, resource: str, tags: Mapping[str, str]) -> None:
        """Add tags to a resource of this VPC."""
        with self._lock:
            if resource not in self.tags:
                raise AwsError("InvalidID", f"The ID '{resource}' is not valid")
            self.tags[resource].update(tags)

    def untag(self, resource: str, wanted: Mapping[str, str | None] | None) -> None:
        """Take tags away: all for ``None``; with a value only where that is the value; absent ones do no harm."""
        with self._lock:
            tags = self.tags.get(resource, {})
            for key in [key for key in tags if wanted is None or key in wanted]:
                if wanted is None or wanted[key] in (None, tags[key]):
                    del tags[key]

    def tag_snapshot(self) -> dict[str, dict[str, str]]:
        """Every resource's tags."""
        with self._lock:
            return {resource: dict(tags) for resource, tags in self.tags.items()}

    def _change(self, acl: NetworkAcl, key: tuple[bool, int], entry: Entry | None) -> None:
        if entry is None:
            del acl.entries[key]
        else:
            acl.entries[key] = entry
        for subnet, (_, used) in self._associations.items():
            if used == acl.identifier:
                self._carry_out(subnet)

    def _carry_out(self, subnet: str) -> None:
        entries = self._acls[self._associations[subnet][1]].entries.values()
        self._network.apply_acl(
            self.subnets[subnet].place, enforced(entries, egress=False), enforced(entries, egress=True)
        )

    def _acl(self, identifier: str) -> NetworkAcl:
        if identifier not in self._acls:
            raise AwsError("InvalidNetworkAclID.NotFound", f"The networkAcl ID '{identifier}' does not exist")
        return self._acls[identifier]

    def _existing(self, acl: NetworkAcl, egress: bool, number: int) -> None:
        if (egress, number) not in acl.entries or number == LAST_RULE:
            direction = "egress" if egress else "ingress"
            raise AwsError(
                "InvalidNetworkAclEntry.NotFound",
                f"The {direction} rule with number {number} does not exist in network acl {acl.identifier}",
            )

    def _described(self, acl: NetworkAcl) -> dict[str, Any]:
        return {
            "NetworkAclId": acl.identifier,
            "VpcId": self.identifier,
            "OwnerId": names.ACCOUNT,
            "IsDefault": acl.default,
            "Entries": [acl.entries[key].described() for key in sorted(acl.entries)],
            "Associations": [
                {"NetworkAclAssociationId": association, "NetworkAclId": used, "SubnetId": subnet}
                for subnet, (association, used) in self._associations.items()
                if used == acl.identifier
            ],
            "Tags": [{"Key": key, "Value": value} for key, value in acl.tags.items()],
        }

    def _new(self, kind: str) -> str:
        digits = hashlib.sha256(f"{self.region}/{next(self._numbers)}".encode()).hexdigest()
        return f"{kind}-{digits[:17]}"


class Vpcs:
    """The VPCs of a design, one a region."""

    def __init__(self, network: Network, design: Design) -> None:
        networks = {plan.name: f"10.{plan.octet}.0.0/16" for plan in design.regions}
        self._vpcs = {
            plan.name: Vpc(network, plan, design.tags, [cidr for name, cidr in networks.items() if name != plan.name])
            for plan in design.regions
        }

    def of(self, call: Call) -> Vpc:
        """The VPC of a call's region."""
        if call.region not in self._vpcs:
            raise AwsError("NotImplementedByTwin", f"The twin's design has no VPC in {call.region}.", 501)
        return self._vpcs[call.region]

    def get(self, region: str) -> Vpc | None:
        """The VPC of a region, if the design has that."""
        return self._vpcs.get(region)

    def regions(self) -> list[str]:
        """The regions of the design."""
        return list(self._vpcs)

    def carry_out(self) -> None:
        """Give every subnet its security group."""
        for vpc in self._vpcs.values():
            vpc.groups.carry_out()


def _subnets(plan: RegionPlan) -> list[Subnet]:
    return [
        Subnet(
            names.subnet_id(plan.name, zone, tier),
            f"{plan.name}{zone}",
            tier,
            names.place(plan.name, zone, tier),
            f"{names.subnet(plan.octet, zone, tier)}.0/24",
        )
        for zone in plan.zones
        for tier in TIERS
    ]
