"""The EC2 API of the twin: what is there, described; network ACLs and security groups, changed for real."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.twin import names
from harness.twin.api.ec2.acl_calls import AclCalls
from harness.twin.api.ec2.filters import Attributes, keep, tag_attributes
from harness.twin.api.ec2.group_calls import GroupCalls
from harness.twin.api.ec2.lists import answer, kind, tag_list, wanted
from harness.twin.api.ec2.tag_calls import TagCalls
from harness.twin.api.ec2.vpc import Subnet, Vpcs
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.designs.model import Design
from harness.twin.network.network import Network

_RESERVED_ADDRESSES = 5


class Ec2:
    """VPCs, subnets, network ACLs, security groups and tags of every region of a design.

    Network ACLs are enforced from the start, security groups from :meth:`boot` on.
    """

    name = "ec2"

    def __init__(self, network: Network, design: Design) -> None:
        self._design = design
        self._vpcs = Vpcs(network, design)

    def boot(self) -> None:
        """Give every subnet its security group; the network is up."""
        self._vpcs.carry_out()

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {
            "DescribeRegions": self._describe_regions,
            "DescribeAvailabilityZones": self._describe_availability_zones,
            "DescribeVpcs": self._describe_vpcs,
            "DescribeSubnets": self._describe_subnets,
            **AclCalls(self._vpcs).handlers(),
            **GroupCalls(self._vpcs).handlers(),
            **TagCalls(self._vpcs).handlers(),
        }

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Everything in the region's VPC."""
        vpc = self._vpcs.get(region)
        if vpc is not None:
            for resource, tags in vpc.tag_snapshot().items():
                yield names.arn("ec2", region, f"{kind(resource)}/{resource}"), tags

    def _describe_regions(self, call: Call) -> Mapping[str, Any]:
        known = self._vpcs.regions()
        for name in call.get("RegionNames") or ():
            if name not in known:
                raise AwsError("InvalidParameterValue", f"Invalid region provided: [{name}]")
        items = [
            {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": "opt-in-not-required"}
            for name in known
            if not call.get("RegionNames") or name in call.get("RegionNames")
        ]
        attributes: list[Attributes] = [
            {
                "region-name": [item["RegionName"]],
                "endpoint": [item["Endpoint"]],
                "opt-in-status": [item["OptInStatus"]],
            }
            for item in items
        ]
        return {"Regions": keep(items, attributes, call.get("Filters"))}

    def _describe_availability_zones(self, call: Call) -> Mapping[str, Any]:
        plan = self._design.region(self._vpcs.of(call).region)
        items = [
            {
                "ZoneName": f"{plan.name}{zone}",
                "ZoneId": f"{names.short(plan.name)}-az{names.zone_index(zone)}",
                "RegionName": plan.name,
                "State": "available",
                "ZoneType": "availability-zone",
                "GroupName": plan.name,
                "OptInStatus": "opt-in-not-required",
            }
            for zone in plan.zones
        ]
        for parameter, member in (("ZoneNames", "ZoneName"), ("ZoneIds", "ZoneId")):
            asked = call.get(parameter)
            for each in asked or ():
                if each not in [item[member] for item in items]:
                    raise AwsError("InvalidParameterValue", f"Invalid availability zone: [{each}]")
            items = [item for item in items if not asked or item[member] in asked]
        attributes: list[Attributes] = [
            {
                "zone-name": [item["ZoneName"]],
                "zone-id": [item["ZoneId"]],
                "zone-type": [item["ZoneType"]],
                "region-name": [plan.name],
                "group-name": [plan.name],
                "state": [item["State"]],
                "opt-in-status": [item["OptInStatus"]],
            }
            for item in items
        ]
        return {"AvailabilityZones": keep(items, attributes, call.get("Filters"))}

    def _describe_vpcs(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpcs.of(call)
        wanted("vpc", "VpcIds", call, [vpc.identifier])
        tags = vpc.tag_snapshot()[vpc.identifier]
        item = {
            "VpcId": vpc.identifier,
            "CidrBlock": vpc.cidr,
            "State": "available",
            "IsDefault": False,
            "InstanceTenancy": "default",
            "OwnerId": names.ACCOUNT,
            "Tags": tag_list(tags),
        }
        attributes: Attributes = {
            "vpc-id": [vpc.identifier],
            "cidr": [vpc.cidr],
            "is-default": ["false"],
            "state": ["available"],
            "owner-id": [names.ACCOUNT],
            **tag_attributes(tags),
        }
        return answer("Vpcs", [item], [attributes], call)

    def _describe_subnets(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpcs.of(call)
        tags = vpc.tag_snapshot()
        chosen = [vpc.subnets[each] for each in wanted("subnet", "SubnetIds", call, list(vpc.subnets))]
        items = [_subnet(vpc.identifier, vpc.region, subnet, tags[subnet.identifier]) for subnet in chosen]
        attributes: list[Attributes] = [
            {
                "subnet-id": [item["SubnetId"]],
                "subnet-arn": [item["SubnetArn"]],
                "vpc-id": [item["VpcId"]],
                "availability-zone": [item["AvailabilityZone"]],
                "availability-zone-id": [item["AvailabilityZoneId"]],
                "cidr-block": [item["CidrBlock"]],
                "default-for-az": ["false"],
                "map-public-ip-on-launch": [str(item["MapPublicIpOnLaunch"]).lower()],
                "owner-id": [item["OwnerId"]],
                "state": [item["State"]],
                **tag_attributes(tags[item["SubnetId"]]),
            }
            for item in items
        ]
        return answer("Subnets", items, attributes, call)


def _subnet(vpc: str, region: str, subnet: Subnet, tags: Mapping[str, str]) -> dict[str, Any]:
    return {
        "SubnetId": subnet.identifier,
        "SubnetArn": names.arn("ec2", region, f"subnet/{subnet.identifier}"),
        "VpcId": vpc,
        "CidrBlock": subnet.cidr,
        "AvailabilityZone": subnet.zone,
        "AvailabilityZoneId": f"{names.short(region)}-az{names.zone_index(subnet.zone[-1])}",
        "AvailableIpAddressCount": 256 - _RESERVED_ADDRESSES,
        "DefaultForAz": False,
        "State": "available",
        "MapPublicIpOnLaunch": subnet.tier == "public",
        "OwnerId": names.ACCOUNT,
        "Tags": tag_list(tags),
    }
