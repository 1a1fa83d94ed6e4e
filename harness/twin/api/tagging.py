"""Resource Groups Tagging API: which resources of a region carry which tags, over every service of the twin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from harness.twin.calls import AwsError, Call, Handler

_PAGE = 100


class Tagged(Protocol):
    """Anything with tagged resources: a service, or the seeded topics."""

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of every resource in a region."""


class Tagging:
    """``GetResources`` with its filters and pages. Source: the Resource Groups Tagging API reference."""

    name = "resourcegroupstaggingapi"

    def __init__(self, holders: Sequence[Tagged]) -> None:
        self._holders = tuple(holders)

    def handlers(self) -> Mapping[str, Handler]:
        """GetResources."""
        return {"GetResources": self._get_resources}

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:  # noqa: ARG002 - the protocol's
        """Nothing: the tagging API has no resources of its own."""
        return ()

    def _get_resources(self, call: Call) -> Mapping[str, Any]:
        asked = call.get("ResourceARNList")
        if asked and any(call.get(name) for name in ("TagFilters", "ResourceTypeFilters", "PaginationToken")):
            raise AwsError("InvalidParameterException", "ResourceARNList cannot be combined with filters or pages.")
        found = sorted(
            (arn, tags)
            for holder in self._holders
            for arn, tags in holder.tagged(call.region)
            if _matches(arn, tags, call) and (not asked or arn in asked)
        )
        after = call.get("PaginationToken") or ""
        rest = [pair for pair in found if pair[0] > after]
        page = rest[: call.get("ResourcesPerPage") or _PAGE]
        token = page[-1][0] if len(page) < len(rest) else ""
        return {
            "PaginationToken": token,
            "ResourceTagMappingList": [
                {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
                for arn, tags in page
            ],
        }


def _matches(arn: str, tags: Mapping[str, str], call: Call) -> bool:
    kinds: Sequence[str] = call.get("ResourceTypeFilters") or ()
    if kinds and not any(_is_kind(arn, kind) for kind in kinds):
        return False
    for wanted in call.get("TagFilters") or ():
        values: Sequence[str] = wanted.get("Values") or ()
        if wanted["Key"] not in tags or (values and tags[wanted["Key"]] not in values):
            return False
    return bool(tags)


def _is_kind(arn: str, kind: str) -> bool:
    """``service`` or ``service:type`` (e.g. ``rds:db``); the type ends at the first ``:`` or ``/`` of the resource."""
    _, _, service, _, _, resource = arn.split(":", 5)
    wanted_service, _, wanted_type = kind.partition(":")
    if service != wanted_service:
        return False
    return not wanted_type or resource == wanted_type or resource.startswith((f"{wanted_type}/", f"{wanted_type}:"))
