"""A session of game days: one target, one speed, one version of the designs; a twin for each phase when needed."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from harness import clients, objectives, target
from harness.clock import Anchor, Clock, wall_stamp
from harness.cloud import discovery
from harness.cloud.discovery import Platform
from harness.cloud.estate import Estate, Grasp
from harness.cloud.session import Cloud
from harness.data.remote import Hand
from harness.errors import Aborted, BadInput, CloudFault, Refused
from harness.header import read_header
from harness.objectives import Objectives
from harness.probes import names
from harness.probes.names import NameServer
from harness.record import HEADER_FILE
from harness.reserve import Reserve
from harness.safety import guard, lock
from harness.safety.keys import Keys
from harness.safety.table import Hold, Table
from harness.target import Target
from harness.twin import root
from harness.twin.designs.model import Version
from harness.twin.nursery import Nursery
from harness.undo import Mirror

HOME = Path(os.environ.get("GAMEDAY_HOME", Path(__file__).resolve().parent.parent))
RUNS = HOME / "reports" / "runs"
OBJECTIVES = HOME / "scenarios" / "objectives.toml"
_TWIN_KEYS = ("gameday", "twin")
Guard = Callable[[Cloud, Target, Platform], None]


@dataclass(frozen=True)
class Options:
    """What a session is asked to do. ``speed`` is only ever other than 1 on the twin."""

    target: Path = HOME / "targets" / "twin.toml"
    speed: float = 10.0
    version: Version = "hardened"

    def __post_init__(self) -> None:
        if not 0 < self.speed <= 50:
            raise BadInput("--speed", str(self.speed), "must be above 0 and at most 50")


@dataclass
class Session:
    """A context: holds the environment's lock, starts twins and ends those that it started.

    Raises ``BadInput`` for malformed files and ``Refused`` before anything is touched.
    """

    options: Options
    stamp: str = field(default_factory=wall_stamp)
    target: Target = field(init=False)
    objectives: dict[str, Objectives] = field(init=False)
    reserve: Reserve = field(init=False)
    """Load generators for the scenario that comes next."""
    keys: Keys = field(default_factory=lambda: Keys(None))
    """Where a person may press a key to stop; by itself there is no terminal."""
    told_to_end: Callable[[], str] = str
    """Why the session must end, in words, as somebody from outside said; empty while nobody did."""
    followed: bool = False
    """Whether the scenario that plays now is followed by another one of its phase."""
    stopped: str = ""
    """The stop condition that ended an experiment, in words: no further one begins."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _estate: Estate | None = None
    _phase: str | None = None
    _spent: bool = False
    _aside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "next-platform"))
    _coming: Future[None] | None = None
    _owned: bool = False
    _nursery: Nursery | None = None
    _held: ExitStack = field(default_factory=ExitStack)
    _hold: Hold | None = None

    def __post_init__(self) -> None:
        self.target = target.load(self.options.target)
        self.objectives = owed(self.target, self.options.target)
        self.reserve = Reserve(self.folder)

    @property
    def folder(self) -> Path:
        """Where this session's runs are kept."""
        return RUNS / self.stamp

    def __enter__(self) -> Session:
        guard.permit(self.target, HOME)
        with ExitStack() as stack:
            stack.enter_context(lock.held(HOME / ".gameday", self.target.target.environment))
            guard.nothing_pending(RUNS, is_moot)
            self.folder.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(stack.pop_all())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._aside.shutdown()
            self._leave_phase()
        finally:
            self._stack.close()

    def estate(self, phase: str) -> Estate:
        """The platform of a phase, discovered afresh; its twin is started when none runs.

        Raises ``Refused`` when another twin runs, or the guard says no: what forbids it may have come meanwhile.
        """
        guard.permit(self.target, HOME)
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.result()
        guard.nothing_pending(RUNS, is_moot)
        if self._estate is None or self._phase != phase or self._spent:
            self._enter_phase(phase)
        assert self._estate is not None
        return self._estate

    def mirror(self, run: str) -> Mirror | None:
        """Where else the journal of a run is kept; ``None`` when the target names no such place."""
        return self._hold.mirror(run) if self._hold is not None else None

    def check(self) -> None:
        """Raises ``Aborted`` when the environment is no longer ours, or somebody ended the session."""
        if self.told_to_end():
            raise Aborted(f"{self.told_to_end()} ended the experiment.")
        if self._hold is not None:
            self._hold.check()

    def spend(self) -> None:
        """The topology was changed for good: the next scenario gets a fresh twin."""
        self._spent = True

    def restock(self) -> None:
        """The traffic is over: have the next scenario's generators ready, if it comes to the same platform."""
        if self.followed and not self._spent and self._estate is not None:
            self.reserve.fill(clients.places(self._estate))

    def renew(self) -> None:
        """The scenario is over: have the next one's platform ready, if this one's is spent; returns at once."""
        if self.followed and self._spent and self._phase is not None and self._coming is None:
            self._coming = self._aside.submit(self._enter_phase, self._phase)

    def _enter_phase(self, phase: str) -> None:
        self._leave_phase()
        self._phase, self._spent = phase, False
        self._estate = self._twin(phase) if self.target.target.kind == "twin" else reach_aws(self.target)
        self._take_hold(self._estate.cloud)
        self.reserve.fill(clients.places(self._estate))

    def _take_hold(self, cloud: Cloud) -> None:
        """Hold the environment for all machines, if the target says where. Raises ``Refused``."""
        table, home = table_of(cloud, self.target), self.target.journal
        if table is None or home is None:
            return
        self._hold = self._held.enter_context(table.held(holder_name(self.stamp), home.lease_seconds))
        waiting = table.pending()
        if waiting:
            raise guard.left_behind(waiting[0].run, [kept.armed for kept in waiting])

    def _leave_phase(self) -> None:
        self.reserve.dismiss()
        self._hold = None
        self._held.close()
        estate, self._estate = self._estate, None
        if estate is not None:
            estate.let_go()
        owned, self._owned = self._owned, False
        if owned:
            root.shutdown(HOME, spent=self._spent)

    def _twin(self, phase: str) -> Estate:
        running = root.status(HOME)
        self._owned = running is None
        if running is None:
            running = self._launch(phase)
        elif (running.design, running.version, running.speed) != (phase, self.options.version, self.options.speed):
            raise Refused(
                f"a twin of {running.design} ({running.version}, speed {running.speed:g}) is running already.",
                "Run `gameday twin down` first.",
            )
        return reach_twin(self.target, running)

    def _launch(self, phase: str) -> root.State:
        if self._nursery is None:
            self._nursery = self._stack.enter_context(Nursery())
        version, speed = self.options.version, self.options.speed
        return root.launch(phase, version, speed, HOME, root.BOOT_SECONDS, nursery=self._nursery)


