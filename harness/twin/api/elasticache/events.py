"""What a replication group's log says, in ElastiCache's words, as DescribeEvents tells it.

Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_TestFailover.html lists the messages of a
failover and their order; https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ECEvents.Viewing.html the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.clock import Clock, Instant

Kind = Literal["replication-group", "cache-cluster"]
_KEPT = 500


@dataclass(frozen=True)
class Event:
    """One event. ``source`` is the identifier of a replication group or of one node."""

    at: Instant
    source: str
    kind: Kind
    message: str


class Events:
    """The newest 500 events, oldest first; thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[Event] = deque(maxlen=_KEPT)

    def tell(self, kind: Kind, source: str, message: str) -> None:
        """Something happened now."""
        self._events.append(Event(self._clock.now(), source, kind, message))

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self._events))
