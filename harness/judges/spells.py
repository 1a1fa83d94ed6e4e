"""The spells in which a stream was down: a fault may bring more than one, and none gets a minute of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.clock import ZERO, Duration, Instant, seconds
from harness.judges.streams import Flags, Times, tolerance

Indices = npt.NDArray[np.intp]

LASTING = seconds(30)
"""Good arrivals for so long, without a bad one, part two spells: scenarios too hold a take-over for so long."""
FLAPPING = 3
"""So many spells are flapping: nobody could rely on the service between them, so that time counts as down too."""


@dataclass(frozen=True)
class Spell:
    """One outage of a stream, as arrivals can tell it: ``length``, and surely between ``shortest`` and ``longest``."""

    began: Instant
    """The latest moment at which it was surely up: the last good arrival, or the call that began the fault."""
    bad_from: Instant
    """From here on it was surely down."""
    last_bad: Instant
    ended: Instant
    """The first good arrival after it; the end of the window where none came."""
    blur: Duration = ZERO
    """An arrival meets the service so long after it is due, at the most: nobody knows when in between."""
    late: Duration = ZERO
    """So long after ``ended`` it may still have been down."""

    @property
    def length(self) -> Duration:
        """From the last moment before it to the first good arrival after it."""
        return self.ended - self.began

    @property
    def longest(self) -> Duration:
        """The longest that it can have lasted."""
        return self.length + self.late

    @property
    def shortest(self) -> Duration:
        """The shortest that it can have lasted."""
        return max(ZERO, self.last_bad - self.bad_from - self.blur)


def spells(
    times: Times, flags: Flags, began: Instant, bites: Instant, ended: Instant, blur: Duration = ZERO
) -> tuple[Spell, ...]:
    """The spells of a stream, up to the arrival from which it works for good, which came at ``ended``.

    ``times`` and ``flags``: the arrivals from the fault to that one (to the window's end where it never came). The
    first spell counts from the fault, unless the stream worked for ``LASTING`` before it. A few bad arrivals in the
    midst of a lasting calm are noise, as everywhere. ``bites``: the latest moment at which the fault took effect;
    ``blur``: how long after its due time an arrival meets the service, at the most.
    Three spells or more are flapping and make one, from the first bad arrival to the last.
    """
    groups = _groups(times, flags, began)
    dense = [group for group in groups if len(group) > tolerance(times) or group is groups[-1]]
    found = [replace(_spell(times, group, began, bites), blur=blur, late=blur) for group in dense]
    if found:
        found[-1] = replace(found[-1], ended=ended)
    if len(found) < FLAPPING:
        return tuple(found)
    return (Spell(found[0].began, found[0].bad_from, found[-1].last_bad, found[-1].ended, blur, blur),)


def _groups(times: Times, flags: Flags, began: Instant) -> list[Indices]:
    """The indices of the bad arrivals, parted wherever good ones lasted."""
    bad = np.flatnonzero(~flags)
    parted = np.flatnonzero(_calm_before(times, bad, began)[1:]) + 1
    return [group for group in np.split(bad, parted) if len(group)]


def _calm_before(times: Times, bad: Indices, began: Instant) -> Flags:
    """Of each bad arrival: whether good ones lasted right before it."""
    edges = np.concatenate(([began.nanoseconds], times[bad[:-1]])) if len(bad) else np.empty(0, np.int64)
    last_good = times[np.maximum(bad - 1, 0)]
    calm: Flags = (np.diff(bad, prepend=-1) > 1) & (last_good - edges >= LASTING.nanoseconds)
    return calm


def _spell(times: Times, group: Indices, began: Instant, bites: Instant) -> Spell:
    first, last = int(group[0]), int(group[-1])
    last_bad, after = Instant(int(times[last])), Instant(int(times[min(last + 1, len(times) - 1)]))
    last_good = Instant(int(times[first - 1])) if first else began
    if last_good - began >= LASTING:
        return Spell(last_good, Instant(int(times[first])), last_bad, after)
    return Spell(began, bites, last_bad, after)
