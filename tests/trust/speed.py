"""`python -m tests.trust.speed`: what judging a long night costs, and what recording costs each request.

Judging is measured in a process of its own, from the import to the last verdict. Its limit is held against processor
time, as a neighbour on the machine makes the wall clock no property of ours; both are printed.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.clock import Clock, real_sleep, seconds
from harness.generators import LoadPlace
from harness.load import Load, LoadPlan
from harness.requests import NO_ADDRESS, SIZE, RequestWriter
from tests.trust.large import make
from tests.trust.replay import HOME, OPERATION, RATE, ahead, service

REQUESTS = 1_000_000
RECORDS = 100_000
JUDGING_SECONDS, MEGABYTES = 5.0, 600.0
SHARE, BYTES = 0.02, 64
_LOAD_SECONDS = 8.0
_JUDGE = "from tests.trust.speed import judge_alone; judge_alone({folder!r})"
_RECORD = "from tests.trust.speed import record_alone; record_alone({folder!r})"


def judge_alone(folder: str) -> None:
    """Load and judge a run; says what it cost: processor seconds, peak megabytes, and how many verdicts came."""
    from harness import record
    from harness.judges.bench import judge

    verdicts = judge(record.load(Path(folder)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, len(verdicts))


def record_alone(folder: str) -> None:
    """Write many records; says the processor seconds of one, and the bytes."""
    path = Path(folder) / "requests-here.bin"
    with RequestWriter(path, Clock.start(), 0) as writer:
        began = time.process_time()
        for number in range(RECORDS):
            writer.write(number, number, number, 0, 0, 201, NO_ADDRESS)
        took = time.process_time() - began
    print(took / RECORDS, (path.stat().st_size - SIZE) / RECORDS)


def _alone(code: str, folder: str) -> list[float]:
    command = [*ahead(), sys.executable, "-c", code.format(folder=folder)]
    told = subprocess.run(command, cwd=HOME, check=True, capture_output=True, text=True).stdout
    return [float(word) for word in told.split()]


def judging() -> tuple[float, float, float]:
    """Processor seconds, wall seconds and peak megabytes of judging a long night."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), REQUESTS)
        began = time.monotonic()
        processor, peak, _ = _alone(_JUDGE, folder)
        return processor, time.monotonic() - began, peak


def recording() -> tuple[float, float, float]:
    """Processor seconds of one record, bytes of one record, and processor seconds of one request of Locust's."""
    with tempfile.TemporaryDirectory() as folder:
        cost, size = _alone(_RECORD, folder)
    with tempfile.TemporaryDirectory() as folder, service(1) as server:
        plan = LoadPlan(f"http://127.0.0.1:{server.port}", {"here": RATE}, {OPERATION: 1}, seconds(5))
        with Load(Clock.start(), Path(folder), [LoadPlace("here", 0, ahead())], plan) as load:
            load.start()
            record = load.records["here"]
            before, began = record.stat().st_size, _processor_seconds(load)
            real_sleep(_LOAD_SECONDS)
            spent, sent = _processor_seconds(load) - began, (record.stat().st_size - before) / SIZE
    return cost, size, spent / sent


def _processor_seconds(load: Load) -> float:
    ticks = 0
    for pid in load.processes():
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print each figure beside its limit; exits 1 when one is missed."""
    processor, wall, peak = judging()
    cost, size, request = recording()
    rows = [
        (f"judging {REQUESTS:,} requests, {REQUESTS // 5:,} writes", processor, JUDGING_SECONDS, "s"),
        ("judging, peak memory", peak, MEGABYTES, "MB"),
        ("bytes a request", size, float(BYTES), "B"),
        ("recording, share of Locust's processor time", 100 * cost / request, 100 * SHARE, "%"),
    ]
    for name, value, limit, unit in rows:
        print(f"{name:<52}{value:>9.2f} {unit:<3} limit {limit:g} {unit}  {'ok' if value <= limit else 'MISSED'}")
    print(f"judging took {wall:.1f} s by the wall; a record {cost * 1e6:.2f} µs of a request's {request * 1e6:.0f} µs")
    return int(any(value > limit for _, value, limit, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
