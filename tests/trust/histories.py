"""Histories with known anomalies, written with the real writers of a run's files and loaded by its real reader.

A history is a plan: which write, read or job of an otherwise calm run ends how, and what became of it. Whatever the
plan does not name is acknowledged, found once, fresh and executed once.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

from harness import ledger, record
from harness.clock import Anchor, Clock, Instant, seconds
from harness.events import AddressesSeen, Event, FaultInjected, FaultUndone, PhaseBegan, WriterSeen
from harness.header import Header, write_header
from harness.ledger import Jobs, ReadBack, View
from harness.objectives import Objectives
from harness.record import Record
from harness.requests import NO_WRITE, OPERATIONS, RequestWriter
from harness.requests import Outcome as Ending
from harness.timeline import Timeline
from harness.verdicts import Outcome

ANCHOR = Anchor(10**13, 1_700_000_000 * 10**9)
HOME, NEXT = "us-east-1", "eu-west-1"
LOCATIONS = ("america", "europe")
STRUCK, PROMOTED, UNDONE, END = 30.0, 50.0, 90.0, 120.0
EVERY = 2.0
"""Seconds between two writes, and between two reads of a kind, of one location."""
SLOTS = round(END / EVERY)
STALE = 12.0
"""A planted stale read shows what was there so many seconds before; five are allowed."""
BACK = 3.0
"""A planted read that goes back shows what was there so many seconds before: old, and not too old."""
MISSED = 6.5
"""A planted read shows no own write of the last so many seconds, and none before the one it hides."""
EARLIEST = 16
"""The first slot in which a read may be planted: the fault has struck, and there is enough to be behind of."""

UNKNOWN = ((Ending.TIMED_OUT, 0), (Ending.RESET, 0), (Ending.WRONG_STATUS, 503), (Ending.WRONG_BODY, 201))
REFUSED = ((Ending.REFUSED, 0), (Ending.NAME_FAILED, 0), (Ending.DROPPED, 0), (Ending.UNAUTHORIZED, 401),
           (Ending.WRONG_STATUS, 409))  # fmt: skip
ENDINGS = {"good": ((Ending.GOOD, 201),), "unknown": UNKNOWN, "refused": REFUSED}
WRITE_KINDS = (
    ("good", "absent"), ("good", "stranded"), ("good", "doubled"), ("good", "late"), ("good", "astray"),
    ("unknown", "absent"), ("unknown", "present"), ("unknown", "doubled"), ("unknown", "stranded"),
    ("unknown", "astray"), ("refused", "absent"), ("refused", "present"),
)  # fmt: skip
"""How a write's client saw it end, and where its row is. ``late``: the old writer took it after the promotion, and the
new one has it as well; ``astray``: only the old writer has it."""
READ_KINDS = ("stale", "backward", "unanswered")
OWN_KINDS = ("missed", "unanswered")
JOB_KINDS = ("lost", "doubled", "dead", "waiting", "unmarked", "ghost")

Slot = tuple[int, int]
"""A location and the number of one of its writes, reads or own reads."""


@dataclass(frozen=True)
class History:
    """The plan of one run."""

    speed: float
    promoted: bool
    complete: bool
    writes: Mapping[Slot, tuple[str, str]]
    reads: Mapping[Slot, str]
    own_reads: Mapping[Slot, str]
    jobs: tuple[str, ...]
    unrecorded: int
    """So many rows of this run that no request carried."""
    disagreeing: int
    """So many rows that the service's own answer leaves out."""
    old_role: str = "old_writer"


def _slots(first: int = 0) -> st.SearchStrategy[Slot]:
    return st.tuples(st.integers(0, len(LOCATIONS) - 1), st.integers(first, SLOTS - 1))


def histories() -> st.SearchStrategy[History]:
    """Every kind of anomaly among every kind of unknown outcome, some of them together, often none."""
    return st.builds(
        History,
        speed=st.sampled_from((1.0, 10.0)),
        promoted=st.booleans(),
        complete=st.sampled_from((True, True, True, False)),
        writes=st.dictionaries(_slots(), st.sampled_from(WRITE_KINDS), max_size=10),
        reads=st.dictionaries(_slots(EARLIEST), st.sampled_from(READ_KINDS), max_size=4),
        own_reads=st.dictionaries(_slots(EARLIEST), st.sampled_from(OWN_KINDS), max_size=4),
        jobs=st.lists(st.sampled_from(("once", "once", "once", *JOB_KINDS)), max_size=6).map(tuple),
        unrecorded=st.sampled_from((0, 0, 0, 1, 2)),
        disagreeing=st.sampled_from((0, 0, 0, 1)),
        old_role=st.sampled_from(("old_writer", "snapshot")),
    )


