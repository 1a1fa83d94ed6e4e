"""A run's folder as large as a night's: a million requests, 200,000 of them writes, read back from three databases.

Made of arrays at once, since the recorder's own way (a record at a time) would take longer than what is measured. A
fault darkens one of three locations for half a minute; one acknowledged write in 20,000 is missing.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import numpy as np

from harness import ledger
from harness.clock import Anchor, Clock, Instant, seconds
from harness.events import AddressesSeen, DnsAnswered, FaultInjected, FaultUndone, LagMeasured, PhaseBegan
from harness.header import ClientPolicy, Header, Stream, write_header
from harness.ledger import Jobs, ReadBack, View
from harness.objectives import PROMISES, Objectives
from harness.record import HEADER_FILE, READBACK_FILE, TIMELINE_FILE
from harness.requests import OPERATIONS, RECORD, Outcome, RequestWriter, Rows, address_number
from harness.timeline import Timeline
from harness.verdicts import Outcome as Ended

LOCATIONS = ("america", "europe", "asia")
REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
EPOCH = 1_700_000_000 * 10**9
START = 10**12
ANCHOR = Anchor(START, EPOCH)
RATE = 100.0
_TURNS = np.array([0, 1, 2, 3, 2], np.uint8)
"""One arrival in five is a write."""
_STEP = round(1e9 / RATE)
_OUTAGE = seconds(30)
_MISSING = 20_000


def _rows(location: int, count: int, struck: int, dice: np.random.Generator) -> Rows:
    rows = np.zeros(count, RECORD)
    rows["intended"] = START + np.arange(count, dtype=np.uint64) * np.uint64(_STEP)
    rows["sent"] = rows["intended"] + np.uint64(300_000)
    rows["done"] = rows["sent"] + dice.integers(2_000_000, 40_000_000, count, np.uint64)
    rows["operation"] = _TURNS[np.arange(count) % len(_TURNS)]
    rows["status"] = np.where(rows["operation"] == 0, 201, 200)
    rows["location"] = location
    rows["address"] = address_number(f"10.{location + 1}.10.80")
    events = rows["operation"] == 2
    seen = (EPOCH + (rows["sent"].astype(np.int64) - START)) // 1_000_000_000 * 1_000_000 - 1_000_000
    rows["observed"][events] = seen[events]
    writes = np.flatnonzero(rows["operation"] == 0)
    rows["write_id"][writes] = np.frombuffer(dice.bytes(16 * len(writes)), "V16")
    if location == 0:
        times = rows["intended"].astype(np.int64) - START
        down = (times >= struck) & (times < struck + _OUTAGE.nanoseconds)
        rows["outcome"][down], rows["status"][down] = Outcome.TIMED_OUT, 0
        rows["done"][down] = rows["sent"][down] + np.uint64(5_000_000_000)
    ordered: Rows = rows[np.argsort(rows["done"], kind="stable")]
    return ordered


def _save(folder: Path, location: int, rows: Rows) -> None:
    path = folder / f"requests-{LOCATIONS[location]}.bin"
    RequestWriter(path, Clock(1.0, ANCHOR), location).close()
    bodies = np.frombuffer(rows.tobytes(), [("body", "V60"), ("crc", "<u4")]).copy()
    bodies["crc"] = np.fromiter(map(zlib.crc32, bodies["body"].tolist()), np.uint32, len(bodies))
    with path.open("ab") as record:
        record.write(bodies.tobytes())


def _views(parts: list[Rows]) -> tuple[View, ...]:
    writes = np.concatenate([rows[rows["operation"] == 0] for rows in parts])
    good = writes[writes["outcome"] == Outcome.GOOD]
    ids = [value.hex() for value in good["write_id"].tolist()]
    created = [(int(at) - START + EPOCH) // 1000 for at in good["done"].tolist()]
    found = []
    for number, (region, role) in enumerate(zip(REGIONS, ("writer", "replica", "replica"), strict=True)):
        kept = range(len(ids)) if number else [index for index in range(len(ids)) if index % _MISSING]
        counts = {ids[index]: 1 for index in kept}
        dated = {ids[index]: ((created[index], REGIONS[0]),) for index in kept}
        found.append(View("sql", region, f"agentauri-{number}", role, EPOCH, counts, dated))
    return tuple(found)


def _tell(folder: Path, count: int, struck: int) -> None:
    def at(offset: int) -> Instant:
        return Instant(EPOCH + offset)

    fault = "Blackhole load balancer of us-east-1"
    timeline = Timeline(folder / TIMELINE_FILE)
    timeline.add(PhaseBegan(at(0), "steady"))
    for number, region in enumerate(REGIONS):
        timeline.add(AddressesSeen(at(0), region, (f"10.{number + 1}.10.80",)))
        timeline.add(DnsAnswered(at(0), LOCATIONS[number], region, (f"10.{number + 1}.10.80",), 10))
    for second in range(0, count * _STEP // 10**9, 5):
        timeline.add(LagMeasured(at(second * 10**9), "agentauri-1", REGIONS[1], 0.2))
    struck_at, undone = at(struck), at(struck + 4 * _OUTAGE.nanoseconds)
    timeline.add(
        FaultInjected(
            struck_at, fault, struck_at.nanoseconds, struck_at.nanoseconds + 10**8, "faithful", "seen", REGIONS[:1]
        )
    )
    timeline.add(FaultUndone(undone, fault, undone.nanoseconds, "seen"))
    timeline.close()


def make(folder: Path, requests: int) -> None:
    """Write a run with so many requests into an empty folder."""
    count = requests // len(LOCATIONS)
    struck = count * _STEP // 2
    dice = np.random.default_rng(1)
    parts = [
        _rows(number, count + (requests % len(LOCATIONS) if number == 0 else 0), struck, dice)
        for number in range(len(LOCATIONS))
    ]
    for number, rows in enumerate(parts):
        _save(folder, number, rows)
    _tell(folder, count, struck)
    jobs = Jobs(tuple(map(str, range(2000))), tuple(map(str, range(2000))), {str(number): 1 for number in range(2000)})
    ledger.write(folder / READBACK_FILE, ReadBack(True, (), _views(parts), jobs))
    header = Header(
        scenario="active_active/a_long_night", phase="active_active", title="A long night", story="",
        design="active_active", design_version="hardened", target="twin", speed=1.0, anchor=ANCHOR,
        promises=PROMISES, objectives=Objectives(), locations=LOCATIONS,
        nearest={place: (region, REGIONS[1]) for place, region in zip(LOCATIONS, REGIONS, strict=True)},
        regions=REGIONS, operations=OPERATIONS, writes=("create_trigger",), deadline=seconds(5),
        rate_per_second=dict.fromkeys(LOCATIONS, RATE), client=ClientPolicy("honoured", seconds(20)),
        outcome=Ended.FINISHED, undisturbed=(Stream("*", "asia"),),
    )  # fmt: skip
    write_header(folder / HEADER_FILE, header)


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
