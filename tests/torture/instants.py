"""`python -m tests.torture.instants [--count N] [--seed N]`: a blow at a random instant of a whole run under load.

The run is killed, asked to end (TERM, INT, and INT again while it undoes), or stopped for a while; its disk is full
until it ended; the AWS endpoint of every region is dead for a while. Afterwards the world must be what it was, nothing
pending, no process left, the record readable; and no verdict may be wrong: the platform is sound, so none is BROKEN,
and a run that did not come to its end keeps nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness import record, undo
from harness.clock import monotonic_nanoseconds, real_sleep
from harness.cloud.estate import Estate
from harness.errors import Unreadable
from harness.judges import bench
from harness.reporting import columns
from harness.safety import lease
from harness.safety.watchdog import LEASE_SECONDS
from harness.session import RUNS
from harness.undo import JOURNAL_FILE
from harness.verdicts import Exit, Outcome, Ruling, worst
from tests.torture.ground import PROJECT, Ground, at_home, environment, ground, processes_of, until

SPEED = 12.0
DESIGN = "active_passive"
SCENARIO = f"{DESIGN}/the_primary_load_balancer_goes_dark"
_DISK = "96m"
_STOPPED_SECONDS = (0.5, 5.0)
_DEAD_SECONDS = (1.0, 6.0)
_END_REAL_SECONDS = 180.0
_HEAL_REAL_SECONDS = 20.0
_ENDS_REAL_SECONDS = 12.0
"""Within which a run that is told to end has undone everything, read back and judged."""
_OURS = ("locust", "harness.cli", "harness.safety.watchdog", "harness.data.hand", "harness.probes")


@dataclass
class Run:
    """A whole run under way, and the dice for whatever happens to it."""

    place: Ground
    process: subprocess.Popen[bytes]
    dice: random.Random

    def signal(self, number: signal.Signals) -> None:
        """Signal the run itself, as a shell does."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)


def kill(run: Run) -> None:
    """No goodbye."""
    run.signal(signal.SIGKILL)


def term(run: Run) -> None:
    """As a scheduler does."""
    run.signal(signal.SIGTERM)


def interrupt(run: Run) -> None:
    """As Ctrl-C does."""
    run.signal(signal.SIGINT)


def interrupt_twice(run: Run) -> None:
    """As somebody does who does not want to wait for the undo."""
    run.signal(signal.SIGINT)
    real_sleep(run.dice.uniform(0.05, 1.5))
    run.signal(signal.SIGINT)


def stop(run: Run) -> None:
    """The process does not move for a while."""
    run.signal(signal.SIGSTOP)
    real_sleep(run.dice.uniform(*_STOPPED_SECONDS))
    run.signal(signal.SIGCONT)


def fill_disk(run: Run) -> None:
    """Nothing can be written any more until the run has ended."""
    filler = run.place.home / "reports" / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))
    with suppress(subprocess.TimeoutExpired):
        run.process.wait(timeout=_END_REAL_SECONDS)
    filler.unlink()


def silence_aws(run: Run) -> None:
    """No region's AWS endpoint answers for a while."""
    regions = [region.name for region in run.place.platform.regions]
    for act, pause in (("darken", run.dice.uniform(*_DEAD_SECONDS)), ("lighten", 0.0)):
        for region in regions:
            order = {"act": act, "names": [region]}
            told = httpx.post(f"{run.place.endpoint}/_twin/strike", json=order, timeout=30, trust_env=False)
            told.raise_for_status()
        real_sleep(pause)


BLOWS: Mapping[str, Callable[[Run], None]] = {
    "KILL": kill,
    "TERM": term,
    "INT": interrupt,
    "INT, INT": interrupt_twice,
    "STOP, CONT": stop,
    "full disk": fill_disk,
    "dead AWS endpoint": silence_aws,
}

TOLD_TO_END = ("TERM", "INT", "INT, INT")


@dataclass(frozen=True)
class Case:
    """One run and what happened to it. ``left`` and ``wrong`` are empty when all is well."""

    blow: str
    at_seconds: float
    ended: int
    found: str
    back_seconds: float
    """From the run's end until the world was as before."""
    left: str
    wrong: str

    def __str__(self) -> str:
        problems = "; ".join(filter(None, (self.left, self.wrong)))
        return f"{self.blow} at {self.at_seconds:.2f} s: exit {self.ended}, {self.found}: {problems or 'well'}"


def torture(place: Ground, count: int, dice: random.Random) -> Iterator[Case]:
    """So many runs, the blows in turn, each at a random instant of a run's usual length."""
    estate = place.estate()
    try:
        usual, undisturbed = _measured(place)
        yield undisturbed
        for number in range(count):
            name = list(BLOWS)[number % len(BLOWS)]
            yield _struck(place, estate, name, dice.uniform(0.3, usual), dice)
    finally:
        estate.let_go()


def _measured(place: Ground) -> tuple[float, Case]:
    """How long a run takes that nobody disturbs, and what it found."""
    before, began = set(RUNS.glob("*/*/run.json")), monotonic_nanoseconds()
    process = _begin(place)
    process.wait(timeout=_END_REAL_SECONDS)
    spent = (monotonic_nanoseconds() - began) / 1e9
    found, wrong = _judged(before, process.returncode, finishes=True)
    wrong = wrong or ("" if process.returncode == Exit.KEPT else _log(place))
    return spent, Case("none", 0, process.returncode, found, 0, "", wrong)


