"""Load generators wait in reserve, and whoever takes one gets one that lives."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from harness import generators
from harness.clock import real_sleep
from harness.generators import Generator, LoadPlace
from harness.reserve import Reserve
from loadtests.settings import LoadSettings, locust

WAITING = (sys.executable, "-c", "import sys; print('got', sys.stdin.readline(), flush=True)")
HERE, THERE = LoadPlace("here", 0, WAITING), LoadPlace("there", 1, WAITING)
"""``enter`` takes Locust's command line as its arguments, so something lighter can be entered."""
SETTINGS = LoadSettings("http://api.test", "here", 0, "requests.bin")


@pytest.fixture
def reserve(tmp_path):
    kept = Reserve(tmp_path)
    yield kept
    kept.dismiss()


def ended(generator: Generator) -> None:
    for _ in range(500):
        if not generator.running:
            return
        real_sleep(0.01)
    raise AssertionError("it goes on")


def test_what_waits_is_taken_and_told_what_to_do(reserve, tmp_path):
    reserve.fill([HERE, THERE])
    (folder := tmp_path / "run").mkdir()
    taken = reserve.take(HERE)
    assert [path.name for path in sorted(tmp_path.glob("*.log"))] == ["waiting-here.log", "waiting-there.log"]
    taken.begin(SETTINGS, folder, "secret")
    ended(taken)
    assert '"location": "here"' in taken.last_words()
    assert (folder / "load-here.log").read_text().startswith(taken.last_words())
    assert "secret" in taken.last_words()
    assert "secret" not in (folder / "load-here.json").read_text()
    assert not (tmp_path / "waiting-here.log").exists()


def test_an_empty_reserve_and_a_dead_one_give_a_new_one(reserve):
    reserve.fill([HERE])
    waiting = reserve._waiting[HERE]
    waiting.signal(signal.SIGKILL)
    ended(waiting)
    fresh = reserve.take(HERE)
    assert fresh.pid != waiting.pid
    assert fresh.running
    fresh.dismiss()
    other = reserve.take(THERE)
    assert other.running
    other.dismiss()


def test_filling_again_adds_nothing_and_dismissing_leaves_nothing(reserve, tmp_path):
    reserve.fill([HERE])
    waiting = reserve._waiting[HERE]
    reserve.fill([HERE])
    assert reserve._waiting == {HERE: waiting}
    reserve.dismiss()
    reserve.dismiss()
    assert not waiting.running
    assert list(tmp_path.iterdir()) == []


def test_one_that_died_before_its_order_is_found_dead(reserve, tmp_path):
    taken = reserve.take(HERE)
    taken.signal(signal.SIGKILL)
    ended(taken)
    taken.begin(SETTINGS, tmp_path, "")
    assert not taken.running


def test_a_generator_ends_with_whoever_started_it(tmp_path: Path):
    waiting = Generator(HERE, tmp_path / "log")
    assert waiting._child.stdin is not None
    waiting._child.stdin.close()
    ended(waiting)
    assert Path(locust(generators.ROOT)[3]).exists()
