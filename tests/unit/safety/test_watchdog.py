"""The watchdog against real processes: it acts when the run dies, hangs or hands over, and only then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from harness.clock import monotonic_nanoseconds
from harness.safety import lease
from harness.safety.watchdog import Watchdog

LEASE_SECONDS = 2.0
RUN = """
import contextlib, sys, time
from pathlib import Path
from harness.clock import monotonic_nanoseconds
from harness.safety.watchdog import Watchdog
path, mark, pending, deadline = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "pending", float(sys.argv[4])
undo = [sys.executable, "-c", f"open({mark!r}, 'a').write('undone ')"]
with Watchdog(path, undo, lambda: pending, 2.0) as dog:
    limit = dog.limit(monotonic_nanoseconds() + round(deadline * 1e9)) if deadline else contextlib.nullcontext()
    with limit:
        print(dog.pid, flush=True)
        sys.stdin.readline()
    print(dog.pid, flush=True)
sys.stdin.readline()
"""


def wait_until(look, real_seconds=10.0):
    give_up = time.monotonic() + real_seconds
    while time.monotonic() < give_up:
        if look():
            return True
        time.sleep(0.05)
    return False


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Run:
    """A run of its own process, its lease, and what its watchdog leaves when it acts."""

    def __init__(self, folder, *, pending=False, deadline=0.0):
        self.lease, self.mark = folder / "lease", folder / "mark"
        words = [str(self.lease), str(self.mark), "pending" if pending else "nothing", str(deadline)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.dog = self.told()

    def told(self):
        return int(self.process.stdout.readline())

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def undone(self):
        return self.mark.read_text().count("undone") if self.mark.exists() else 0


@pytest.fixture
def begin(tmp_path):
    runs = []

    def begun(**options):
        runs.append(Run(tmp_path, **options))
        return runs[-1]

    yield begun
    for run in runs:
        run.process.kill()
        run.process.wait()


def test_a_run_that_is_killed_is_undone_by_the_watchdog(begin):
    run = begin()
    time.sleep(1.2)
    assert not run.undone(), "it never acts while the run lives"
    run.process.kill()
    run.process.wait()
    assert wait_until(run.undone)
    assert wait_until(lambda: gone(run.dog))
    assert run.undone() == 1
    assert not run.lease.exists()


def test_a_run_that_ends_well_is_left_alone(begin):
    run = begin()
    run.go_on()
    assert wait_until(lambda: gone(run.dog))
    assert not run.undone()
    assert not run.lease.exists()


def test_a_run_that_ends_with_something_left_hands_it_over_though_its_process_lives(begin):
    run = begin(pending=True)
    run.go_on()
    assert wait_until(run.undone)
    assert run.process.poll() is None
    assert wait_until(lambda: not run.lease.exists())


def test_a_run_that_hangs_is_killed_before_anything_is_undone(begin):
    run = begin()
    os.kill(run.process.pid, signal.SIGSTOP)
    time.sleep(LEASE_SECONDS / 2)
    assert not run.undone(), "its lease has not run out"
    assert wait_until(run.undone, 3 * LEASE_SECONDS)
    assert gone(run.process.pid), "two hands were at work"


def test_a_fault_that_outlives_its_deadline_ends_its_run(begin):
    run = begin(deadline=1.0)
    assert wait_until(lambda: gone(run.process.pid))
    assert run.process.wait() == -signal.SIGTERM
    assert wait_until(run.undone)


def test_a_fault_that_was_undone_in_time_has_no_deadline_any_more(begin):
    run = begin(deadline=1.0)
    run.go_on()
    run.told()
    time.sleep(1.5)
    assert not run.undone()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_watchdog_that_died_or_does_not_move_is_replaced(begin, how):
    run = begin()
    os.kill(run.dog, how)
    assert wait_until(lambda: gone(run.dog), 4 * LEASE_SECONDS)
    assert not run.undone()
    time.sleep(LEASE_SECONDS / 5)
    run.process.kill()
    run.process.wait()
    assert wait_until(run.undone), "nobody took the place of the watchdog"


def test_a_stopped_watchdog_does_not_keep_a_run_from_ending(tmp_path):
    with Watchdog(tmp_path / "lease", ["true"], lambda: False, 60) as dog:
        pid = dog.pid
        os.kill(pid, signal.SIGSTOP)
    assert gone(pid)


def test_it_outlives_the_terminal(tmp_path):
    with Watchdog(tmp_path / "lease", ["true"], lambda: False) as dog:
        assert os.getsid(dog.pid) != os.getsid(0)


def test_the_earliest_deadline_counts_and_comes_back(tmp_path):
    path = tmp_path / "lease"
    soon, late = monotonic_nanoseconds() + 10**12, monotonic_nanoseconds() + 2 * 10**12
    with Watchdog(path, ["true"], lambda: False) as dog:
        with dog.limit(soon):
            with dog.limit(late):
                assert lease.read(path).deadline == soon
            assert lease.read(path).deadline == soon
        assert lease.read(path).deadline == 0
