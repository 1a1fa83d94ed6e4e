"""What is carried out on a twin so that every call is made: each fault, each runbook, and each part that only looks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import aftermath, target
from harness.clock import minutes, real_sleep, seconds
from harness.cloud import configuration, discovery, inventory, observation
from harness.cloud import kept as past
from harness.cloud.carriers import KNOWN, carrier_of
from harness.cloud.carriers.silence import ALARM
from harness.cloud.estate import Estate
from harness.cloud.session import Cloud
from harness.cloud.trail import kept
from harness.errors import CloudFault, Ineffective, Refused
from harness.events import WriterSeen
from harness.faults import Blackhole, Geolocate, Lag, Lose, Pause, Shrink, Silence, Stop, Switchover
from harness.probes.observers import Observers
from harness.procedures import Drain, FailBack, FailOver, Procedure, PromoteStandby, Return, SwitchOver, name
from harness.runbooks import execution, runbook_of
from harness.safety import guard
from harness.safety.injection import Injection
from harness.safety.table import Table
from harness.script import Kind
from harness.session import reach_twin
from harness.timeline import Timeline, of
from harness.topology import (
    Automation,
    Cache,
    Database,
    Link,
    LoadBalancer,
    Region,
    Replica,
    Service,
    Tasks,
    Writer,
    Zone,
)
from harness.undo import JOURNAL_FILE, Act, Armed
from tests.aws_calls.recorder import NotedJournal, Recorder
from tests.contract.whole import REPOSITORY, running
from tests.unit.safety.endpoint import REGION, created

SPEED = 20
_TRIES = 6
_PATIENT_SECONDS = 10.0
_SPAN = seconds(20)
_LOOK = seconds(5)
_REST = minutes(30)
LOST = Kind(Lose, Region)
SILENCED = Kind(Silence, Automation)


def words(kind: Kind) -> str:
    """A kind of fault on a kind of target in words, e.g. ``Stop Writer``."""
    return f"{kind.fault.__name__} {kind.target.__name__}"


_EVERY = [Kind(*pair) for pair in KNOWN]
_EVERY += [Kind(Blackhole, target) for target in (LoadBalancer, Zone, Region, Cache, Database)]
KINDS = tuple(sorted(_EVERY, key=lambda kind: (kind == LOST, kind.destructive, words(kind))))
"""Every kind that anything carries out; what changes the topology comes last, and the loss of a region at the end."""


@dataclass(frozen=True)
class Stage:
    """A platform, and who hears what is called of it."""

    estate: Estate
    recorder: Recorder

    @cached_property
    def unheard(self) -> Cloud:
        """For what is no part of what the harness calls."""
        return replace(self.estate.cloud, told=None, _clients={}, _sessions={})

    @property
    def first(self) -> Region:
        return self.estate.platform.regions[0]

    @property
    def last(self) -> Region:
        return self.estate.platform.regions[-1]

    def _busy(self, region: str) -> str:
        states = {one.identifier: one.status for one in discovery.instances(self.unheard, region)}
        for group in self.unheard.pages("elasticache", region, "describe_replication_groups", "ReplicationGroups"):
            states[group["ReplicationGroupId"]] = group["Status"]
        for node in self.unheard.pages("elasticache", region, "describe_cache_clusters", "CacheClusters"):
            states[node["CacheClusterId"]] = node["CacheClusterStatus"]
        return ", ".join(f"{name} is {state}" for name, state in states.items() if state != "available")

    def rest(self) -> None:
        """Wait until every database and cache is available and answers: what is still changing takes no order."""
        busy = "nothing was seen"
        for _ in self.estate.clock.every(_LOOK, _REST):
            try:
                busy = ", ".join(filter(None, (self._busy(region.name) for region in self.estate.platform.regions)))
                for region, cache in self.estate.platform.caches.items():
                    self.estate.hand(region).redis(cache.endpoint, cache.port, "PING", limit_seconds=_PATIENT_SECONDS)
            except CloudFault as error:
                busy = error.message
            if not busy:
                return
        raise TimeoutError(f"no rest: {busy}")


@contextmanager
def on_twin(home: Path, design: str, version: str, recorder: Recorder, speed: float = SPEED) -> Iterator[Stage]:
    """A twin in ``home``, and every call of it heard by the recorder, until the block is left."""
    wanted = target.load(REPOSITORY / "targets" / "twin.toml")
    with pytest.MonkeyPatch.context() as patch, running(home, design=design, version=version, speed=speed) as twin:
        patch.setenv("GAMEDAY_HOME", str(home))  # the hands find the twin by it
        estate = reach_twin(wanted, twin.state)
        estate.cloud.told = recorder.told
        try:
            yield Stage(estate, recorder)
        finally:
            estate.let_go()


def deciders(stage: Stage) -> list[str]:
    """The regions whose alarm the platform's automation acts on."""
    regions = [region.name for region in stage.estate.platform.regions]
    seen = {region: observation.alarms(stage.unheard, region) for region in regions}
    return [region for region, alarms in seen.items() for one in alarms if one.name == ALARM and one.acts]


