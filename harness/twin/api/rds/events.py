"""RDS's events: what DescribeEvents tells, in AWS's words.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.clock import ZERO, Clock, Instant, minutes
from harness.twin import names
from harness.twin.api.rds import listing
from harness.twin.calls import AwsError, Call, Handler

Kind = Literal["db-instance", "db-cluster", "db-parameter-group", "db-snapshot", "db-cluster-snapshot"]
_ARN_PART: Mapping[str, str] = {
    "db-instance": "db",
    "db-cluster": "cluster",
    "db-parameter-group": "pg",
    "db-snapshot": "snapshot",
    "db-cluster-snapshot": "cluster-snapshot",
}
_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "db-instance": (
        "availability",
        "backup",
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "low storage",
        "maintenance",
        "notification",
        "read replica",
        "recovery",
        "restoration",
        "security",
    ),
    "db-cluster": (
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "global-failover",
        "maintenance",
        "notification",
    ),
    "db-parameter-group": ("configuration change",),
    "db-security-group": ("configuration change", "failure"),
    "db-snapshot": ("creation", "deletion", "failure", "notification", "restoration"),
    "db-cluster-snapshot": ("backup", "notification"),
}
_KEPT = minutes(14 * 24 * 60)
"""RDS tells the events of the last 14 days."""


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

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {"DescribeEvents": self.describe, "DescribeEventCategories": self.categories}

    def categories(self, call: Call) -> Mapping[str, Any]:
        """DescribeEventCategories: by type of source."""
        wanted = call.get("SourceType")
        if wanted not in (None, *_CATEGORIES):
            raise AwsError("InvalidParameterValue", f"Invalid value for SourceType: {wanted}")
        return {
            "EventCategoriesMapList": [
                {"SourceType": kind, "EventCategories": list(categories)}
                for kind, categories in _CATEGORIES.items()
                if wanted in (None, kind)
            ]
        }

    def describe(self, call: Call) -> Mapping[str, Any]:
        """DescribeEvents: the last hour unless the call says otherwise, oldest first.

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html
        """
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
        return listing.page(call, "Events", found)


def _span(call: Call) -> tuple[Instant, Instant]:
    start, end, span = call.get("StartTime"), call.get("EndTime"), minutes(call.get("Duration", 60))
    if not ZERO < span <= _KEPT:
        raise AwsError("InvalidParameterValue", "Duration must be between 1 and 20160 minutes.")
    until = Instant.of(end) if end else call.at
    since = Instant.of(start) if start else until.back(span)
    if since > until:
        raise AwsError("InvalidParameterCombination", "The StartTime must be before the EndTime.")
    if since < call.at.back(_KEPT):
        raise AwsError("InvalidParameterValue", "Events older than 14 days are not kept.")
    return since, until


def _shape(event: Event) -> Mapping[str, Any]:
    return {
        "SourceIdentifier": event.source,
        "SourceType": event.kind,
        "Message": event.message,
        "EventCategories": [event.category],
        "Date": event.at.datetime,
        "SourceArn": names.arn("rds", event.region, f"{_ARN_PART[event.kind]}:{event.source}"),
    }
