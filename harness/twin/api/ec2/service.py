"""The EC2 API of the twin: what is there, described; and network ACLs, changed for real."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.twin import names
from harness.twin.api.ec2 import entries
from harness.twin.api.ec2.filters import Attributes, keep, tag_attributes
from harness.twin.api.ec2.vpc import Vpc
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.designs.model import Design
from harness.twin.names import TIERS, Tier
from harness.twin.network.network import Network

_KINDS = {"vpc": "vpc", "subnet": "subnet", "sg": "security-group", "acl": "network-acl"}
_PORTS: dict[Tier, tuple[int, ...]] = {"public": (80, 443), "app": (8080,), "data": (5432, 6379)}


class Ec2:
    """VPCs, subnets, security groups (description only) and network ACLs of every region of a design."""

    name = "ec2"

    def __init__(self, network: Network, design: Design) -> None:
        self._design = design
        self._vpcs = {plan.name: Vpc(network, plan, design.tags) for plan in design.regions}

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {
            "DescribeRegions": self._describe_regions,
            "DescribeAvailabilityZones": self._describe_availability_zones,
            "DescribeVpcs": self._describe_vpcs,
            "DescribeSubnets": self._describe_subnets,
            "DescribeSecurityGroups": self._describe_security_groups,
            "DescribeNetworkAcls": self._describe_network_acls,
            "CreateNetworkAcl": self._create_network_acl,
            "DeleteNetworkAcl": self._delete_network_acl,
            "CreateNetworkAclEntry": self._create_network_acl_entry,
            "ReplaceNetworkAclEntry": self._replace_network_acl_entry,
            "DeleteNetworkAclEntry": self._delete_network_acl_entry,
            "ReplaceNetworkAclAssociation": self._replace_network_acl_association,
            "CreateTags": self._create_tags,
            "DescribeTags": self._describe_tags,
        }

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Everything in the region's VPC."""
        if region in self._vpcs:
            for resource, tags in self._vpcs[region].tag_snapshot().items():
                yield names.arn("ec2", region, f"{_kind(resource)}/{resource}"), tags

    def _vpc(self, call: Call) -> Vpc:
        if call.region not in self._vpcs:
            raise AwsError("NotImplementedByTwin", f"The twin's design has no VPC in {call.region}.", 501)
        return self._vpcs[call.region]

    def _describe_regions(self, call: Call) -> Mapping[str, Any]:
        known = list(self._vpcs)
        for wanted in call.get("RegionNames") or ():
            if wanted not in known:
                raise AwsError("InvalidParameterValue", f"Invalid region provided: [{wanted}]")
        items = [
            {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": "opt-in-not-required"}
            for name in call.get("RegionNames") or known
        ]
        return {"Regions": keep(items, [{"region-name": [item["RegionName"]]} for item in items], call.get("Filters"))}

    def _describe_availability_zones(self, call: Call) -> Mapping[str, Any]:
        plan = self._design.region(self._vpc(call).region)
        items = [
            {
                "ZoneName": f"{plan.name}{zone}",
                "ZoneId": f"{names.short(plan.name)}-az{names.zone_index(zone)}",
                "RegionName": plan.name,
                "State": "available",
                "ZoneType": "availability-zone",
                "OptInStatus": "opt-in-not-required",
            }
            for zone in plan.zones
            if not call.get("ZoneNames") or f"{plan.name}{zone}" in call.get("ZoneNames")
        ]
        known: list[Attributes] = [
            {"zone-name": [item["ZoneName"]], "region-name": [plan.name], "state": ["available"]} for item in items
        ]
        return {"AvailabilityZones": keep(items, known, call.get("Filters"))}

    def _describe_vpcs(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        _known("VpcIds", call, [vpc.identifier], "InvalidVpcID.NotFound", "vpc ID")
        tags = vpc.tag_snapshot()[vpc.identifier]
        item = {
            "VpcId": vpc.identifier,
            "CidrBlock": vpc.cidr,
            "State": "available",
            "IsDefault": False,
            "OwnerId": names.ACCOUNT,
            "Tags": _tag_list(tags),
        }
        known: Attributes = {
            "vpc-id": [vpc.identifier],
            "cidr": [vpc.cidr],
            "is-default": ["false"],
            "state": ["available"],
            **tag_attributes(tags),
        }
        return _answer("Vpcs", [item], [known], call)

    def _describe_subnets(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        wanted = _known("SubnetIds", call, list(vpc.subnets), "InvalidSubnetID.NotFound", "subnet ID")
        tags = vpc.tag_snapshot()
        chosen = [vpc.subnets[identifier] for identifier in wanted]
        items: list[dict[str, Any]] = [
            {
                "SubnetId": subnet.identifier,
                "SubnetArn": names.arn("ec2", call.region, f"subnet/{subnet.identifier}"),
                "VpcId": vpc.identifier,
                "CidrBlock": subnet.cidr,
                "AvailabilityZone": subnet.zone,
                "State": "available",
                "MapPublicIpOnLaunch": subnet.tier == "public",
                "OwnerId": names.ACCOUNT,
                "Tags": _tag_list(tags[subnet.identifier]),
            }
            for subnet in chosen
        ]
        known: list[Attributes] = [
            {
                "subnet-id": [subnet.identifier],
                "vpc-id": [vpc.identifier],
                "availability-zone": [subnet.zone],
                "cidr-block": [subnet.cidr],
                "state": ["available"],
                **tag_attributes(tags[subnet.identifier]),
            }
            for subnet in chosen
        ]
        return _answer("Subnets", items, known, call)

    def _describe_security_groups(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        groups = {vpc.security_group(tier): tier for tier in TIERS}
        wanted = _known("GroupIds", call, list(groups), "InvalidGroup.NotFound", "security group")
        tags = vpc.tag_snapshot()
        items = [_security_group(vpc, group, groups[group], tags[group]) for group in wanted]
        known: list[Attributes] = [
            {
                "group-id": [group],
                "group-name": [groups[group]],
                "vpc-id": [vpc.identifier],
                **tag_attributes(tags[group]),
            }
            for group in wanted
        ]
        return _answer("SecurityGroups", items, known, call)

    def _describe_network_acls(self, call: Call) -> Mapping[str, Any]:
        described = {acl["NetworkAclId"]: acl for acl in self._vpc(call).described_acls()}
        wanted = _known("NetworkAclIds", call, list(described), "InvalidNetworkAclID.NotFound", "networkAcl ID")
        items = [described[identifier] for identifier in wanted]
        return _answer("NetworkAcls", items, [_acl_attributes(acl) for acl in items], call)

    def _create_network_acl(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        if call.get("VpcId") != vpc.identifier:
            raise AwsError("InvalidVpcID.NotFound", f"The vpc ID '{call.get('VpcId')}' does not exist")
        tags: dict[str, str] = {}
        for specification in call.get("TagSpecifications") or ():
            if specification.get("ResourceType") != "network-acl":
                raise AwsError(
                    "InvalidParameterValue",
                    f"'{specification.get('ResourceType')}' is not a valid taggable resource type for this operation.",
                )
            tags |= {tag["Key"]: tag.get("Value", "") for tag in specification.get("Tags", ())}
        return {"NetworkAcl": vpc.create(tags)}

    def _delete_network_acl(self, call: Call) -> Mapping[str, Any]:
        self._vpc(call).delete(call.get("NetworkAclId"))
        return {}

    def _create_network_acl_entry(self, call: Call) -> Mapping[str, Any]:
        self._vpc(call).add(call.get("NetworkAclId"), entries.entry(call))
        return {}

    def _replace_network_acl_entry(self, call: Call) -> Mapping[str, Any]:
        self._vpc(call).replace(call.get("NetworkAclId"), entries.entry(call))
        return {}

    def _delete_network_acl_entry(self, call: Call) -> Mapping[str, Any]:
        number = entries.rule_number(call)
        self._vpc(call).drop(call.get("NetworkAclId"), number, egress=bool(call.get("Egress")))
        return {}

    def _replace_network_acl_association(self, call: Call) -> Mapping[str, Any]:
        return {"NewAssociationId": self._vpc(call).associate(call.get("AssociationId"), call.get("NetworkAclId"))}

    def _create_tags(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        known = vpc.tag_snapshot()
        for resource in call.get("Resources"):
            if resource not in known:
                raise AwsError("InvalidID", f"The ID '{resource}' is not valid")
        for resource in call.get("Resources"):
            vpc.tag(resource, {tag["Key"]: tag.get("Value", "") for tag in call.get("Tags")})
        return {}

    def _describe_tags(self, call: Call) -> Mapping[str, Any]:
        items = [
            {"ResourceId": resource, "ResourceType": _kind(resource), "Key": key, "Value": value}
            for resource, tags in self._vpc(call).tag_snapshot().items()
            for key, value in tags.items()
        ]
        known: list[Attributes] = [
            {
                "resource-id": [item["ResourceId"]],
                "resource-type": [item["ResourceType"]],
                "key": [item["Key"]],
                "value": [item["Value"]],
                f"tag:{item['Key']}": [item["Value"]],
            }
            for item in items
        ]
        return _answer("Tags", items, known, call)


def _answer(
    member: str, items: Sequence[dict[str, Any]], attributes: Sequence[Attributes], call: Call
) -> Mapping[str, Any]:
    kept = keep(items, attributes, call.get("Filters"))
    found, token = page(kept, call.get("NextToken"), call.get("MaxResults"), error="InvalidParameterValue")
    return {member: found, **({"NextToken": token} if token else {})}


def _known(parameter: str, call: Call, known: list[str], code: str, noun: str) -> list[str]:
    wanted = list(call.get(parameter) or known)
    for identifier in wanted:
        if identifier not in known:
            raise AwsError(code, f"The {noun} '{identifier}' does not exist")
    return wanted


def _acl_attributes(acl: Mapping[str, Any]) -> Attributes:
    associations = acl["Associations"]
    return {
        "network-acl-id": [acl["NetworkAclId"]],
        "vpc-id": [acl["VpcId"]],
        "default": [str(acl["IsDefault"]).lower()],
        "association.subnet-id": [item["SubnetId"] for item in associations],
        "association.network-acl-id": [item["NetworkAclId"] for item in associations],
        "association.association-id": [item["NetworkAclAssociationId"] for item in associations],
        **tag_attributes({tag["Key"]: tag["Value"] for tag in acl["Tags"]}),
    }


def _security_group(vpc: Vpc, group: str, tier: Tier, tags: Mapping[str, str]) -> dict[str, Any]:
    source = "0.0.0.0/0" if tier == "public" else vpc.cidr
    return {
        "GroupId": group,
        "GroupName": tier,
        "Description": f"The {tier} tier",
        "VpcId": vpc.identifier,
        "OwnerId": names.ACCOUNT,
        "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": source}]}
            for port in _PORTS[tier]
        ],
        "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        "Tags": _tag_list(tags),
    }


def _kind(resource: str) -> str:
    return _KINDS[resource.split("-", 1)[0]]


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