def owed(wanted: Target, where: Path) -> dict[str, Objectives]:
    """What the platform behind a target owes, by phase and scenario. Raises ``BadInput`` for either file."""
    own = str(OBJECTIVES.relative_to(HOME))
    return dict(objectives.parse(_text(OBJECTIVES), own, wanted.objectives, str(where)))


def is_moot(run: Path) -> bool:
    """Whether a run's twin is gone, and with it whatever the run left to undo."""
    header = read_header(run / HEADER_FILE)
    running = root.status(HOME)
    return header.target == "twin" and (running is None or running.anchor != header.anchor)


def reach_twin(wanted: Target, running: root.State) -> Estate:
    """The estate of a running twin. Raises ``Refused`` where the guard says no."""
    return _estate_of_twin(wanted, running, guard.admit)


def reach(wanted: Target) -> Grasp:
    """What an undo needs of a target, looking at nothing first. Raises ``Refused`` when no twin runs."""
    if wanted.target.kind != "twin":
        return Grasp(Cloud(roles=wanted.roles), wanted, Clock(1.0, Anchor.now()), _hands(wanted))
    running = root.running(HOME)
    return Grasp(_cloud_of_twin(wanted, running), wanted, running.clock, _hands(wanted))


def table_of(cloud: Cloud, wanted: Target) -> Table | None:
    """The table in which a target keeps its lock and its journal as well; ``None`` when it names none."""
    home = wanted.journal
    return Table(cloud, home.region, home.table, wanted.target.environment) if home is not None else None


