"""EC2's filters: several must all match, each by any of its values; ``*`` and ``?`` are wildcards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from harness.twin.calls import AwsError

Attributes = Mapping[str, Sequence[str]]
"""What a resource answers to each filter's name."""


def keep(items: Sequence[dict[str, Any]], attributes: Sequence[Attributes], filters: Any) -> list[dict[str, Any]]:
    """The items whose attributes match every filter. Raises ``AwsError`` for a filter that the twin does not know."""
    return [
        item
        for item, known in zip(items, attributes, strict=True)
        if all(_matches(known, wanted["Name"], wanted.get("Values") or []) for wanted in filters or ())
    ]


def tag_attributes(tags: Mapping[str, str]) -> dict[str, list[str]]:
    """The filters ``tag:<key>`` and ``tag-key`` of a resource."""
    return {"tag-key": list(tags), **{f"tag:{key}": [value] for key, value in tags.items()}}


def _matches(known: Attributes, name: str, values: Sequence[str]) -> bool:
    if name not in known and not name.startswith("tag:"):
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return any(_fits(value, pattern) for value in known.get(name, ()) for pattern in values)


def _fits(value: str, pattern: str) -> bool:
    # fnmatch also reads [sets], which EC2 takes literally.
    return fnmatchcase(value, pattern.replace("[", "[[]"))
