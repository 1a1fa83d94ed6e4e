"""The fixture that scenarios use: promises, traffic, calm, a fault, waiting, holding. Each verb is a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import allure

from harness import aftermath, sights
from harness import clients as kinds
from harness.clock import ZERO, Duration, minutes
from harness.cloud import configuration, discovery
from harness.cloud.carriers import carrier_of
from harness.cloud.estate import Estate
from harness.console import Console
from harness.data import statements
from harness.data.witness import Witness
from harness.errors import BadInput, Ineffective, OutOfPatience, Refused, UndoFailed
from harness.events import Stalled
from harness.experiment import Experiment
from harness.faults import Arrangement, Fault, Lag, is_destructive, title
from harness.header import Stream
from harness.heading import heading
from harness.judges.feasibility import failure_of, feasibility
from harness.load import Load
from harness.lookout import RECENT, Lookout
from harness.objectives import PROMISES, Objectives
from harness.probes.observers import Sight
from harness.procedures import Procedure, moves_writer
from harness.runbooks import execution, runbook_of
from harness.safety import guard
from harness.safety.injection import Arranging, Injection
from harness.safety.radius import Radius
from harness.script import Scenario
from harness.session import HOME, Session
from harness.topology import Region, Zone
from harness.verdicts import Outcome
from loadtests.settings import MIX

_PATIENCE = minutes(8)
"""For what comes after a fault: what nature or AWS rebuilds takes its time."""
_BEYOND = minutes(4)
"""So much longer than the objective a recovery is waited for, so that a late one is measured and not cut off."""


class GameDay:
    """One scenario's game day. Everything that it does to the world is undone by the time its blocks are left."""

    def __init__(self, session: Session, scenario: Scenario, finish: Callable[[Experiment], None]) -> None:
        self._session = session
        self._scenario = scenario
        self._finish = finish
        self._estate: Estate = session.estate(scenario.phase)
        self._experiment: Experiment | None = None
        self._injections: list[Injection] = []
        self._given_up: OutOfPatience | Ineffective | None = None
        self._radius = Radius(self._estate)
        self._destructive = False
        self._console = Console(self._estate.clock)
        self._lookout = Lookout(self._estate.clock, self._console, self.objectives.success_ratio, session.check)
        self._look_ahead()

    def _look_ahead(self) -> None:
        """What follows from the configuration as it is now."""
        live = configuration.read(self._estate, configuration.nearest(self._estate))
        self._nearest_regions = dict(live.nearest)
        self._lag_alarm = live.lag_alarm
        self._outlook = feasibility(live, self.objectives)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The platform's regions, the primary first."""
        return self._estate.platform.regions

    @property
    def zone_of_the_writer(self) -> Zone:
        """The availability zone in which the database that takes writes is now. Raises ``Refused`` without one."""
        writer = discovery.writer(self._estate.cloud, self._estate.platform)
        if writer is None:
            raise Refused("AWS names no writer now.", "Wait until the database is available.")
        return Zone(writer.zone)

    @property
    def objectives(self) -> Objectives:
        """What this scenario owes."""
        table = self._session.objectives
        own = f"{self._scenario.phase}.{self._scenario.name}"
        return table.get(own) or table[self._scenario.phase]

    def operations(self, *names: str) -> tuple[Stream, ...]:
        """These operations, from everywhere."""
        return tuple(Stream(operation=name) for name in names)

    def everything(self) -> tuple[Stream, ...]:
        """Every operation from everywhere."""
        return (Stream(),)

    def away_from(self, region: Region) -> tuple[Stream, ...]:
        """Every operation from the locations that another region serves."""
        return tuple(Stream(location=place) for place, near in self._nearest_regions.items() if near[0] != region.name)

    @contextmanager
    def promising(
        self,
        *promises: str,
        undisturbed: tuple[Stream, ...] = (),
        breaking: tuple[str, ...] = (),
        alarm: str = "",
    ) -> Iterator[None]:
        """Open the record; at the end read back, judge and tell.

        ``undisturbed``: what must not notice. ``breaking``: promises that nobody can keep under this fault; a run in
        which one of them seems kept has measured something else. ``alarm``: a word in the name of the alarm that
        ``alarm_rings`` is about.
        """
        unknown = [promise for promise in (*promises, *breaking) if promise not in PROMISES]
        if unknown:
            raise BadInput(self._scenario.path, "promising", f"no such promise: {', '.join(unknown)}")
        folder = self._session.folder / self._scenario.folder
        version, near = self._session.options.version, self._nearest_regions
        header = replace(
            heading(self._estate, self._scenario, version, self.objectives, near),
            promises=promises,
            breaking=breaking,
            undisturbed=undisturbed,
            alarm=alarm,
            feasibility=self._outlook.to_json(),
            lag_alarm=self._lag_alarm,
        )
        mirror = self._session.mirror(f"{self._session.stamp}/{self._scenario.folder}")
        target_file = self._session.options.target
        experiment = Experiment(folder, self._estate, header, self._console, target_file, mirror)
        self._console.say("scenario", f"{self._scenario.path}: {self._scenario.title}")
        with experiment.told_by(self._finish), experiment:
            self._experiment = experiment
            try:
                with self._heeding(experiment), self._unchanged(experiment), self._ending(experiment):
                    yield
            finally:
                if aftermath.failed_over(experiment.timeline.events()):
                    self._session.spend()
                self._experiment = None

    @contextmanager
    def _heeding(self, experiment: Experiment) -> Iterator[None]:
        """Stop conditions are looked at while something is waited for; the one that is met ends the session, too."""
        with self._lookout.heeding(experiment, self._session.keys, HOME) as stops:
            try:
                yield
            finally:
                self._session.stopped = stops.met

    @contextmanager
    def _unchanged(self, experiment: Experiment) -> Iterator[None]:
        """The world is at the end as it was, roles aside; however the body ended, that is looked at."""
        try:
            before = aftermath.take_inventory(experiment)
        except Refused:
            experiment.outcome = Outcome.REFUSED
            raise
        try:
            yield
        finally:
            destructive = self._destructive or aftermath.moved_region(experiment.timeline.events())
            try:
                aftermath.compare_world(experiment, before, destructive=destructive)
            except UndoFailed:
                self._session.spend()
                raise

    @contextmanager
    def _ending(self, experiment: Experiment) -> Iterator[None]:
        """How the body ended is how the run ended; whatever happened, what can be read back is."""
        try:
            yield
        except (OutOfPatience, Ineffective) as error:
            # What did not come in time is for the judges to weigh: the record goes on being read.
            self._give_up(error)
            self._session.spend()
            self._console.say("!", str(error))
        except UndoFailed:
            experiment.outcome = Outcome.UNDO_FAILED
            raise
        except Refused:
            experiment.outcome = Outcome.REFUSED
            raise
        except BaseException:
            experiment.outcome = Outcome.ABORTED
            raise
        with allure.step("databases"):
            aftermath.await_databases(experiment)
        with allure.step("read back"):
            experiment.enter_phase("read_back", "every write, from every database that can be reached")
            aftermath.read_back(experiment)

    def _give_up(self, error: OutOfPatience | Ineffective) -> None:
        """Tell what did not come, once, and when: the undo of the fault that it was awaited under comes after it."""
        if error is not self._given_up:
            self._given_up = error
            self._running().timeline.add(Stalled(self._estate.clock.now(), str(error)))

    @contextmanager
    def arranged(self, arrangement: Arrangement) -> Iterator[None]:
        """The platform is arranged otherwise until the block is left: journalled and undone as a fault is, yet none.

        What is judged is judged against the platform as it was arranged. Meant around the traffic.
        """
        experiment = self._running()
        self._may_break()
        carrier = carrier_of(arrangement, self._estate, self._run)
        said = experiment.console.say
        arranging = Arranging(
            arrangement, carrier, self._estate, experiment.journal, experiment.timeline, said, self._lookout.check
        )
        with allure.step(title(arrangement)), experiment.watchdog.limit(self._deadline()), arranging:
            self._look_ahead()
            experiment.amend(nearest=self._nearest_regions, feasibility=self._outlook.to_json())
            yield

    @contextmanager
    def a_member(self) -> Iterator[Witness]:
        """Somebody with a role that every region has in its cache; until the block is left, each is asked for it."""
        estate, experiment = self._estate, self._running()
        doors = {region.name: estate.door(region.name) for region in self.regions}
        with allure.step("a member of an organization"), Witness(doors, estate.clock, experiment.timeline) as member:
            yield member

    @contextmanager
    def traffic(
        self, *, clients: str = "honest", reads_only: bool = False, every_route: bool = False, times: float = 1
    ) -> Iterator[None]:
        """Open traffic from every location until the block is left, ``times`` as much as the target file says.

        ``clients``: *honest* ones follow DNS and give up a connection after a while; *stubborn* ones keep the first
        answer and their connections for ever; a *storm* makes a new connection for each request. ``every_route``: they
        also sign in, make API keys and look at the dashboard.
        """
        experiment = self._running()
        mix = kinds.READS if reads_only else kinds.EVERY_ROUTE if every_route else MIX
        plan = kinds.plan(self._estate.target, clients, mix, times)
        experiment.amend(mix=plan.mix, rate_per_second=plan.rates, client=kinds.policy(plan))
        places, reserve = kinds.places(self._estate), self._session.reserve
        load = Load(self._estate.clock, experiment.folder, places, plan, reserve)
        with allure.step("traffic"), experiment.under(load):
            self._lookout.on(load)
            self._console.say("traffic", f"{sum(plan.rates.values()):g} arrivals/s from {len(places)} locations")
            try:
                yield
            finally:
                self._lookout.on(None)
        self._session.restock()

    def steady(self, span: Duration) -> None:
        """Calm first: no alarm rings and the objective holds for ``span``. Raises ``OutOfPatience`` otherwise."""
        with allure.step(f"steady {span}"):
            self._phase("settle", "waiting for calm")
            self._lookout.until("calm", self._not_calm, minutes(10))
            self._phase("steady", f"calm for {span}")
            self._lookout.span(span)
            trouble = self._lookout.failing()
            if trouble:
                raise OutOfPatience("a steady state; nothing was injected", trouble)

    @contextmanager
    def inject(self, fault: Fault) -> Iterator[Injection]:
        """The fault bites, proven, until the block is left; then it is undone, proven."""
        self._may_break()
        with self._radius.holding(fault), self._injecting(fault) as injection:
            yield injection

    @contextmanager
    def _injecting(self, fault: Fault) -> Iterator[Injection]:
        experiment = self._running()
        self._foretell(fault)
        if isinstance(fault, Lag):
            experiment.amend(declared_lag=fault.delay)
        if is_destructive(type(fault), type(fault.target)):
            self._destructive = True
            self._session.spend()
        carrier = carrier_of(fault, self._estate, self._run)
        said = experiment.enter_phase
        injection = Injection(
            fault, carrier, self._estate, experiment.journal, experiment.timeline, said, self._lookout.check
        )
        with allure.step(f"inject {title(fault)}"), experiment.watchdog.limit(self._deadline()), injection:
            self._phase("takeover", title(fault))
            self._injections.append(injection)
            self._lookout.blind_until(self._estate.clock.now() + experiment.header.deadline + RECENT)
            try:
                yield injection
            except (OutOfPatience, Ineffective) as error:
                self._give_up(error)
                raise
            finally:
                self._injections.remove(injection)
        self._phase("catch_up", f"{title(fault)} is undone")

    def carry_out(self, procedure: Procedure) -> None:
        """What operators do by runbook, step after step. Raises ``OutOfPatience`` for a step that never ends."""
        experiment = self._running()
        runbook = runbook_of(procedure, self._estate)
        if moves_writer(type(procedure)):
            self._destructive = True
            self._session.spend()
        with allure.step(f"carry out {runbook.title}"):
            self._phase("catch_up", f"runbook {runbook.title}")
            desk = execution.Desk(
                self._estate.cloud, self._estate.clock, experiment.timeline.add, self._console.say, self._lookout.watch
            )
            execution.carry_out(runbook, desk)

    def hold(self, span: Duration) -> None:
        """Go on for ``span``: taking over is not enough, it must last."""
        with allure.step(f"hold {span}"):
            self._phase("hold", f"for {span}")
            self._lookout.span(span)

    def count_statements(self, span: Duration) -> None:
        """Go on for ``span``; before and after, every database is asked how often each route's statement ran on it."""
        with allure.step(f"count statements for {span}"):
            self._phase("hold", f"counting statements for {span}")
            self._count()
            self._lookout.span(span)
            self._count()

    def _count(self) -> None:
        experiment, estate = self._running(), self._estate
        for source in aftermath.databases(experiment, []):
            experiment.timeline.add(statements.count(source, estate.clock, estate.target.statements))

    def wait_for(
        self,
        *,
        serving: Region | None = None,
        left: Region | None = None,
        healthy: Region | None = None,
        writer: Region | None = None,
        alarm: str | None = None,
        of: Region | None = None,
        state: str = "ALARM",
        served: bool = False,
        recovered: bool = False,
        patience: Duration | None = None,
    ) -> None:
        """Wait until what is asked for is so; raises ``OutOfPatience`` that quotes the last sight.

        ``serving``: every client is led to that region and is served. ``left``: no client is led there, all are
        served. ``healthy``: everybody is led to the nearest region, and served by it. ``writer``: that region writes.
        ``alarm``: the alarm whose name contains the word, ``of`` that region or of any, is in ``state`` and has said so
        to its queue. ``served``: all requests succeed again. ``recovered``: likewise, and the component is whole by its
        own account.

        ``patience``: how long, for each; without it well beyond what is owed while a fault stands, else eight minutes.
        """
        patience = patience or self._patience(alarm)
        looks: list[tuple[str, Callable[[], str | None]]] = []
        see, near, failing = self._sight, self._nearest_regions, self._lookout.failing
        if serving:
            name = serving.name
            looks.append((f"{serving} to serve", lambda: sights.led_elsewhere(see(), {name}) or failing()))
        if left:
            looks.append((f"clients to leave {left}", lambda: sights.led_to(see(), left.name) or failing()))
        if healthy:
            what = f"{healthy} to serve its clients again"
            looks.append((what, lambda: sights.away(see(), near) or self._served_away() or failing()))
        if writer:
            looks.append((f"{writer} to write", lambda: sights.written_elsewhere(see(), writer.name)))
        if alarm:
            where = of.name if of else ""
            what = f"alarm {alarm}{f' of {where}' if where else ''} to be {state}"
            looks.append((what, lambda: sights.alarm_is_not(see(), alarm, state, where)))
        if served:
            looks.append(("all requests to succeed", failing))
        if recovered:
            looks.append(("the platform to be whole and all requests to succeed", self._not_recovered))
        for what, look in looks:
            with allure.step(f"wait for {what}"):
                self._running().enter_phase("takeover" if not healthy else "catch_up", f"waiting for {what}")
                self._lookout.until(what, look, patience)

    def _patience(self, alarm: str | None) -> Duration:
        if not self._injections:
            return _PATIENCE
        owed = self.objectives
        return max(owed.recovery_time, owed.write_recovery_time, owed.alarm_delay if alarm else ZERO) + _BEYOND

    def _deadline(self) -> int:
        """CLOCK_MONOTONIC, in nanoseconds, by which what is injected now must be undone."""
        clock = self._estate.clock
        return clock.monotonic(clock.now() + minutes(self._estate.target.limits.fault_minutes))

    def _may_break(self) -> None:
        """What forbids it may have come since the scenario began. Raises ``Aborted`` and ``Refused``."""
        self._running()
        self._lookout.check()
        guard.permit(self._estate.target, HOME)

    def _foretell(self, fault: Fault) -> None:
        """Say, before anything is touched, when the live configuration cannot keep the objective."""
        for words in self._outlook.foretold(failure_of(title(fault))):
            self._console.say("outlook", words)

    def _not_recovered(self) -> str | None:
        for injection in self._injections:
            if not injection.carrier.healed(self._estate.clock.now()):
                return injection.carrier.sight()
        return self._lookout.failing()

    def _not_calm(self) -> str | None:
        return (
            sights.ringing(self._sight())
            or self._lookout.failing()
            or sights.away(self._sight(), self._nearest_regions)
        )

    def _served_away(self) -> str | None:
        return sights.served_away(self._sight(), self._lookout.answered(), self._nearest_regions)

    def _sight(self) -> Sight:
        return self._running().observers.sight

    def _phase(self, phase: str, text: str) -> None:
        self._running().enter_phase(phase, text)

    def _running(self) -> Experiment:
        if self._experiment is None:
            raise BadInput(self._scenario.path, "gameday", "verbs are only meant inside `with gameday.promising(…)`")
        return self._experiment

    @property
    def _run(self) -> str:
        return f"{self._session.stamp}-{self._scenario.folder}"
