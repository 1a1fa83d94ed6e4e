"""The kernel's word on a process: a living one, a stopped one, a zombie, one with a strange name, none at all."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clock import monotonic_nanoseconds, real_sleep
from harness.processes import Share, birth, share, stopped


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose name holds what parts the fields."""
    program = tmp_path / "a ) T ("
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(program), "60"])
    yield process
    process.kill()
    process.wait()


def test_a_living_process_has_a_birth_that_stays_and_is_not_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    born = birth(sleeper.pid)
    assert born is not None
    assert born >= (birth(os.getpid()) or 0)
    assert birth(sleeper.pid) == born
    assert not stopped(sleeper.pid)


def test_a_stopped_process_is_told_from_one_that_goes_on(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED)
    assert stopped(sleeper.pid)
    assert birth(sleeper.pid) is not None
    sleeper.send_signal(signal.SIGCONT)
    os.waitid(os.P_PID, sleeper.pid, os.WCONTINUED)
    assert not stopped(sleeper.pid)


def test_a_zombie_and_nobody_have_no_birth_and_are_not_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert (birth(sleeper.pid), stopped(sleeper.pid)) == (None, False)
    sleeper.wait()
    assert (birth(sleeper.pid), stopped(sleeper.pid)) == (None, False)


def test_what_a_process_had_of_the_processors_grows_with_its_work(sleeper: subprocess.Popen[bytes]) -> None:
    before = share(os.getpid())
    assert before is not None
    until = monotonic_nanoseconds() + 50_000_000
    while monotonic_nanoseconds() < until:
        pass
    after = share(os.getpid())
    assert after is not None
    assert after.since(before).ran + after.since(before).waited > 40_000_000
    asleep = share(sleeper.pid)
    real_sleep(0.05)
    later = share(sleeper.pid)
    assert asleep is not None
    assert later is not None
    assert later.since(asleep).ran < 5_000_000


def test_a_thread_that_ended_takes_its_share_with_it_and_leaves_no_debt() -> None:
    assert Share(5, 7).since(Share(9, 3)) == Share(0, 4)
    assert Share(5, 7).plus(Share(1, 2)) == Share(6, 9)


def test_of_nobody_no_share_is_known(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    sleeper.wait()
    assert share(sleeper.pid) is None
