"""Who watches while the experiment runs: DNS per location, and what AWS says of itself.

Read-only. Every change goes to the timeline as it is seen; alarm changes carry AWS's own timestamps, fetched from the
history when a state is seen to have changed. Route 53 is asked what its checkers saw once in five seconds, half their
shortest interval: its API allows five requests a second an account.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

from harness.clock import Duration, Instant, seconds
from harness.cloud import discovery, doubts, observation
from harness.cloud.estate import Estate
from harness.cloud.observation import AlarmSeen
from harness.errors import CloudFault
from harness.events import (
    BEGAN,
    AddressesSeen,
    AlarmChanged,
    ClockStepped,
    DatabaseEvent,
    Decided,
    DnsAnswered,
    HealthChanged,
    SightChanged,
    StepTaken,
    TasksCounted,
    WriterSeen,
)
from harness.probes.health import Endpoint
from harness.timeline import Timeline, of

_DNS_PERIOD = seconds(1)
_AWS_PERIOD = seconds(3)
_HEALTH_PERIOD = seconds(5)
_CLOCK_PERIOD = seconds(5)
_STEP_REAL_SECONDS = 0.2
"""A wall clock that moves so far between two looks was set; what it is only slewed by is far less."""
_FAILOVER = "failover_global_cluster"
_TASKS_PERIOD = seconds(5)


@dataclass
class Sight:
    """The last that was seen of everything; read by whoever waits for something."""

    serving: dict[str, str] = field(default_factory=dict)
    """Region that DNS gives each location."""
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each region's load balancer, as they were when the run began."""
    writer: discovery.InstanceSeen | None = None
    alarms: dict[tuple[str, str], AlarmSeen] = field(default_factory=dict)
    """By region and name."""
    notified: set[tuple[str, str, str]] = field(default_factory=set)
    """Region, alarm and new state of each notification."""
    stops: dict[tuple[str, str], str] = field(default_factory=dict)
    """The state of each stop alarm of the target file, by region and name."""


