"""What can happen in a run, each kind a frozen value with the time at which it happened.

Every event has ``at`` (AWS time) and ``kind``, the word by which ``timeline.jsonl`` knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.clock import Instant


@dataclass(frozen=True)
class Event:
    """Something that happened at ``at``."""

    kind: ClassVar[str] = ""
    at: Instant


@dataclass(frozen=True)
class PhaseBegan(Event):
    """The experiment entered ``phase``: settle, steady, inject, takeover, hold, undo, catch_up, read_back, verdict.

    ``observe``, the first one of a run that only watches, says that it injects nothing.
    """

    kind: ClassVar[str] = "phase"
    phase: str
    waiting_for: str = ""


@dataclass(frozen=True)
class FaultInjected(Event):
    """``at`` is when the call began; it took effect between ``at`` and ``bites_at``."""

    kind: ClassVar[str] = "fault.injected"
    fault: str
    returned_at: int
    bites_at: int
    fidelity: str
    proof: str
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaultUndone(Event):
    """``at`` is when the undo began; ``healed_at`` when it was proven healed (0: expired by itself)."""

    kind: ClassVar[str] = "fault.undone"
    fault: str
    healed_at: int
    proof: str


@dataclass(frozen=True)
class FaultNoticed(FaultInjected):
    """Somebody else's fault, in a run that only watched: what it was nobody here knows, and nothing was called.

    ``bites_at``: the first that was seen of it (0: nothing was).
    """

    kind: ClassVar[str] = "fault.noticed"
    told: bool = False
    """A person said that it began at ``at``; else that is when its first bad arrival was due, and it may be older."""


NOTE, FAULT, OVER, DECIDED = "note", "fault", "over", "decided"
"""What a mark says: just words; a fault begins, or is over; a person decided on the recovery."""


@dataclass(frozen=True)
class Marked(Event):
    """A person, or whatever brought the fault, said something about ``at``."""

    kind: ClassVar[str] = "mark"
    meaning: str
    words: str


@dataclass(frozen=True)
class MetricSeen(Event):
    """A datapoint that CloudWatch kept of ``resource``, at its own timestamp; for people, no judge reads it."""

    kind: ClassVar[str] = "metric"
    metric: str
    """``Namespace/Name``, e.g. ``AWS/ApplicationELB/RequestCount``."""
    region: str
    resource: str
    statistic: str
    value: float


@dataclass(frozen=True)
class DnsAnswered(Event):
    """The authoritative answer for a location changed (the first is the answer at the start)."""

    kind: ClassVar[str] = "dns"
    location: str
    region: str
    addresses: tuple[str, ...]
    ttl_seconds: int


@dataclass(frozen=True)
class AddressesSeen(Event):
    """The addresses that a region's load balancer answers with; maps a request's address to its region."""

    kind: ClassVar[str] = "addresses"
    region: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class WriterSeen(Event):
    """AWS's describes name another writer than before (the first is the writer at the start)."""

    kind: ClassVar[str] = "writer"
    region: str
    identifier: str


@dataclass(frozen=True)
class AlarmChanged(Event):
    """An alarm's state changed at ``at`` by AWS's own history. ``metric`` is ``Namespace/Name``."""

    kind: ClassVar[str] = "alarm"
    alarm: str
    region: str
    old: str
    new: str
    reason: str
    metric: str
    dimensions: str


@dataclass(frozen=True)
class AlarmNotified(Event):
    """A notification of an alarm arrived in the queue that subscribes its topic."""

    kind: ClassVar[str] = "alarm.notified"
    alarm: str
    region: str
    new: str


@dataclass(frozen=True)
class HealthChanged(Event):
    """A Route 53 health check, or a load balancer's target, changed state as its own metric or describe says."""

    kind: ClassVar[str] = "health"
    check: str
    region: str
    healthy: bool


@dataclass(frozen=True)
class DatabaseEvent(Event):
    """An RDS (or ElastiCache) event as AWS reports it."""

    kind: ClassVar[str] = "database"
    source: str
    region: str
    message: str
    categories: tuple[str, ...]


@dataclass(frozen=True)
class LagMeasured(Event):
    """A datapoint of a replica's lag, at its own timestamp."""

    kind: ClassVar[str] = "lag"
    replica: str
    region: str
    lag_seconds: float


@dataclass(frozen=True)
class RoleChanged(Event):
    """A member's role was changed through the service of ``region``, acknowledged by ``at``."""

    kind: ClassVar[str] = "role.changed"
    region: str
    role: str


