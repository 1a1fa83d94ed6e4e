"""How the clients of this machine fare for processors: whoever starves it starves a twin beside them, too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType

from harness.clock import Clock, monotonic_nanoseconds
from harness.events import ProcessorsShared
from harness.processes import Share, share
from harness.timeline import Timeline

_PERIOD_REAL_SECONDS = 1.0


class Processors:
    """A context: tells the timeline once a real second what these processes had, and what they waited for.

    Nothing where the kernel keeps no count. ``pids`` is asked each time, as processes come and go; those that share no
    machine with us are not among them.
    """

    def __init__(self, pids: Callable[[], Sequence[int]], clock: Clock, timeline: Timeline) -> None:
        self._pids = pids
        self._clock = clock
        self._timeline = timeline
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="processors", daemon=True)
        self._last: dict[int, Share] = {}
        self._since = 0

    def __enter__(self) -> Processors:
        self._last, self._since = self._shares(), monotonic_nanoseconds()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._stop.wait(_PERIOD_REAL_SECONDS):
            self._look()

    def _look(self) -> None:
        shares, now = self._shares(), monotonic_nanoseconds()
        known = [shares[pid].since(self._last[pid]) for pid in shares.keys() & self._last.keys()]
        span, self._last, self._since = now - self._since, shares, now
        if known:
            ran, waited = sum(one.ran for one in known), sum(one.waited for one in known)
            event = ProcessorsShared(self._clock.at(now), len(known), span / 1e9, ran / 1e9, waited / 1e9)
            self._timeline.add(event)

    def _shares(self) -> dict[int, Share]:
        found = {pid: share(pid) for pid in self._pids()}
        return {pid: one for pid, one in found.items() if one is not None}
