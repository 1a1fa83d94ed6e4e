"""Is every location served by the region that should serve it, before, during and after a fault?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from harness.clock import ZERO, Instant, seconds
from harness.events import DnsAnswered
from harness.judges import addresses, homecoming, windows
from harness.judges.once import once
from harness.judges.outage import recoveries
from harness.judges.streams import Flags, Times, clock_error, excess, streams, tolerance, turn
from harness.judges.windows import Window
from harness.record import Record, Traffic
from harness.timeline import of
from harness.verdicts import Number, Ruling, Verdict, worst

TAIL = seconds(10)
"""The last so much of a location's traffic says where a location is served in the end."""
_UNMAPPED = 0.02
_STAYED = "no location had left its nearest region: nothing had to come back"

Finding = tuple[Ruling, str]


@dataclass(frozen=True, eq=False)
class Served:
    """The arrivals of one location that had a peer, and the region (an index) of each."""

    location: str
    rows: Traffic
    region: npt.NDArray[np.int64]

    @property
    def times(self) -> Times:
        """The intended times, AWS ns."""
        times: Times = self.rows["intended"]
        return times

    def span(self, began: Instant, ended: Instant) -> Served:
        """The part with intended times in [began, ended)."""
        low, high = np.searchsorted(self.times, [began.nanoseconds, ended.nanoseconds])
        return Served(self.location, self.rows[low:high], self.region[low:high])

    def share(self, code: int) -> float:
        """The share that went to a region, of one arrival or more."""
        return float((self.region == code).mean())


@once
def served(record: Record) -> list[Served]:
    """Where the arrivals of each location went."""
    regions = addresses.regions_of(record, record.traffic)
    found = []
    for code, location in enumerate(record.header.locations):
        mask = (record.traffic["location"] == code) & (regions != addresses.NOWHERE)
        found.append(Served(location, record.traffic[mask], regions[mask]))
    return found


def routing(record: Record) -> Verdict:
    """Each location is served by its nearest region, by the next nearest while that is dark, and then by it again.

    Definition: in the steady state, and at the end once ``failback_time`` has passed since the undo, the share of
    arrivals at the nearest region is at least ``success_ratio``; in the window of a fault that darkens a region, its
    locations reach the next region in ``nearest`` within ``recovery_time`` and hardly any arrival (1 −
    ``success_ratio``) leaks to the dark one after the first location has moved, plus the TTL and the connections'
    maximum age. Faults behind the front door must move nobody. Units: AWS seconds; shares 0 to 1.
    Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-latency.html
    """
    everyone = served(record)
    unmapped = sum(int((one.region == addresses.STRANGER).sum()) for one in everyone)
    total = sum(len(one.region) for one in everyone)
    if not total or unmapped > _UNMAPPED * total:
        reason = f"{unmapped} of {total} arrivals went to addresses of no known region"
        return Verdict("routing", Ruling.UNKNOWN, reason)
    rows: list[dict[str, Number]] = []
    findings = [_at_home(record, one, *windows.calm(record), "in the steady state", rows) for one in everyone]
    figures: dict[str, Number] = {"unmapped_arrivals": unmapped}
    for window in windows.windows(record):
        findings += _in_window(record, everyone, window, rows, figures)
    findings += _in_the_end(record, everyone, rows)
    ruling = worst(found for found, _ in findings)
    return Verdict("routing", ruling, _reason(ruling, findings), figures, {"routing": rows})


def _reason(ruling: Ruling, findings: list[Finding]) -> str:
    """What speaks for the ruling: everything when all is well, else the first finding that is not."""
    told = [text for found, text in findings if found is ruling]
    return "; ".join(dict.fromkeys(told)) if ruling is Ruling.KEPT else told[0]


def _code(record: Record, location: str, dark: Iterable[str] = ()) -> int | None:
    """The region that should serve a location now, as an index; ``None`` when every one is dark or none is named."""
    order = [region for region in record.header.nearest.get(location, ()) if region not in dark]
    return record.header.regions.index(order[0]) if order else None


def _at_home(
    record: Record, one: Served, began: Instant, ended: Instant, when: str, rows: list[dict[str, Number]]
) -> Finding:
    expected = _code(record, one.location)
    part = one.span(began, ended)
    if expected is None or not len(part.region):
        return Ruling.UNKNOWN, f"nothing is known of where {one.location} was served {when}"
    region, share = record.header.regions[expected], part.share(expected)
    rows.append({"when": when, "location": one.location, "region": region, "share": round(share, 6)})
    if share >= record.header.objectives.success_ratio:
        return Ruling.KEPT, f"every location was served by its nearest region {when}"
    return Ruling.BROKEN, f"{one.location} was served by {region} for only {share:.1%} of its arrivals {when}"


