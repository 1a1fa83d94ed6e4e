"""`python -m tests.torture.boundaries [FAULT…] [--every N] [--from K]`: a blow at every step boundary of injections.

Without load. Before and after each journal write, each call that changes something and each proof, of the injection
and of its undo, the run is killed or stopped, or its watchdog is. Afterwards the world must be what it was, within the
lease and the time that things take to heal; the journal must be readable, with nothing pending, and no process left.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from harness import undo
from harness.clock import monotonic_nanoseconds, seconds
from harness.cloud.estate import Estate
from harness.errors import Unreadable
from harness.faults import Blackhole, Fault, Lag, Pause, Silence, Stop, title
from harness.reporting import columns
from harness.safety import lease
from harness.session import RUNS
from harness.topology import Automation, Cache, LoadBalancer, Region, Replica, Service
from harness.undo import JOURNAL_FILE
from tests.torture.ground import Ground, at_home, ground, processes, until
from tests.torture.victim import LEASE_SECONDS, NAMES, Blow, play

SPEED = 20.0
_HOME_REGION = Region("us-east-1")
FAULTS: Mapping[str, tuple[str, Fault]] = {
    "lag": ("read_replicas", Lag(Replica(_HOME_REGION), seconds(40))),
    "pause": ("read_replicas", Pause(Cache(_HOME_REGION), seconds(20))),
    "dark": ("active_passive", Blackhole(LoadBalancer(_HOME_REGION))),
    "stop": ("active_passive", Stop(Service(_HOME_REGION, "action-workers"))),
    "silence": ("active_passive", Silence(Automation())),
}
"""One of each kind of hand: a parameter, a pause that ends by itself, network ACLs, a desired count, alarm actions."""
BLOWS = tuple(product((signal.SIGKILL, signal.SIGSTOP), (False, True)))
_END_REAL_SECONDS = 40.0
_HEAL_REAL_SECONDS = 15.0


@dataclass(frozen=True)
class Case:
    """One blow and what it left; ``wrong`` is empty when nothing."""

    fault: str
    blow: Blow
    boundary: str
    real_seconds: float
    wrong: str

    def __str__(self) -> str:
        return f"{self.fault}, {self.blow} {self.boundary}: {self.wrong}"


def torture(place: Ground, names: Sequence[str], every: int, first: int = 0) -> Iterator[Case]:
    """Every blow at every (or every so many) boundary of these faults, from the first one on."""
    estate = place.estate()
    try:
        for name in names:
            fault = FAULTS[name][1]
            steps = _steps(place, fault, RUNS / "torture" / name)
            cases = [Blow(number, dog, step) for step in range(1, len(steps) + 1) for number, dog in BLOWS]
            for index, blow in enumerate(cases[first::every]):
                folder = RUNS / "torture" / f"{name}-{first}-{index}"
                began = monotonic_nanoseconds()
                wrong = _struck(place, estate, fault, folder, blow)
                yield Case(title(fault), blow, steps[blow.boundary - 1], (monotonic_nanoseconds() - began) / 1e9, wrong)
    finally:
        estate.let_go()


def _steps(place: Ground, fault: Fault, folder: Path) -> list[str]:
    """The boundaries of an injection that nobody disturbs, in order."""
    code = os.waitstatus_to_exitcode(os.waitpid(_begin(place, fault, folder, None), 0)[1])
    if code:
        raise SystemExit(f"{title(fault)} failed undisturbed: {(folder / 'victim.log').read_text()}")
    return (folder / NAMES).read_text().splitlines()


def _begin(place: Ground, fault: Fault, folder: Path, blow: Blow | None) -> int:
    """Start the injection in a process of its own session; returns its id."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        play(place, fault, folder, blow)
        code = 0
    except BaseException:  # noqa: BLE001 - this is the whole program of the child
        (folder / "victim.log").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def _struck(place: Ground, estate: Estate, fault: Fault, folder: Path, blow: Blow) -> str:
    """What is wrong after the blow; empty when nothing."""
    pid = _begin(place, fault, folder, blow)
    ended: list[int] = []

    def over() -> bool:
        if not ended:
            known, status = os.waitpid(pid, os.WNOHANG)
            ended.extend([os.waitstatus_to_exitcode(status)] if known else [])
        return bool(ended) and not (folder / lease.FILE).exists()

    limit = LEASE_SECONDS + _END_REAL_SECONDS
    if not until(over, limit):
        return f"not over after {limit:g} s: the run {ended or 'still runs'}; {_log(folder)}"
    wanted = 0 if blow.to_watchdog else -signal.SIGKILL
    problems = [f"the run ended with {ended[0]}, not {int(wanted)}: {_log(folder)}"] if ended[0] != wanted else []
    try:
        problems += [f"pending: {armed.act}" for armed in undo.pending(folder / JOURNAL_FILE)]
    except Unreadable as error:
        problems.append(str(error))
    problems += place.left_over(estate, _HEAL_REAL_SECONDS)
    if not until(lambda: not processes(str(folder)), 5):
        problems.append(f"processes are left: {processes(str(folder))}")
    return "; ".join(problems)


def _log(folder: Path) -> str:
    logs = [path.read_text()[-600:] for path in (folder / "victim.log", folder / "lease.log") if path.exists()]
    return " / ".join(logs)


def show(cases: Sequence[Case]) -> None:
    """The table: a fault and a blow a row."""
    rows: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        rows.setdefault((case.fault, str(case.blow)), []).append(case)
    columns.show([
        {
            "fault": fault,
            "blow": blow,
            "boundaries": str(len(own)),
            "left something": str(sum(bool(one.wrong) for one in own)),
            "slowest": f"{max(one.real_seconds for one in own):.1f} s",
        }
        for (fault, blow), own in rows.items()
    ])  # fmt: skip
    for case in cases:
        if case.wrong:
            sys.stdout.write(f"{case}\n")


def main(words: Sequence[str]) -> int:
    """Print the table; 1 when anything was left behind anywhere."""
    reader = argparse.ArgumentParser(prog="python -m tests.torture.boundaries", description=__doc__)
    reader.add_argument("fault", nargs="*", help=", ".join(FAULTS))
    reader.add_argument("--every", type=int, default=1, help="only every so many cases")
    reader.add_argument("--from", dest="first", type=int, default=0, help="begin with this one, counted from 0")
    chosen = reader.parse_args(words)
    names = chosen.fault or list(FAULTS)
    home, began, cases = at_home(), monotonic_nanoseconds(), []
    for design in dict.fromkeys(FAULTS[name][0] for name in names):
        with ground(home, design, SPEED) as place:
            own = [name for name in names if FAULTS[name][0] == design]
            for case in torture(place, own, chosen.every, chosen.first):
                cases.append(case)
                if case.wrong:
                    sys.stderr.write(f"{case}\n")
    show(cases)
    wrong = sum(bool(case.wrong) for case in cases)
    spent = (monotonic_nanoseconds() - began) / 60e9
    sys.stdout.write(f"{len(cases)} blows at step boundaries, {wrong} left something behind, {spent:.1f} min\n")
    return 1 if wrong or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
