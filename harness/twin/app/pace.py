"""How much a task can do: a share of a processor, given out over time as Fargate's is.

Within its share a task answers as fast as it can; what is beyond waits its turn, and what would wait longer than anyone
waits for it is turned away at once: an overloaded task is slow first and then refuses. How many requests a second a
share is good for is an assumption of the design, not a figure of AWS's.
"""

from __future__ import annotations

import asyncio

from harness.clock import Clock, seconds

_SAVED = seconds(1)
"""So much unused share is kept for later: a burst is not held up."""
_PATIENCE = seconds(3)


class Pace:
    """``per_second``: requests an AWS second; ``None``: as many as come. For one event loop."""

    def __init__(self, clock: Clock, per_second: float | None) -> None:
        self._cost = clock.real_seconds(seconds(1 / per_second)) if per_second else 0.0
        self._saved = clock.real_seconds(_SAVED)
        self._patience = clock.real_seconds(_PATIENCE)
        self._done = 0.0
        """The loop's time at which everything that was let in is paid for."""

    async def turn(self) -> bool:
        """Wait until it is this request's turn; ``False``, at once, when that would take too long."""
        if not self._cost:
            return True
        now = asyncio.get_running_loop().time()
        done = max(self._done, now - self._saved) + self._cost
        if done - now > self._patience:
            return False
        self._done = done
        if done > now:
            await asyncio.sleep(done - now)
        return True
