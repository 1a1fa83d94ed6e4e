"""Reads from two stores: the preferred one while it answers, the other meanwhile, and one scout at a time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from harness.clock import Clock, real_sleep
from harness.twin.app.database import DatabaseDown, Pool
from harness.twin.app.reads import Reads

CLOCK = Clock.start(100)


class Store:
    """Answers with its name, or hangs for a moment and fails."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.down = False
        self.asked = 0

    async def fetch(self, *_: Any) -> list[Any]:
        self.asked += 1
        if self.down:
            await asyncio.sleep(0.01)
            raise DatabaseDown(self.name)
        return [self.name]


def stores() -> tuple[Store, Store, Reads]:
    one, other = Store("preferred"), Store("other")
    return one, other, Reads(CLOCK, cast(Pool, one), cast(Pool, other))


def ask(reads: Reads, times: int = 1) -> list[Any]:
    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(reads.fetch("select") for _ in range(times)))

    return [rows[0] for rows in asyncio.run(all_at_once())]


def test_the_preferred_store_answers_while_it_can():
    _, other, reads = stores()
    assert ask(reads, 3) == ["preferred"] * 3
    assert other.asked == 0


def test_one_that_failed_is_tried_again_by_one_at_a_time():
    one, _, reads = stores()
    one.down = True
    assert ask(reads) == ["other"]
    before = one.asked
    assert ask(reads, 5) == ["other"] * 5
    assert one.asked == before, "it is shunned for a while"
    real_sleep(0.06)  # six seconds of the clock
    assert ask(reads, 5) == ["other"] * 5
    assert one.asked == before + 1


def test_it_is_preferred_again_once_it_answered():
    one, _, reads = stores()
    one.down = True
    ask(reads)
    one.down = False
    real_sleep(0.06)
    assert ask(reads) == ["preferred"]
    assert ask(reads, 3) == ["preferred"] * 3