def at(second: float) -> Instant:
    """An instant of such a run."""
    return Instant(ANCHOR.epoch_nanoseconds + round(second * 1e9))


def micros(second: float) -> int:
    """The same as a database dates it."""
    return at(second).nanoseconds // 1000


def write_second(slot: Slot) -> float:
    """When a write is sent; never at the instant of anything else."""
    return slot[1] * EVERY + 0.25 + 0.5 * slot[0]


def write_id(slot: Slot) -> bytes:
    """The id of a write."""
    return uuid.UUID(int=(slot[0] + 1) << 64 | slot[1]).bytes


def fate_of(history: History, slot: Slot) -> tuple[str, str]:
    """How a write ended and where it is.

    Without a promotion there is no old writer that could take it, and before the fault everything is answered: else
    the steady state would be none.
    """
    ended, fate = history.writes.get(slot, ("good", "present"))
    if ended != "good" and write_second(slot) < STRUCK:
        return "good", "present"
    if not history.promoted:
        fate = {"late": "present", "astray": "stranded"}.get(fate, fate)
    return ended, fate


def took(slot: Slot, ended: str) -> float:
    """How long a write takes, in seconds."""
    return 5.0 if ended == "unknown" else 0.05 + 0.01 * (slot[1] % 7)


@dataclass
class Rows:
    """Where the rows are: the ids and dates that each database holds."""

    writer: dict[str, list[float]] = field(default_factory=dict)
    old: dict[str, list[float]] = field(default_factory=dict)
    replica: dict[str, list[float]] = field(default_factory=dict)

    def place(self, history: History, slot: Slot) -> None:
        """Put one write's rows where the plan says."""
        _, fate = fate_of(history, slot)
        key, second = write_id(slot).hex(), write_second(slot) + 0.01
        if fate in ("present", "doubled", "late"):
            self.writer[key] = [second, second + 0.2] if fate == "doubled" else [second]
            if second < PROMOTED:
                self.old[key] = [second]
        if fate == "stranded":
            (self.old if history.promoted else self.replica)[key] = [min(second, PROMOTED - 0.5)]
        if fate in ("late", "astray"):
            self.old[key] = [max(second, PROMOTED + 0.5)]


def shown(history: History, slot: Slot) -> int:
    """The second of the event that a read shows; there is an event every second."""
    behind = {"stale": STALE, "backward": BACK}.get(history.reads.get(slot, "fresh"), 0.3)
    return int(write_second(slot) + 1.2 - behind)


def slots() -> list[Slot]:
    """Every slot of every location."""
    return [(code, number) for code in range(len(LOCATIONS)) for number in range(SLOTS)]


def header(speed: float) -> Header:
    """What such a run promised."""
    return Header(
        scenario="active_passive/planted", phase="active_passive", title="A planted history", story="",
        design="active_passive", design_version="hardened", target="twin", speed=speed, anchor=ANCHOR,
        promises=("no_lost_writes",), objectives=Objectives(), locations=LOCATIONS,
        nearest=dict.fromkeys(LOCATIONS, (HOME, NEXT)), regions=(HOME, NEXT), operations=OPERATIONS,
        writes=("create_trigger",), deadline=seconds(5), rate_per_second=dict.fromkeys(LOCATIONS, 3 / EVERY),
        mix={"create_trigger": 1, "list_triggers": 1, "ponder_events": 1}, outcome=Outcome.FINISHED,
    )  # fmt: skip


def written(history: History, folder: Path) -> Record:
    """The history as a run's folder, loaded again as any run is."""
    write_header(folder / record.HEADER_FILE, header(history.speed))
    timeline = Timeline(folder / record.TIMELINE_FILE)
    for event in _events(history):
        timeline.add(event)
    timeline.close()
    clock = Clock(history.speed, ANCHOR)
    for code, location in enumerate(LOCATIONS):
        with RequestWriter(folder / f"requests-{location}.bin", clock, code) as file:
            _requests(history, file, clock, code)
    ledger.write(folder / record.READBACK_FILE, _readback(history))
    return record.load(folder)


