"""The platform as a state machine: what each fault takes away, what notices it, and what then happens by itself.

A :class:`State` is what changes; :meth:`Platform.events` are the changes that a state leads to by itself, each with
how long it takes. What a client gets of a state: :meth:`Platform.answer` (Route 53's choice of a record) and
:meth:`Platform.serves`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from harness.clock import ZERO, Duration, seconds
from harness.configuration import Alarm, Configuration, Database, DnsRecord, HealthCheck, Service, Targets
from harness.judges.feasibility.arithmetic import alarm_rings, detection, recovery, targets_fail
from harness.judges.feasibility.rows import Budget, Kind
from harness.timings import ALARMS, DOCUMENTED, ENDPOINT_TTL, TARGETS, Range

FaultKind = Literal[
    "front dark", "region lost", "database dark", "replica stopped", "tasks stopped", "cache lost", "writer stopped",
    "automation silenced", "control plane lost", "link cut",
]  # fmt: skip
_WORDS: dict[FaultKind, str] = {
    "front dark": "load balancer of {} dark",
    "region lost": "region {} lost",
    "database dark": "database of {} dark",
    "replica stopped": "read replica of {} stopped",
    "tasks stopped": "tasks of {} stopped",
    "cache lost": "cache of {} lost",
    "writer stopped": "writer stopped",
    "automation silenced": "automation silenced",
    "control plane lost": "control plane of Route 53 lost",
    "link cut": "link {} cut",
}
LINK = " to "
NOTHING: frozenset[Fault] = frozenset()
"""No fault at all."""
ROUTE53_HOME = "us-east-1"
"""Where Route 53's metrics and API are."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that breaks; ``where`` is a region, or two with :data:`LINK` between them."""

    kind: FaultKind
    where: str = ""

    def __str__(self) -> str:
        return _WORDS[self.kind].format(self.where)


@dataclass(frozen=True)
class Watcher:
    """What decides whether a record counts as healthy: a Route 53 check, or an alias's load balancer with its targets.

    ``outside``: it asks from the internet and so sees a dark load balancer, which the balancer's own checks do not.
    """

    key: str
    region: str
    asks: Literal["nothing", "database", "writer"]
    outside: bool
    down: Range
    up: Range
    mute: bool = False
    """The name that it asks leads nowhere."""


@dataclass(frozen=True)
class State:
    """Everything that changes by itself after a fault."""

    writer: str
    up: bool
    ill: frozenset[str] = frozenset()
    """Watchers that say unhealthy."""
    ringing: frozenset[str] = frozenset()
    """Regions in which the automation's alarm rings."""
    moving: str = ""
    """The region whose database is being promoted: once ordered, nothing takes that back."""
    moved: bool = False
    unreadable: frozenset[str] = frozenset()
    """Regions whose copy is being rebuilt."""
    idle: frozenset[str] = frozenset()
    """Regions in which no task of the API runs."""


@dataclass(frozen=True)
class Event:
    """A change that comes by itself. ``kind`` says which delays go together, ``after`` what it makes of the state that
    it was asked of."""

    key: str
    kind: str
    stages: tuple[Budget, ...]
    words: str
    after: State


