"""Network ACLs as a hand: a subnet gets a clone of its ACL with denials in front, and later its own back.

Network ACLs are stateless, so established connections die as well. The clone keeps every rule of the original. No
propagation time is published for ACLs (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html), so
whoever uses them must prove that they bite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.cloud.carriers.carrier import Arm
from harness.cloud.estate import Estate
from harness.cloud.levers import CLONE_TAG, RUN_TAG, association, replace_association
from harness.errors import Refused
from harness.undo import Act

_ANYWHERE = ({"CidrBlock": "0.0.0.0/0"}, {"Ipv6CidrBlock": "::/0"})
_LAST_RULE = 32767
_ENTRY_FIELDS = {
    "CidrBlock",
    "Egress",
    "IcmpTypeCode",
    "Ipv6CidrBlock",
    "PortRange",
    "Protocol",
    "RuleAction",
    "RuleNumber",
}


@dataclass(frozen=True)
class Denial:
    """What is denied: TCP to ``ports`` coming in, or everything both ways; ``inside`` the VPC as well, or not."""

    ports: tuple[int, ...] = ()
    inside: bool = False

    def entries(self, vpc: str) -> list[dict[str, Any]]:
        """The denial as entries of an ACL of a VPC with that CIDR, numbered from 1."""
        kinds = [{"Egress": False, "Protocol": "6", "PortRange": {"From": port, "To": port}} for port in self.ports]
        rules: list[dict[str, Any]] = []
        for kind in kinds or [{"Egress": egress, "Protocol": "-1"} for egress in (False, True)]:
            if not self.inside:
                rules.append({**kind, "RuleAction": "allow", "CidrBlock": vpc})
            rules += [{**kind, "RuleAction": "deny", **anywhere} for anywhere in _ANYWHERE]
        return [{**rule, "RuleNumber": number} for number, rule in enumerate(rules, 1)]


class Darkening:
    """The subnets of one region that get a denial. ``prepare`` clones, ``change`` swaps; each arms its way back."""

    def __init__(self, estate: Estate, region: str, subnets: Sequence[str], denial: Denial, run: str) -> None:
        self._estate = estate
        self._region = region
        self._subnets = tuple(subnets)
        self._denial = denial
        self._run = run
        self._originals: dict[str, str] = {}
        self._clones: dict[str, str] = {}

    def prepare(self, arm: Arm) -> None:
        """Clone each ACL in use, the denial in front; no subnet uses the clones yet."""
        for subnet in self._subnets:
            self._originals[subnet] = association(self._estate.cloud, self._region, subnet)[1]
        for original in sorted(set(self._originals.values())):
            arm(Act("ec2", self._region, "DeleteNetworkAcl", {"Run": self._run, "CloneOf": original}))
            self._clones[original] = self._clone(original)

    def change(self, arm: Arm) -> None:
        """Move the subnets to the clones."""
        for subnet, original in self._originals.items():
            clone = self._clones[original]
            before, ours = {"SubnetId": subnet, "NetworkAclId": original}, {"NetworkAclId": clone}
            arm(Act("ec2", self._region, "ReplaceNetworkAclAssociation", before, ours))
            replace_association(self._estate.cloud, self._region, subnet, clone)

    def _clone(self, original: str) -> str:
        call = self._estate.cloud.call
        found = call("ec2", self._region, "describe_network_acls", NetworkAclIds=[original])["NetworkAcls"][0]
        vpc = call("ec2", self._region, "describe_vpcs", VpcIds=[found["VpcId"]])["Vpcs"][0]
        ours = [{"Key": RUN_TAG, "Value": self._run}, {"Key": CLONE_TAG, "Value": original}]
        tags = [tag for tag in found["Tags"] if not tag["Key"].startswith("aws:")] + ours
        entries = self._fitting(found["Entries"], vpc["CidrBlock"])
        made = call(
            "ec2",
            self._region,
            "create_network_acl",
            VpcId=found["VpcId"],
            TagSpecifications=[{"ResourceType": "network-acl", "Tags": tags}],
        )
        clone = str(made["NetworkAcl"]["NetworkAclId"])
        for entry in [*entries, *found["Entries"]]:
            if entry["RuleNumber"] < _LAST_RULE:
                kept = {key: value for key, value in entry.items() if key in _ENTRY_FIELDS}
                call("ec2", self._region, "create_network_acl_entry", NetworkAclId=clone, **kept)
        return clone

    def _fitting(self, kept: Sequence[Mapping[str, Any]], vpc: str) -> list[dict[str, Any]]:
        denials = self._denial.entries(vpc)
        lowest = min(entry["RuleNumber"] for entry in kept)
        if lowest <= len(denials):
            raise Refused(
                f"the network ACL has rule {lowest}: there is no room for {len(denials)} rules below it.",
                "Renumber its rules.",
            )
        return denials
