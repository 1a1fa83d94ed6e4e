"""RDS's events: what DescribeEvents tells, in AWS's words.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.clock import Clock, Instant, minutes
from harness.twin import names
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call

Kind = Literal["db-instance", "db-cluster", "db-parameter-group", "db-cluster-snapshot"]
_ARN_PART: Mapping[str, str] = {
    "db-instance": "db",
    "db-cluster": "cluster",
    "db-parameter-group": "pg",
    "db-cluster-snapshot": "cluster-snapshot",
}
_PAGE = 100


@dataclass(frozen=True)
class Event:
    """One line of RDS's journal of a region."""

    at: Instant
    region: str
    kind: Kind
    source: str
    category: str
    message: str


class Journal:
    """Every event since boot; thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def tell(self, region: str, kind: Kind, source: str, category: str, message: str) -> None:
        """Add an event that happens now."""
        with self._lock:
            self._events.append(Event(self._clock.now(), region, kind, source, category, message))

    def all(self) -> list[Event]:
        """A snapshot, oldest first."""
        with self._lock:
            return list(self._events)

    def describe(self, call: Call) -> Mapping[str, Any]:
        """DescribeEvents: the last hour unless the call says otherwise, oldest first."""
        if call.get("SourceIdentifier") and not call.get("SourceType"):
            raise AwsError(
                "InvalidParameterCombination", "Specifying a source identifier requires a source type to be specified."
            )
        since, until = _span(call)
        wanted = set(call.get("EventCategories") or ())
        found = [
            _shape(event)
            for event in self.all()
            if event.region == call.region
            and since <= event.at <= until
            and call.get("SourceType") in (None, event.kind)
            and call.get("SourceIdentifier") in (None, event.source)
            and (not wanted or event.category in wanted)
        ]
        items, marker = page(found, call.get("Marker"), call.get("MaxRecords", _PAGE))
        return {"Events": items, **({"Marker": marker} if marker else {})}


def _span(call: Call) -> tuple[Instant, Instant]:
    start, end = call.get("StartTime"), call.get("EndTime")
    until = Instant.of(end) if end else call.at
    if start:
        return Instant.of(start), until
    return until.back(minutes(call.get("Duration", 60))), until


def _shape(event: Event) -> Mapping[str, Any]:
    return {
        "SourceIdentifier": event.source,
        "SourceType": event.kind,
        "Message": event.message,
        "EventCategories": [event.category],
        "Date": event.at.datetime,
        "SourceArn": names.arn("rds", event.region, f"{_ARN_PART[event.kind]}:{event.source}"),
    }
