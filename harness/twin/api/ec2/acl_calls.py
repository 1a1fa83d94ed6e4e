"""The calls that concern network ACLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.twin.api.ec2 import entries
from harness.twin.api.ec2.filters import Attributes, tag_attributes
from harness.twin.api.ec2.lists import answer, asked_tags, known, wanted
from harness.twin.api.ec2.vpc import Vpc, Vpcs
from harness.twin.calls import Call, Handler


class AclCalls:
    """Network ACLs described and changed; a change is carried out in the network before the call is answered."""

    def __init__(self, vpcs: Vpcs) -> None:
        self._vpc = vpcs.of

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {
            "DescribeNetworkAcls": self._describe,
            "CreateNetworkAcl": self._create,
            "DeleteNetworkAcl": self._delete,
            "CreateNetworkAclEntry": self._create_entry,
            "ReplaceNetworkAclEntry": self._replace_entry,
            "DeleteNetworkAclEntry": self._delete_entry,
            "ReplaceNetworkAclAssociation": self._replace_association,
        }

    def _describe(self, call: Call) -> Mapping[str, Any]:
        described = {acl["NetworkAclId"]: acl for acl in self._vpc(call).described_acls()}
        items = [described[each] for each in wanted("acl", "NetworkAclIds", call, list(described))]
        return answer("NetworkAcls", items, [_attributes(acl) for acl in items], call)

    def _create(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        known("vpc", call.get("VpcId"), [vpc.identifier])
        token = call.get("ClientToken")
        made = vpc.create(asked_tags(call, "network-acl"), token)
        return {"NetworkAcl": made, **({"ClientToken": token} if token else {})}

    def _delete(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        vpc.delete(_acl(vpc, call))
        return {}

    def _create_entry(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        vpc.add(_acl(vpc, call), entries.entry(call))
        return {}

    def _replace_entry(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        vpc.replace(_acl(vpc, call), entries.entry(call))
        return {}

    def _delete_entry(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        vpc.drop(_acl(vpc, call), entries.rule_number(call), egress=bool(call.get("Egress")))
        return {}

    def _replace_association(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        return {"NewAssociationId": vpc.associate(call.get("AssociationId"), _acl(vpc, call))}


def _acl(vpc: Vpc, call: Call) -> str:
    return known("acl", call.get("NetworkAclId"), vpc.acl_ids())


def _attributes(acl: Mapping[str, Any]) -> Attributes:
    associations = acl["Associations"]
    found: dict[str, list[str]] = {
        "network-acl-id": [acl["NetworkAclId"]],
        "vpc-id": [acl["VpcId"]],
        "owner-id": [acl["OwnerId"]],
        "default": [str(acl["IsDefault"]).lower()],
        "association.subnet-id": [item["SubnetId"] for item in associations],
        "association.network-acl-id": [item["NetworkAclId"] for item in associations],
        "association.association-id": [item["NetworkAclAssociationId"] for item in associations],
        "entry.rule-number": [str(item["RuleNumber"]) for item in acl["Entries"]],
        "entry.rule-action": [item["RuleAction"] for item in acl["Entries"]],
        "entry.protocol": [item["Protocol"] for item in acl["Entries"]],
        "entry.egress": [str(item["Egress"]).lower() for item in acl["Entries"]],
        "entry.cidr": [item["CidrBlock"] for item in acl["Entries"] if "CidrBlock" in item],
        "entry.ipv6-cidr": [item["Ipv6CidrBlock"] for item in acl["Entries"] if "Ipv6CidrBlock" in item],
    }
    ranges = [item["PortRange"] for item in acl["Entries"] if "PortRange" in item]
    found["entry.port-range.from"] = [str(each["From"]) for each in ranges]
    found["entry.port-range.to"] = [str(each["To"]) for each in ranges]
    return {**found, **tag_attributes({tag["Key"]: tag["Value"] for tag in acl["Tags"]})}
