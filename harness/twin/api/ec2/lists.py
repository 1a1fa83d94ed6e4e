"""What every EC2 call does with lists: ids known or refused, filters, pages, tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.twin.api.ec2.filters import Attributes, keep
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call

KINDS = {
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "acl": "network-acl",
}
"""The type that tags and ARNs name, by the prefix of the id."""

_CODES = {
    "vpc": ("InvalidVpcID.NotFound", "InvalidVpcId.Malformed", "vpc ID"),
    "subnet": ("InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed", "subnet ID"),
    "sg": ("InvalidGroup.NotFound", "InvalidGroupId.Malformed", "security group"),
    "sgr": (
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidSecurityGroupRuleId.Malformed",
        "security group rule ID",
    ),
    "acl": ("InvalidNetworkAclID.NotFound", "InvalidNetworkAclId.Malformed", "networkAcl ID"),
}


def known(kind: str, identifier: object, ids: Sequence[str]) -> str:
    """The id, when it is one of ``ids``; else AWS's refusal of a malformed or of an unknown one.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    missing, malformed, noun = _CODES[kind]
    if not re.fullmatch(rf"{kind}-[0-9a-z]+", str(identifier)):
        raise AwsError(malformed, f'Invalid id: "{identifier}" (expecting "{kind}-...")')
    if identifier not in ids:
        raise AwsError(missing, f"The {noun} '{identifier}' does not exist")
    return str(identifier)


def wanted(kind: str, parameter: str, call: Call, ids: Sequence[str]) -> list[str]:
    """The ids that a call to describe names, in the order of ``ids``; all when it names none."""
    named = {known(kind, each, ids) for each in call.get(parameter) or ids}
    return [each for each in ids if each in named]


def answer(
    member: str, items: Sequence[dict[str, Any]], attributes: Sequence[Attributes], call: Call
) -> Mapping[str, Any]:
    """One page of the items that pass the call's filters."""
    kept = keep(items, attributes, call.get("Filters"))
    found, token = page(kept, call.get("NextToken"), call.get("MaxResults"), error="InvalidParameterValue")
    return {member: found, **({"NextToken": token} if token else {})}


def kind(resource: str) -> str:
    """The type of a resource by its id."""
    return KINDS[resource.split("-", 1)[0]]


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def asked_tags(call: Call, resource_type: str) -> dict[str, str]:
    """The tags that a call to create gives its new resource."""
    tags: dict[str, str] = {}
    for specification in call.get("TagSpecifications") or ():
        if specification.get("ResourceType") != resource_type:
            raise AwsError(
                "InvalidParameterValue",
                f"'{specification.get('ResourceType')}' is not a valid taggable resource type for this operation.",
            )
        tags |= given_tags(specification.get("Tags", ()))
    return tags


def given_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Tags of a call, refused as AWS refuses them.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
    """
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if key.lower().startswith("aws:"):
            raise AwsError("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
        if not 1 <= len(key) <= 128:
            raise AwsError("InvalidParameterValue", f"Tag key '{key}' must have 1 to 128 characters")
        if len(value) > 256:
            raise AwsError("InvalidParameterValue", f"The value of tag '{key}' exceeds 256 characters")
    return {tag["Key"]: tag.get("Value", "") for tag in tags}
