"""Lists as RDS hands them out: 20 to 100 records a page, filters by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.twin.api import paging
from harness.twin.calls import AwsError, Call

_LEAST, _MOST = 20, 100


def page(call: Call, key: str, shaped: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The page of ``shaped`` that the call asks for, under ``key``; ``InvalidParameterValue`` for a page it can't."""
    size = call.get("MaxRecords", _MOST)
    if not _LEAST <= size <= _MOST:
        raise AwsError(
            "InvalidParameterValue", f"Invalid value {size} for MaxRecords. Must be between {_LEAST} and {_MOST}"
        )
    items, marker = paging.page(shaped, call.get("Marker"), size)
    return {key: items, **({"Marker": marker} if marker else {})}


def passes(known: Mapping[str, Iterable[str | None]], call: Call) -> bool:
    """Whether something with these values passes every filter; ``InvalidParameterValue`` for an unknown filter."""
    for each in call.get("Filters") or ():
        if each["Name"] not in known:
            raise AwsError("InvalidParameterValue", f"Unrecognized filter name: {each['Name']}")
        if not set(each["Values"]).intersection(value for value in known[each["Name"]] if value):
            return False
    return True
