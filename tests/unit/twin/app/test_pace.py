"""A task's share of a processor: bursts pass, a queue is slow, an overload is refused."""

from __future__ import annotations

import asyncio

from harness.clock import Clock
from harness.twin.app.pace import Pace

SPEED = 100
"""A second of the clock is 10 ms."""


def served(per_second: float | None, arrivals: int) -> tuple[int, float]:
    """How many of so many requests at once were let in, and after how many AWS seconds the last of them was."""

    async def all_at_once() -> tuple[int, float]:
        pace, loop = Pace(Clock.start(SPEED), per_second), asyncio.get_running_loop()
        began = loop.time()
        answers = await asyncio.gather(*(pace.turn() for _ in range(arrivals)))
        return sum(answers), (loop.time() - began) * SPEED

    return asyncio.run(all_at_once())


def test_without_a_limit_nobody_waits():
    assert served(None, 1000)[0] == 1000


def test_a_burst_of_a_second_is_not_held_up():
    passed, took = served(10, 10)
    assert passed == 10
    assert took < 1


def test_what_is_beyond_the_share_waits_its_turn():
    passed, took = served(10, 30)
    assert passed == 30
    assert 1.9 <= took < 4


def test_what_would_wait_too_long_is_turned_away():
    passed, took = served(10, 100)
    assert passed == 40
    assert took >= 2.9
