from __future__ import annotations

import os
import subprocess

import pytest

from harness.errors import Unreadable
from harness.safety import lease
from harness.safety.lease import Lease


def test_what_is_written_is_read(tmp_path):
    mine = Lease.of(os.getpid()).until(12)
    lease.write(tmp_path / "lease", mine)
    assert lease.read(tmp_path / "lease") == mine
    assert mine.alive
    assert not mine.ended().alive


def test_a_process_that_ended_holds_nothing(tmp_path):
    process = subprocess.Popen(["sleep", "60"])
    held = Lease.of(process.pid)
    assert held.alive
    process.kill()
    process.wait()
    assert not held.alive


def test_another_process_with_the_same_id_does_not_hold_it():
    mine = Lease.of(os.getpid())
    assert not Lease(mine.pid, mine.started - 1).alive


def test_no_file_is_no_lease(tmp_path):
    assert lease.read(tmp_path / "lease") is None


@pytest.mark.parametrize("text", ["", "123", "{}", '{"pid": 1, "started": 2, "owner": 3}'])
def test_what_is_no_lease_is_told(tmp_path, text):
    (tmp_path / "lease").write_text(text)
    with pytest.raises(Unreadable, match="lease"):
        lease.read(tmp_path / "lease")
