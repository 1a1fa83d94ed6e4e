"""A task's share of a processor: bursts pass, a queue is slow, an overload is refused."""

from __future__ import annotations

import asyncio

from harness.clock import Clock
from harness.twin.app.pace import Pace

SPEED = 10
"""A second of the clock is 100 ms."""


def served(per_second: float | None, arrivals: int) -> tuple[int, float, float]:
    """How many of so many requests at once were let in; how many AWS seconds the last waited, and asking took."""

    async def all_at_once() -> tuple[int, float, float]:
        pace, loop = Pace(Clock.start(SPEED), per_second), asyncio.get_running_loop()
        refused: list[float] = []

        async def ask() -> bool:
            answer = await pace.turn()
            refused.extend([] if answer else [loop.time()])
            return answer

        began = loop.time()
        answers = await asyncio.gather(*(ask() for _ in range(arrivals)))
        ended = loop.time()
        return sum(answers), (ended - began) * SPEED, (max(refused, default=began) - began) * SPEED

    return asyncio.run(all_at_once())


def test_without_a_limit_nobody_waits():
    assert served(None, 1000)[0] == 1000


def test_a_burst_of_a_second_is_not_held_up():
    passed, took, _ = served(10, 10)
    assert passed == 10
    assert took < 1


def test_what_is_beyond_the_share_waits_its_turn():
    passed, took, _ = served(10, 30)
    assert passed == 30
    assert 1.9 <= took < 4


def test_what_would_wait_too_long_is_turned_away():
    passed, took, asking = served(10, 100)
    assert 40 <= passed <= 40 + 10 * asking, "more only for the time that passed while they asked"
    assert took >= 2.9