class Platform:
    """A configuration compiled for exploration. Pure."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        database = configuration.writer
        self.database: Database | None = database
        self.home = database.writer_region if database else ""
        self.regions = self._regions()
        replicas = {one.writer_region for one in configuration.databases if one.kind == "replica"}
        inside = {self.home} if database and database.kind in ("aurora", "aurora_global", "multi_az_cluster") else set()
        self.readers = frozenset(replicas | inside | set(database.promotable_regions if database else ()))
        """Regions with a copy that can be read beside the writer."""
        self.alarms = tuple(one for one in configuration.alarms if one.name == configuration.automation.alarm)
        self._services = {one.region: one for one in configuration.services}
        self._targets = {one.region: one for one in configuration.targets}
        self._watchers = self._watched()
        self._answers: dict[tuple[frozenset[str], tuple[str, ...]], DnsRecord | None] = {}
        self._known: dict[tuple[frozenset[Fault], State], Mapping[str, Event]] = {}
        self.rest = self._rest()
        """The state of calm weather: watchers that have nothing to ask say unhealthy then too."""
        self.multi = len(set(configuration.fronts) | {one.region for one in configuration.records}) > 1

    def _regions(self) -> tuple[str, ...]:
        told = self.configuration
        named = [one.region for one in told.records]
        named += [*told.fronts, *([self.home] if self.home else [])]
        named += [one.writer_region for one in told.databases]
        named += [region for one in told.databases for region in one.promotable_regions]
        return tuple(dict.fromkeys(name for name in named if name))

    def faults(self) -> tuple[Fault, ...]:
        """Every single fault of the model."""
        told = self.configuration
        named = {one.region for one in told.records} | set(told.fronts)
        found = [Fault("front dark", region) for region in self.regions if region in named]
        found += [Fault("region lost", region) for region in self.regions]
        found += [Fault("tasks stopped", region) for region in self.regions if region in self._services]
        found += [Fault("cache lost", region) for region in dict.fromkeys(one.region for one in told.caches)]
        if self.database:
            found += [Fault("writer stopped")]
            found += [Fault("database dark", one) for one in self.regions if one == self.home or one in self.readers]
            found += [Fault("replica stopped", one) for one in self.regions if one in self.readers and one != self.home]
            if self.home in {one.writer_region for one in told.databases if one.kind == "replica"}:
                found.append(Fault("replica stopped", self.home))
        if told.automation.kind == "platform":
            found.append(Fault("automation silenced"))
        if self.multi:
            found.append(Fault("control plane lost"))
        pairs = [(a, b) for n, a in enumerate(self.regions) for b in self.regions[n + 1 :]]
        return tuple(found + [Fault("link cut", f"{a}{LINK}{b}") for a, b in pairs])

    def start(self, faults: frozenset[Fault]) -> State:
        """The moment after the faults, when nothing has noticed yet."""
        stopped = any(one.kind == "writer stopped" for one in faults)
        idle = frozenset(one.where for one in faults if one.kind == "tasks stopped")
        return replace(self.rest, up=not stopped, idle=idle)

    def _rest(self) -> State:
        state = State(self.home, up=True)
        return replace(state, ill=frozenset(one.key for one in self._watchers if not self._well(NOTHING, state, one)))

    def service(self, region: str) -> Service:
        """The API's service of a region; where none is known, one that runs."""
        return self._services.get(region) or Service(region, 1)

    def targets(self, region: str) -> Targets:
        """The load balancer's targets; where they are not known, with AWS's defaults."""
        return self._targets.get(region) or Targets(region, "/", seconds(30), 2)

    # What works

    def lost(self, faults: frozenset[Fault], region: str) -> bool:
        """Whether the whole region is gone."""
        return Fault("region lost", region) in faults

    def runs(self, faults: frozenset[Fault], state: State, region: str) -> bool:
        """Whether the region's load balancer has a task to send requests to."""
        service = self.service(region)
        built = region in self.configuration.fronts or not self.configuration.fronts
        able = built and service.desired_count > 0 and not service.cold
        return able and region not in state.idle and not self.lost(faults, region)

    def front(self, faults: frozenset[Fault], state: State, region: str) -> bool:
        """Whether a client who comes to the region is answered by a task at all."""
        return self.runs(faults, state, region) and Fault("front dark", region) not in faults

    def apart(self, faults: frozenset[Fault], one: str, other: str) -> bool:
        """Whether nothing passes between two regions."""
        return bool({Fault("link cut", f"{one}{LINK}{other}"), Fault("link cut", f"{other}{LINK}{one}")} & faults)

    def reaches(self, faults: frozenset[Fault], state: State, region: str) -> bool:
        """Whether the database that takes writes can be reached from a region."""
        down = (
            not state.up
            or bool(state.moving)
            or self.lost(faults, state.writer)
            or Fault("database dark", state.writer) in faults
        )
        return not down and not self.lost(faults, region) and not self.apart(faults, region, state.writer)

    def local(self, faults: frozenset[Fault], state: State, region: str) -> bool:
        """Whether a region has a copy of its own that can be read."""
        gone = {Fault("database dark", region), Fault("replica stopped", region), Fault("region lost", region)} & faults
        copies = region in self.readers or (state.moved and region == state.writer)
        return copies and not gone and region not in state.unreadable

    def connects(self, state: State, region: str) -> bool:
        """Whether the region's services name the database that takes writes now as theirs."""
        return region == state.writer or bool(self.database and self.database.writes_from_everywhere)

    def serves(self, faults: frozenset[Fault], state: State, region: str, kind: Kind) -> bool:
        """Whether such an operation succeeds for a client who comes to the region."""
        if not self.front(faults, state, region):
            return False
        if self.database is None:
            return True
        writer = self.connects(state, region) and self.reaches(faults, state, region)
        if kind == "writes":
            return writer
        copy, back = self.local(faults, state, region), self.service(region).reads_fall_back
        if kind == "reads":
            return (writer or (back and copy)) if self.connects(state, region) else copy
        return (copy or (back and writer)) if region in self.readers else writer

    # What a client is told

    def answer(self, state: State, location: str) -> DnsRecord | None:
        """Route 53's choice for a location: of the healthy records by their routing; when none is healthy, all count
        as healthy. Source: :data:`harness.timings.CHOICE`, :data:`harness.timings.LAST_RESORT`."""
        order = self.configuration.nearest.get(location, ())
        if (state.ill, order) not in self._answers:
            self._answers[state.ill, order] = self._chosen(state, order)
        return self._answers[state.ill, order]

    def _chosen(self, state: State, order: tuple[str, ...]) -> DnsRecord | None:
        records = self.configuration.records
        if not records:
            return None
        if records[0].routing == "simple":
            return records[0]
        well = [one for one in records if not self.ill(state, one)]
        if records[0].routing == "failover":
            primary = next((one for one in records if one.failover == "PRIMARY"), None)
            secondary = next((one for one in records if one.failover == "SECONDARY"), None)
            if primary is None or (primary not in well and secondary in well):
                return secondary or primary
            return primary
        return min(well or records, key=lambda one: order.index(one.region) if one.region in order else len(order))

    def ill(self, state: State, record: DnsRecord) -> bool:
        """Whether Route 53 takes a record for unhealthy."""
        check = self.configuration.check(record.health_check)
        if check and not check.disabled and f"check {check.identifier}" in state.ill:
            return True
        return record.alias and record.evaluate_target_health and f"targets {record.region}" in state.ill

    # What comes by itself

    def _watched(self) -> tuple[Watcher, ...]:
        told = self.configuration
        used = {one.health_check for one in told.records}
        found = [
            Watcher(
                f"check {one.identifier}", one.region, one.asks, True, detection(one), recovery(one), nowhere(told, one)
            )
            for one in told.health_checks
            if not one.disabled
            and (one.identifier in used or any(a.metric.startswith("AWS/Route53") for a in self.alarms))
        ]
        for region in dict.fromkeys(one.region for one in told.records if one.alias and one.evaluate_target_health):
            targets = self.targets(region)
            up = Range(ZERO, targets.interval / 2, targets.interval, TARGETS)
            found.append(Watcher(f"targets {region}", region, targets.asks, False, targets_fail(targets), up))
        return tuple(found)

    def events(self, faults: frozenset[Fault], state: State) -> Mapping[str, Event]:
        """What this state leads to by itself, by key, each with how long it takes from now on."""
        # Courses through the same states are many: that is what makes all pairs of faults affordable.
        if (faults, state) not in self._known:
            self._known[faults, state] = {event.key: event for event in self._coming(faults, state)}
        return self._known[faults, state]

    def _coming(self, faults: frozenset[Fault], state: State) -> Iterator[Event]:
        for watcher in self._watchers:
            well = self._well(faults, state, watcher)
            if well == (watcher.key in state.ill):
                yield _noticed(state, watcher, well)
        for region in state.idle:
            if self.service(region).desired_count > 0 and not self.service(region).cold:
                yield self._restart(state, region)
        if not (state.up or state.moved or state.moving) and self._stands_by() and not self.lost(faults, self.home):
            yield self._takeover(state)
        yield from self._alarms(faults, state)
        yield from self._promotion(faults, state)
        for region in state.unreadable:
            if not self.lost(faults, region):
                span = self._span("aurora_global_rebuild")
                after = replace(state, unreadable=state.unreadable - {region})
                yield Event(f"rebuild {region}", "rebuild", (Budget("rebuild", span),), f"{region} is rebuilt", after)

    def _well(self, faults: frozenset[Fault], state: State, watcher: Watcher) -> bool:
        reached = self.front if watcher.outside else self.runs
        if watcher.mute or not reached(faults, state, watcher.region):
            return False
        if watcher.asks == "writer" or (watcher.asks == "database" and self.connects(state, watcher.region)):
            return self.reaches(faults, state, watcher.region)
        return watcher.asks == "nothing" or self.local(faults, state, watcher.region)

    def _restart(self, state: State, region: str) -> Event:
        start, targets = self._span("task"), self.targets(region)
        registered = Range(ZERO, targets.interval / 2, targets.interval, TARGETS)
        stages = (Budget("restart", start), Budget("registration", registered))
        after = replace(state, idle=state.idle - {region})
        return Event(f"restart {region}", "restart", stages, f"ECS starts tasks in {region}", after)

    def _stands_by(self) -> bool:
        return self.database is not None and self.database.kind not in ("single", "replica")

    def _takeover(self, state: State) -> Event:
        kind = self.database.kind if self.database else "single"
        span = self._span("aurora" if kind == "aurora_global" else kind)
        stages = (Budget("promotion", span), _endpoint())
        return Event("takeover", "takeover", stages, f"a standby in {self.home} takes over", replace(state, up=True))

    def calls(self, faults: frozenset[Fault], state: State, alarm: Alarm) -> bool:
        """Whether an alarm of the automation has a reason to ring, and a region to ring in."""
        if self.lost(faults, alarm.region):
            return False
        if alarm.metric.startswith("AWS/Route53"):
            sick = {f"check {one.identifier}" for one in self.configuration.health_checks if one.region == state.writer}
            return alarm.region == ROUTE53_HOME and bool(sick & state.ill)
        return not self.reaches(faults, state, alarm.region)

    def _alarms(self, faults: frozenset[Fault], state: State) -> Iterator[Event]:
        for alarm in self.alarms:
            rings, stages = self.calls(faults, state, alarm), (Budget("detection", alarm_rings(alarm)),)
            if rings and alarm.region not in state.ringing:
                after = replace(state, ringing=state.ringing | {alarm.region})
                yield Event(f"alarm {alarm.region}", "alarm", stages, f"{alarm.name} rings in {alarm.region}", after)
            elif not rings and alarm.region in state.ringing and not self.lost(faults, alarm.region):
                after = replace(state, ringing=state.ringing - {alarm.region})
                yield Event(f"quiet {alarm.region}", "alarm", stages, f"{alarm.name} is OK in {alarm.region}", after)

    def choice(self, faults: frozenset[Fault], state: State) -> str | None:
        """The region whose database would be promoted now; ``None`` where there is none."""
        regions = self.database.promotable_regions if self.database else ()
        alive = [
            one
            for one in regions
            if one != state.writer and not self.lost(faults, one) and Fault("database dark", one) not in faults
        ]
        return next((one for one in alive if one in state.ringing), alive[0] if alive else None)

    def _promotion(self, faults: frozenset[Fault], state: State) -> Iterator[Event]:
        if state.moving:
            yield self._promoted(state)
            return
        automation, to = self.configuration.automation, self.choice(faults, state)
        if state.moved or to is None or automation.kind == "none":
            return
        taken: Duration = ZERO
        if automation.kind == "platform":
            if not state.ringing or Fault("automation silenced") in faults:
                return
        else:
            taken = automation.assumed
            if self.reaches(faults, state, to):
                return
        if self.reaches(faults, state, state.writer) and self.front(faults, state, state.writer):
            return
        who = "the automation" if automation.kind == "platform" else "a person"
        decision = (Budget("decision", Range(taken, taken, taken, "assumed" if taken > ZERO else ALARMS)),)
        yield Event("decision", "decision", decision, f"{who} decides to promote {to}", replace(state, moving=to))

    def _promoted(self, state: State) -> Event:
        globally, to = self.database is not None and self.database.kind == "aurora_global", state.moving
        others = frozenset(self.readers - {to} if globally else ())
        after = replace(state, writer=to, up=True, moving="", moved=True, unreadable=others)
        stages = (Budget("promotion", self._span("aurora_global" if globally else "replica")), _endpoint())
        return Event("promotion", "promotion", stages, f"{to} is promoted", after)

    def _span(self, kind: str) -> Range:
        return self.configuration.failover_ranges.get(kind) or DOCUMENTED[kind]


def nowhere(told: Configuration, check: HealthCheck) -> bool:
    """Whether a check asks a name that is known to have no record."""
    known = not told.hosts or not check.host or check.host in told.hosts
    return not known and not check.host.endswith(".amazonaws.com")


def _noticed(state: State, watcher: Watcher, well: bool) -> Event:
    ill = state.ill - {watcher.key} if well else state.ill | {watcher.key}
    kind, where = watcher.key.split(" ", 1)[0], watcher.region
    what = f"the health check of {where}" if kind == "check" else f"the load balancer's own check of {where}"
    words = f"{what} {'passes again' if well else 'fails'}"
    asked = {"writer": ", as it asks the writer", "database": ", as it asks the database"}.get(watcher.asks, "")
    budget = Budget("detection", watcher.up if well else watcher.down)
    return Event(f"{watcher.key} {well}", kind, (budget,), words + ("" if well else asked), replace(state, ill=ill))


def _endpoint() -> Budget:
    return Budget("dns", Range(ZERO, ENDPOINT_TTL / 2, ENDPOINT_TTL, "the TTL of a database's endpoint"))
