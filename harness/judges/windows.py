"""The spans of a run that judges speak of: steady state, each fault's window, and what came after."""

from __future__ import annotations

from dataclasses import dataclass

from harness.clock import Duration, Instant, seconds
from harness.events import FaultInjected, FaultNoticed, FaultUndone, PhaseBegan, SightChanged
from harness.record import Record
from harness.timeline import of

_FIDELITY = ("faithful", "twin-only", "partial", "observed")


@dataclass(frozen=True)
class Window:
    """One fault: from the call that began it to the call that began its undo.

    When another fault struck before the undo, the window ends there (``ended_by`` says so): what is seen later is
    not this fault's doing alone. When nothing undid it (a killed run), it ends with the record; so does somebody
    else's, where nobody told when it was over (``not told``).
    """

    fault: FaultInjected
    began: Instant
    ended: Instant
    ended_by: str
    healed: Instant
    """When the fault no longer bit, as proven; the end of the window when that was never proven."""

    @property
    def span(self) -> Duration:
        """How long the fault stood."""
        return self.ended - self.began

    @property
    def begin_told(self) -> bool:
        """Whether somebody knew when it began: we, who brought it, or a person who said so."""
        return not isinstance(self.fault, FaultNoticed) or self.fault.told

    @property
    def end_told(self) -> bool:
        """Whether somebody knew for how long it stood, and so what came back while it did."""
        return not isinstance(self.fault, FaultNoticed) or self.ended_by == "undone"


def windows(record: Record) -> list[Window]:
    """The fault windows of a run, in the order of the injections."""
    faults = list(of(record.events, FaultInjected))
    undos = list(of(record.events, FaultUndone))
    found = []
    for number, fault in enumerate(faults):
        undo = next((one for one in undos if one.fault == fault.fault and one.at >= fault.at), None)
        left = "not told" if isinstance(fault, FaultNoticed) else "never undone"
        ended, by = (undo.at, "undone") if undo else (end(record), left)
        if number + 1 < len(faults) and faults[number + 1].at < ended:
            ended, by = faults[number + 1].at, "another fault"
        if undo:
            undos.remove(undo)
        healed = Instant(undo.healed_at) if undo and undo.healed_at else ended
        found.append(Window(fault, fault.at, ended, by, max(healed, ended)))
    return found


def phase(record: Record, name: str) -> Instant | None:
    """When a phase began; ``None`` when the run never came to it."""
    return next((event.at for event in of(record.events, PhaseBegan) if event.phase == name), None)


def observed(record: Record) -> bool:
    """Whether the run only watched and injected nothing."""
    return phase(record, "observe") is not None


def begin(record: Record) -> Instant:
    """When the steady state began; the first arrival when no phase says so."""
    steady = phase(record, "steady")
    if steady is not None:
        return steady
    if len(record.traffic):
        return Instant(int(record.traffic["intended"][0]))
    return record.events[0].at if record.events else Instant(record.header.anchor.epoch_nanoseconds)


def end(record: Record) -> Instant:
    """When the record ends: its last arrival or its last event, whichever is later."""
    last = record.events[-1].at if record.events else Instant(record.header.anchor.epoch_nanoseconds)
    return max(last, traffic_end(record))


def traffic_end(record: Record) -> Instant:
    """Just after the last arrival of all locations; the beginning of time when there was none."""
    return Instant(int(record.traffic["intended"][-1]) + 1) if len(record.traffic) else Instant(0)


def calm(record: Record) -> tuple[Instant, Instant]:
    """The steady state: from its beginning to the first fault, or to the end of traffic when there was no fault.

    Of a run that only watched and sent nothing, to the end of the record.
    """
    first = next((fault.at for fault in of(record.events, FaultInjected)), None)
    if first is not None:
        return begin(record), first
    silent = observed(record) and not len(record.traffic)
    return begin(record), end(record) if silent else traffic_end(record)


def aftermath(record: Record) -> tuple[Instant, Instant] | None:
    """From the last undo to the end of traffic; ``None`` without an undo."""
    undone = [undo.at for undo in of(record.events, FaultUndone)]
    return (max(undone), traffic_end(record)) if undone else None


def unseen(record: Record, at: Instant) -> list[SightChanged]:
    """Of what our observers had no sight at that moment: when each began."""
    last = {event.what: event for event in of(record.events, SightChanged) if event.at <= at}
    return [event for event in last.values() if not event.seen]


def dark_regions(fault: FaultInjected) -> frozenset[str]:
    """The regions to which no client can be sent while this fault stands; empty for faults behind the front door."""
    kind, _, target = fault.fault.partition(" ")
    whole = target in fault.regions and kind in ("Blackhole", "Lose")
    front = kind == "Blackhole" and target.startswith("load balancer of ")
    gateway = kind == "Stop" and target.startswith("api-gateway of ")
    if front or gateway:
        return frozenset({target.rpartition(" of ")[2]})
    return frozenset({target}) if whole else frozenset()


def fidelity(record: Record) -> str:
    """The least faithful label among the faults of the run."""
    labels = [fault.fidelity for fault in of(record.events, FaultInjected)]
    known = [label for label in labels if label in _FIDELITY]
    return max(known, key=_FIDELITY.index, default="faithful")


def span_seconds(began: Instant, ended: Instant) -> float:
    """A span in seconds, for figures."""
    return round((ended - began).seconds, 6)


HOLD = seconds(5)
"""A recovery must be seen to last this long, and :data:`HOLD_ARRIVALS` arrivals, before it is believed."""
HOLD_ARRIVALS = 3
