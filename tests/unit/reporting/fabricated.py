"""Fabricated runs: folders written with the real writers, from made-up stories. Nothing here was ever measured.

Every run strikes at second 90 of AWS time at speed 10; numbers are fixed, so a picture of one is the same each time.
"""

from __future__ import annotations

import random
import socket
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import ledger, record
from harness.clock import Anchor, Clock, Instant, seconds
from harness.events import (
    AddressesSeen,
    AlarmChanged,
    AlarmNotified,
    Decided,
    DnsAnswered,
    Event,
    FaultInjected,
    FaultUndone,
    HealthChanged,
    LagMeasured,
    PhaseBegan,
    WriterSeen,
)
from harness.header import ClientPolicy, Header, write_header
from harness.ledger import Jobs, ReadBack, View
from harness.objectives import Objectives
from harness.record import Record
from harness.requests import NO_WRITE, OPERATIONS, Outcome, RequestWriter
from harness.timeline import Timeline
from harness.verdicts import Outcome as Ended

ANCHOR = Anchor(5_000 * 10**9, 1_700_000_000 * 10**9)
CLOCK = Clock(10.0, ANCHOR)
REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
ADDRESS = {"us-east-1": "10.1.10.80", "eu-west-1": "10.2.10.80", "ap-south-1": "10.3.10.80"}
LOCATIONS = ("america", "europe", "asia")
NEAREST = {
    "america": ("us-east-1", "eu-west-1"),
    "europe": ("us-east-1", "eu-west-1"),
    "asia": ("eu-west-1", "us-east-1"),
}
FEASIBILITY = {
    "rows": [
        {
            "location": place,
            "kind": "reads",
            "failure": "load balancer of us-east-1 dark",
            "stages": [
                {"name": "detection", "best_seconds": 10.0, "worst_seconds": 30.0},
                {"name": "dns", "best_seconds": 0.0, "worst_seconds": 10.0},
                {"name": "reconnect", "best_seconds": 0.0, "worst_seconds": 10.0},
            ],
        }
        for place in LOCATIONS
    ]
}
STRUCK, UNDONE, END = 90.0, 190.0, 260.0
RATE = 4.0
TURN = (0, 1, 2, 0, 2, 3)

Bad = Callable[[str, int, float], bool]
Where = Callable[[str, float], str]


def at(second: float) -> Instant:
    """An instant of a fabricated run."""
    return Instant(ANCHOR.epoch_nanoseconds + round(second * 1e9))


def header(**changes: Any) -> Header:
    plain = Header(
        scenario="active_passive/the_primary_load_balancer_goes_dark",
        phase="active_passive",
        title="The serving region's load balancer goes dark.",
        story="The serving region's load balancer goes dark.\n\nPackets to it are dropped, not refused.",
        design="active_passive",
        design_version="hardened",
        target="twin",
        speed=CLOCK.speed,
        anchor=ANCHOR,
        promises=("recovery", "no_lost_writes", "routing", "automatic"),
        objectives=Objectives(),
        locations=LOCATIONS,
        nearest=NEAREST,
        regions=REGIONS[:2],
        operations=OPERATIONS,
        writes=("create_trigger",),
        deadline=seconds(5),
        rate_per_second=dict.fromkeys(LOCATIONS, RATE),
        mix={"create_trigger": 2, "list_triggers": 1, "ponder_events": 2, "api_key_stats": 1},
        feasibility=FEASIBILITY,
        client=ClientPolicy("honoured", seconds(5)),
        outcome=Ended.FINISHED,
    )
    return replace(plain, **changes)


def fault(name: str, undone: float | None = UNDONE, fidelity: str = "faithful", begun: float = STRUCK) -> list[Event]:
    """Phases, one fault and its undo."""
    struck = begun
    events: list[Event] = [
        PhaseBegan(at(1), "settle", "waiting for calm"),
        PhaseBegan(at(2), "steady", "calm for 20 s"),
        PhaseBegan(at(struck - 1), "inject", name),
        FaultInjected(
            at(struck),
            name,
            at(struck + 0.2).nanoseconds,
            at(struck + 0.6).nanoseconds,
            fidelity,
            "a connection hung",
            ("us-east-1",),
        ),
        PhaseBegan(at(struck + 1), "takeover", name),
    ]
    if undone is not None:
        events += [
            PhaseBegan(at(undone - 30), "hold", "for 30 s"),
            PhaseBegan(at(undone - 0.5), "undo"),
            FaultUndone(at(undone), name, at(undone + 1).nanoseconds, "a connection came through"),
            PhaseBegan(at(undone + 1), "catch_up"),
            PhaseBegan(at(END), "read_back"),
            PhaseBegan(at(END + 3), "verdict"),
        ]
    return events


