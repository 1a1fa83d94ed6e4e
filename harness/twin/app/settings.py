"""What a service is told when it starts: plain values, as JSON from the twin's controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from harness.clock import Anchor, Clock, Duration, seconds
from harness.errors import TwinFault

VERSION = "1.0.0"


@dataclass(frozen=True)
class Settings:
    """One task's settings. Spans ending in ``_seconds`` are AWS seconds; rates are per AWS second.

    ``indexer``: ``always`` inserts events, ``never`` does not, ``elected`` while it holds a lock on the writer.
    ``preferred``: this region's indexer may stand for election first.
    """

    service: str
    region: str
    task: str
    address: str
    port: int
    resolver: str
    writer: str
    reader: str
    cache: str | None
    jwt_secret: str
    health: Literal["shallow", "select_1"]
    cache_required_to_start: bool
    queue_before_mark: bool
    acknowledge_after_run: bool
    reconnect_cache: bool
    reads_fall_back: bool
    reader_must_follow: bool
    database_timeout_seconds: float
    connection_age_seconds: float | None
    indexer: Literal["always", "never", "elected"]
    preferred: bool
    speed: float
    anchor_monotonic_nanoseconds: int
    anchor_epoch_nanoseconds: int
    requests_per_second: float | None = None
    role_life_seconds: float = 300.0
    events_per_second: float = 1.0
    poll_seconds: float = 60.0
    cache_timeout_seconds: float = 1.0
    resolver_port: int = 53
    database_port: int = 5432
    cache_port: int = 6379

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Settings:
        """The settings in a JSON object. Raises ``TwinFault`` naming what is missing or unknown."""
        known = {field.name for field in fields(cls)}
        if unknown := set(values) - known:
            raise TwinFault(f"unknown settings of a service: {', '.join(sorted(unknown))}")
        try:
            return cls(**values)
        except TypeError as error:
            raise TwinFault(f"settings of a service are missing: {error}") from error

    @property
    def clock(self) -> Clock:
        """The twin's clock."""
        return Clock(self.speed, Anchor(self.anchor_monotonic_nanoseconds, self.anchor_epoch_nanoseconds))

    @property
    def database_timeout(self) -> Duration:
        """The limit of one use of the database: waiting for a connection, connecting, and the statement together."""
        return seconds(self.database_timeout_seconds)

    @property
    def connection_age(self) -> Duration | None:
        """The age from which a database connection is not used again; ``None``: no limit."""
        return None if self.connection_age_seconds is None else seconds(self.connection_age_seconds)
