"""Read everything back after the dust settled: every surviving database by SQL, the service by its own API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import Clock, Instant
from harness.data.remote import Hand
from harness.errors import CloudFault
from harness.ledger import Jobs, View, Wal

_LIMIT_SECONDS = 30.0

_ROWS = """
select replace(name, 'gd-', ''), array_agg((extract(epoch from created_at) * 1000000)::bigint), array_agg(region)
from triggers where name like 'gd-%' and created_at >= to_timestamp({since}) group by name
"""
_WAL = """
select (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - '0/0')::bigint,
(pg_last_wal_replay_lsn() - '0/0')::bigint, (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint
"""
_CANARY = """
select id::text, extract(epoch from created_at)::float8 from triggers
where name like 'canary-%' and created_at >= to_timestamp({since}) order by created_at limit 1
"""
_EVENTS = """
select id::text from events where chain_id = 8453 and registry = 'identity'
and created_at >= to_timestamp({since}) and created_at < to_timestamp({until})
"""
_PROCESSED = f"select event_id::text from processed_events where event_id::text in ({_EVENTS})"
_RESULTS = f"""
select event_id::text, count(*) from action_results
where trigger_id = '{{canary}}' and event_id::text in ({_EVENTS}) group by event_id
"""
_DEAD = f"select event_id::text from dead_letters where trigger_id = '{{canary}}' and event_id::text in ({_EVENTS})"
_HAPPENED = """
select (extract(epoch from created_at) * 1000000)::bigint from events
where created_at >= to_timestamp({since}) order by created_at
"""
_PLANTED_SECONDS = 1.0
"""Real seconds after which the canary is surely seen by every match."""


@dataclass(frozen=True)
class Source:
    """A database to read: its endpoint, who it is, and the hand that reaches it."""

    hand: Hand
    endpoint: str
    identifier: str
    region: str
    role: str


def database(source: Source, clock: Clock, since: Instant) -> View:
    """What one database holds of the writes made since then. Raises ``CloudFault`` when it cannot be read."""
    rows = source.hand.sql(source.endpoint, _ROWS.format(since=_real(clock, since)), limit_seconds=_LIMIT_SECONDS)
    return View(
        "sql",
        source.region,
        source.identifier,
        source.role,
        clock.now().nanoseconds,
        {row[0]: len(row[1]) for row in rows},
        {row[0]: tuple((_virtual(clock, at), by or "") for at, by in zip(row[1], row[2], strict=True)) for row in rows},
        _wal(source, clock),
    )


def _wal(source: Source, clock: Clock) -> Wal | None:
    """Where it stands in its write-ahead log; ``None`` where it does not tell, as an Aurora writer does not.

    ``pg_last_wal_replay_lsn`` stays what it was once a replica is promoted, and needs no special right:
    https://www.postgresql.org/docs/16/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
    """
    try:
        end, replayed, started = source.hand.sql(source.endpoint, _WAL, limit_seconds=_LIMIT_SECONDS)[0]
    except CloudFault:
        return None
    return None if end is None else Wal(end, replayed, _virtual(clock, started) * 1000)


def jobs(source: Source, clock: Clock, since: Instant, until: Instant) -> Jobs:
    """What became of the events of that span for the run's canary trigger: each must have led to one execution.

    Empty when no canary was planted. Raises ``CloudFault``.
    """
    found = source.hand.sql(source.endpoint, _CANARY.format(since=_real(clock, since)), limit_seconds=_LIMIT_SECONDS)
    if not found:
        return Jobs()
    canary, planted = found[0]
    span = {"since": planted + _PLANTED_SECONDS, "until": _real(clock, until), "canary": canary}

    def ask(query: str) -> list[list[Any]]:
        return source.hand.sql(source.endpoint, query.format(**span), limit_seconds=_LIMIT_SECONDS)

    return Jobs(
        _column(ask(_EVENTS)), _column(ask(_PROCESSED)), {row[0]: row[1] for row in ask(_RESULTS)}, _column(ask(_DEAD))
    )


def happened(source: Source, clock: Clock, since: Instant) -> tuple[int, ...]:
    """When each event since then was created, AWS microseconds: what reads should show. Raises ``CloudFault``."""
    query = _HAPPENED.format(since=_real(clock, since))
    rows = source.hand.sql(source.endpoint, query, limit_seconds=_LIMIT_SECONDS)
    return tuple(_virtual(clock, row[0]) for row in rows)


def views(sources: Sequence[Source], clock: Clock, since: Instant) -> tuple[list[View], list[str]]:
    """Every database's view, and in words those that could not be read."""
    read, missing = [], []
    for source in sources:
        try:
            read.append(database(source, clock, since))
        except CloudFault as error:
            missing.append(f"{source.identifier}: {error.message}")
    return read, missing


def _column(rows: list[list[Any]]) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in rows)


def _real(clock: Clock, instant: Instant) -> float:
    """Seconds of the database's own clock at an instant of AWS time."""
    return clock.wall(instant) / 1e9


def _virtual(clock: Clock, real_microseconds: int) -> int:
    return clock.of_wall(real_microseconds * 1000).nanoseconds // 1000