def beginning(writer: str = "us-east-1") -> list[Event]:
    """Who serves and who writes at the start."""
    return [
        *(AddressesSeen(at(1), region, (ADDRESS[region],)) for region in REGIONS[:2]),
        *(DnsAnswered(at(1), place, near[0], (ADDRESS[near[0]],), 10) for place, near in NEAREST.items()),
        WriterSeen(at(1), writer, f"aurora-{writer}-1"),
    ]


def moved(away: float, back: float) -> list[Event]:
    """Clients of us-east-1 are led away and back again."""
    events: list[Event] = [
        HealthChanged(at(away - 3), "hc-us-east-1", "us-east-1", healthy=False),
        HealthChanged(at(back - 2), "hc-us-east-1", "us-east-1", healthy=True),
        AlarmChanged(at(away + 9), "us-east-1-unhealthy-hosts", "us-east-1", "OK", "ALARM", "3 datapoints", "m", "d"),
        AlarmChanged(at(back + 9), "us-east-1-unhealthy-hosts", "us-east-1", "ALARM", "OK", "3 datapoints", "m", "d"),
    ]
    for place in ("america", "europe"):
        events.append(DnsAnswered(at(away), place, "eu-west-1", (ADDRESS["eu-west-1"],), 10))
        events.append(DnsAnswered(at(back), place, "us-east-1", (ADDRESS["us-east-1"],), 10))
    return events


def led(away: float, back: float) -> Where:
    """Clients of us-east-1 arrive elsewhere between two seconds."""
    return lambda place, second: "eu-west-1" if away <= second < back else NEAREST[place][0]


def write(
    folder: Path,
    told: Header,
    events: Iterable[Event],
    bad: Bad = lambda place, operation, second: False,
    *,
    where: Where = lambda place, second: NEAREST[place][0],
    end: float = END,
    missing: Sequence[int] = (),
    stranded: Sequence[int] = (),
    readback: bool = True,
) -> Record:
    """Write a run's folder and load it. ``missing`` and ``stranded`` are numbers of acknowledged writes."""
    folder.mkdir(parents=True)
    write_header(folder / record.HEADER_FILE, told)
    timeline = Timeline(folder / record.TIMELINE_FILE)
    for event in sorted(events, key=lambda event: event.at):
        timeline.add(event)
    timeline.close()
    written: list[str] = []
    for code, place in enumerate(told.locations):
        written += _requests(folder, code, place, bad, where, end)
    if readback:
        absent = {*missing, *stranded}
        kept = {one: 1 for number, one in enumerate(written) if number not in absent}
        views = [View("sql", "eu-west-1", "aurora-eu-west-1-1", "writer", at(end).nanoseconds, kept)]
        if stranded:
            left = {written[number]: 1 for number in stranded}
            views.append(View("sql", "us-east-1", "aurora-us-east-1-1", "old_writer", at(end).nanoseconds, left))
        ledger.write(folder / record.READBACK_FILE, ReadBack(True, (), tuple(views), Jobs()))
    return record.load(folder)


def _requests(folder: Path, code: int, place: str, bad: Bad, where: Where, end: float) -> list[str]:
    """One location's requests; returns the ids of the acknowledged writes."""
    dice = random.Random(place)
    acknowledged = []
    with RequestWriter(folder / f"requests-{place}.bin", CLOCK, code) as file:
        for number in range(round(end * RATE)):
            second = (number + dice.random() * 0.2) / RATE
            operation = TURN[number % len(TURN)]
            broken = bad(place, operation, second)
            took = 5.0 if broken else dice.lognormvariate(-2.3 + 0.5 * code, 0.35)
            write_id = uuid.UUID(int=(code + 1) << 64 | number).bytes if operation == 0 else NO_WRITE
            region = where(place, second)
            file.write(
                CLOCK.monotonic(at(second)),
                CLOCK.monotonic(at(second)) + 1000,
                CLOCK.monotonic(at(second + took)),
                operation,
                Outcome.TIMED_OUT if broken else Outcome.GOOD,
                0 if broken else (201 if operation == 0 else 200),
                socket.inet_aton(ADDRESS[region]),
                write_id,
            )
            if operation == 0 and not broken:
                acknowledged.append(write_id.hex())
    return acknowledged


