"""Tags of groups, nodes and Global Datastores.

Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Tagging-Resources.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.twin.api.elasticache.estate import Estate
from harness.twin.calls import AwsError, Call, Handler

_LIMIT = 50


class TagCalls:
    """List, add, remove."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """The tag calls by operation."""
        return {
            "AddTagsToResource": self._add,
            "ListTagsForResource": self._list,
            "RemoveTagsFromResource": self._remove,
        }

    def _known(self, call: Call) -> tuple[str, dict[str, str]]:
        arn = str(call.get("ResourceName"))
        parts = arn.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or parts[2] != "elasticache":
            raise AwsError("InvalidARN", f"{arn} is not a valid ARN of this service.")
        tags = self._estate.tags(arn) if parts[3] in ("", call.region) else None
        if tags is None:
            kind, _, identifier = parts[5].partition(":")
            if kind == "cluster":
                raise AwsError("CacheClusterNotFound", f"CacheCluster not found: {identifier}", 404)
            raise AwsError("ReplicationGroupNotFoundFault", f"{identifier} not found.", 404)
        return arn, tags

    def _list(self, call: Call) -> Mapping[str, Any]:
        return _told(self._known(call)[1])

    def _add(self, call: Call) -> Mapping[str, Any]:
        arn, tags = self._known(call)
        tags |= tags_of(call)
        if len(tags) > _LIMIT:
            raise AwsError("TagQuotaPerResourceExceeded", f"A resource may carry {_LIMIT} tags.")
        self._estate.tag(arn, tags)
        return _told(tags)

    def _remove(self, call: Call) -> Mapping[str, Any]:
        arn, tags = self._known(call)
        absent = [key for key in call.get("TagKeys") if key not in tags]
        if absent:
            raise AwsError("TagNotFound", f"{arn} has no tag {', '.join(absent)}.", 404)
        kept = {key: value for key, value in tags.items() if key not in call.get("TagKeys")}
        self._estate.tag(arn, kept)
        return _told(kept)


def tags_of(call: Call) -> dict[str, str]:
    """The tags that a call names."""
    return {tag["Key"]: tag.get("Value", "") for tag in call.get("Tags") or ()}


def _told(tags: Mapping[str, str]) -> Mapping[str, Any]:
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}
