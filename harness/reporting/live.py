"""A run as it is now: what was seen of it as a frozen picture, and the picture drawn for a terminal. Pure.

The terminal of the run and a second one that follows it are drawn from the same files by this module. What nobody saw
is called not known, never good.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.clock import Duration, Instant, milliseconds, seconds
from harness.events import (
    AlarmChanged,
    DnsAnswered,
    Event,
    FaultInjected,
    FaultUndone,
    HealthChanged,
    PhaseBegan,
    Stalled,
    Stopped,
    WriterSeen,
)
from harness.following import Seen
from harness.judges import sanity, windows
from harness.judges.streams import good
from harness.record import Record, Traffic
from harness.reporting import palette, series
from harness.timeline import of

LATELY = seconds(5)
"""The span of a rate, a share of errors and a latency; counted is what ended in it."""
SHOWN = seconds(30)
"""The span of a sparkline."""
BUCKETS = 15
"""So many blocks has a sparkline."""
WIDE = 112
"""From so many columns on there is room for sparklines."""
_UNSEEN = "not seen"
NOT_KNOWN = "not known"

_BLOCKS = "▁▂▃▄▅▆▇█"
_QUICK = milliseconds(10)
"""The lowest block of a latency; the highest is the deadline."""
_MOST = 3
"""So many lines of alarms, or of anything else, while there is room."""

E = TypeVar("E", bound=Event)
T = TypeVar("T")
Blocks = tuple[float | None, ...]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """What one location meets. ``None``: not known, or there was nothing to tell it from."""

    location: str
    rate: float | None
    """Requests per AWS second."""
    bad: float | None
    """The share of them that failed or came after the deadline, 0 to 1."""
    p50: Duration | None
    p95: Duration | None
    measured: bool
    """Whether the latencies are the location's own."""
    led_to: str | None
    """The region that DNS gives it; empty: no region."""
    errors: Blocks
    """The share of bad ones in each part of :data:`SHOWN`, the oldest first."""
    waits: Blocks
    """Likewise the p95, 0 (quick) to 1 (as long as the deadline, or longer), by its logarithm."""


@dataclass(frozen=True)
class State:
    """Something that is not as it should be."""

    name: str
    state: str
    since: Instant
    earlier: bool = False
    """It was so when it was first looked at, and may have been for long."""