@contextmanager
def nobody_decides(stage: Stage) -> Iterator[None]:
    """The platform's automation keeps still meanwhile, or it moves the writer when a proof takes its time.

    By hand, unheard: it is no part of what the harness calls. Let go once its alarm is calm.
    """
    cloud, acting = stage.unheard, deciders(stage)
    for region in acting:
        cloud.call("cloudwatch", region, "disable_alarm_actions", AlarmNames=[ALARM])
    try:
        yield
        _until(stage, lambda: all(one.state == "OK" for region in acting for one in observation.alarms(cloud, region)
                                  if one.name == ALARM))  # fmt: skip
    finally:
        for region in acting:
            cloud.call("cloudwatch", region, "enable_alarm_actions", AlarmNames=[ALARM])


def looks(stage: Stage) -> None:
    """What only looks: who we are and what is there, the configuration, the inventory."""
    cloud, wanted = stage.estate.cloud, stage.estate.target
    discovery.discover(cloud, wanted)
    guard.recognise(cloud, wanted, stage.first.name)
    guard.admit(cloud, wanted, stage.estate.platform)
    configuration.read(stage.estate, configuration.nearest(stage.estate))
    inventory.take(stage.estate)
    with (
        tempfile.TemporaryDirectory() as folder,
        kept(cloud, stage.first.name, Path(folder) / "calls.jsonl", stage.estate.clock, ""),
    ):
        pass


def keep(stage: Stage) -> None:
    """The lock and the journal in DynamoDB: taken, renewed, an act armed, read, and let go."""
    armed = Armed(1, "a fault", Act("ecs", stage.first.name, "UpdateService"))
    with created(stage.unheard, "gameday"):
        table = Table(stage.estate.cloud, REGION, "gameday", stage.estate.target.target.environment)
        with table.held("somebody", 60) as hold:
            table.renew("somebody", 60)
            hold.mirror("run").arm(armed)
            assert [one.armed for one in table.pending()] == [armed]
            hold.mirror("run").undone(armed)
            assert table.holder()


def look_back(stage: Stage) -> None:
    """What the flight recorder asks AWS of the past."""
    cloud, now = stage.estate.cloud, stage.estate.clock.now()
    since = now.back(_SPAN)
    for region, balancer in stage.estate.platform.load_balancers.items():
        list(past.alarm_changes(cloud, region, since, now))
        past.database_events(cloud, region, since, now, now)
        list(past.lags(cloud, region, since, now))
        past.front(cloud, region, balancer, since, now)
    for check in observation.health_checks(stage.unheard):
        list(past.health(cloud, check, "", since, now))


def fault(stage: Stage, kind: Kind) -> Any:
    """One fault of that kind on this platform. Raises ``Refused`` where there is nothing to do it to."""
    target = _target(stage, kind)
    if kind.fault is Shrink:
        return Shrink(target, to=1)
    if kind.fault in (Pause, Lag):
        return kind.fault(target, _SPAN)  # type: ignore[call-arg]
    if kind.fault is Switchover:
        return Switchover(target, to=stage.last)
    if kind.fault is Geolocate:
        return Geolocate(target, {"EU": stage.last}, stage.first)
    return kind.fault(target)


def _target(stage: Stage, kind: Kind) -> Any:
    if kind.target is Region:
        return stage.first
    if kind.target is Zone:
        writer = discovery.writer(stage.estate.cloud, stage.estate.platform)
        return Zone(writer.zone if writer else f"{stage.first}a")
    if kind.target is Link:
        if stage.first == stage.last:
            raise Refused("there is one region.")
        return Link(stage.first, stage.last)
    if kind.target in (Service, Tasks):
        service = Service(stage.first, "api-gateway")
        return service if kind.target is Service else Tasks(service)
    if kind.target is Replica:
        return Replica(stage.last)
    return kind.target(stage.first) if kind.target in (LoadBalancer, Cache, Database) else kind.target()


def inject(stage: Stage, kind: Kind) -> str:
    """Carry the fault out and back; returns why not, where it is refused."""
    return _until_it_bites(lambda: _injected(stage, kind))


def _until_it_bites(play: Callable[[], str]) -> str:
    """What did not bite was undone and is tried again: a busy machine's proof may come too late for a fast twin."""
    for attempt in range(1, _TRIES + 1):
        try:
            return play()
        except Ineffective as error:
            if attempt == _TRIES:
                raise
            print(f"  {error}", flush=True)
            real_sleep(attempt)
    raise AssertionError("unreachable")


