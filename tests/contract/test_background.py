"""What goes on beside the tests that measure time gets only what those leave, in whatever session it is."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import background

needs_group = pytest.mark.skipif(
    not os.access(background.HIERARCHY / "cpu.shares", os.W_OK), reason="needs root and cgroup v1"
)
PROGRAM = """
import subprocess, sys
from pathlib import Path
from tests import background
background.join(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
seen = "import os; print(os.nice(0), open('/proc/self/cgroup').read())"
print(subprocess.run([sys.executable, "-c", seen], start_new_session=True, capture_output=True, text=True).stdout)
"""


def begun(group: Path | None) -> str:
    """What a process that a member of the group started, in a session of its own, says of itself."""
    words = [sys.executable, "-c", PROGRAM, *([str(group)] if group else [])]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@needs_group
def test_a_session_of_its_own_stays_in_the_group_which_is_gone_afterwards() -> None:
    with background.leavings() as group:
        assert group is not None
        assert (group / "cpu.shares").read_text().split() == [background.LOW_SHARES]
        told = begun(group)
        assert f"/{group.name}" in told
        assert int(told.split()[0]) >= background.NICE
    assert not group.exists()


@needs_group
def test_what_is_left_in_the_group_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_PATIENCE_REAL_SECONDS", 0)
    with ExitStack() as stack, subprocess.Popen(["sleep", "60"]) as left:
        group = stack.enter_context(background.leavings())
        assert group is not None
        (group / "cgroup.procs").write_text(str(left.pid))
        with pytest.raises(OSError, match="busy"):
            stack.close()
        left.kill()
    group.rmdir()


def test_without_control_groups_it_is_nice_all_the_same(tmp_path: Path) -> None:
    with background.leavings(tmp_path / "none") as group:
        assert group is None
        assert int(begun(group).split()[0]) >= background.NICE