def dark(folder: Path, back: float = 131.0, **changes: Any) -> Record:
    """A load balancer goes dark; its clients are back at second ``back``."""
    name = "Blackhole load balancer of us-east-1"

    def bad(place: str, operation: int, second: float) -> bool:
        return place != "asia" and STRUCK + 0.3 <= second < back + (2 if place == "europe" else 0)

    return write(
        folder, header(**changes), [*beginning(), *fault(name), *moved(back - 9, 215)], bad, where=led(back - 3, 222)
    )


def lost(folder: Path) -> Record:
    """A region is lost; the platform promotes another writer; some acknowledged writes are gone."""
    told = header(
        scenario="active_passive/the_primary_region_is_lost",
        title="The primary region is lost, its replication and its AWS endpoints too.",
        promises=("recovery", "bounded_loss", "automatic", "single_writer"),
        objectives=Objectives(write_recovery_time=seconds(300), write_recovery_source="x", loss_span=seconds(5)),
    )

    def bad(place: str, operation: int, second: float) -> bool:
        back = 158.0 if operation == 0 else 126.0
        return STRUCK + 0.1 <= second < back and (place != "asia" or operation == 0)

    events = [
        *beginning(),
        *fault("Lose us-east-1", fidelity="twin-only"),
        *moved(118, 230),
        AlarmChanged(at(130), "no-writer", "eu-west-1", "INSUFFICIENT_DATA", "ALARM", "why", "m", "d"),
        AlarmChanged(at(176), "no-writer", "eu-west-1", "ALARM", "OK", "why", "m", "d"),
        Decided(at(131), "platform", "fails the global cluster over to eu-west-1"),
        WriterSeen(at(157), "eu-west-1", "aurora-eu-west-1-1"),
    ]
    return write(folder, told, events, bad, where=led(122, 238), missing=range(115, 119), stranded=(117, 118))


def lagging(folder: Path) -> Record:
    """A replica falls behind and the alarm rings."""
    told = header(
        scenario="read_replicas/the_replica_falls_behind",
        phase="read_replicas",
        design="read_replicas",
        title="The read replica falls behind.",
        promises=("lag_alarm", "bounded_staleness"),
        lag_alarm="replica-lag",
        declared_lag=seconds(120),
        objectives=Objectives(lag_threshold=seconds(60), alarm_delay=seconds(60), alarm_clear=seconds(120)),
    )
    metric = ("AWS/RDS/ReplicaLag", "DBInstanceIdentifier=replica-1")
    events: list[Event] = [*beginning(), *fault("Lag replica of us-east-1")]
    for second in range(5, 260, 10):
        behind = max(0.2, min(120.0, second - STRUCK)) if second < UNDONE else 0.3
        events.append(LagMeasured(at(second), "replica-1", "us-east-1", behind))
        events.append(LagMeasured(at(second), "replica-2", "us-east-1", 0.4))
    events += [
        AlarmChanged(at(171), "replica-lag", "us-east-1", "OK", "ALARM", "2 datapoints", *metric),
        AlarmNotified(at(172), "replica-lag", "us-east-1", "ALARM"),
        AlarmChanged(at(211), "replica-lag", "us-east-1", "ALARM", "OK", "2 datapoints", *metric),
    ]
    return write(folder, told, events)


def killed(folder: Path) -> Record:
    """A run that was killed in the middle of its fault: no undo, no read-back, no outcome, torn last lines."""
    told = header(outcome=None)
    events = [*beginning(), *fault("Blackhole load balancer of us-east-1", undone=None)]

    def bad(place: str, operation: int, second: float) -> bool:
        return place != "asia" and second >= STRUCK + 0.3

    write(folder, told, events, bad, end=110, readback=False)
    with (folder / record.TIMELINE_FILE).open("a") as file:
        file.write('{"at": 17000')
    with (folder / "requests-asia.bin").open("ab") as torn:
        torn.write(b"\0" * 17)
    return record.load(folder)


def empty(folder: Path) -> Record:
    """A run that was killed before anything happened: a header and nothing else."""
    folder.mkdir(parents=True)
    write_header(folder / record.HEADER_FILE, header(outcome=None))
    return record.load(folder)
