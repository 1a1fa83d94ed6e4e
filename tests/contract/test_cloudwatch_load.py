"""The figures that CloudWatch owes: memory that does not grow, and quick ticks."""

from __future__ import annotations

from tests.contract import cloudwatch_load


def test_memory_is_flat_over_200_000_datapoints() -> None:
    grown = cloudwatch_load.memory_growth()
    assert grown <= cloudwatch_load.MOST_GROWTH_MEGABYTES, f"{grown:.2f} MB"


def test_a_tick_of_32_alarms_over_20_000_points_takes_20_ms_at_the_most() -> None:
    took = cloudwatch_load.tick_milliseconds()
    assert took <= cloudwatch_load.MOST_TICK_MILLISECONDS, f"{took:.1f} ms"