def _events(history: History) -> list[Event]:
    fault = f"Lose {HOME}"
    events: list[Event] = [
        PhaseBegan(at(0), "steady"),
        AddressesSeen(at(0), HOME, ("10.1.10.80",)),
        WriterSeen(at(0), HOME, "db-1"),
        FaultInjected(
            at(STRUCK), fault, at(STRUCK + 0.1).nanoseconds, at(STRUCK + 0.2).nanoseconds, "faithful", "seen"
        ),
        FaultUndone(at(UNDONE), fault, at(UNDONE + 0.5).nanoseconds, "seen"),
    ]
    return [*events, WriterSeen(at(PROMOTED), NEXT, "db-2")] if history.promoted else events


def _requests(history: History, file: RequestWriter, clock: Clock, code: int) -> None:
    mine: list[tuple[int, float]] = []
    """What the customer's own reads can show: when each write was answered, and its date."""

    def put(second: float, lasts: float, operation: int, ending: Ending, status: int, **more: bytes | int) -> None:
        sent = clock.monotonic(at(second))
        file.write(sent, sent, clock.monotonic(at(second + lasts)), operation, ending, status, bytes((10, 1, 10, 80)),
                   more.get("write_id", NO_WRITE), more.get("observed", 0))  # fmt: skip

    for number in range(SLOTS):
        slot = code, number
        ended, fate = fate_of(history, slot)
        second, choices = write_second(slot), ENDINGS[ended]
        ending, status = choices[number % len(choices)]
        date = micros(second + 0.01) if ended == "good" else 0
        put(second, took(slot, ended), 0, ending, status, write_id=write_id(slot), observed=date)
        if ended == "good" and fate in ("present", "doubled", "late"):
            mine.append((date, second + took(slot, ended)))
        second += 0.6
        unanswered = history.own_reads.get(slot) == "unanswered"
        hidden = MISSED if history.own_reads.get(slot) == "missed" else 0.0
        date = max((one for one, answered in mine if answered <= second - hidden), default=0)
        if hidden and date:  # the newest of those is hidden too, so that one of more than six seconds is missed
            date = max((one for one, _ in mine if one < date), default=0)
        put(second, 5.0 if unanswered else 0.1, 1, Ending.TIMED_OUT if unanswered else Ending.GOOD, 200, observed=date)
        second += 0.6
        ending = Ending.RESET if history.reads.get(slot) == "unanswered" else Ending.GOOD
        put(second, 0.1, 2, ending, 200, observed=micros(shown(history, slot)))


def _readback(history: History) -> ReadBack:
    rows = Rows()
    for slot in slots():
        rows.place(history, slot)
    told = {key: dates for number, (key, dates) in enumerate(rows.writer.items()) if number >= history.disagreeing}
    strangers = {uuid.UUID(int=number + 1).hex: [40.0 + number] for number in range(history.unrecorded)}
    views = [
        _view("sql", NEXT if history.promoted else HOME, "db-2", "writer", {**rows.writer, **strangers}),
        _view("sql", HOME, "db-3", "replica", rows.replica),
    ]
    views += [_view("api", HOME, "api.test", "writer", told)] if history.disagreeing else []
    views += [_view("sql", HOME, "db-1", history.old_role, rows.old)] if history.promoted else []
    missing = () if history.complete else ("db-4: no answer",)
    promoted = at(PROMOTED).nanoseconds if history.promoted else None
    return ReadBack(history.complete, missing, tuple(views), _jobs(history), promoted)


def _view(source: str, region: str, identifier: str, role: str, rows: Mapping[str, list[float]]) -> View:
    created = {key: tuple((micros(date), region) for date in dates) for key, dates in rows.items()}
    counts = {key: len(dates) for key, dates in rows.items()}
    return View(source, region, identifier, role, at(END + 5).nanoseconds, counts, created)


def _jobs(history: History) -> Jobs:
    named = [(str(number), kind) for number, kind in enumerate(history.jobs, 1)]
    ran = {"once": 1, "unmarked": 1, "ghost": 1, "doubled": 2}
    return Jobs(
        tuple(name for name, kind in named if kind != "ghost"),
        tuple(name for name, kind in named if kind in ("once", "lost", "doubled", "dead")),
        {name: ran[kind] for name, kind in named if kind in ran},
        tuple(name for name, kind in named if kind == "dead"),
    )
