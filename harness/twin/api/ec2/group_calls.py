"""The calls that concern security groups and their rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.twin import names
from harness.twin.api.ec2.filters import Attributes, tag_attributes
from harness.twin.api.ec2.lists import answer, asked_tags, known, tag_list, wanted
from harness.twin.api.ec2.permissions import Rule, permissions
from harness.twin.api.ec2.vpc import Vpc, Vpcs
from harness.twin.calls import AwsError, Call, Handler


class GroupCalls:
    """Security groups described, their rules changed; carried out in the network before the call is answered."""

    def __init__(self, vpcs: Vpcs) -> None:
        self._vpc = vpcs.of

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {
            "DescribeSecurityGroups": self._describe,
            "DescribeSecurityGroupRules": self._describe_rules,
            "AuthorizeSecurityGroupIngress": lambda call: self._authorize(call, egress=False),
            "AuthorizeSecurityGroupEgress": lambda call: self._authorize(call, egress=True),
            "RevokeSecurityGroupIngress": lambda call: self._revoke(call, egress=False),
            "RevokeSecurityGroupEgress": lambda call: self._revoke(call, egress=True),
        }

    def _describe(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        for name in call.get("GroupNames") or ():
            # Names count in a default VPC only; elsewhere the filter group-name finds them.
            raise AwsError("InvalidGroup.NotFound", f"The security group '{name}' does not exist in default VPC 'null'")
        tags = vpc.tag_snapshot()
        items = [_described(vpc, each, tags[each]) for each in wanted("sg", "GroupIds", call, vpc.groups.ids())]
        return answer("SecurityGroups", items, [_attributes(item) for item in items], call)

    def _describe_rules(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        tags = vpc.tag_snapshot()
        rules = {rule.identifier: (group, rule) for group, rule in vpc.groups.rules()}
        chosen = [rules[each] for each in wanted("sgr", "SecurityGroupRuleIds", call, list(rules))]
        items = [rule.described(group, tag_list(tags.get(rule.identifier, {}))) for group, rule in chosen]
        attributes: list[Attributes] = [
            {
                "security-group-rule-id": [rule.identifier],
                "group-id": [group],
                **tag_attributes(tags.get(rule.identifier, {})),
            }
            for group, rule in chosen
        ]
        return answer("SecurityGroupRules", items, attributes, call)

    def _authorize(self, call: Call, *, egress: bool) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        group, tags = _group(vpc, call), asked_tags(call, "security-group-rule")
        made = vpc.groups.authorize(group, permissions(call, egress=egress), tags)
        return {"Return": True, "SecurityGroupRules": [rule.described(group, tag_list(tags)) for rule in made]}

    def _revoke(self, call: Call, *, egress: bool) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        group, ids = _group(vpc, call), call.get("SecurityGroupRuleIds")
        if ids and call.get("IpPermissions"):
            raise AwsError(
                "InvalidParameterCombination",
                "The parameters ipPermissions and securityGroupRuleIds may not be used together.",
            )
        if ids:
            gone = vpc.groups.revoke_by_id(group, ids, egress=egress)
        else:
            gone = vpc.groups.revoke(group, [permission for permission, _ in permissions(call, egress=egress)])
        return {"Return": True, "RevokedSecurityGroupRules": [_revoked(group, rule) for rule in gone]}


def _group(vpc: Vpc, call: Call) -> str:
    if call.get("GroupId"):
        return known("sg", call.get("GroupId"), vpc.groups.ids())
    if call.get("GroupName"):
        raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
    raise AwsError("MissingParameter", "The request must contain the parameter groupName or groupId")


def _revoked(group: str, rule: Rule) -> dict[str, Any]:
    told = rule.described(group, ())
    referenced = told.pop("ReferencedGroupInfo", None)
    if referenced:
        told["ReferencedGroupId"] = referenced["GroupId"]
    return {key: value for key, value in told.items() if key not in ("GroupOwnerId", "Tags")}


def _described(vpc: Vpc, group: str, tags: Mapping[str, str]) -> dict[str, Any]:
    tier = vpc.groups.get(group).tier
    return {
        "GroupId": group,
        "GroupName": tier,
        "Description": f"The {tier} tier",
        "VpcId": vpc.identifier,
        "OwnerId": names.ACCOUNT,
        "SecurityGroupArn": names.arn("ec2", vpc.region, f"security-group/{group}"),
        **vpc.groups.described(group),
        "Tags": tag_list(tags),
    }


def _attributes(item: Mapping[str, Any]) -> Attributes:
    return {
        "group-id": [item["GroupId"]],
        "group-name": [item["GroupName"]],
        "description": [item["Description"]],
        "vpc-id": [item["VpcId"]],
        "owner-id": [item["OwnerId"]],
        **_permission_attributes("ip-permission", item["IpPermissions"]),
        **_permission_attributes("egress.ip-permission", item["IpPermissionsEgress"]),
        **tag_attributes({tag["Key"]: tag["Value"] for tag in item["Tags"]}),
    }


def _permission_attributes(prefix: str, entries: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    return {
        f"{prefix}.protocol": [entry["IpProtocol"] for entry in entries],
        f"{prefix}.from-port": [str(entry["FromPort"]) for entry in entries if "FromPort" in entry],
        f"{prefix}.to-port": [str(entry["ToPort"]) for entry in entries if "ToPort" in entry],
        f"{prefix}.cidr": [each["CidrIp"] for entry in entries for each in entry["IpRanges"]],
        f"{prefix}.ipv6-cidr": [each["CidrIpv6"] for entry in entries for each in entry["Ipv6Ranges"]],
        f"{prefix}.group-id": [each["GroupId"] for entry in entries for each in entry["UserIdGroupPairs"]],
    }
