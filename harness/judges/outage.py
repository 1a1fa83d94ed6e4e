"""The outage of each stream in each fault window: how long, how sure, and against which objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.clock import ZERO, Duration, Instant
from harness.judges import windows
from harness.judges.spells import Spell, spells
from harness.judges.streams import Stream, Turn, longest_gap, outages, percentiles, streams, turn
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
        """How long it was down in all, at the longest: zero when undisturbed, ``None`` when it never came back.

        The first spell counts from the call that began the fault, so the truth may be shorter by up to ``error``.
        """
        return None if self.turn is None else self.down

    @property
    def error(self) -> Duration | None:
        """The gap between the last bad and the first good arrival, and the time that the fault took to bite."""
        return None if self.turn is None else self.down - self.surely_down

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
            return f"{self.where} was still down after {self.down}{self._when} when {until}{late}"
        bar = f"{self.down} (up to {self.down - self.surely_down} less){self._when}"
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
        p50, p95, p99 = percentiles(rows)
        gap = longest_gap(self.stream.times, self.stream.good, self.window.began, self.window.ended)
        return {
            "fault": self.window.fault.fault,
            "location": self.stream.location,
            "operation": self.stream.operation,
            "ruling": self.ruling.name,
            "rto_seconds": None if self.time is None else round(self.time.seconds, 3),
            "rto_error_seconds": None if self.error is None else round(self.error.seconds, 3),
            "objective_seconds": self.objective.seconds,
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


def recoveries(record: Record) -> list[Recovery]:
    """Every stream in every fault window; streams without an arrival there are left out."""
    return [one for window in windows.windows(record) for one in recoveries_in(record, window)]


def recoveries_in(record: Record, window: Window) -> list[Recovery]:
    """Every stream in one window; streams without an arrival there are left out."""
    objective = record.header.objectives.success_ratio
    seen = [stream for stream in streams(record, window.began, window.ended) if len(stream.good)]
    found = [(stream, turn(stream.times, stream.good, objective)) for stream in seen]
    disturbed = [stream for stream, one in found if one is None or one.index]
    bites = _bites(window, disturbed)
    return [_recovery(record, window, stream, one, bites) for stream, one in found]


def _bites(window: Window, disturbed: Sequence[Stream]) -> Instant:
    """The latest instant at which the fault can have taken effect: it was proven, or an arrival met it."""
    proofs = [Instant(int(stream.times[~stream.good][0])) for stream in disturbed if not stream.good.all()]
    if window.fault.bites_at:
        proofs.append(Instant(window.fault.bites_at))
    return max(window.began, min(proofs, default=window.began))


def _recovery(record: Record, window: Window, stream: Stream, one: Turn | None, bites: Instant) -> Recovery:
    objectives = record.header.objectives
    writes = stream.operation in record.header.writes
    objective = objectives.write_recovery_time if writes else objectives.recovery_time
    times, flags, until = stream.times, stream.good, window.ended
    held = False
    if one is not None:
        held = len(flags) - one.index >= HOLD_ARRIVALS and Instant(int(times[-1])) - one.at >= HOLD
        times, flags, until = times[: one.index], flags[: one.index], one.at
    found = spells(times, flags, window.began, bites, until) if len(flags) else ()
    return Recovery(window, stream, one, found, objective, held)


def worst(found: Sequence[Recovery]) -> Recovery:
    """The worst of several: by ruling, then by how long it was down."""
    return max(found, key=lambda one: (one.ruling, one.time is None, one.down - one.objective))
