"""The outage of each stream in each fault window: how long, how sure, and against which objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.clock import ZERO, Duration, Instant
from harness.judges import windows
from harness.judges.once import once
from harness.judges.spells import Spell, spells
from harness.judges.streams import Stream, Turn, clock_error, longest_gap, lucky, outages, settled, streams, turn
from harness.judges.windows import HOLD, HOLD_ARRIVALS, Window
from harness.record import Record
from harness.verdicts import Number, Ruling


@dataclass(frozen=True)
class Recovery:
    """One stream in one fault window."""

    window: Window
    stream: Stream
    turn: Turn | None
    spells: tuple[Spell, ...]
    """When it was down; empty when it was not disturbed."""
    objective: Duration
    held: bool
    """The recovery was seen for long enough before the fault was undone."""

    @property
    def time(self) -> Duration | None:
        """How long it was down in all: zero when undisturbed, ``None`` when it never came back.

        It counts from the call that began the fault to the first good arrival, so the truth may be shorter by up to
        ``error``; it may be longer by up to ``more``.
        """
        return None if self.turn is None else self.seen_down

    @property
    def error(self) -> Duration | None:
        """The gap between the last bad and the first good arrival, and the time that the fault took to bite.

        Where another machine's clock told the arrivals' times, this and ``more`` hold what that clock may be off.
        """
        return None if self.time is None else self.time - self.surely_down

    @property
    def more(self) -> Duration | None:
        """Until the first good arrival had surely met the service, and as long as good ones in a row may be luck."""
        return None if self.time is None else self.down - self.time

    @property
    def seen_down(self) -> Duration:
        """How long the stream was down within the window, as its arrivals tell."""
        return sum((spell.length for spell in self.spells), ZERO)

    @property
    def down(self) -> Duration:
        """How long the stream was down within the window, at the longest."""
        return sum((spell.longest for spell in self.spells), ZERO)

    @property
    def surely_down(self) -> Duration:
        """How long the stream was down within the window, at the shortest."""
        return sum((spell.shortest for spell in self.spells), ZERO)

    @property
    def ruling(self) -> Ruling:
        """KEPT or BROKEN only when the whole error bar lies on one side of the objective."""
        if self.surely_down > self.objective:
            return Ruling.BROKEN
        in_time = self.turn is not None and self.down <= self.objective and self.held
        return Ruling.KEPT if in_time else Ruling.UNKNOWN

    @property
    def where(self) -> str:
        """The stream in words."""
        return f"{self.stream.operation} from {self.stream.location}"

    def sentence(self) -> str:
        """What happened to this stream, in one sentence."""
        if self.turn is None:
            ended = {"undone": "the fault was undone", "another fault": "the next fault struck"}
            until = ended.get(self.window.ended_by, "the record ended")
            late = "" if self.ruling is Ruling.BROKEN else f", too soon to judge an objective of {self.objective}"
            return f"{self.where} was still down after {self.seen_down}{self._when} when {until}{late}"
        bar = f"{self.time} (up to {self.error} less, {self.more} more){self._when}"
        if self.ruling is Ruling.BROKEN:
            return f"{self.where} was back after {bar}, later than {self.objective}"
        if self.ruling is Ruling.KEPT:
            return f"{self.where} was back after {bar}, within {self.objective}"
        if not self.held:
            return f"{self.where} was back after {bar}, but for too short a time before the fault was undone"
        return f"{self.where} was back after {bar}: the error bar straddles {self.objective}"

    @property
    def _when(self) -> str:
        """Of more than one spell, or of one that did not begin with the fault: that it was so."""
        if len(self.spells) > 1:
            return f" in {len(self.spells)} spells"
        late = self.spells[0].began - self.window.began if self.spells else ZERO
        return f", from {late} after the fault on" if late > ZERO else ""

    def row(self) -> dict[str, Number]:
        """The stream as a row of evidence."""
        rows = self.stream.rows
        p50, p95, p99 = self.stream.latencies()
        gap = longest_gap(self.stream.times, self.stream.good, self.window.began, self.window.ended)
        return {
            "fault": self.window.fault.fault,
            "location": self.stream.location,
            "operation": self.stream.operation,
            "ruling": self.ruling.name,
            "rto_seconds": None if self.time is None else round(self.time.seconds, 3),
            "rto_error_seconds": None if self.error is None else round(self.error.seconds, 3),
            "rto_more_seconds": None if self.more is None else round(self.more.seconds, 3),
            "objective_seconds": self.objective.seconds,
            "down_seconds": round(self.seen_down.seconds, 3),
            "recovered_at": str(self.turn.at) if self.turn else None,
            "arrivals": len(rows),
            "bad": int((~self.stream.good).sum()),
            "spells": len(self.spells),
            "turns_bad": outages(self.stream.good),
            "longest_gap_seconds": round(gap.seconds, 3),
            "success_ratio": round(self.stream.ratio(), 6),
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
        }


@once
def recoveries(record: Record) -> list[Recovery]:
    """Every stream in every fault window; streams without an arrival there are left out."""
    return [one for window in windows.windows(record) for one in recoveries_in(record, window)]


def recoveries_in(record: Record, window: Window) -> list[Recovery]:
    """Every stream in one window; streams without an arrival there are left out."""
    blurs = _blurs(record)
    objective = record.header.objectives.success_ratio
    seen = [stream for stream in streams(record, window.began, window.ended) if len(stream.good)]
    found = [(stream, _turn(stream, objective)) for stream in seen]
    disturbed = [stream for stream, one in found if one is None or one.index]
    bites = _bites(record, window, disturbed)
    return [
        _recovery(record, window, stream, one, bites, blurs.get((stream.location, stream.operation), ZERO))
        for stream, one in found
    ]


def _turn(stream: Stream, objective: float) -> Turn | None:
    found = turn(stream.times, stream.good, objective)
    return settled(stream.times, stream.good, found) if found and found.index else found


@once
def _blurs(record: Record) -> dict[tuple[str, str], Duration]:
    """For each stream the time within which 99 of 100 good answers came in the steady state.

    What the clock that told their times may be off comes on top.
    """
    found = {}
    for stream in streams(record, *windows.calm(record)):
        if stream.good.any():
            rows = stream.rows[stream.good]
            latency = np.percentile(rows["done"] - rows["intended"], 99)
            own = Duration(round(float(latency)))
            found[stream.location, stream.operation] = own + clock_error(record, stream.location)
    return found


def _bites(record: Record, window: Window, disturbed: Sequence[Stream]) -> Instant:
    """The latest instant at which the fault can have taken effect: it was proven, or an arrival met it.

    What another machine's clock told may have been later by the error of that clock.
    """
    proofs = [
        Instant(int(stream.times[~stream.good][0])) + clock_error(record, stream.location)
        for stream in disturbed
        if not stream.good.all()
    ]
    if window.fault.bites_at:
        proofs.append(Instant(window.fault.bites_at))
    return max(window.began, min(proofs, default=window.began))


def _recovery(
    record: Record, window: Window, stream: Stream, one: Turn | None, bites: Instant, blur: Duration
) -> Recovery:
    objectives = record.header.objectives
    writes = stream.operation in record.header.writes
    objective = objectives.write_recovery_time if writes else objectives.recovery_time
    if one is None:
        found = spells(stream.times, stream.good, window.began, bites, window.ended, blur)
        return Recovery(window, stream, one, found, objective, held=False)
    times, flags, at = stream.times, stream.good, one.index
    # Of what the next fault ends undisturbed, the next fault's own window tells how it went on.
    held = (at == 0 and window.ended_by == "another fault") or (
        len(flags) - at >= HOLD_ARRIVALS and Instant(int(times[-1])) - one.at >= HOLD
    )
    found = spells(times[:at], flags[:at], window.began, bites, one.at, blur) if at else ()
    if found:
        found = (
            *found[:-1],
            replace(found[-1], blur=blur + _unread(record, stream, at, blur), late=blur + _late(stream, at)),
        )
    return Recovery(window, stream, one, found, objective, held)


def _late(stream: Stream, back: int) -> Duration:
    """How long after the first good arrival, at the index ``back``, was due the service may still have been down.

    Until it was sent; where only some arrivals had failed, as long as good ones may be luck.
    """
    surely = min(back + lucky(stream.good, back - 1), len(stream.good) - 1)
    return max(ZERO, Duration(int(stream.rows["sent"][surely]) - int(stream.times[back])))


def _unread(record: Record, stream: Stream, back: int, blur: Duration) -> Duration:
    """For how long the answer to the last bad arrival, right before the index ``back``, may have lain unread.

    When a stalled service answers all at once, a client reads one answer after the other, in no order. Those that
    came within their deadline may lie unread beyond it, and such arrivals are not surely bad; even the first answer
    that was read took up to ``blur`` to come.
    """
    deadline = record.header.deadline
    done = stream.rows["done"][back:]
    if int(done[0] - stream.times[back]) * 2 <= deadline.nanoseconds:
        return ZERO
    first_read = int(done[stream.good[back:]].min())
    given_up = int(stream.times[back - 1]) + deadline.nanoseconds
    return max(ZERO, Duration(given_up - first_read)) + blur


def worst(found: Sequence[Recovery]) -> Recovery:
    """The worst of several: by ruling, then by how long it was down."""
    return max(found, key=lambda one: (one.ruling, one.time is None, one.seen_down - one.objective))
