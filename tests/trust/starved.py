"""`python -m tests.trust.starved`: a sound platform on a machine short of processors is neither kept nor broken.

One scenario, played as a user plays it, on the machine as it is and beside a busy loop on each processor that leaves
three tenths of it to everybody else, whatever their nice values and sessions. It takes about three minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.reporting import columns
from harness.twin import root
from harness.verdicts import Ruling

HOME = Path(__file__).resolve().parents[2]
SCENARIO = "read_replicas/the_primary_database_stops"
REASON = "short of processors"
_PROMISE = "recovery"
_PATIENCE_REAL_SECONDS = 600
_BUSY = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
while os.getppid() == int(sys.argv[2]):
    until = time.monotonic() + 0.035
    while time.monotonic() < until:
        pass
    time.sleep(0.015)
"""


@contextmanager
def busy() -> Iterator[None]:
    """Seven tenths of every processor taken, until the block is left or this process is gone."""
    words = [sys.executable, "-c", _BUSY]
    loops = [subprocess.Popen([*words, str(number), str(os.getpid())]) for number in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@contextmanager
def quiet() -> Iterator[None]:
    """The machine as it is."""
    yield


def ruling() -> tuple[str, str]:
    """What the harness says of the recovery, and why; no ruling when the run left none."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("scenarios", "targets"):
            (home / name).symlink_to(HOME / name)
        words = [sys.executable, "-m", "harness.cli", "run", SCENARIO, "--speed", "10"]
        environment = {**os.environ, "GAMEDAY_HOME": folder, "PYTHONPATH": str(HOME)}
        try:
            done = subprocess.run(
                words, env=environment, cwd=HOME, text=True, capture_output=True, check=False,
                timeout=_PATIENCE_REAL_SECONDS,
            )  # fmt: skip
        finally:
            root.shutdown(home)
        told = next(iter((home / "reports" / "runs").glob("*/*/verdict.json")), None)
        if told is None:
            return "none", (done.stdout + done.stderr)[-300:]
        found = {one["promise"]: one for one in json.loads(told.read_text())["verdicts"]}[_PROMISE]
        return str(found["ruling"]), str(found["reason"])


def main() -> int:
    """Print the table; exits 1 when a row differs."""
    rows, wrong = [], False
    for name, around, expected, says in (("quiet", quiet, Ruling.KEPT, ""), ("busy", busy, Ruling.UNKNOWN, REASON)):
        with around():
            found, reason = ruling()
        differs = found != expected.name or says not in reason
        wrong |= differs
        rows.append({"": "DIFFERS" if differs else "as expected", "machine": name, "ruling": found, "reason": reason})
    columns.show(rows)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