@dataclass(frozen=True)
class Picture:
    """A run at ``now``. Lists of states are ``None`` where nothing was ever seen of such things."""

    scenario: str
    title: str
    now: Instant
    speed: float
    lasts: Duration | None
    phase: str | None
    waiting_for: str
    rows: tuple[Row, ...]
    writer: str | None
    faults: tuple[State, ...]
    alarms: tuple[State, ...] | None
    unhealthy: tuple[State, ...] | None
    blind: tuple[State, ...]
    """What our observers have no sight of: nothing is known of it meanwhile."""
    pending: tuple[str, ...] | None
    regions: tuple[str, ...]
    waited: float = 0.0
    """Lately, the share of the time in which they could run that our clients waited for a processor, 0 to 1."""
    offer: str = ""
    """What can be done by pressing a key."""

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON values: times as in the timeline, spans in seconds, no sparklines."""
        rows = {
            row.location: {
                "arrivals_per_second": row.rate,
                "bad_ratio": row.bad,
                "p50_seconds": row.p50.seconds if row.p50 else None,
                "p95_seconds": row.p95.seconds if row.p95 else None,
                "led_to": row.led_to,
            }
            for row in self.rows
        }
        states = {"faults": self.faults, "alarms": self.alarms, "unhealthy": self.unhealthy, "blind": self.blind}
        plain = {name: None if found is None else [_plain(one) for one in found] for name, found in states.items()}
        told = {"phase": self.phase, "locations": rows, "writer": self.writer, "waited_ratio": self.waited, **plain}
        return {"at": self.now.nanoseconds, "kind": "now", **told, "pending": self.pending}


def _plain(state: State) -> dict[str, Any]:
    return {**asdict(state), "since": state.since.nanoseconds}


def picture(seen: Seen, waiting_for: str = "", offer: str = "") -> Picture:
    """What is to be shown of a run. ``waiting_for``: what is known of it beyond the timeline."""
    record, now = seen.record, seen.at
    header, events = record.header, record.events
    phase = _last(of(events, PhaseBegan))
    writer = _last(of(events, WriterSeen))
    return Picture(
        scenario=header.scenario,
        title=header.title,
        now=now,
        speed=header.speed,
        lasts=now - events[0].at if events else None,
        phase=phase.phase if phase else None,
        waiting_for=waiting_for or (phase.waiting_for if phase else ""),
        rows=tuple(_row(record, place, now) for place in header.locations) if header.rate_per_second else (),
        writer=writer.region if writer else None,
        faults=_standing(events),
        alarms=_states(of(events, AlarmChanged), _alarm, lambda event: event.new, "OK"),
        unhealthy=_states(of(events, HealthChanged), _check, lambda event: _health(event.healthy), _health(True)),
        blind=tuple(State(event.what, _UNSEEN, event.at) for event in windows.unseen(record, now)),
        pending=None if seen.pending is None else tuple(f"{one.fault}: {one.act}" for one in seen.pending),
        regions=header.regions,
        waited=round(sanity.waited(record, now.back(SHOWN), now), 3),
        offer=offer,
    )


def told(event: Event) -> tuple[str, str] | None:
    """An event as a line of progress: a word and a text; ``None`` where it is none."""
    if isinstance(event, PhaseBegan):
        return event.phase, event.waiting_for
    if isinstance(event, Stalled):
        return "!", event.reason
    if isinstance(event, Stopped):
        return "stopped", f"{event.condition}: {event.sight}"
    return None


def _row(record: Record, location: str, now: Instant) -> Row:
    led = _last(event for event in of(record.events, DnsAnswered) if event.location == location)
    rows = series.rows_of(record, location)
    rows = rows[rows["done"] <= now.nanoseconds]
    bad = ~good(record, rows)
    waited: Integers = rows["done"] - rows["intended"]
    recent = rows["done"] > now.back(LATELY).nanoseconds
    measured = location not in record.header.unmeasured
    known = measured and bool(recent.any())
    p50, p95 = np.percentile(waited[recent], (50, 95)) if known else (0.0, 0.0)
    groups = _groups(rows, now)
    waits = [_height(waited[group], record.header.deadline) if measured else None for group in groups]
    return Row(
        location,
        rate=_rate(record, location, int(np.count_nonzero(recent))),
        bad=float(bad[recent].mean()) if recent.any() else None,
        p50=Duration(round(p50)) if known else None,
        p95=Duration(round(p95)) if known else None,
        measured=measured,
        led_to=led.region if led else None,
        errors=tuple(float(bad[group].mean()) if len(group) else None for group in groups),
        waits=tuple(waits),
    )


def _rate(record: Record, location: str, ended: int) -> float | None:
    """Per AWS second; what is not recorded anywhere is not 0."""
    recorded = any(part.location_index == record.header.locations.index(location) for part in record.parts)
    return ended / LATELY.seconds if recorded else None


def _groups(rows: Traffic, now: Instant) -> list[Integers]:
    """The indices of the rows that ended in each part of :data:`SHOWN`, the oldest first."""
    age = now.nanoseconds - rows["done"]
    number = BUCKETS - 1 - age * BUCKETS // SHOWN.nanoseconds
    return [np.flatnonzero(number == bucket) for bucket in range(BUCKETS)]


def _height(waited: Integers, deadline: Duration) -> float | None:
    if not len(waited):
        return None
    longest = max(float(np.percentile(waited, 95)), 1.0)
    whole = math.log(max(2.0, deadline.nanoseconds / _QUICK.nanoseconds))
    return min(1.0, max(0.0, math.log(longest / _QUICK.nanoseconds) / whole))


def _standing(events: Sequence[Event]) -> tuple[State, ...]:
    """The faults that are not undone."""
    found: dict[str, State] = {}
    for event in events:
        if isinstance(event, FaultInjected):
            found[event.fault] = State(event.fault, "stands", event.at)
        elif isinstance(event, FaultUndone):
            found.pop(event.fault, None)
    return tuple(found.values())


def _states(
    events: Iterable[E], name: Callable[[E], str], state: Callable[[E], str], well: str
) -> tuple[State, ...] | None:
    """What is in another state than ``well``, the loudest first; ``None`` when nothing was seen of any."""
    found: dict[str, State] = {}
    for event in events:
        before = found.get(name(event))
        if before is None or before.state != state(event):
            found[name(event)] = State(name(event), state(event), event.at, earlier=before is None)
    ill = [one for one in found.values() if one.state != well]
    # ALARM comes before INSUFFICIENT_DATA by its name, too.
    return tuple(sorted(ill, key=lambda one: (one.state, one.since))) if found else None


def _alarm(event: AlarmChanged) -> str:
    return f"{event.alarm} in {event.region}"


def _check(event: HealthChanged) -> str:
    """A health check's id says nothing to a person; the region whose endpoint it asks does."""
    return f"check of {event.region}" if event.region else event.check


def _health(healthy: bool) -> str:
    return "healthy" if healthy else "unhealthy"


def _last(events: Iterable[E]) -> E | None:
    found = deque(events, maxlen=1)
    return found[0] if found else None


def render(shown: Picture, width: int, height: int) -> RenderableType:
    """The picture in at most ``height`` lines of ``width`` columns; what matters least is left out first."""
    head = [Text("─" * width, style="dim"), _title(shown), _phase(shown), _clock(shown)]
    table = _table(shown, wide=width >= WIDE) if shown.rows else Text("no traffic of ours", style="dim")
    room = height - len(head) - len(shown.rows) - 1
    strips = _strips(shown)
    lines = [strip for name, found in strips for strip in _cut(name, found, _MOST)]
    if len(lines) > room:
        lines = [strip for name, found in strips for strip in _cut(name, found, 1)]
    below = Table.grid(padding=(0, 2), pad_edge=False)
    below.add_column(no_wrap=True, min_width=7)
    below.add_column(no_wrap=True, overflow="ellipsis")
    for name, line in lines[: max(0, room)]:
        below.add_row(Text(name, style="dim"), line)
    return Group(*head, table, below)


