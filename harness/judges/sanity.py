"""Is the record fit to judge from? A green that comes from missing evidence is worse than a red."""

from __future__ import annotations

import numpy as np

from harness.clock import Duration, Instant, seconds
from harness.events import ClockStepped, FaultUndone, ProcessorsShared
from harness.judges import addresses, windows
from harness.judges.once import once
from harness.judges.streams import BLIP_ARRIVALS, Flags, Times, between, clock_error, good, streams
from harness.judges.windows import Window
from harness.record import Record, Traffic
from harness.requests import Outcome as Ending
from harness.timeline import of
from harness.verdicts import Outcome

DELIVERED = 0.95
"""So much of a location's scheduled arrivals must be there."""
GAP_ARRIVALS = 10
"""So many scheduled arrivals in a row must not be missing."""
STOPPING = seconds(20)
"""One location's clients may end so much earlier than another's, since they are stopped one after the other."""
CLOCK = seconds(0.5)
"""What another machine's clock may be off at the most."""
STARVED = 0.85
"""For no more of the time in which they could run may the clients of this machine wait for a processor."""
WANTED = 0.05
"""Who wants less of a processor than this is not held up by waiting, however long that is beside its own work."""
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
    doubts += [
        f"the wall clock was stepped by {step.by_seconds:+.1f} s at {step.at}: no date can be trusted"
        for step in of(record.events, ClockStepped)
    ]
    for window in windows.windows(record):
        doubts += _of_the_fault(window) + _contradicted(record, window)
    return doubts


def _of_the_fault(window: Window) -> list[str]:
    doubts = []
    if not window.fault.bites_at:
        doubts.append(f"{window.fault.fault} was never proven to bite")
    if window.ended_by == "never undone":
        doubts.append(f"{window.fault.fault} was never undone")
    return doubts


def _contradicted(record: Record, window: Window) -> list[str]:
    """A fault that keeps a region dark, and a region that goes on answering: the proof that it bites was wrong."""
    fault, regions = window.fault, record.header.regions
    dark = [regions.index(region) for region in windows.dark_regions(fault) if region in regions]
    restarted = fault.fault.startswith("Stop ")  # by the platform, while the fault stands
    if not dark or restarted or not fault.bites_at:
        return []
    rows = between(record.traffic, Instant(fault.bites_at), window.ended)
    answered = good(record, rows) & np.isin(addresses.regions_of(record, rows), dark)
    count = int(answered.sum())
    if count <= max(BLIP_ARRIVALS, (1 - record.header.objectives.success_ratio) * len(rows)):
        return []
    return [f"{fault.fault} was proven to bite, and yet {count} arrivals were answered from there"]


@once
def of_the_traffic(record: Record) -> list[str]:
    """Why the traffic cannot say anything, good or bad; empty when it can.

    The clients of this machine must have had processors enough: they live in the same need as a twin beside them.
    Each location must have delivered 95 % of its scheduled arrivals (rate × time) without a gap, from the steady
    state to the last undo and on to the end of the traffic; of those in between hardly any may be missing; and in the
    steady state everything must have worked.
    """
    if not len(record.traffic):
        meant = windows.observed(record) and not record.header.rate_per_second
        return [] if meant else ["there was no traffic"]
    doubts = starved(record)
    for code, location in enumerate(record.header.locations):
        rows = record.traffic[record.traffic["location"] == code]
        rate = record.header.rate_per_second.get(location, 0.0)
        error = clock_error(record, location)
        if error > CLOCK:
            doubts.append(f"the clock of {location} is only known to ± {error}: nothing there can be timed")
        if not rate:
            doubts.append(f"the header gives no rate for {location}")
        else:
            doubts += _of_arrivals(record, location, rows, rate)
    return doubts + _of_the_calm(record)


def starved(record: Record) -> list[str]:
    """Whether this machine was short of processors in the steady state or while a fault stood; empty when not."""
    spans = [windows.calm(record), *((window.began, window.ended) for window in windows.windows(record))]
    found = max((waited(record, *span) for span in spans), default=0.0)
    if found <= STARVED:
        return []
    return [f"this machine is short of processors: its clients waited {found:.0%} of the time in which they could run"]


def waited(record: Record, began: Instant, ended: Instant) -> float:
    """Which share, 0 to 1, of the time in which they could run this machine's clients waited for a processor.

    Within a span; 0 where they wanted hardly anything, or nobody counted. Beyond :data:`STARVED` nothing can be timed.
    """
    told = [event for event in of(record.events, ProcessorsShared) if began < event.at <= ended]
    waiting = sum(event.waited_seconds for event in told)
    wanted = waiting + sum(event.ran_seconds for event in told)
    present = sum(event.span_seconds * event.processes for event in told)
    return waiting / wanted if wanted > WANTED * present else 0.0


def _of_arrivals(record: Record, location: str, rows: Traffic, rate: float) -> list[str]:
    steady, struck = windows.calm(record)
    times = rows["intended"]
    if not len(times) or int(times[0]) >= struck.nanoseconds:
        return [f"no traffic from {location} in the steady state"]
    began = max(steady.nanoseconds, int(record.traffic["intended"].min()))
    undone = [event.at.nanoseconds for event in of(record.events, FaultUndone)]
    together = (windows.traffic_end(record).back(STOPPING)).nanoseconds
    ended = max([together, int(times[-1]), *undone])
    inside = times[(times >= began) & (times <= ended)]
    scheduled = rate * Duration(ended - began).seconds
    if len(inside) < DELIVERED * scheduled - 1:
        return [f"{location} sent {len(inside)} of {scheduled:.0f} scheduled arrivals"]
    gaps = np.diff(np.concatenate(([began], inside, [ended])))
    longest = Duration(int(gaps.max())).seconds
    if longest > GAP_ARRIVALS / rate:
        at = Instant(int(np.concatenate(([began], inside))[int(np.argmax(gaps))]))
        return [f"{location} sent nothing for {longest:.1f} s from {at} on"]
    missing = _missing(inside, rate)
    if missing > BLIP_ARRIVALS:
        return [f"{missing} arrivals of {location} have no record: what became of them nobody knows"]
    return _backwards(location, rows)


def _backwards(location: str, rows: Traffic) -> list[str]:
    count = int((rows["done"] < np.maximum(rows["sent"], rows["intended"])).sum())
    return [f"{count} requests of {location} ended before they began: its clock ran back"] if count else []


def _missing(times: Times, rate: float) -> int:
    """How many arrivals are missing between others: they are due at even intervals, and each leaves a record."""
    steps = np.rint(np.diff(times) / seconds(1 / rate).nanoseconds)
    return int(np.maximum(steps - 1, 0).sum())


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
    late = Duration(round(float(np.percentile(sent["sent"] - sent["intended"], 99)))).seconds
    if late <= LATE_SHARE * record.header.deadline.seconds:
        return []
    return [f"{name}: the load generator itself was {late:.1f} s late in the steady state"]