@dataclass(frozen=True)
class RoleSeen(Event):
    """The role on which the service of ``region`` acts for that member, asked at ``at``."""

    kind: ClassVar[str] = "role"
    region: str
    role: str


@dataclass(frozen=True)
class Decided(Event):
    """Somebody decided on a recovery: ``by`` is platform, operator or harness."""

    kind: ClassVar[str] = "decision"
    by: str
    what: str


BEGAN, DONE, DONE_ALREADY, FAILED = "began", "done", "done already", "failed"
"""The states of a runbook's step; ``done already``: nothing was called."""


@dataclass(frozen=True)
class StepTaken(Event):
    """A step of a runbook began, or came to its end. ``at`` is when; an end says what was seen then.

    ``interrupts``: writes fail meanwhile, as planned. ``calls`` are what was ordered of AWS, in words.
    """

    kind: ClassVar[str] = "runbook.step"
    runbook: str
    number: int
    step: str
    state: str
    sight: str = ""
    interrupts: bool = False
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorldDiffers(Event):
    """After the scenario a thing is not as it was. ``residue``: it could not be otherwise."""

    kind: ClassVar[str] = "world.differs"
    thing: str
    field: str
    before: str
    after: str
    residue: bool = False


@dataclass(frozen=True)
class WorldCompared(Event):
    """Everything that a fault may touch was compared with what it was; ``moved`` are roles that others play now."""

    kind: ClassVar[str] = "world.compared"
    compared: int
    moved: tuple[str, ...] = ()


@dataclass(frozen=True)
class TasksCounted(Event):
    """An ECS service's counts are others than before (the first are those at the start, the last those at the end)."""

    kind: ClassVar[str] = "tasks"
    region: str
    service: str
    desired: int
    running: int


@dataclass(frozen=True)
class StatementsCounted(Event):
    """A database told how often each operation's own statement ran on it, in its whole life; asked at ``at``."""

    kind: ClassVar[str] = "statements"
    database: str
    region: str
    role: str
    """``writer``, ``reader`` (of a cluster) or ``replica``."""
    answered_at: int
    since: str
    """When the server and its statistics began: counts of different lives cannot be compared."""
    evicted: int
    """How often entries had to make room for others."""
    calls: Mapping[str, int]
    """By operation."""
    trouble: str = ""
    """Why it could not be read; empty when it was."""


@dataclass(frozen=True)
class SightChanged(Event):
    """An observer of ours lost sight of what it watches, or sees it again: what is silent meanwhile proves nothing."""

    kind: ClassVar[str] = "sight"
    what: str
    """``health checks``, ``alarms and events of eu-west-1``, …"""
    seen: bool
    why: str = ""


@dataclass(frozen=True)
class Stalled(Event):
    """The experiment could not go on as planned: the fault did not bite, or what was awaited never came."""

    kind: ClassVar[str] = "stalled"
    reason: str


@dataclass(frozen=True)
class Stopped(Event):
    """A stop condition ended the experiment: its name (alarm, errors, file or key) and what was seen, in words."""

    kind: ClassVar[str] = "stopped"
    condition: str
    sight: str


@dataclass(frozen=True)
class ClockStepped(Event):
    """The machine's wall clock was set while the run went on; dates before and after it do not compare."""

    kind: ClassVar[str] = "clock"
    by_seconds: float


@dataclass(frozen=True)
class ProcessorsShared(Event):
    """How the clients' processes on this machine fared for processors in the real ``span_seconds`` before ``at``.

    Summed over their number: how long they ran, and how long they could have run and waited.
    """

    kind: ClassVar[str] = "processors"
    processes: int
    span_seconds: float
    ran_seconds: float
    waited_seconds: float


@dataclass(frozen=True)
class Noted(Event):
    """Anything else worth keeping, for people; no judge reads it."""

    kind: ClassVar[str] = "note"
    text: str


KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        PhaseBegan, FaultInjected, FaultUndone, FaultNoticed, Marked, MetricSeen, DnsAnswered, AddressesSeen,
        WriterSeen, AlarmChanged, AlarmNotified, HealthChanged, DatabaseEvent, LagMeasured, RoleChanged, RoleSeen,
        Decided, StepTaken, WorldDiffers, WorldCompared, TasksCounted, StatementsCounted, SightChanged, Stalled,
        Stopped, ClockStepped, ProcessorsShared, Noted,
    )
}  # fmt: skip