def _line(*parts: str | tuple[str, str]) -> Text:
    line = Text.assemble(*parts)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _title(shown: Picture) -> Text:
    return _line((shown.scenario, "bold"), f"  {shown.title}")


def _phase(shown: Picture) -> Text:
    return _line((shown.phase or f"phase {NOT_KNOWN}", "bold"), f"  {shown.waiting_for}")


def _clock(shown: Picture) -> Text:
    lasts = f", {shown.lasts} since it began" if shown.lasts else ""
    offer = f"; {shown.offer}" if shown.offer else ""
    return _line(f"{str(shown.now)[11:19]} AWS time at speed {shown.speed:g}{lasts}{offer}")


def _table(shown: Picture, *, wide: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("location", "arrivals/s", "errors", "p50", "p95", "led to"):
        right = name not in ("location", "led to")
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for name in (f"errors, {SHOWN.seconds:g} s", f"p95, {SHOWN.seconds:g} s") if wide else ():
        table.add_column(name, no_wrap=True, min_width=BUCKETS)
    for row in shown.rows:
        cells = [Text(row.location), _known(row.rate, lambda rate: f"{rate:.1f}"), _share(row.bad)]
        cells += [_latency(row.p50, row), _latency(row.p95, row), _region(row.led_to, shown)]
        sparks = [Text(_spark(row.errors), style=palette.HIGH), Text(_spark(row.waits), style=palette.GOOD)]
        table.add_row(*cells, *(sparks if wide else ()))
    return table


def _known(value: T | None, text: Callable[[T], str]) -> Text:
    return Text(NOT_KNOWN, style="dim") if value is None else Text(text(value))


def _share(bad: float | None) -> Text:
    share = _known(bad, lambda value: f"{value:.1%}")
    if bad:
        share.stylize(f"bold {palette.on(palette.BAD)} on {palette.BAD}")
    return share


def _latency(span: Duration | None, row: Row) -> Text:
    return Text("elsewhere's", style="dim") if not row.measured else _known(span, str)


def _region(name: str | None, shown: Picture) -> Text:
    if name is None:
        return Text(NOT_KNOWN, style="dim")
    colour = palette.region(name, shown.regions)
    return Text(f" {name or 'nowhere'} ", style=f"{palette.on(colour)} on {colour}")


def _spark(blocks: Blocks) -> str:
    """A block for each value of 0 to 1; only 0 itself is the lowest, and what is not known is blank."""
    steps = len(_BLOCKS) - 1
    return "".join(" " if one is None else _BLOCKS[min(steps, math.ceil(one * steps))] for one in blocks)


def _strips(shown: Picture) -> list[tuple[str, list[Text]]]:
    """What stands below the table, what matters most first."""
    pending = shown.pending
    undo = [Text(f"{len(pending)} pending: {pending[0]}")] if pending else []
    return [
        *([("machine", [_in_need(shown.waited)])] if shown.waited > sanity.STARVED else []),
        ("writer", [_region(shown.writer, shown)]),
        ("fault", [_state(one, shown.now) for one in shown.faults] or [Text("none stands")]),
        ("undo", undo or [Text(NOT_KNOWN if pending is None else "nothing pending")]),
        ("alarms", _told(shown.alarms, f"all OK{_far(shown)}", shown.now)),
        ("health", _told(shown.unhealthy, f"all healthy{_far(shown)}", shown.now)),
        *([("blind", [_state(one, shown.now) for one in shown.blind])] if shown.blind else []),
    ]


def _in_need(waited: float) -> Text:
    colour = palette.BAD
    told = f" our clients wait {waited:.0%} of the time in which they could run: nothing can be timed"
    return Text.assemble((" short of processors ", f"{palette.on(colour)} on {colour}"), told)


def _far(shown: Picture) -> str:
    return ", as far as can be seen" if shown.blind else ""


def _told(states: tuple[State, ...] | None, well: str, now: Instant) -> list[Text]:
    if states is None:
        return [Text(NOT_KNOWN, style="dim")]
    return [_state(one, now) for one in states] or [Text(well)]


def _state(one: State, now: Instant) -> Text:
    colour = palette.NOWHERE if one.state in ("INSUFFICIENT_DATA", _UNSEEN) else palette.BAD
    lasts = f"for {'at least ' if one.earlier else ''}{now - one.since}"
    return Text.assemble((f" {one.state} ", f"{palette.on(colour)} on {colour}"), f" {one.name}, {lasts}")


def _cut(name: str, lines: list[Text], most: int) -> list[tuple[str, Text]]:
    """At most so many lines; the last one says how many more there are."""
    kept = lines[:most]
    if len(lines) > most:
        kept[-1] = Text.assemble(kept[-1], f" (and {len(lines) - most} more)")
    return [(name if number == 0 else "", line) for number, line in enumerate(kept)]
