"""The flight recorder: a run that injects nothing and records what somebody else's experiment does to the platform.

It takes no lock and makes no call that changes anything, so that it can run beside whoever does. Its clients and their
writes are real traffic, as in any scenario.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, TracebackType

from harness import aftermath, catalogue, clients, record
from harness.clock import Duration, Instant, seconds, wall_stamp
from harness.cloud import configuration
from harness.cloud.estate import Estate
from harness.console import Console
from harness.errors import Aborted, BadInput, HarnessFault, OutOfPatience
from harness.events import FAULT, OVER, FaultUndone, Marked
from harness.experiment import Experiment
from harness.header import Header
from harness.heading import AS_FOUND, heading
from harness.judges import notice
from harness.judges.feasibility import feasibility
from harness.load import Load
from harness.lookout import LOOK, Lookout
from harness.marks import Marks
from harness.objectives import PROMISES
from harness.outlook import phase_of
from harness.phases import PHASES
from harness.script import Scenario
from harness.session import RUNS, owed, reach_survivors, target_file
from harness.timeline import Timeline
from harness.verdicts import Outcome
from loadtests.settings import MIX

NAME = "observe"
USUAL = (
    "recovery",
    "no_lost_writes",
    "single_writer",
    "automatic",
    "failback",
    "routing",
    "sessions",
    "no_false_alarm",
    "low_lag",
)
"""The promises that are judged when none is named: what a fault of any kind puts at stake."""
_CALM = seconds(30)
"""So long clients that have just begun are given until nothing fails."""
_STORY = """Observed: what somebody else's experiment did to the platform.

Nothing was injected by this run: it watched. What was done, by whom and when, it knows only where a person said so."""


@dataclass(frozen=True)
class Order:
    """What is to be observed, and how.

    ``phase``: whose objectives hold, a phase or a scenario of one (``phase/scenario``); worked out when it is empty.
    """

    target: str = "twin"
    phase: str = ""
    promises: tuple[str, ...] = ()
    lasts: Duration | None = None
    """Until somebody ends it when there is none."""
    traffic: bool = True
    notifications: bool = False
    """Take what the alarms' queue holds: then nobody else may be waiting for it."""
    fault_at: Instant | None = None
    fault_until: Instant | None = None

    def __post_init__(self) -> None:
        for name in self.promises:
            if name not in PROMISES:
                raise BadInput("--promise", name, "no such promise", f"One of {', '.join(PROMISES)}.")
        if "/" in self.phase:
            catalogue.find(self.phase)
        elif self.phase and self.phase not in PHASES:
            raise BadInput("--phase", self.phase, "no such phase", f"One of {', '.join(PHASES)}.")
        if self.fault_at and self.fault_until and self.fault_until <= self.fault_at:
            raise BadInput("--fault-until", str(self.fault_until), f"is not after --fault-at {self.fault_at}")

    def told(self) -> Iterator[Marked]:
        """What the order says of the fault, as marks."""
        if self.fault_at:
            yield Marked(self.fault_at, FAULT, "")
        if self.fault_until:
            yield Marked(self.fault_until, OVER, "--fault-until")


@contextmanager
def reached(target: str) -> Iterator[Estate]:
    """What answers of the platform behind a target, for looking only. Raises ``BadInput`` and ``Refused``."""
    estate = reach_survivors(target)
    try:
        yield estate
    finally:
        estate.let_go()


def header(estate: Estate, order: Order) -> Header:
    """What the run says of itself; no rates when it sends nothing."""
    live = configuration.read(estate, configuration.nearest(estate))
    table = owed(estate.target, target_file(order.target))
    phase, _, scenario = (order.phase or phase_of(live)).partition("/")
    promised = table.get(f"{phase}.{scenario}") or table[phase]
    plain = heading(estate, Scenario(phase, NAME, _STORY), AS_FOUND, promised, live.nearest)
    told = replace(
        plain,
        promises=order.promises or USUAL,
        feasibility=feasibility(live, promised).to_json(),
        lag_alarm=live.lag_alarm,
    )
    return told if order.traffic else replace(told, rate_per_second={}, mix={})