def _struck(place: Ground, estate: Estate, name: str, at_seconds: float, dice: random.Random) -> Case:
    before = set(RUNS.glob("*/*/run.json"))
    run = Run(place, _begin(place), dice)
    real_sleep(at_seconds)
    struck = monotonic_nanoseconds()
    BLOWS[name](run)
    try:
        run.process.wait(timeout=_END_REAL_SECONDS)
    except subprocess.TimeoutExpired:
        run.process.kill()
        run.process.wait()
        return Case(name, at_seconds, run.process.returncode, "", 0, f"it never ended; {_log(place)}", "")
    ended = monotonic_nanoseconds()
    left = _left(place, estate, before)
    back = (monotonic_nanoseconds() - ended) / 1e9
    found, wrong = _judged(before, run.process.returncode, finishes=name in ("STOP, CONT", "dead AWS endpoint"))
    if name in TOLD_TO_END and (ended - struck) / 1e9 > _ENDS_REAL_SECONDS:
        wrong = f"{wrong} it went on for {(ended - struck) / 1e9:.1f} s though it was told to end".strip()
    if left or wrong:
        wrong = f"{wrong} {_log(place)}".strip()
    return Case(name, at_seconds, run.process.returncode, found, back, left, wrong)


def _begin(place: Ground) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "harness.cli", "run", SCENARIO, "--speed", f"{SPEED:g}"]
    with (place.home / "run.log").open("wb") as log:
        return subprocess.Popen(
            command, env=environment(place.home), cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=_interruptible,
        )  # fmt: skip


def _interruptible() -> None:
    """A shell starts what runs in its background deaf to INT; this run is to hear it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _left(place: Ground, estate: Estate, before: set[Path]) -> str:
    """What is left after the lease, and the time that things take to heal."""
    folders = [path.parent for path in set(RUNS.glob("*/*/run.json")) - before]
    problems = []
    if not until(lambda: not any((folder / lease.FILE).exists() for folder in folders), LEASE_SECONDS + 40):
        problems.append("a lease is left")
    for folder in folders:
        try:
            problems += [f"pending: {armed.act}" for armed in undo.pending(folder / JOURNAL_FILE)]
        except Unreadable as error:
            problems.append(str(error))
    problems += place.left_over(estate, _HEAL_REAL_SECONDS)
    if not until(lambda: not processes_of(place.home, _OURS), 15):
        problems.append(f"processes: {processes_of(place.home, _OURS)}")
    return "; ".join(problems)


def _judged(before: set[Path], code: int, *, finishes: bool) -> tuple[str, str]:
    """What the record says, and what is wrong with that; ``finishes``: the run may have come to its end."""
    if code == Exit.BROKEN:
        return "", "the command says broken of a sound platform"
    found = []
    for path in set(RUNS.glob("*/*/run.json")) - before:
        try:
            told = record.load(path.parent)
            verdicts = bench.judge(told)
        except Unreadable as error:
            return "", f"the record cannot be read: {error}"
        ruling = worst(verdict.ruling for verdict in verdicts)
        finished = told.header.outcome is Outcome.FINISHED
        found.append(f"{told.header.outcome or 'killed'}, {ruling.name}")
        reasons = "; ".join(f"{one.promise}: {one.reason}" for one in verdicts if one.ruling is Ruling.BROKEN)
        if ruling is Ruling.BROKEN:
            return found[-1], f"a sound platform is called broken: {reasons}"
        if ruling is Ruling.KEPT and not finished:
            return found[-1], "a run that did not come to its end keeps its promises"
        if code == Exit.KEPT and (ruling is not Ruling.KEPT or not finished):
            return found[-1], "the command says kept"
    if code == Exit.KEPT and not found:
        return "", "the command says kept, and there is no record"
    if code == Exit.KEPT and not finishes and "finished" not in found[0].lower():
        return found[0], "the command says kept of a run that was ended"
    return ", ".join(found) or "nothing recorded yet", ""


def _log(place: Ground) -> str:
    return f"log: {(place.home / 'run.log').read_text()[-800:]}"


@contextmanager
def small_disk(home: Path) -> Iterator[None]:
    """The checkout's reports on a disk that can be filled."""
    reports = home / "reports"
    reports.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "torture", str(reports)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(reports)], check=True)


def show(cases: Sequence[Case]) -> None:
    """The table: a blow a row."""
    rows: dict[str, list[Case]] = {}
    for case in cases:
        rows.setdefault(case.blow, []).append(case)
    columns.show([
        {
            "blow": blow,
            "runs": str(len(own)),
            "exit codes": ", ".join(map(str, sorted({one.ended for one in own}))),
            "left something": str(sum(bool(one.left) for one in own)),
            "wrong verdict": str(sum(bool(one.wrong) for one in own)),
            "back after at most": f"{max(one.back_seconds for one in own):.1f} s",
        }
        for blow, own in rows.items()
    ])  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Print the table; 1 when anything was left behind or any verdict was wrong."""
    reader = argparse.ArgumentParser(prog="python -m tests.torture.instants", description=__doc__)
    reader.add_argument("--count", type=int, default=60)
    reader.add_argument("--seed", type=int, default=random.randrange(10**6))
    chosen = reader.parse_args(words)
    home, began, cases = at_home(), monotonic_nanoseconds(), []
    sys.stdout.write(f"seed {chosen.seed}\n")
    with small_disk(home), ground(home, DESIGN, SPEED) as place:
        for case in torture(place, chosen.count, random.Random(chosen.seed)):
            cases.append(case)
            sys.stderr.write(f"{case}\n")
    show(cases)
    wrong = sum(bool(case.left or case.wrong) for case in cases)
    spent = (monotonic_nanoseconds() - began) / 60e9
    sys.stdout.write(f"{len(cases)} whole runs under load, {wrong} not well, {spent:.1f} min\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
