"""Resource Groups Tagging API: which resources of a region carry which tags, over every service of the twin.

Source: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from harness.twin.calls import AwsError, Call, Handler

_PAGE = 100


class Tagged(Protocol):
    """Anything with tagged resources: a service, or what moto keeps."""

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of every resource in a region."""


class Tagging:
    """``GetResources`` with its filters and pages, and which keys and values are in use."""

    name = "resourcegroupstaggingapi"

    def __init__(self, holders: Sequence[Tagged]) -> None:
        self._holders = tuple(holders)

    def handlers(self) -> Mapping[str, Handler]:
        """The reading half of the API."""
        return {
            "GetResources": self._get_resources,
            "GetTagKeys": self._get_tag_keys,
            "GetTagValues": self._get_tag_values,
        }

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:  # noqa: ARG002 - the protocol's
        """Nothing: the tagging API has no resources of its own."""
        return ()

    def _get_resources(self, call: Call) -> Mapping[str, Any]:
        asked = call.get("ResourceARNList")
        if asked and any(call.get(name) for name in ("TagFilters", "ResourceTypeFilters", "PaginationToken")):
            raise AwsError("InvalidParameterException", "ResourceARNList cannot be combined with filters or pages.")
        size = call.get("ResourcesPerPage") or _PAGE
        if not 1 <= size <= _PAGE:
            raise AwsError("InvalidParameterException", f"ResourcesPerPage must be between 1 and {_PAGE}.")
        found = [
            (arn, tags)
            for arn, tags in self._all(call.region)
            if _matches(arn, tags, call) and (not asked or arn in asked)
        ]
        page, token = _page([arn for arn, _ in found], call, size)
        return {
            "PaginationToken": token,
            "ResourceTagMappingList": [
                {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
                for arn, tags in found
                if arn in page
            ],
        }

    def _get_tag_keys(self, call: Call) -> Mapping[str, Any]:
        keys = sorted({key for _, tags in self._all(call.region) for key in tags})
        page, token = _page(keys, call, _PAGE)
        return {"PaginationToken": token, "TagKeys": page}

    def _get_tag_values(self, call: Call) -> Mapping[str, Any]:
        wanted = call.get("Key")
        values = sorted({tags[wanted] for _, tags in self._all(call.region) if wanted in tags})
        page, token = _page(values, call, _PAGE)
        return {"PaginationToken": token, "TagValues": page}

    def _all(self, region: str) -> list[tuple[str, Mapping[str, str]]]:
        """Every tagged resource of a region, in the order of the ARNs."""
        every = [pair for holder in self._holders for pair in holder.tagged(region) if pair[1]]
        return sorted(every, key=lambda pair: pair[0])


def _page(items: Sequence[str], call: Call, size: int) -> tuple[list[str], str]:
    """The items after the one that the token names, and the next token; one that names none is refused.

    A token stays good while resources come and go.
    """
    try:
        after = base64.b64decode(call.get("PaginationToken") or "", validate=True).decode()
    except ValueError:
        raise AwsError("PaginationTokenExpiredException", "The pagination token is not valid.") from None
    rest = [item for item in items if item > after]
    page = rest[:size]
    return page, base64.b64encode(page[-1].encode()).decode() if len(page) < len(rest) else ""


def _matches(arn: str, tags: Mapping[str, str], call: Call) -> bool:
    kinds: Sequence[str] = call.get("ResourceTypeFilters") or ()
    if kinds and not any(_is_kind(arn, kind) for kind in kinds):
        return False
    for wanted in call.get("TagFilters") or ():
        values: Sequence[str] = wanted.get("Values") or ()
        if wanted["Key"] not in tags or (values and tags[wanted["Key"]] not in values):
            return False
    return True


def _is_kind(arn: str, kind: str) -> bool:
    """``service`` or ``service:type`` (e.g. ``rds:db``); the type ends at the first ``:`` or ``/`` of the resource."""
    _, _, service, _, _, resource = arn.split(":", 5)
    wanted_service, _, wanted_type = kind.partition(":")
    if service != wanted_service:
        return False
    return not wanted_type or resource == wanted_type or resource.startswith((f"{wanted_type}/", f"{wanted_type}:"))
