"""Things that happen later, in AWS time: one timer thread, a few workers, every failure kept and told."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from harness.clock import Clock, Duration, Instant

_LOG = logging.getLogger("twin.schedule")


class Scheduler:
    """Runs callables at AWS instants on worker threads. A failing one is logged by name and does not stop others."""

    def __init__(self, clock: Clock, workers: int = 16) -> None:
        self._clock = clock
        self._heap: list[tuple[Instant, int, str, Callable[[], object]]] = []
        self._count = itertools.count()
        self._wake = threading.Condition()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="twin")
        self._closed = False
        self.failures: list[str] = []
        threading.Thread(target=self._loop, name="twin-timer", daemon=True).start()

    def later(self, span: Duration, action: Callable[[], object], name: str) -> None:
        """Run ``action`` once, ``span`` from now."""
        self.at(self._clock.now() + span, action, name)

    def at(self, instant: Instant, action: Callable[[], object], name: str) -> None:
        """Run ``action`` once, at ``instant``."""
        with self._wake:
            heapq.heappush(self._heap, (instant, next(self._count), name, action))
            self._wake.notify()

    def every(self, period: Duration, action: Callable[[], object], name: str) -> None:
        """Run ``action`` on multiples of ``period`` of AWS time, for ever; an overrun skips ticks, never overlaps."""

        def tick() -> None:
            try:
                action()
            finally:
                now = self._clock.now()
                past = now.nanoseconds % period.nanoseconds
                self.at(Instant(now.nanoseconds - past + period.nanoseconds), tick, name)

        now = self._clock.now()
        self.at(Instant(now.nanoseconds - now.nanoseconds % period.nanoseconds + period.nanoseconds), tick, name)

    def close(self) -> None:
        """Run nothing more; what runs already goes on to its end."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _loop(self) -> None:
        while True:
            with self._wake:
                while not self._closed and not self._due():
                    self._wake.wait(self._pause())
                if self._closed:
                    return
                _, _, name, action = heapq.heappop(self._heap)
            self._pool.submit(self._run, name, action)

    def _due(self) -> bool:
        return bool(self._heap) and self._heap[0][0] <= self._clock.now()

    def _pause(self) -> float | None:
        if not self._heap:
            return None
        return max(0.0, self._clock.real_seconds(self._heap[0][0] - self._clock.now()))

    def _run(self, name: str, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - a timer's failure must be told, not end the timers
            self.failures.append(f"{name}: {error!r}")
            _LOG.exception("%s failed", name)
