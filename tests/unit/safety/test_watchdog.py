"""The watchdog against real processes: it acts when the run dies, and only then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from harness.safety.watchdog import Watchdog

RUN = """
import sys, time
from pathlib import Path
from harness.safety.watchdog import Watchdog
with Watchdog(Path(sys.argv[1]), [sys.executable, "-c", f"open({sys.argv[2]!r}, 'a').write('undone ')"]) as dog:
    print(dog.pid, flush=True)
    time.sleep(60)
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


def test_a_run_that_is_killed_is_undone_by_the_watchdog(tmp_path):
    lease, mark = tmp_path / "lease", tmp_path / "mark"
    run = subprocess.Popen([sys.executable, "-c", RUN, str(lease), str(mark)], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    dog = int(run.stdout.readline())
    time.sleep(1.2)
    assert not mark.exists(), "it never acts while the run lives"
    run.kill()
    run.wait()
    assert wait_until(mark.exists)
    assert wait_until(lambda: gone(dog))
    assert mark.read_text() == "undone "
    assert not lease.exists()


def test_a_run_that_ends_well_is_left_alone(tmp_path):
    lease, mark = tmp_path / "lease", tmp_path / "mark"
    with Watchdog(lease, [sys.executable, "-c", f"open({str(mark)!r}, 'a')"]) as dog:
        pid = dog.pid
    assert gone(pid)
    assert not mark.exists()


def test_it_outlives_the_terminal(tmp_path):
    with Watchdog(tmp_path / "lease", ["true"]) as dog:
        assert os.getsid(dog.pid) != os.getsid(0)
        os.kill(dog.pid, signal.SIGCONT)