def _in_window(
    record: Record, everyone: list[Served], window: Window, rows: list[dict[str, Number]], figures: dict[str, Number]
) -> list[Finding]:
    dark = windows.dark_regions(window.fault)
    if not dark:
        when = f"during {window.fault.fault}"
        return [_at_home(record, one, window.began, window.ended, when, rows) for one in everyone]
    moving = [one for one in everyone if _nearest(record, one.location) in dark]
    moves = {one.location: _move(record, one.span(window.began, window.ended), dark) for one in moving}
    findings = [_judge_move(record, window, location, move, rows) for location, move in moves.items()]
    staying = [one for one in everyone if one not in moving]
    during = f"during {window.fault.fault}"
    findings += [_at_home(record, one, window.began, window.ended, during, rows) for one in staying]
    arrived = [move[0] for move in moves.values() if move]
    if moves:
        moved = windows.span_seconds(window.began, max(arrived)) if len(arrived) == len(moves) else None
        _keep_longest(figures, "last_client_moved_seconds", moved)
    if arrived:
        findings.append(_leak(record, moving, window, dark, min(arrived), figures))
    return findings


def _keep_longest(figures: dict[str, Number], name: str, value: float | None) -> None:
    """The longest of all windows; ``None``, which is never, is longer than any."""
    known = figures.get(name, 0.0)
    figures[name] = None if value is None or known is None else max(float(known), value)


def _nearest(record: Record, location: str) -> str:
    return next(iter(record.header.nearest.get(location, ())), "")


def _move(record: Record, part: Served, dark: frozenset[str]) -> tuple[Instant, Instant] | None:
    """When a location was at its next region for good, and its last arrival elsewhere before that."""
    expected = _code(record, part.location, dark)
    if expected is None:
        return None
    found = turn(part.times, part.region == expected, record.header.objectives.success_ratio)
    return (found.at, found.last_bad or found.at) if found else None


def _judge_move(
    record: Record, window: Window, location: str, move: tuple[Instant, Instant] | None, rows: list[dict[str, Number]]
) -> Finding:
    limit = record.header.objectives.recovery_time
    row: dict[str, Number] = {"when": f"during {window.fault.fault}", "location": location, "moved_seconds": None}
    rows.append(row)
    if move is None:
        ruling = Ruling.BROKEN if window.span > limit else Ruling.UNKNOWN
        return ruling, f"{location} had not moved to its next region when the fault was undone, after {window.span}"
    took, error = move[0] - window.began, clock_error(record, location)
    row["moved_seconds"] = round(took.seconds, 3)
    if move[1] - window.began > limit + error:
        return Ruling.BROKEN, f"{location} reached its next region only after {took} (allowed: {limit})"
    if took + error > limit:
        return Ruling.UNKNOWN, f"{location} reached its next region after about {took}: too close to {limit} to say"
    return Ruling.KEPT, f"every location was served by its nearest healthy region; the last moved after {took}"


def _leak(
    record: Record, moving: list[Served], window: Window, dark: frozenset[str], first: Instant,
    figures: dict[str, Number],
) -> Finding:  # fmt: skip
    answers = [e.ttl_seconds for e in of(record.events, DnsAnswered) if e.at <= window.ended]
    age = record.header.client.connection_age
    since = first + seconds(max(answers, default=0)) + (age if age is not None else ZERO)
    codes = [record.header.regions.index(region) for region in dark if region in record.header.regions]
    late = [one.span(since, window.ended) for one in moving]
    total = sum(len(one.region) for one in late)
    leaked = sum(int(np.isin(one.region, codes).sum()) for one in late)
    for name, count in {"leaked_arrivals": leaked, "arrivals_after_move": total}.items():
        figures[name] = int(figures.get(name) or 0) + count
    if total and leaked > (1 - record.header.objectives.success_ratio) * total:
        return Ruling.BROKEN, f"{leaked} of {total} arrivals still went to the dark region when all should have moved"
    return Ruling.KEPT, f"{leaked} of {total} arrivals leaked to the dark region"


def _in_the_end(record: Record, everyone: list[Served], rows: list[dict[str, Number]]) -> list[Finding]:
    after = windows.aftermath(record)
    if after is None:
        return []
    findings = []
    for one in everyone:
        ended = Instant(int(one.times[-1]) + 1) if len(one.rows) else after[1]
        ruling, text = _at_home(record, one, max(after[0], ended.back(TAIL)), ended, "after the catch-up", rows)
        early = after[1] - after[0] < record.header.objectives.failback_time
        findings.append((Ruling.UNKNOWN if ruling is Ruling.BROKEN and early else ruling, text))
    return findings


