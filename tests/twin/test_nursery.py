"""Twins out of a nursery: the same as any other, one after another, and neither ends with the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clock import real_sleep
from harness.errors import TwinFault
from harness.processes import birth
from harness.twin.nursery import Nursery
from harness.twin.root import launch, leftovers, shutdown, status
from harness.twin.state import State
from tests.twin.test_root import NAMESPACES, SPEED, gone_after

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the twin's process tree needs root here"),
    pytest.mark.timeout(60),
]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    yield tmp_path
    shutdown(tmp_path)


def start(checkout: Path, nursery: Nursery, entry: str = "main", patience: float = 20) -> State:
    return launch("small", "hardened", SPEED, checkout, patience, entry=f"small_world:{entry}", nursery=nursery)


def test_one_after_another_each_in_a_world_of_its_own(checkout: Path) -> None:
    with Nursery() as nursery:
        first = start(checkout, nursery)
        assert leftovers(checkout).namespaces == NAMESPACES
        assert shutdown(checkout, spent=True) is True
        assert not leftovers(checkout)
        second = start(checkout, nursery)
        assert (second.design, second.speed) == (first.design, first.speed)
        assert second.pid != first.pid
        assert second.anchor != first.anchor
        assert status(checkout) == second


def test_a_twin_outlives_its_nursery(checkout: Path) -> None:
    with Nursery() as nursery:
        state = start(checkout, nursery)
    assert state.lives
    with pytest.raises(TwinFault, match="nursery of twins is dead"):
        shutdown(checkout) and start(checkout, nursery)
    assert status(checkout) is None


@pytest.mark.parametrize("entry", ["refuse", "crash", "missing"])
def test_a_world_that_fails_leaves_nothing_and_the_next_one_is_born(checkout: Path, entry: str) -> None:
    with Nursery() as nursery:
        with pytest.raises(TwinFault):
            start(checkout, nursery, entry)
        assert not leftovers(checkout)
        assert status(checkout) is None
        assert start(checkout, nursery).lives


def test_a_nursery_ends_with_whoever_made_it(checkout: Path) -> None:
    script = (
        "import os, pathlib, sys; from harness.twin import nursery, root\n"
        "made = nursery.Nursery(); print(made._process.pid, flush=True)\n"
        "root.State.write = lambda *_: os.kill(os.getpid(), 9)\n"
        "where = pathlib.Path(sys.argv[1])\n"
        "root.launch('small', 'hardened', 10.0, where, 20, entry='small_world:main', nursery=made)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(checkout)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert gone_after(checkout)
    assert status(checkout) is None
    assert _ended(int(done.stdout))


def _ended(pid: int) -> bool:
    for _ in range(100):
        if birth(pid) is None:
            return True
        real_sleep(0.02)
    return False
