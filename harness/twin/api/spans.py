"""How long AWS takes: durations drawn from the design's table of documented ranges, the same for the same seed."""

from __future__ import annotations

import random
import threading

from harness.clock import Duration, seconds
from harness.twin.designs.model import Design, Timing


class Spans:
    """A service's own stream of durations. ``fallbacks`` are ranges for keys that a design may leave out."""

    def __init__(self, design: Design, service: str, fallbacks: dict[str, Timing] | None = None) -> None:
        self._timings = {**(fallbacks or {}), **design.timings}
        self._random = random.Random(f"{design.seed}/{service}")
        self._lock = threading.Lock()

    def draw(self, key: str) -> Duration:
        """A duration from the range of ``key``; ``KeyError`` when neither design nor fallbacks have it."""
        timing = self._timings[key]
        with self._lock:
            return seconds(self._random.uniform(timing.low, timing.high))
