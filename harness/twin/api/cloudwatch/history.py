"""What happened to alarms, as DescribeAlarmHistory tells it: configuration, state and action items."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import Instant

_KEPT = 4_000
"""Items kept over all regions, about 5 KB each at most; AWS keeps 30 days."""


@dataclass(frozen=True)
class Item:
    """One thing that happened to an alarm. ``data`` is what AWS puts, as JSON, into HistoryData."""

    region: str
    alarm: str
    at: Instant
    kind: str
    summary: str
    data: Mapping[str, Any]
    alarm_type: str = "MetricAlarm"

    def described(self) -> dict[str, Any]:
        """The item as DescribeAlarmHistory shows it."""
        return {
            "AlarmName": self.alarm,
            "AlarmType": self.alarm_type,
            "Timestamp": self.at.datetime,
            "HistoryItemType": self.kind,
            "HistorySummary": self.summary,
            "HistoryData": json.dumps(self.data),
        }


class History:
    """Items in the order in which they happened; thread-safe."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def add(self, item: Item) -> None:
        """Remember ``item``; the oldest is forgotten when there are too many."""
        with self._lock:
            self._items.append(item)

    def select(
        self,
        region: str,
        alarm: str | None = None,
        kind: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        alarm_types: Sequence[str] = ("MetricAlarm",),
    ) -> list[Item]:
        """The items of a region, oldest first, narrowed by whatever is given; ``start`` and ``end`` inclusive."""
        with self._lock:
            items = list(self._items)
        return [
            item
            for item in items
            if item.region == region
            and item.alarm_type in alarm_types
            and alarm in (None, item.alarm)
            and kind in (None, item.kind)
            and (start is None or item.at >= start)
            and (end is None or item.at <= end)
        ]
