"""How often each route's own statement ran, by the databases' own count (``pg_stat_statements``).

The counters are of the server's whole life, so two readings are compared, and only where nothing broke the count
between them. Source: https://www.postgresql.org/docs/current/pgstatstatements.html; on RDS the module is loaded, and
``create extension pg_stat_statements`` makes it readable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.clock import Clock
from harness.data.readback import Source
from harness.errors import CloudFault
from harness.events import StatementsCounted

_LIMIT_SECONDS = 10.0
_LIFE = """
select pg_postmaster_start_time()::text, stats_reset::text, dealloc from pg_stat_statements_info
"""
_CALLS = """
select query, sum(calls)::bigint from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database()) group by query
"""


def count(source: Source, clock: Clock, phrases: Mapping[str, str]) -> StatementsCounted:
    """What one database counted until now; what cannot be read says why in ``trouble``. ``phrases``: see ``calls``."""
    asked = clock.now()
    try:
        started, reset, evicted = source.hand.sql(source.endpoint, _LIFE, limit_seconds=_LIMIT_SECONDS)[0]
        rows = source.hand.sql(source.endpoint, _CALLS, limit_seconds=_LIMIT_SECONDS)
    except CloudFault as error:
        return StatementsCounted(asked, source.identifier, source.region, source.role, 0, "", 0, {}, error.message)
    return StatementsCounted(
        asked,
        source.identifier,
        source.region,
        source.role,
        clock.now().nanoseconds,
        f"started {started}, statistics of {reset}",
        int(evicted),
        calls([(str(query), int(number)) for query, number in rows], phrases),
    )


def calls(rows: Sequence[tuple[str, int]], phrases: Mapping[str, str]) -> dict[str, int]:
    """The calls of each operation: of the statements that contain its phrase, whatever their spaces and capitals."""
    flat = [(_flat(query), number) for query, number in rows]
    return {
        operation: sum(number for query, number in flat if _flat(phrase) in query)
        for operation, phrase in phrases.items()
    }


def _flat(text: str) -> str:
    return " ".join(text.lower().split())