class Observers:
    """A context: threads that look until it is left. ``sight`` is the present."""

    def __init__(self, estate: Estate, timeline: Timeline) -> None:
        self.sight = Sight()
        self._estate = estate
        self._timeline = timeline
        self._began = estate.clock.now()
        self._stop = threading.Event()
        self._wall_apart = estate.clock.wall_apart()
        self._seen_events: set[DatabaseEvent] = set()
        self._checks = [(check, Endpoint(check.threshold)) for check in observation.health_checks(estate.cloud)]
        self._seen_changes: set[tuple[str, str, Instant]] = set()
        self._services: dict[str, tuple[str, ...]] = {}
        self._counts: dict[tuple[str, str], TasksCounted] = {}
        self._blind: set[str] = set()
        self._threads = [
            threading.Thread(target=self._repeat, args=(look, period, what), daemon=True)
            for look, period, what in (
                (self._look_at_names, _DNS_PERIOD, "DNS answers"),
                (self._look_at_writer, _AWS_PERIOD, "the writer"),
                (self._look_at_regions, _AWS_PERIOD, "alarms and events"),
                (self._look_at_health, _HEALTH_PERIOD, "health checks"),
                (self._look_at_tasks, _TASKS_PERIOD, "tasks"),
                (self._look_at_the_clock, _CLOCK_PERIOD, "the clock"),
                (self._look_at_stops, _AWS_PERIOD, "stop alarms"),
            )
        ]

    def __enter__(self) -> Observers:
        self._map_addresses()
        self._look_at_names()
        self._look_at_writer()
        self._look_at_regions()
        self._look_at_health()
        self._look_at_tasks()
        self._look_at_stops()
        for check, endpoint in self._checks:
            now, region = self._estate.clock.now(), self._region_behind(check.host)
            self._timeline.add(HealthChanged(now, check.identifier, region, endpoint.healthy))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=15)
        self._look_at_the_clock()
        self._look_at_regions()
        self._counts.clear()  # what is seen last is told once more: silence alone would not say that anybody looked
        self._look_at_tasks()

    def _repeat(self, look: Callable[[], None], period: Duration, what: str) -> None:
        pause = max(0.1, self._estate.clock.real_seconds(period))
        while not self._stop.wait(pause):
            self._attempt(look, what)

    def _attempt(self, look: Callable[[], None], what: str) -> None:
        """Look; that it cannot be seen, or can be again, is told once."""
        try:
            look()
        except CloudFault as error:
            if what not in self._blind:
                self._blind.add(what)
                self._timeline.add(
                    SightChanged(self._estate.clock.now(), what, seen=False, why=f"{error.operation}: {error.code}")
                )
        else:
            if what in self._blind:
                self._blind.remove(what)
                self._timeline.add(SightChanged(self._estate.clock.now(), what, seen=True))

    def _look_at_the_clock(self) -> None:
        apart = self._estate.clock.wall_apart()
        step, self._wall_apart = apart - self._wall_apart, apart
        if abs(step) > _STEP_REAL_SECONDS:
            self._timeline.add(ClockStepped(self._estate.clock.now(), step))

    def _map_addresses(self) -> None:
        for region in self._estate.platform.regions:
            self.sight.addresses[region.name] = self._estate.addresses(region.name)
            self._timeline.add(AddressesSeen(self._estate.clock.now(), region.name, self.sight.addresses[region.name]))

    def _look_at_names(self) -> None:
        for place in self._estate.target.locations:
            answer = self._estate.answer(place)
            region = self._region_of(answer.addresses)
            if self.sight.serving.get(place.name) != region:
                self.sight.serving[place.name] = region
                now = self._estate.clock.now()
                self._timeline.add(DnsAnswered(now, place.name, region, answer.addresses, answer.ttl_seconds))

    def _region_of(self, addresses: tuple[str, ...]) -> str:
        for region, known in self.sight.addresses.items():
            if set(addresses) & set(known):
                return region
        return ""

    def _look_at_regions(self) -> None:
        self._each_region(self._look_at_region, "alarms and events")

    def _each_region(self, look: Callable[[str], None], what: str, regions: Sequence[str] = ()) -> None:
        """Of the platform's regions, unless others are named; one that is lost does not keep the others unseen."""
        for region in regions or [one.name for one in self._estate.platform.regions]:
            self._attempt(partial(look, region), f"{what} of {region}")

    def _look_at_writer(self) -> None:
        writer = discovery.writer(self._estate.cloud, self._estate.platform)
        before = self.sight.writer
        if writer is not None and (before is None or writer.identifier != before.identifier):
            self._timeline.add(WriterSeen(self._estate.clock.now(), writer.region, writer.identifier))
            self.sight.writer = writer

    def _look_at_health(self) -> None:
        for check, endpoint in self._checks:
            region = self._region_behind(check.host)
            for turned in endpoint.take(observation.probes(self._estate.cloud, check.identifier)):
                self._timeline.add(HealthChanged(turned.at, check.identifier, region, turned.healthy))

    def _look_at_stops(self) -> None:
        wanted = self._estate.target
        if wanted.stop.alarms:
            self._each_region(self._look_at_stops_of, "stop alarms", doubts.alarm_regions(wanted))

    def _look_at_stops_of(self, region: str) -> None:
        told = observation.states(self._estate.cloud, region, self._estate.target.stop.alarms)
        self.sight.stops.update({(region, name): state for name, state in told.items()})

    def _look_at_tasks(self) -> None:
        self._each_region(self._look_at_services, "tasks")

    def _look_at_services(self, region: str) -> None:
        cloud, now = self._estate.cloud, self._estate.clock.now()
        if region not in self._services:
            tagged = discovery.tagged(cloud, self._estate.target, region, ("ecs:service",))
            self._services[region] = tuple(sorted(tagged))
        for seen in observation.service_counts(cloud, region, self._services[region], now):
            before = self._counts.get((region, seen.service))
            if before is None or (before.desired, before.running) != (seen.desired, seen.running):
                self._counts[region, seen.service] = seen
                self._timeline.add(seen)

    def _region_behind(self, host: str) -> str:
        balancers = self._estate.platform.load_balancers
        return next((name for name, seen in balancers.items() if seen.dns_name.lower() == host.lower()), "")

    def _look_at_region(self, region: str) -> None:
        cloud, now = self._estate.cloud, self._estate.clock.now()
        for alarm in observation.alarms(cloud, region):
            before = self.sight.alarms.get((region, alarm.name))
            self.sight.alarms[region, alarm.name] = alarm
            if before is None:
                self._timeline.add(observation.first_seen(alarm, now))
            if before is None or before.state != alarm.state:
                self._record_changes(alarm)
        queue = self._estate.platform.queues.get(region)
        if queue:
            for note in observation.notifications(cloud, region, queue, self._estate.clock):
                self.sight.notified.add((region, note.alarm, note.new))
                self._timeline.add(note)
        for event in observation.database_events(cloud, region, self._began, now):
            if event not in self._seen_events:
                self._seen_events.add(event)
                self._timeline.add(event)
                self._record_decision(event)

    def _record_changes(self, alarm: AlarmSeen) -> None:
        changes: list[AlarmChanged] = observation.alarm_history(self._estate.cloud, alarm, self._began)
        for change in changes:
            key = (change.region, change.alarm, change.at)
            if key not in self._seen_changes:
                self._seen_changes.add(key)
                self._timeline.add(change)

    def _record_decision(self, event: DatabaseEvent) -> None:
        # Only a runbook of ours orders a failover between regions, and it says so beforehand; else it was the platform.
        words = event.message.lower()
        if words.startswith("global failover") and "started" in words and not self._is_ours(event):
            self._timeline.add(Decided(event.at, "platform", event.message))

    def _is_ours(self, event: DatabaseEvent) -> bool:
        steps = [step for step in of(self._timeline.events(), StepTaken) if step.at <= event.at]
        return bool(steps) and steps[-1].state == BEGAN and any(_FAILOVER in call for call in steps[-1].calls)