def _injected(stage: Stage, kind: Kind) -> str:
    label = words(kind)
    with tempfile.TemporaryDirectory() as folder, stage.recorder.carrying_out(label):
        timeline = _timeline(folder)
        with closing(timeline), closing(NotedJournal(Path(folder) / JOURNAL_FILE, stage.recorder)) as journal:
            try:
                wanted = fault(stage, kind)
                carrier = carrier_of(wanted, stage.estate, "aws-calls")
            except Refused as error:
                stage.recorder.forget(label)
                return error.message
            with Injection(wanted, carrier, stage.estate, journal, timeline, lambda *_: None, lambda: None):
                pass
    return ""


def lose_the_region(stage: Stage) -> str:
    """The writer's region is lost while everybody watches, until another one writes; then all is read back."""
    return _until_it_bites(lambda: _lost(stage))


def _lost(stage: Stage) -> str:
    estate = stage.estate
    writer = discovery.writer(estate.cloud, estate.platform)
    assert writer is not None
    with tempfile.TemporaryDirectory() as name_of_folder, closing(_timeline(name_of_folder)) as timeline:
        began = estate.clock.now()
        observers = Observers(estate, timeline)
        lag_alarm = configuration.lag_alarm(configuration.read(estate, configuration.nearest(estate)).alarms)
        seen = SimpleNamespace(
            folder=Path(name_of_folder), estate=estate, began=began, timeline=timeline, observers=observers,
            header=SimpleNamespace(lag_alarm=lag_alarm), target_file=REPOSITORY, enter_phase=lambda *_: None,
            console=SimpleNamespace(glance=lambda *_: None),
        )  # fmt: skip
        journal = NotedJournal(Path(name_of_folder) / JOURNAL_FILE, stage.recorder)
        with closing(journal), observers, stage.recorder.carrying_out(words(LOST)):
            wanted = Lose(Region(writer.region))
            carrier = carrier_of(wanted, estate, "aws-calls")
            with Injection(wanted, carrier, estate, journal, timeline, lambda *_: None, lambda: None):
                _until(stage, lambda: _moved(timeline) and bool(observers.sight.notified))
            stage.rest()
            aftermath.await_databases(seen)  # type: ignore[arg-type]
            aftermath.read_back(seen)  # type: ignore[arg-type]
    return ""


def _timeline(folder: str) -> Timeline:
    return Timeline(Path(folder) / "timeline.jsonl")


def _moved(timeline: Timeline) -> bool:
    return len({event.region for event in of(timeline.events(), WriterSeen)}) > 1


def _until(stage: Stage, wanted: Callable[[], bool]) -> None:
    for _ in stage.estate.clock.every(_LOOK, _REST):
        if wanted():
            return
    raise TimeoutError("it never came")


def watch(stage: Stage) -> None:
    """Everybody watches for a while."""
    estate = stage.estate
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(_timeline(folder)) as timeline,
        Observers(estate, timeline),
    ):
        estate.clock.sleep(_SPAN)


def carry_out(stage: Stage, procedure: Procedure) -> None:
    """One runbook, step after step."""
    estate = stage.estate
    with stage.recorder.carrying_out(name(procedure)):
        execution.carry_out(runbook_of(procedure, estate), _desk(estate))
    stage.rest()


def by_the_book(stage: Stage, alone: Recorder) -> None:
    """Every runbook that this platform has a use for, and the way back of each.

    ``alone`` hears of what is done to a database that is the only one left, in the middle of a fail-back.
    """
    estate = stage.estate
    if len(estate.platform.regions) < 2:
        return
    first, last = stage.first, stage.last
    if _can_be_drained(stage):
        carry_out(stage, Drain(first))
        carry_out(stage, Return(first))
    if estate.platform.global_cluster is None:
        carry_out(stage, PromoteStandby(last))
        stop_the_only_one(stage, alone)
        carry_out(stage, FailBack(first))
        return
    for procedure in (SwitchOver(last), SwitchOver(first), FailOver(last), FailBack(first)):
        carry_out(stage, procedure)


def stop_the_only_one(stage: Stage, alone: Recorder) -> None:
    """The fail-back's first step, as if it had crashed after it; the one database that is left is then stopped."""
    estate, procedure = stage.estate, FailBack(stage.first)
    whole = runbook_of(procedure, estate)
    with stage.recorder.carrying_out(name(procedure)):
        execution.carry_out(replace(whole, steps=whole.steps[:1]), _desk(estate))
    before, estate.cloud.told = estate.cloud.told, alone.told
    inject(Stage(estate, alone), Kind(Stop, Writer))
    estate.cloud.told = before
    stage.rest()


def _desk(estate: Estate) -> execution.Desk:
    return execution.Desk(estate.cloud, estate.clock, lambda _: None, lambda *_: None, lambda _: None)


def _can_be_drained(stage: Stage) -> bool:
    try:
        with stage.recorder.carrying_out(name(Drain(stage.first))):
            runbook_of(Drain(stage.first), stage.estate)
    except Refused:
        return False
    return True
