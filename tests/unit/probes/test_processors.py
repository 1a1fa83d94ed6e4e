"""How clients fare for processors: told while they run, of those that were there before and after."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import timeline
from harness.clock import Clock, monotonic_nanoseconds, real_sleep
from harness.events import ProcessorsShared
from harness.probes import processors
from harness.timeline import Timeline

SPEED = 10.0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_PERIOD_REAL_SECONDS", 0.1)


@pytest.fixture
def busy() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes that never rest, on the one processor that both may have."""
    loop = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nprint(flush=True)\nwhile True: pass"
    found = [subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) for _ in range(2)]
    for one in found:
        assert one.stdout is not None
        one.stdout.readline()
    yield found
    for one in found:
        one.kill()
        one.wait()
        assert one.stdout is not None
        one.stdout.close()


def told(path: Path, count: int) -> list[ProcessorsShared]:
    """The events of that timeline once there are so many."""
    give_up = monotonic_nanoseconds() + 10_000_000_000
    while len(found := list(timeline.of(timeline.read(path), ProcessorsShared))) < count:
        assert monotonic_nanoseconds() < give_up, found
        real_sleep(0.02)
    return found


@pytest.mark.usefixtures("quick")
def test_two_who_share_one_processor_wait_as_long_as_they_run(
    tmp_path: Path, busy: list[subprocess.Popen[bytes]]
) -> None:
    path, clock = tmp_path / "timeline.jsonl", Clock.start(SPEED)
    lines = Timeline(path)
    with processors.Processors(lambda: [one.pid for one in busy], clock, lines):
        found = told(path, 8)
    lines.close()
    assert {one.processes for one in found} == {2}
    ran, waited = sum(one.ran_seconds for one in found), sum(one.waited_seconds for one in found)
    span = sum(one.span_seconds for one in found)
    assert span / len(found) >= 0.1
    assert 0.8 * 2 * span < ran + waited < 1.2 * 2 * span, "all the time they could run"
    assert waited > 0.3 * (ran + waited), (
        "half of it at least they waited; each of both cores may have been theirs alone"
    )
    apart = found[-1].at - found[0].at
    assert abs(apart.seconds / SPEED - sum(one.span_seconds for one in found[1:])) < 0.01


@pytest.mark.usefixtures("quick")
def test_who_comes_or_goes_between_two_looks_is_not_counted(
    tmp_path: Path, busy: list[subprocess.Popen[bytes]]
) -> None:
    path, present = tmp_path / "timeline.jsonl", [busy[0].pid]
    lines = Timeline(path)
    with processors.Processors(lambda: list(present), Clock.start(SPEED), lines):
        told(path, 1)
        present.append(busy[1].pid)
        known = len(told(path, 1))
        assert {one.processes for one in told(path, known + 4)[known + 1 :]} == {2}
        busy[0].kill()
        busy[0].wait()
        present.remove(busy[0].pid)
        known = len(told(path, 1))
        assert {one.processes for one in told(path, known + 4)[known + 1 :]} == {1}
        present.clear()
        real_sleep(0.3)
        silent = path.read_text()
        real_sleep(0.3)
        assert path.read_text() == silent
    lines.close()
    assert all(json.loads(line)["kind"] == "processors" for line in silent.splitlines())
