"""Do reads go to the replica and writes to the writer, by the databases' own count?"""

from __future__ import annotations

from itertools import pairwise

from harness.clock import Instant
from harness.events import StatementsCounted
from harness.judges.streams import good
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Number, Ruling, Verdict

PROMISE = "split_reads"
ON_THE_REPLICA = ("ponder_events", "ponder_status", "api_key_stats")
"""What the strategy reads from the replica; every other operation belongs to the writer."""
_REPLICAS = ("replica", "reader")

Counts = dict[str, list[StatementsCounted]]
Row = dict[str, Number]


def split_reads(record: Record) -> Verdict:
    """Each operation's own statement ran on the store that the strategy sends it to, and nowhere else.

    Definition: between the first and the last count of all databases, of the statements of one operation at most
    1 − ``success_ratio`` ran on the other kind of store. UNKNOWN when a database could not be read, restarted, had its
    statistics reset or entries evicted, or changed its role meanwhile; when an operation was not asked for; and when
    the databases know of fewer statements than were answered, since then it is not the operation's own that was
    counted. Units: statements. Source: https://www.postgresql.org/docs/current/pgstatstatements.html
    """
    counts: Counts = {}
    for event in of(record.events, StatementsCounted):
        counts.setdefault(event.database, []).append(event)
    doubt = _doubt(counts)
    if doubt:
        return Verdict(PROMISE, Ruling.UNKNOWN, doubt)
    operations = [name for name in record.header.operations if record.header.mix.get(name)]
    judged = [_operation(record, counts, name) for name in operations]
    if not judged:
        return Verdict(PROMISE, Ruling.UNKNOWN, "the header names no mix of operations")
    ruling = max(found for found, _, _ in judged)
    told = [reason for found, reason, _ in judged if found is ruling]
    reason = told[0] if ruling is not Ruling.KEPT else "every operation's statements ran where they belong"
    rows = [row for _, _, row in judged]
    astray = sum(int(row["elsewhere"] or 0) for row in rows)
    figures: dict[str, Number] = {"statements_astray": astray, "databases": len(counts), "operations": len(rows)}
    return Verdict(PROMISE, ruling, reason, figures, {"statements": rows})


def _doubt(counts: Counts) -> str:
    """Why two counts of some database cannot be compared; empty when all can."""
    if not counts:
        return "no database was asked for its statistics"
    for database, found in counts.items():
        trouble = next((one.trouble for one in found if one.trouble), "")
        if trouble:
            return f"the statistics of {database} could not be read: {trouble}"
        if len(found) < 2:
            return f"{database} was asked for its statistics only once"
        for before, after in pairwise(found):
            if before.since != after.since:
                return f"{database} restarted or its statistics were reset: {before.since}, then {after.since}"
            if before.role != after.role:
                return f"{database} was a {before.role} and then a {after.role}"
            if before.evicted != after.evicted or _shrank(before, after):
                return f"{database} forgot statements between the counts"
    return ""


def _shrank(before: StatementsCounted, after: StatementsCounted) -> bool:
    return any(after.calls.get(name, 0) < number for name, number in before.calls.items())


def _operation(record: Record, counts: Counts, name: str) -> tuple[Ruling, str, Row]:
    wanted = "replica" if name in ON_THE_REPLICA else "writer"
    ran = {database: _ran(found, name) for database, found in counts.items()}
    there = sum(number for database, number in ran.items() if _kind(counts[database][0]) == wanted)
    elsewhere = sum(ran.values()) - there
    asked = _answered(record, counts, name)
    row: Row = {"operation": name, "belongs_to": wanted, "answered": asked, "there": there, "elsewhere": elsewhere}
    if any(name not in one.calls for found in counts.values() for one in found):
        return Ruling.UNKNOWN, f"the target file does not say how to tell a statement of {name}", row
    if not asked:
        return Ruling.UNKNOWN, f"nobody asked for {name} between the counts", row
    total = there + elsewhere
    if total < asked:
        return Ruling.UNKNOWN, f"{asked} requests of {name} were answered and {total} statements of it counted", row
    if elsewhere > (1 - record.header.objectives.success_ratio) * total:
        worst = max((one for one in ran if _kind(counts[one][0]) != wanted), key=lambda one: ran[one])
        reason = f"{elsewhere} of {total} statements of {name} ran on {worst}, not on the {wanted}"
        return Ruling.BROKEN, reason, row
    return Ruling.KEPT, "", row


def _ran(found: list[StatementsCounted], name: str) -> int:
    return found[-1].calls.get(name, 0) - found[0].calls.get(name, 0)


def _kind(one: StatementsCounted) -> str:
    return "replica" if one.role in _REPLICAS else one.role


def _answered(record: Record, counts: Counts, name: str) -> int:
    """The good requests that began and ended while every database counted."""
    began = max(found[0].answered_at for found in counts.values())
    ended: Instant = min(found[-1].at for found in counts.values())
    rows = record.traffic[record.traffic["operation"] == record.header.operations.index(name)]
    inside = (rows["sent"] >= began) & (rows["done"] <= ended.nanoseconds)
    return int((good(record, rows) & inside).sum())