def holder_name(stamp: str) -> str:
    """Who holds an environment, in words for whoever is refused."""
    return f"{getpass.getuser()}@{socket.gethostname()} process {os.getpid()} since {stamp}"


def reach_aws(wanted: Target, *, without_lost: bool = False) -> Estate:
    """The estate of a target that is an AWS account. Raises ``Refused`` where the guard says no."""
    cloud = Cloud(roles=wanted.roles)
    for hand in () if without_lost else wanted.hands[:1]:
        guard.recognise(cloud, wanted, hand.region)  # before anything is read, too
    pretending = any(wanted.asks_as(place) and not place.nameserver for place in wanted.locations)
    own = names.authorities(wanted.api.host) if pretending else ()
    clock, name_server = Clock(1.0, Anchor.now()), NameServer(_system_resolver(), authorities=own)
    allow = guard.admit_survivors if without_lost else guard.admit
    return _estate(wanted, cloud, clock, name_server, allow, without_lost=without_lost)


def reach_survivors(name: str) -> Estate:
    """What answers of the platform behind a target: operators act while a region is lost, too.

    Raises ``BadInput`` for the target, and ``Refused`` when no twin runs or the guard says no.
    """
    wanted = target.load(target_file(name))
    if wanted.target.kind != "twin":
        return reach_aws(wanted, without_lost=True)
    return _estate_of_twin(wanted, root.running(HOME), guard.admit_survivors, without_lost=True)


def _cloud_of_twin(wanted: Target, running: root.State) -> Cloud:
    return Cloud(f"http://127.0.0.1:{running.api_port}", *_TWIN_KEYS, roles=wanted.roles)


def _estate_of_twin(wanted: Target, running: root.State, allow: Guard, *, without_lost: bool = False) -> Estate:
    cloud, name_server = _cloud_of_twin(wanted, running), NameServer("127.0.0.1", running.dns_port)
    return _estate(wanted, cloud, running.clock, name_server, allow, without_lost=without_lost)


def _estate(
    wanted: Target,
    cloud: Cloud,
    clock: Clock,
    name_server: NameServer,
    allow: Guard,
    *,
    without_lost: bool = False,
) -> Estate:
    try:
        platform = discovery.discover(cloud, wanted, without_lost=without_lost)
        allow(cloud, wanted, platform)
    except CloudFault as error:
        raise Refused(f"the platform cannot be told: {error.message}", "Check what the credentials allow.") from error
    built = {region.name for region in platform.regions}
    hands = {region: hand for region, hand in _hands(wanted).items() if region in built}
    return Estate(cloud, wanted, clock, hands, platform, name_server)


def _hands(wanted: Target) -> dict[str, Hand]:
    return {hand.region: Hand(hand.region, hand.interpreter(), wanted.database) for hand in wanted.hands}


def _system_resolver() -> str:
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        if line.startswith("nameserver"):
            return line.split()[1]
    raise BadInput("/etc/resolv.conf", "nameserver", "missing")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise BadInput(str(path), "file", error.strerror or "cannot be read") from error


def target_file(name: str) -> Path:
    """The file of a target by its name, or a path to one. Raises ``BadInput``."""
    path = Path(name) if name.endswith(".toml") else HOME / "targets" / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in (HOME / "targets").glob("*.toml")))
        raise BadInput("--target", name, "no such target", f"One of {known}, or a path to a .toml file.")
    return path