def failback(record: Record) -> Verdict:
    """After the undo every location returns to its nearest region within ``failback_time``, without a second outage.

    Back: the first arrival from which the share at the nearest region stays at ``success_ratio`` to the end. A second
    outage: a stretch with more bad arrivals than the ratio and a blip allow, after the undo, but for a planned
    interruption that ``writer_home`` judges. Flapping: the DNS answer of a location changes more than once. UNKNOWN
    when the traffic ended too early to say. Where nobody had left, the reason says so: it was not put to the test.
    Units: AWS seconds. Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover.html
    """
    after = windows.aftermath(record)
    if after is None or after[1] <= after[0]:
        return Verdict("failback", Ruling.UNKNOWN, "there was no traffic after an undo")
    undone, ended = after
    rows: list[dict[str, Number]] = []
    findings = [_back(record, one.span(undone, ended), undone, ended, rows) for one in served(record)]
    findings += _second_outages(record, undone, ended)
    findings += _flaps(record, undone, rows)
    ruling = worst(found for found, _ in findings)
    spans = [row["back_seconds"] for row in rows]
    known = [span for span in spans if isinstance(span, float)]
    figures: dict[str, Number] = {
        "failback_seconds": max(known) if len(known) == len(spans) else None,
        "allowed_seconds": record.header.objectives.failback_time.seconds,
    }
    stayed = ruling is Ruling.KEPT and not _anybody_left(record, undone)
    reason = _STAYED if stayed else _reason(ruling, findings)
    return Verdict("failback", ruling, reason, figures, {"failback": rows})


def _anybody_left(record: Record, undone: Instant) -> bool:
    """Whether a location was served by another region than its nearest while a fault stood."""
    struck = windows.windows(record)[0].began
    parts = [(one.span(struck, undone), _code(record, one.location)) for one in served(record)]
    objective = record.header.objectives.success_ratio
    return any(len(part.region) and code is not None and part.share(code) < objective for part, code in parts)


def _back(record: Record, part: Served, undone: Instant, ended: Instant, rows: list[dict[str, Number]]) -> Finding:
    limit = record.header.objectives.failback_time
    expected = _code(record, part.location)
    home: Flags = part.region == expected  # where no region is expected, none is
    found = turn(part.times, home, record.header.objectives.success_ratio)
    took = None if found is None else (ZERO if found.index == 0 else found.at - undone)
    rows.append({"location": part.location, "region": _nearest(record, part.location),
                 "back_seconds": None if took is None else round(took.seconds, 3)})  # fmt: skip
    if took is None:
        ruling = Ruling.BROKEN if len(home) and ended - undone > limit else Ruling.UNKNOWN
        return ruling, f"{part.location} was not back at its nearest region {ended - undone} after the undo"
    error = clock_error(record, part.location)
    if took > limit + error:
        return Ruling.BROKEN, f"{part.location} was back at its nearest region {took} after the undo (allowed: {limit})"
    if took + error > limit:
        reason = f"{part.location} was back at its nearest region {took} after the undo: too close to {limit} to say"
        return Ruling.UNKNOWN, reason
    return Ruling.KEPT, f"every location was back at its nearest region within {limit} of the undo"


def _second_outages(record: Record, undone: Instant, ended: Instant) -> list[Finding]:
    """Streams that worked when the fault was undone and then failed again, otherwise than planned."""
    objective = record.header.objectives.success_ratio
    still_down = {(one.stream.location, one.stream.operation) for one in recoveries(record) if one.time is None}
    findings = []
    for stream in (
        each for span in homecoming.apart_from_plan(record, undone, ended) for each in streams(record, *span)
    ):
        if (stream.location, stream.operation) in still_down or not len(stream.good):
            continue
        if excess(stream.good, objective)[0] > tolerance(stream.times):
            reason = f"{stream.operation} from {stream.location} failed a second time after the undo"
            findings.append((Ruling.BROKEN, f"{reason} ({int((~stream.good).sum())} of {len(stream.good)} arrivals)"))
    return findings


def _flaps(record: Record, undone: Instant, rows: list[dict[str, Number]]) -> list[Finding]:
    findings = []
    for row in rows:
        answers = [event for event in of(record.events, DnsAnswered) if event.location == row["location"]]
        changes = sum(new.at > undone and new.region != old.region for old, new in pairwise(answers))
        row["dns_changes"] = changes
        if changes > 1:
            findings.append((Ruling.BROKEN, f"the answer for {row['location']} changed {changes} times after the undo"))
    return findings
