"""A load generator on another machine: a time namespace whose clock is a thousand seconds ahead stands in for one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import requests
from harness.clock import Clock, Duration, Instant, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import HarnessFault
from harness.events import FaultInjected, FaultUndone, PhaseBegan
from harness.generators import LoadPlace
from harness.judges.outage import Recovery, recoveries
from harness.load import Load, LoadPlan
from harness.outposts import Offset
from harness.record import Record, traffic
from harness.requests import OPERATIONS, Outcome
from loadtests.settings import MIX
from tests.twin.test_load import served
from tests.unit.judges.scripted import header

_PROJECT = Path(__file__).resolve().parents[2]
_AHEAD = 1000
_AWAY = ("unshare", "-T", "--monotonic", str(_AHEAD), "--fork")
_CAN = os.geteuid() == 0 and shutil.which("unshare") and not subprocess.run([*_AWAY, "true"], check=False).returncode
needs_time_namespaces = pytest.mark.skipif(not _CAN, reason="needs root and time namespaces")
AWAY = LoadPlace("away", 0, _AWAY, python=sys.executable, folder=str(_PROJECT))
HERE = LoadPlace("here", 1)


@needs_time_namespaces
@pytest.mark.timeout(120)
def test_an_outage_lasts_as_long_by_a_clock_elsewhere_as_by_ours(tmp_path: Path) -> None:
    clock = Clock.start(10)
    with served() as (host, pid):
        plan = LoadPlan(host, {"away": 10.0, "here": 10.0}, deadline=seconds(5))
        with Load(clock, tmp_path, [AWAY, HERE], plan) as load:
            load.start()
            real_sleep(1)
            assert load.glance(seconds(5))["away"].arrivals_per_second > 3  # the last 0.2 s are still on their way
            stopped = clock.now()
            os.kill(pid, signal.SIGSTOP)
            real_sleep(1.5)
            assert load.glance(seconds(5))["away"].bad_per_second > 3
            os.kill(pid, signal.SIGCONT)
            continued = clock.now()
            real_sleep(1)
            assert load.dead() == []
        away = load._flows[0].generator
        error = load.clock_errors()["away"]
    assert set(load.clock_errors()) == {"away"}
    assert abs(away._before.ahead - _AHEAD * 10**9) <= away._before.error
    assert abs(away._after.ahead - _AHEAD * 10**9) <= away._after.error
    assert Duration(0) < error < seconds(0.2)
    found = [requests.read(path) for path in load.records.values()]
    for part in found:
        due = np.sort(part.rows["intended"].astype(np.int64))
        assert np.allclose(np.diff(due), 10_000_000, atol=2)
        assert part.clock == clock
        assert set(part.rows["outcome"].tolist()) == {Outcome.GOOD, Outcome.TIMED_OUT}
    for there, here in _recoveries(clock, stopped, continued, load):
        assert there.time is not None
        assert here.time is not None
        # What came in the last five seconds was answered in time, and what a loaded machine adds is no outage.
        assert (continued - stopped).seconds - 6 < there.time.seconds < (continued - stopped).seconds + 2
        assert there.time - there.error <= here.time + here.more
        assert here.time - here.error <= there.time + there.more
        assert there.error >= error
    log = (tmp_path / "load-away.log").read_text()
    assert "Traceback" not in log


def _recoveries(clock: Clock, stopped: Instant, continued: Instant, load: Load) -> list[tuple[Recovery, Recovery]]:
    """Each operation's outage, judged by the record that came from away and by the one made here."""
    parts = tuple(requests.read(path) for path in load.records.values())
    places = ("away", "here")
    told = header(
        speed=clock.speed, anchor=clock.anchor, locations=places, nearest={}, operations=OPERATIONS, mix=MIX,
        rate_per_second=dict.fromkeys(places, 10.0), clock_error=load.clock_errors(),
    )  # fmt: skip
    undone = continued + seconds(8)
    events = (
        PhaseBegan(stopped.back(seconds(8)), "steady"),
        FaultInjected(stopped, "Freeze", stopped.nanoseconds, stopped.nanoseconds, "faithful", "seen", ()),
        FaultUndone(undone, "Freeze", undone.nanoseconds, "seen"),
    )
    found = recoveries(Record(told, events, traffic(parts), parts))
    away, here = ([one for one in found if one.stream.location == place] for place in places)
    return list(zip(away, here, strict=True))


@needs_time_namespaces
@pytest.mark.timeout(60)
def test_a_machine_that_is_cut_off_is_dead_and_its_clock_may_have_drifted(tmp_path: Path) -> None:
    with served() as (host, _), Load(Clock.start(), tmp_path, [AWAY], LoadPlan(host, {"away": 20.0})) as load:
        load.start()
        real_sleep(0.5)
        away = load._flows[0].generator
        away.signal(signal.SIGKILL)
        real_sleep(0.5)
        assert load.dead() == ["away"]
        assert away._after is None
        assert away.clock_error > away._before.error
    assert len(requests.read(load.records["away"]).rows) > 0


@pytest.mark.timeout(60)
def test_a_machine_without_the_project_is_told_by_its_own_words(tmp_path: Path) -> None:
    place = LoadPlace("away", 0, ("env",), python=sys.executable, folder=str(tmp_path / "nowhere"))
    with (
        Load(Clock.start(10), tmp_path, [place], LoadPlan("http://127.0.0.1:1", {"away": 5.0})) as load,
        pytest.raises(HarnessFault, match=r"(?s)away ended at once.*nowhere"),
    ):
        load.start()


def test_half_of_a_round_trip_is_what_is_not_known() -> None:
    assert Offset.of(100, 1150, 200) == Offset(1000, 50, 200)
    now = monotonic_nanoseconds()
    assert abs(Offset.of(now, now + 5, now + 10).ahead) <= Offset.of(now, now + 5, now + 10).error
