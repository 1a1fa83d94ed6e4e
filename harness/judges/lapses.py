"""How far back a loss reaches: each fault's lost writes, against the fault itself and the replicas' lag then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.clock import ZERO, Duration
from harness.events import LagMeasured, WriterSeen
from harness.judges import windows
from harness.judges.windows import Window
from harness.ledger import ReadBack, View
from harness.record import Record
from harness.timeline import of

Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lapse:
    """What one fault lost. ``answered``: when the lost writes were acknowledged, AWS ns, in any order."""

    window: Window
    answered: Times
    behind: Duration | None
    """The most that the promoted replica can have been behind when the fault struck; ``None``: nothing tells."""

    @property
    def span(self) -> Duration:
        """From the first lost write's acknowledgement to the last one's, or to the fault where that came later.

        So a single write, lost a minute before the fault, is a minute of loss: a recovery point objective is the time
        since the last recoverable moment.
        """
        if not len(self.answered):
            return ZERO
        last = max(int(self.answered.max()), self.window.began.nanoseconds)
        return Duration(last - int(self.answered.min()))

    @property
    def unexplained(self) -> int:
        """The lost writes that the promoted replica must have had already: acknowledged before its lag began."""
        if self.behind is None:
            return 0
        return int((self.answered < self.window.began.back(self.behind).nanoseconds).sum())


def lapses(record: Record, answered: Times) -> list[Lapse]:
    """The lost writes by fault: each belongs to the first fault that was not yet healed when it was acknowledged.

    What was acknowledged after the last one healed belongs to the last. Empty when there was no fault.
    """
    found = windows.windows(record)
    if not found:
        return []
    edges = np.array([window.healed.nanoseconds for window in found])
    owners = np.minimum(np.searchsorted(np.maximum.accumulate(edges), answered), len(found) - 1)
    return [Lapse(window, answered[owners == number], lag_at(record, window)) for number, window in enumerate(found)]


def worst(found: Sequence[Lapse]) -> Duration:
    """The longest span; zero when nothing was lost."""
    return max((lapse.span for lapse in found), default=ZERO)


def lag_at(record: Record, window: Window) -> Duration | None:
    """The most that the promoted replica can have been behind when the fault struck.

    Its last datapoint before, and the time since then, in which lag grows by at most a second a second. ``None`` when
    no other region's node was promoted, or its lag was not measured.
    """
    seen = list(of(record.events, WriterSeen))
    before = [event for event in seen if event.at <= window.began]
    after = [event for event in seen if event.at > window.began]
    if not before or not after or after[0].region == before[-1].region:
        return None
    region = after[0].region
    points = [e for e in of(record.events, LagMeasured) if e.region == region and e.at <= window.began]
    if not points:
        return None
    latest = max(event.at for event in points)
    highest = max(event.lag_seconds for event in points if event.at == latest)
    return Duration(round(highest * 1e9)) + (window.began - latest)


def wal_bytes(readback: ReadBack) -> int | None:
    """The bytes of write-ahead log that the old writer had and its successor never received.

    The old writer's end (its volume's, once that is all there is) less the place where the promoted node's own log
    begins. ``None`` when no other node was promoted or either place is unknown, as in records before version 2, on
    Aurora, and when the new writer was started again since it was promoted.
    """
    promoted = readback.promoted_at
    began = [
        view.wal.replayed
        for view in readback.views
        if view.role == "writer" and view.wal and promoted is not None and view.wal.up_since < promoted
    ]
    ends = [end for view in readback.views if (end := _end(view)) is not None]
    if not ends or not began or began[0] is None:
        return None
    return max(0, max(ends) - began[0])


def _end(view: View) -> int | None:
    if view.wal is None or view.role not in ("old_writer", "snapshot"):
        return None
    recovered = view.wal.replayed if view.role == "snapshot" else None
    return view.wal.end if recovered is None else recovered
