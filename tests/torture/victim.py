"""One injection without load whose every step is a boundary: something happens to it, or to its watchdog, at one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from harness.cloud.carriers import carrier_of
from harness.cloud.carriers.carrier import Proof
from harness.cloud.session import Cloud
from harness.data.remote import Hand
from harness.faults import Fault
from harness.header import write_header
from harness.record import HEADER_FILE, TIMELINE_FILE
from harness.safety import lease
from harness.safety.injection import Injection
from harness.safety.watchdog import Watchdog
from harness.session import target_file
from harness.target import DatabaseAccess
from harness.timeline import Timeline
from harness.undo import JOURNAL_FILE, Act, Armed, Journal
from tests.torture.ground import Ground
from tests.unit.test_record import HEADER

LEASE_SECONDS = 2.0
NAMES = "boundaries"
_READS = ("describe", "get", "list", "query", "receive")
T = TypeVar("T")


@dataclass(frozen=True)
class Blow:
    """What happens, to whom, at which boundary (counted from 1)."""

    signal: signal.Signals
    to_watchdog: bool
    boundary: int

    def __str__(self) -> str:
        return f"{self.signal.name[3:]} of the {'watchdog' if self.to_watchdog else 'run'}"


class Boundaries:
    """Counts the steps, and strikes at one."""

    def __init__(self, blow: Blow | None, names: Path) -> None:
        self._blow = blow
        self._names = names
        self._count = 0
        self.watchdog = 0

    def at(self, name: str) -> None:
        """A boundary is reached."""
        self._count += 1
        if self._blow is None:
            with self._names.open("a") as file:
                file.write(f"{name}\n")
        elif self._blow.boundary == self._count:
            os.kill(self.watchdog if self._blow.to_watchdog else os.getpid(), self._blow.signal)

    def around(self, name: str, step: Callable[[], T]) -> T:
        """The step with a boundary on either side."""
        self.at(f"before {name}")
        done = step()
        self.at(f"after {name}")
        return done


@dataclass
class StruckCloud(Cloud):
    """AWS; a call that changes something is a step."""

    boundaries: Boundaries | None = None

    def call(self, service: str, region: str, operation: str, /, **parameters: Any) -> Mapping[str, Any]:
        given = super().call
        if self.boundaries is None or operation.startswith(_READS):
            return given(service, region, operation, **parameters)
        return self.boundaries.around(operation, lambda: given(service, region, operation, **parameters))


class StruckHand(Hand):
    """A hand; ``CLIENT PAUSE`` is a step."""

    def __init__(self, region: str, enter: Sequence[str], access: DatabaseAccess, boundaries: Boundaries) -> None:
        super().__init__(region, enter, access)
        self._boundaries = boundaries

    def redis(self, host: str, port: int, *command: str, limit_seconds: float = 2.0) -> Any:
        given = super().redis
        if command[0] != "CLIENT":
            return given(host, port, *command, limit_seconds=limit_seconds)
        return self._boundaries.around("CLIENT PAUSE", lambda: given(host, port, *command, limit_seconds=limit_seconds))


class StruckJournal(Journal):
    """A journal; each write is a step."""

    def __init__(self, path: Path, boundaries: Boundaries) -> None:
        super().__init__(path)
        self._boundaries = boundaries

    def arm(self, fault: str, act: Act) -> Armed:
        given = super().arm
        return self._boundaries.around(f"journal: arm {act.operation}", lambda: given(fault, act))

    def undone(self, armed: Armed) -> None:
        given = super().undone
        self._boundaries.around(f"journal: undone {armed.act.operation}", lambda: given(armed))


def watched(name: str, look: Callable[[Any], Proof | None], boundaries: Boundaries) -> Callable[[Any], Proof | None]:
    """A proof is a step from the first look to the one that proves."""
    looked = False

    def seen(since: Any) -> Proof | None:
        nonlocal looked
        if not looked:
            looked = True
            boundaries.at(f"before proof: {name}")
        proof = look(since)
        if proof is not None:
            boundaries.at(f"after proof: {name}")
        return proof

    return seen


def play(ground: Ground, fault: Fault, folder: Path, blow: Blow | None) -> None:
    """The injection and its undo, as a scenario does them; folder and header are those of a run."""
    folder.mkdir(parents=True)
    write_header(folder / HEADER_FILE, replace(HEADER, target="twin", anchor=ground.state.anchor))
    boundaries = Boundaries(blow, folder / NAMES)
    estate = ground.estate()
    cloud = StruckCloud(estate.cloud.endpoint, "gameday", "twin", boundaries=boundaries)
    hands = {
        hand.region: StruckHand(hand.region, hand.interpreter(), estate.target.database, boundaries)
        for hand in estate.target.hands
        if hand.region in estate.hands
    }
    estate = replace(estate, cloud=cloud, hands=hands)
    timeline, journal = Timeline(folder / TIMELINE_FILE), StruckJournal(folder / JOURNAL_FILE, boundaries)
    run = f"{folder.parent.name}/{folder.name}"
    undo = [sys.executable, "-m", "harness.cli", "undo", run, "--target", str(target_file("twin"))]
    with Watchdog(folder / lease.FILE, undo, lambda: bool(journal.pending()), LEASE_SECONDS) as dog:
        boundaries.watchdog = dog.pid
        carrier = carrier_of(fault, estate, run.replace("/", "-"))
        carrier.bites = watched("it bites", carrier.bites, boundaries)  # type: ignore[method-assign]
        carrier.healed = watched("it healed", carrier.healed, boundaries)  # type: ignore[method-assign]
        with Injection(fault, carrier, estate, journal, timeline, lambda *_: None, lambda: None):
            pass
    estate.let_go()
