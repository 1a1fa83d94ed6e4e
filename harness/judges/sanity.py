"""Is the record fit to judge from? A green that comes from missing evidence is worse than a red."""

from __future__ import annotations

import numpy as np

from harness.clock import Instant, seconds
from harness.judges import windows
from harness.judges.once import once
from harness.judges.streams import Flags, streams
from harness.judges.windows import Window
from harness.record import Record, Traffic
from harness.requests import Outcome as Ending
from harness.timeline import FaultUndone, of
from harness.verdicts import Outcome

DELIVERED = 0.95
"""So much of a location's scheduled arrivals must be there."""
GAP_ARRIVALS = 10
"""So many scheduled arrivals in a row must not be missing."""
STOPPING = seconds(20)
"""One location's clients may end so much earlier than another's, since they are stopped one after the other."""
LATE_SHARE = 0.5
"""In the steady state 99 of 100 requests must have left within this share of their deadline."""


def of_the_run(record: Record) -> list[str]:
    """Why nothing in this record can be called kept, whatever the promise; empty when nothing speaks against it."""
    doubts = list(record.damage)
    outcome = record.header.outcome
    if outcome is None:
        doubts.append("the run never came to its end")
    elif outcome is not Outcome.FINISHED:
        doubts.append(f"the run ended as {outcome.value}")
    for window in windows.windows(record):
        doubts += _of_the_fault(window)
    return doubts


def _of_the_fault(window: Window) -> list[str]:
    doubts = []
    if not window.fault.bites_at:
        doubts.append(f"{window.fault.fault} was never proven to bite")
    if window.ended_by == "never undone":
        doubts.append(f"{window.fault.fault} was never undone")
    return doubts


@once
def of_the_traffic(record: Record) -> list[str]:
    """Why the traffic cannot say anything, good or bad; empty when it can.

    Each location must have delivered 95 % of its scheduled arrivals (rate × time) without a gap, from the steady
    state to the last undo and on to the end of the traffic; and in the steady state everything must have worked.
    """
    if not len(record.traffic):
        return ["there was no traffic"]
    doubts = []
    for code, location in enumerate(record.header.locations):
        rows = record.traffic[record.traffic["location"] == code]
        rate = record.header.rate_per_second.get(location, 0.0)
        if not rate:
            doubts.append(f"the header gives no rate for {location}")
        else:
            doubts += _of_arrivals(record, location, rows, rate)
    return doubts + _of_the_calm(record)


def _of_arrivals(record: Record, location: str, rows: Traffic, rate: float) -> list[str]:
    steady, struck = windows.calm(record)
    times = rows["intended"]
    if not len(times) or int(times[0]) >= struck.nanoseconds:
        return [f"no traffic from {location} in the steady state"]
    began = max(steady.nanoseconds, int(record.traffic["intended"].min()))
    undone = [event.at.nanoseconds for event in of(record.events, FaultUndone)]
    together = (windows.traffic_end(record).back(STOPPING)).nanoseconds
    ended = max([together, int(times[-1]) + 1, *undone])
    inside = times[(times >= began) & (times < ended)]
    scheduled = rate * (ended - began) / 1e9
    if len(inside) < DELIVERED * scheduled - 1:
        return [f"{location} sent {len(inside)} of {scheduled:.0f} scheduled arrivals"]
    gaps = np.diff(np.concatenate(([began], inside, [ended])))
    longest = float(gaps.max()) / 1e9
    if longest > GAP_ARRIVALS / rate:
        at = Instant(int(np.concatenate(([began], inside))[int(np.argmax(gaps))]))
        return [f"{location} sent nothing for {longest:.1f} s from {at} on"]
    return []


def _of_the_calm(record: Record) -> list[str]:
    began, struck = windows.calm(record)
    objective = record.header.objectives.success_ratio
    doubts = []
    for stream in streams(record, began, struck):
        name = f"{stream.operation} from {stream.location}"
        if not stream.good.any():
            doubts.append(f"no good answer to {name} in the steady state")
        elif _unwell(stream.good, objective):
            doubts.append(f"{name} did not work in the steady state: {stream.ratio():.1%} good")
        if np.any(stream.rows["outcome"] == Ending.DROPPED):
            doubts.append(f"{name}: the load generator dropped arrivals in the steady state")
        doubts += _lateness(record, name, stream.rows)
    return doubts


def _unwell(flags: Flags, objective: float) -> bool:
    """Below the objective; one bad arrival among too few to tell is no illness."""
    return bool(flags.mean() < objective and (~flags).sum() > 1)


def _lateness(record: Record, name: str, rows: Traffic) -> list[str]:
    sent = rows[rows["sent"] > 0]
    if not len(sent):
        return []
    late = float(np.percentile(sent["sent"] - sent["intended"], 99)) / 1e9
    if late <= LATE_SHARE * record.header.deadline.seconds:
        return []
    return [f"{name}: the load generator itself was {late:.1f} s late in the steady state"]
