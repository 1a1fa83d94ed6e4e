"""Statements told apart by a phrase, and a database that cannot be read."""

from __future__ import annotations

from typing import Any, cast

from harness.clock import Clock
from harness.data import statements
from harness.data.readback import Source
from harness.data.remote import Hand
from harness.errors import CloudFault

PHRASES = {"list_triggers": "FROM triggers where organization_id", "create_trigger": "insert into triggers"}


class Server:
    """A hand to a server with these statistics, or to none."""

    def __init__(self, rows: list[list[Any]] | None) -> None:
        self._rows = rows

    def sql(self, host: str, query: str, *, limit_seconds: float) -> list[list[Any]]:
        if self._rows is None:
            raise CloudFault(f"sql at {host}", "Unreachable", 'relation "pg_stat_statements" does not exist')
        return [["noon", "one", 2]] if "pg_stat_statements_info" in query else self._rows


def counted(rows: list[list[Any]] | None):
    source = Source(cast(Hand, Server(rows)), "db.example", "db", "us-east-1", "writer")
    return statements.count(source, Clock.start(10), PHRASES)


def test_a_statement_is_told_by_its_phrase_whatever_its_spaces_and_capitals():
    rows = [
        ["select id\nfrom  triggers\n  where organization_id = $1 order by id", 3],
        ["select name from triggers where organization_id = $1", 4],
        ["INSERT INTO triggers (id) values ($1)", 5],
        ["select 1", 900],
    ]
    found = counted(rows)
    assert found.calls == {"list_triggers": 7, "create_trigger": 5}
    assert (found.database, found.role, found.evicted, found.trouble) == ("db", "writer", 2, "")
    assert found.since == "started noon, statistics of one"
    assert found.answered_at >= found.at.nanoseconds


def test_a_database_that_cannot_be_read_says_why():
    found = counted(None)
    assert "pg_stat_statements" in found.trouble
    assert found.calls == {}
