"""Tags of the cluster, its services, their tasks and task definitions.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TagResource.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from harness.twin.api.ecs import shapes
from harness.twin.api.ecs.cluster import Clusters
from harness.twin.calls import AwsError, Call, Handler

MAXIMUM_TAGS = 50


class TagCalls:
    """Handlers of the tags, and the tags. Everything begins with the design's own. Thread-safe."""

    def __init__(self, clusters: Clusters, initial: Mapping[str, str]) -> None:
        self._clusters = clusters
        self._initial = dict(initial)
        self._lock = threading.Lock()
        self._changed: dict[str, dict[str, str]] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by botocore's name."""
        return {"ListTagsForResource": self._list, "TagResource": self._tag, "UntagResource": self._untag}

    def of(self, arn: str) -> dict[str, str]:
        """The tags of a resource, by its ARN."""
        with self._lock:
            return dict(self._changed.get(arn, self._initial))

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of the cluster and its services."""
        return [(arn, self.of(arn)) for arn in self._lasting(region) if self.of(arn)]

    def _lasting(self, region: str) -> list[str]:
        fleets = self._clusters.of(region)
        return [shapes.cluster_arn(region), *(shapes.service_arn(fleet.plan) for fleet in fleets)] if fleets else []

    def _known(self, call: Call, code: str) -> str:
        arn, fleets = str(call.get("resourceArn")), self._clusters.of(call.region)
        definitions = [shapes.definition_arn(fleet.plan) for fleet in fleets]
        tasks = [task.arn for fleet in fleets for task in fleet.tasks()]
        if arn not in [*self._lasting(call.region), *definitions, *tasks]:
            raise AwsError(code, f"The specified resource {arn} was not found.")
        return arn

    def _list(self, call: Call) -> Mapping[str, Any]:
        return {"tags": shapes.tag_list(self.of(self._known(call, "InvalidParameterException")))}

    def _tag(self, call: Call) -> Mapping[str, Any]:
        arn = self._known(call, "ResourceNotFoundException")
        fresh = {tag["key"]: tag.get("value", "") for tag in call.get("tags")}
        if any(key.lower().startswith("aws:") for key in fresh):
            raise AwsError("InvalidParameterException", "Tag keys must not begin with aws:.")
        merged = self.of(arn) | fresh
        if len(merged) > MAXIMUM_TAGS:
            raise AwsError("InvalidParameterException", f"A resource has at most {MAXIMUM_TAGS} tags.")
        with self._lock:
            self._changed[arn] = merged
        return {}

    def _untag(self, call: Call) -> Mapping[str, Any]:
        arn = self._known(call, "ResourceNotFoundException")
        kept = {key: value for key, value in self.of(arn).items() if key not in call.get("tagKeys")}
        with self._lock:
            self._changed[arn] = kept
        return {}
