"""The open workload: arrivals happen when they are due, whether or not earlier ones were answered.

A closed loop stops asking while it waits, and so hides the outage it is meant to measure. Here one dispatcher is the
clock of its location and gives each arrival a greenlet of its own; those under way are bounded, and what the bound
turns away is counted, not forgotten.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import gevent
from gevent.pool import Pool

from harness.clock import monotonic_nanoseconds

_NANO = 1_000_000_000
_GOLDEN = 0.618034


def turns(mix: Mapping[str, int]) -> Iterator[str]:
    """The operations for ever, each as often as its weight says, spread evenly and always in the same order."""
    total = sum(mix.values())
    credit = dict.fromkeys(mix, 0)
    while True:
        for name, weight in mix.items():
            credit[name] += weight
        chosen = max(credit, key=lambda name: credit[name])
        credit[chosen] -= total
        yield chosen


def phase(location_index: int) -> float:
    """The share of a period by which a location's arrivals are shifted, so that locations do not fire together."""
    return (location_index * _GOLDEN) % 1.0


class Arrivals:
    """Due times ``start + (n + shift) / rate`` (monotonic ns; ``rate`` per real second), from the first still ahead.

    ``perform(operation, due)`` runs in a greenlet per arrival; ``drop(operation, due)`` is called instead when
    ``in_flight`` of them are under way.
    """

    def __init__(
        self,
        *,
        rate: float,
        start: int,
        shift: float,
        operations: Iterator[str],
        in_flight: int,
        perform: Callable[[str, int], None],
        drop: Callable[[str, int], None],
    ) -> None:
        self._period = _NANO / rate
        self._start = start + round(shift * self._period)
        self._operations = operations
        self._flight = Pool(in_flight)
        self._perform = perform
        self._drop = drop
        self._stopped = False

    def run(self) -> None:
        """Dispatch until :meth:`stop`. A late dispatcher catches up: each arrival keeps the time it was due."""
        first = max(0, -int((self._start - monotonic_nanoseconds()) // self._period))
        for number in itertools.count(first):
            due = self._start + round(number * self._period)
            gevent.sleep(max(0, due - monotonic_nanoseconds()) / _NANO)
            if self._stopped:
                return
            operation = next(self._operations)
            if self._flight.full():
                self._drop(operation, due)
            else:
                self._flight.spawn(self._perform, operation, due)

    def stop(self) -> None:
        """No arrivals from now on; those under way go on."""
        self._stopped = True

    def drain(self, real_seconds: float) -> bool:
        """Wait until nothing is under way; false when that took longer than ``real_seconds``."""
        return bool(self._flight.join(timeout=real_seconds))
