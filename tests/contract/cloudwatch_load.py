"""CloudWatch's figures under load, each by a function that measures it and returns it; for tests and `make bench`.

They drive the service itself, in-process, on a clock that stands where they put it: how fast AWS time passes does not
change how much is kept, nor how long a tick takes.
"""

from __future__ import annotations

import gc
import statistics
import tracemalloc
from typing import cast

from harness.clock import Clock, Instant, monotonic_nanoseconds, seconds
from harness.twin.api.cloudwatch.evaluation import EXTRA_PERIODS
from harness.twin.api.cloudwatch.service import CloudWatch
from harness.twin.designs.model import AlarmPlan
from harness.twin.schedule import Scheduler
from tests.contract.cloudwatch_rig import HOME, START, Never, Still, design

DATAPOINTS = 200_000
SERIES = 50
ALARMS = 32
POINTS_WATCHED = 20_000
MOST_GROWTH_MEGABYTES = 1.0
MOST_TICK_MILLISECONDS = 20.0

_TICKS = 40
_MINUTES_READ = 1 + EXTRA_PERIODS
_PERCENTILES_OF = 4


def memory_growth(datapoints: int = DATAPOINTS) -> float:
    """How much more memory CloudWatch holds after ``datapoints`` than after half of them, in megabytes.

    One datapoint of each of 50 metrics comes every 10 seconds of AWS time, so half of 200,000 are five and a half
    hours: more than the three that are kept. Counted by tracemalloc, after a collection of garbage, at its peaks.
    """
    service, clock = _service()
    tracemalloc.start()
    try:
        half = _peak(service, clock, range(datapoints // SERIES // 2))
        whole = _peak(service, clock, range(datapoints // SERIES // 2, datapoints // SERIES))
    finally:
        tracemalloc.stop()
    return (whole - half) / 1e6


def tick_milliseconds(alarms: int = ALARMS, points: int = POINTS_WATCHED) -> float:
    """The median time of one evaluation of ``alarms`` over ``points`` datapoints they watch, in milliseconds.

    The points are the ones within the alarms' evaluation ranges of three minutes, so that every tick reads all of them.
    Most alarms ask for the average, a few for a percentile. All of them change their state with each tick, the dearest
    case, and have their topics told.
    """
    told: list[str] = []
    plans = [
        AlarmPlan(
            f"lag-{index}",
            HOME,
            "Test",
            "Lag",
            {"Series": str(index)},
            60.0,
            statistic="p99" if index < _PERCENTILES_OF else "Average",
            period=60,
            evaluation_periods=1,
        )
        for index in range(alarms)
    ]
    service, clock = _service(*plans, told=told)
    took: list[int] = []
    for turn in range(_TICKS):
        end = START + seconds(60 * (turn + 1))
        _fill(service, end, alarms, points // alarms // _MINUTES_READ + 1, 90.0 if turn % 2 else 1.0)
        clock.instant = end + seconds(2)
        began = monotonic_nanoseconds()
        service.evaluate(end)
        took.append(monotonic_nanoseconds() - began)
    if len(told) != alarms * _TICKS:
        raise AssertionError(f"{len(told)} notifications instead of {alarms * _TICKS}: the load is not what it says")
    return statistics.median(took[_MINUTES_READ:]) / 1e6


def _service(*plans: AlarmPlan, told: list[str] | None = None) -> tuple[CloudWatch, Still]:
    clock = Still()

    def notify(region: str, topic: str, subject: str, message: str) -> None:
        if told is not None:
            told.append(subject)

    return CloudWatch(cast(Clock, clock), cast(Scheduler, Never()), design(*plans), notify), clock


def _peak(service: CloudWatch, clock: Still, rounds: range) -> int:
    """Bytes held at the most over the last hour of AWS time of these rounds, a look each ten minutes."""
    held = []
    for number in rounds:
        clock.instant = START + seconds(10 * number)
        for index in range(SERIES):
            service.publish(HOME, "Test", "Lag", {"Series": str(index)}, float(number), high_resolution=True)
        if number >= rounds.stop - 360 and number % 60 == 0:
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    return max(held)


def _fill(service: CloudWatch, end: Instant, series: int, each: int, value: float) -> None:
    """``each`` datapoints of every series in the minute before ``end``."""
    for index in range(series):
        for number in range(each):
            at = end.back(seconds(60 - 60 * number / each))
            service.publish(HOME, "Test", "Lag", {"Series": str(index)}, value, at=at, high_resolution=True)