def folder(phase: str) -> Path:
    """Where a run that begins now is kept."""
    return RUNS / wall_stamp() / Scenario(phase, NAME, _STORY).folder


def live(estate: Estate, order: Order) -> Path:
    """Watch until the time is over or somebody ends it, and return the run's folder.

    Ctrl-C and TERM are the normal end; a second one, while it is read back, aborts. Raises ``Refused`` before anything
    was recorded, and ``Aborted`` when the traffic does not start or dies: what was recorded until then is kept.
    """
    if not order.notifications:
        estate = replace(estate, platform=replace(estate.platform, queues={}))
    told, console = header(estate, order), Console(estate.clock)
    experiment = Experiment(folder(told.phase), estate, told, console)
    with _Ending() as ending, experiment:
        try:
            _watch(experiment, order, ending)
        except BaseException:
            experiment.outcome = Outcome.ABORTED
            raise
    return experiment.folder


class _Ending:
    """INT, TERM and HUP: the first asks for the end, the second aborts what goes on after it."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> _Ending:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        self._before = {number: signal.signal(number, self._hear) for number in numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.asked:
            raise Aborted(f"a second signal ({signal.Signals(number).name}) ended it before everything was read back.")
        self.asked = True


def _watch(experiment: Experiment, order: Order, ending: _Ending) -> None:
    clock, console = experiment.estate.clock, experiment.console
    experiment.enter_phase("observe", "nothing is injected; Ctrl-C ends it")
    lookout = Lookout(clock, console, experiment.header.objectives.success_ratio)
    with Marks(experiment.folder, experiment.timeline.add) as marks:
        with _traffic(experiment, lookout, wanted=order.traffic):
            experiment.enter_phase("steady", "watching")
            _wait(lookout, marks, experiment, order.lasts, ending)
        ending.asked = True  # from here on a signal is no wish for the end any more
    for said in order.told():
        experiment.timeline.add(said)
    note(experiment.timeline, experiment.folder, console)
    if order.traffic:
        aftermath.await_databases(experiment)
        experiment.enter_phase("read_back", "every write, from every database that can be reached")
        aftermath.read_back(experiment)


@contextmanager
def _traffic(experiment: Experiment, lookout: Lookout, *, wanted: bool) -> Iterator[None]:
    """The usual clients from every location, calm if they can be; nothing where none are wanted."""
    if not wanted:
        yield
        return
    estate = experiment.estate
    plan, places = clients.plan(estate.target, "honest", MIX, 1), clients.places(estate)
    load = Load(estate.clock, experiment.folder, places, plan)
    with ExitStack() as stack:
        try:
            stack.enter_context(experiment.under(load))
        except HarnessFault as error:
            remedy = "In the midst of an outage watch with --no-traffic."
            raise Aborted(f"the clients did not get to work: {error.message}", remedy) from error
        rate = sum(plan.rates.values())
        experiment.console.say("traffic", f"{rate:g} arrivals/s from {len(places)} locations; their writes are real")
        lookout.on(load)
        try:
            lookout.until("calm", lookout.failing, _CALM)
        except OutOfPatience as error:
            experiment.console.say("!", f"it is not calm: {error.last_sight}")
        yield
        lookout.on(None)


def _wait(lookout: Lookout, marks: Marks, experiment: Experiment, lasts: Duration | None, ending: _Ending) -> None:
    clock = experiment.estate.clock
    until = None if lasts is None else clock.now() + lasts
    while not ending.asked and (until is None or clock.now() < until):
        lookout.watch("watching")
        for said in marks.take():
            experiment.console.say(said.meaning, said.words)
        clock.sleep(LOOK)


def note(timeline: Timeline, path: Path, console: Console) -> None:
    """Put on the timeline what the record in that folder tells of somebody else's faults."""
    for event in notice.noticed(record.load(path)):
        timeline.add(event)
        over = isinstance(event, FaultUndone)
        console.say("noticed", f"{event.fault} {'was over' if over else 'began'} at {event.at}: {event.proof}")
