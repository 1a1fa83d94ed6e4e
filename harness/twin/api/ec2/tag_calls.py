"""The calls that concern tags.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.twin.api.ec2.filters import Attributes
from harness.twin.api.ec2.lists import answer, given_tags, kind
from harness.twin.api.ec2.vpc import Vpc, Vpcs
from harness.twin.calls import AwsError, Call, Handler

TAGS_OF_A_RESOURCE = 50
"""AWS's limit: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions"""


class TagCalls:
    """Tags of everything in a VPC."""

    def __init__(self, vpcs: Vpcs) -> None:
        self._vpc = vpcs.of

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return {"CreateTags": self._create, "DeleteTags": self._delete, "DescribeTags": self._describe}

    def _create(self, call: Call) -> Mapping[str, Any]:
        vpc, tags = self._vpc(call), given_tags(call.get("Tags"))
        known = _known(vpc, call)
        for resource in call.get("Resources"):
            if len(known[resource] | tags) > TAGS_OF_A_RESOURCE:
                raise AwsError("TagLimitExceeded", f"A resource can have {TAGS_OF_A_RESOURCE} tags: {resource}")
        for resource in call.get("Resources"):
            vpc.tag(resource, tags)
        return {}

    def _delete(self, call: Call) -> Mapping[str, Any]:
        vpc = self._vpc(call)
        _known(vpc, call)
        wanted = call.get("Tags")
        for resource in call.get("Resources"):
            vpc.untag(resource, None if not wanted else {tag["Key"]: tag.get("Value") for tag in wanted})
        return {}

    def _describe(self, call: Call) -> Mapping[str, Any]:
        items = [
            {"ResourceId": resource, "ResourceType": kind(resource), "Key": key, "Value": value}
            for resource, tags in self._vpc(call).tag_snapshot().items()
            for key, value in tags.items()
        ]
        attributes: list[Attributes] = [
            {
                "resource-id": [item["ResourceId"]],
                "resource-type": [item["ResourceType"]],
                "key": [item["Key"]],
                "value": [item["Value"]],
                f"tag:{item['Key']}": [item["Value"]],
            }
            for item in items
        ]
        return answer("Tags", items, attributes, call)


def _known(vpc: Vpc, call: Call) -> dict[str, dict[str, str]]:
    """The tags of everything, once every resource of the call is known."""
    snapshot = vpc.tag_snapshot()
    for resource in call.get("Resources"):
        if resource not in snapshot:
            raise AwsError("InvalidID", f"The ID '{resource}' is not valid")
    return snapshot
