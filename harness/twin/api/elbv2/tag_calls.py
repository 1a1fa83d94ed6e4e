"""Tags of load balancers, target groups, listeners and rules.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from harness.twin.api.elbv2.estate import Estate, not_found
from harness.twin.calls import AwsError, Call, Handler

MAXIMUM_TAGS = 50


class TagCalls:
    """Handlers of the tags, and the tags. Load balancers and target groups begin with the design's own. Thread-safe."""

    def __init__(self, estate: Estate, initial: Mapping[str, str]) -> None:
        self._estate = estate
        self._initial = dict(initial)
        self._lock = threading.Lock()
        self._changed: dict[str, dict[str, str]] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by botocore's name."""
        return {"DescribeTags": self._describe, "AddTags": self._add, "RemoveTags": self._remove}

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of every resource of a region that has any."""
        with self._lock:
            return [(arn, self._of(arn)) for arn in self._estate.arns(region) if self._of(arn)]

    def _of(self, arn: str) -> dict[str, str]:
        born_with = self._initial if ":loadbalancer/" in arn or ":targetgroup/" in arn else {}
        return dict(self._changed.get(arn, born_with))

    def _known(self, call: Call) -> list[str]:
        known = set(self._estate.arns(call.region))
        for arn in call.get("ResourceArns"):
            if arn not in known:
                raise not_found(arn)
        return list(call.get("ResourceArns"))

    def _describe(self, call: Call) -> Mapping[str, Any]:
        wanted = self._known(call)
        with self._lock:
            return {
                "TagDescriptions": [
                    {"ResourceArn": arn, "Tags": [{"Key": key, "Value": value} for key, value in self._of(arn).items()]}
                    for arn in wanted
                ]
            }

    def _add(self, call: Call) -> Mapping[str, Any]:
        wanted = self._known(call)
        keys = [tag["Key"] for tag in call.get("Tags")]
        if len(set(keys)) < len(keys):
            raise AwsError("DuplicateTagKeys", "A tag key was specified more than once")
        if any(key.lower().startswith("aws:") for key in keys):
            raise AwsError("ValidationError", "Tag keys starting with 'aws:' are reserved for system use")
        fresh = {tag["Key"]: tag.get("Value", "") for tag in call.get("Tags")}
        with self._lock:
            merged = {arn: {**self._of(arn), **fresh} for arn in wanted}
            if any(len(tags) > MAXIMUM_TAGS for tags in merged.values()):
                raise AwsError("TooManyTags", f"A resource has at most {MAXIMUM_TAGS} tags")
            self._changed.update(merged)
        return {}

    def _remove(self, call: Call) -> Mapping[str, Any]:
        wanted, gone = self._known(call), set(call.get("TagKeys"))
        with self._lock:
            for arn in wanted:
                self._changed[arn] = {key: value for key, value in self._of(arn).items() if key not in gone}
        return {}
