"""The API's calls about the tags of the hosted zone and the health checks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.twin.api.route53.records import bare
from harness.twin.calls import AwsError, Call, Handler

MAXIMUM_TAGS = 10
"""https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeTagsForResource.html."""

_Resource = tuple[str, str]


class TagCalls:
    """Handlers of the tags. ``check(type, id)`` raises AWS's error when there is no such resource."""

    def __init__(self, check: Callable[[str, str], object]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._tags: dict[_Resource, dict[str, str]] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by botocore's name."""
        return {
            "ListTagsForResource": self._list_one,
            "ListTagsForResources": self._list_many,
            "ChangeTagsForResource": self._change,
        }

    def put(self, kind: str, identifier: str, tags: Mapping[str, str]) -> None:
        """Set all tags of a resource; ``kind`` is ``hostedzone`` or ``healthcheck``."""
        with self._lock:
            self._tags[kind, identifier] = dict(tags)

    def forget(self, kind: str, identifier: str) -> None:
        """Drop the tags of a resource that is gone."""
        with self._lock:
            self._tags.pop((kind, identifier), None)

    def all(self) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of every tagged resource."""
        with self._lock:
            return [(f"arn:aws:route53:::{kind}/{name}", dict(tags)) for (kind, name), tags in self._tags.items()]

    def _list_one(self, call: Call) -> Mapping[str, Any]:
        return {"ResourceTagSet": self._shape(call.parameters["ResourceType"], call.parameters["ResourceId"])}

    def _list_many(self, call: Call) -> Mapping[str, Any]:
        kind = call.parameters["ResourceType"]
        return {"ResourceTagSets": [self._shape(kind, each) for each in call.parameters["ResourceIds"]]}

    def _change(self, call: Call) -> Mapping[str, Any]:
        kind, identifier = call.parameters["ResourceType"], bare(call.parameters["ResourceId"])
        self._check(kind, identifier)
        with self._lock:
            tags = dict(self._tags.get((kind, identifier), {}))
            for name in call.get("RemoveTagKeys") or ():
                tags.pop(name, None)
            tags |= {tag["Key"]: tag.get("Value", "") for tag in call.get("AddTags") or ()}
            if len(tags) > MAXIMUM_TAGS:
                raise AwsError("InvalidInput", f"A resource cannot have more than {MAXIMUM_TAGS} tags.")
            self._tags[kind, identifier] = tags
        return {}

    def _shape(self, kind: str, resource: str) -> dict[str, Any]:
        identifier = bare(resource)
        self._check(kind, identifier)
        with self._lock:
            tags = self._tags.get((kind, identifier), {})
            listed = [{"Key": name, "Value": value} for name, value in sorted(tags.items())]
        return {"ResourceType": kind, "ResourceId": identifier, "Tags": listed}
