"""The pytest side: options, the ``gameday`` fixture, what a verdict does to a test, and the reports at the end.

``pytest scenarios/…`` works by itself; ``gameday run`` is the same with another face. Only KEPT passes: a broken
promise fails the test, and so does one of which nothing can be said.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import pytest

from harness import phases, record, target
from harness.card import card_of
from harness.errors import Aborted, Refused
from harness.experiment import Experiment
from harness.gameday import GameDay
from harness.judges import bench
from harness.reporting import telling
from harness.reporting.finished import Finished
from harness.safety import keys
from harness.script import Scenario
from harness.session import HOME, Options, Session, target_file
from harness.twin.designs.model import Version
from harness.verdicts import Outcome, Ruling, Verdict, worst

SCENARIOS = HOME / "scenarios"
FINISHED = pytest.StashKey[list[Finished]]()
_FOLLOWED = pytest.StashKey[bool]()
_TERMINAL = pytest.StashKey[int | None]()


class Unkept(Exception):
    """A scenario whose verdicts are not all KEPT; ``told`` are those that decided, one a line."""

    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        reasons = [f"{verdict.promise}: {verdict.reason}" for verdict in verdicts]
        super().__init__("; ".join(reasons) or "nothing was judged")
        lines = [f"{verdict.ruling.name} {words}" for verdict, words in zip(verdicts, reasons, strict=True)]
        self.told = "\n".join(lines) or str(self)


class BrokenPromise(Unkept, AssertionError):
    """The record proves that a promise was not kept."""


class Inconclusive(Unkept):
    """The record proves nothing; ``broken`` in Allure's words, and never a pass."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The harness's own options."""
    group = parser.getgroup("gameday")
    group.addoption("--gameday-target", default="twin", help="a target by name (targets/NAME.toml) or file")
    group.addoption("--gameday-speed", default=10.0, type=float, help="how much faster than AWS the twin runs")
    group.addoption("--as-written", action="store_true", help="the strategy's own design instead of the hardened one")
    group.addoption("--gameday-yes", action="store_true", help="carry it out on AWS, too")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Take hold of the terminal before pytest's capture takes standard input away."""
    early_config.stash[_TERMINAL] = keys.terminal()
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Scenario files carry no ``test_`` prefix: their folder is a table of contents."""
    config.stash[FINISHED] = []
    config.addinivalue_line("python_files", "scenarios/*.py")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A scenario that asks for ``region_index`` runs once for each of three regions."""
    if "region_index" in metafunc.fixturenames:
        metafunc.parametrize("region_index", range(3), ids=["first", "second", "third"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Phase after phase, so that each twin is started once; what destroys the topology comes last in its phase."""

    def order(item: pytest.Item) -> tuple[int, bool]:
        card = card_of(item.function) if isinstance(item, pytest.Function) else None
        return phases.rank(item.path.parent.name), card is not None and card.destructive

    if all(SCENARIOS in item.path.parents for item in items):
        items.sort(key=order)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Note whether another scenario of the same phase comes next: its traffic can be made ready meanwhile."""
    item.config.stash[_FOLLOWED] = nextitem is not None and nextitem.path.parent == item.path.parent


@pytest.fixture(scope="session")
def game_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """The session of game days, made when the first scenario needs it."""
    config = request.config
    version: Version = "as_written" if config.getoption("--as-written") else "hardened"
    options = Options(
        target_file(str(config.getoption("--gameday-target"))), config.getoption("--gameday-speed"), version
    )
    wanted = target.load(options.target)
    if wanted.target.kind != "twin" and not config.getoption("--gameday-yes"):
        raise Refused("on AWS nothing is carried out unasked.", "Say --gameday-yes; `gameday plan` tells what it does.")
    with (
        keys.Keys(config.stash.get(_TERMINAL, None)) as pressed,
        _signals(request.session) as signals,
        _plainly_refused(),
        Session(options, keys=pressed, told_to_end=signals.told) as session,
    ):
        yield session


@pytest.fixture
def gameday(request: pytest.FixtureRequest, game_session: Session) -> GameDay:
    """The verbs of one scenario."""
    node = request.node
    scenario = Scenario(
        node.path.parent.name,
        node.path.stem,
        inspect.getdoc(node.module) or node.path.stem,
        node.callspec.id if hasattr(node, "callspec") else "",
    )
    told: list[Finished] = request.config.stash[FINISHED]

    def end(experiment: Experiment) -> None:
        _prepare_what_follows(experiment, game_session, request.session)
        told.append(_judge_and_tell(experiment))

    game_session.followed = request.config.stash[_FOLLOWED]
    telling.label(scenario.phase, scenario.name, scenario.story, game_session.options.version)
    with _plainly_refused():
        return GameDay(game_session, scenario, end)


def _prepare_what_follows(experiment: Experiment, played: Session, session: pytest.Session) -> None:
    """The next scenario's platform, or nothing at all: a stop condition ends the session, so does a failed undo."""
    if played.stopped:
        session.shouldstop = played.stopped
    elif experiment.outcome is Outcome.UNDO_FAILED and played.target.target.kind != "twin":
        session.shouldstop = "the undo failed"  # a twin is thrown away, a platform is not
    elif experiment.outcome is not Outcome.ABORTED:
        played.renew()


@contextmanager
def _plainly_refused() -> Iterator[None]:
    """A refusal is one line, not a trace through our own code."""
    try:
        yield
    except Refused as error:
        pytest.fail(str(error), pytrace=False)


def _judge_and_tell(experiment: Experiment) -> Finished:
    found = record.load(experiment.folder)
    verdicts = bench.judge(found)
    telling.save(experiment.folder, found, verdicts)
    telling.attach(experiment.folder, found, verdicts)
    for verdict in verdicts:
        experiment.console.say(verdict.ruling.name, f"{verdict.promise}: {verdict.reason}")
    return Finished(experiment.folder, experiment.outcome, tuple(verdicts))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Let the verdicts decide, once the scenario's blocks are left."""
    told = pyfuncitem.config.stash[FINISHED]
    before = len(told)
    result = yield
    if SCENARIOS in pyfuncitem.path.parents:
        _decide(told[before:])
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A verdict is no fault of our code: what was judged stands where the trace of a failed test would."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, Unkept):
        report.longrepr = call.excinfo.value.told
    return report


def _decide(told: list[Finished]) -> None:
    verdicts = [verdict for one in told for verdict in one.verdicts]
    ruling = worst(verdict.ruling for verdict in verdicts)
    deciding = [verdict for verdict in verdicts if verdict.ruling is ruling]
    if ruling is Ruling.BROKEN:
        raise BrokenPromise(deciding)
    if ruling is Ruling.UNKNOWN:
        raise Inconclusive(deciding)


class _signals:  # noqa: N801 - a context manager in the manner of contextlib
    """TERM and HUP end the game day as Ctrl-C does: by an exception, so that every block is left and undone.

    No further scenario begins.
    """

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._told = ""

    def told(self) -> str:
        """Which signal came, in words; empty while none did. What raises in a destructor is never heard of."""
        return self._told

    def __enter__(self) -> _signals:
        self._before = {number: signal.signal(number, self._abort) for number in (signal.SIGTERM, signal.SIGHUP)}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _abort(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._told = f"signal {signal.Signals(number).name}"
        self._session.shouldstop = self._told
        raise Aborted(f"{self._told} ended the experiment.")
