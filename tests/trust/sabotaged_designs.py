"""`python -m tests.trust.sabotaged_designs`: hardened designs sabotaged, one promise at a time, on the twin.

Each mutation (``tests.trust.designs``) gets a twin of its own and plays the scenario that guards what it breaks, with
the plugin and the judges of `gameday run`; every such scenario is played without a mutation as well. The table says
what was expected and what was found. What is not found, or for another reason, exits 1: then a green proves less than
it says. A run that was refused, or a twin that did not boot, has found nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import catalogue, expectations, record
from harness.clock import monotonic_nanoseconds
from harness.cloud.session import Cloud
from harness.errors import CloudFault, TwinFault, Unreadable
from harness.expectations import Expectation
from harness.judges.bench import judge
from harness.phases import PHASES
from harness.reporting import columns
from harness.reporting.finished import Finished
from harness.twin import root
from harness.twin.nursery import Nursery
from harness.verdicts import Outcome, Ruling, Verdict
from tests.trust.designs import MUTATIONS, Mutation

HOME = Path(__file__).resolve().parents[2]
ENTRIES, HASTY = "tests.trust.sabotaged_twin", "tests.trust.hasty"
SPEED = 10.0
_KEYS = ("gameday", "twin")
_PATIENCE_REAL_SECONDS = 900
_LONGEST_REASON = 110


@dataclass(frozen=True)
class Row:
    """One line of the table. ``wrong``: why it is not as expected; empty when it is."""

    mutation: str
    scenario: str
    promise: str
    expected: str
    found: str
    reason: str
    wrong: str = ""

    def cells(self) -> dict[str, str]:
        """The row as it is printed."""
        reason = self.wrong or self.reason
        return {
            "": "DIFFERS" if self.wrong else "found" if self.expected != Ruling.KEPT.name else "kept",
            "mutation": self.mutation,
            "scenario": self.scenario,
            "promise": self.promise,
            "expected": self.expected,
            "verdict": self.found,
            "reason": reason if len(reason) <= _LONGEST_REASON or self.wrong else f"{reason[:_LONGEST_REASON]}…",
        }


class Stage:
    """A checkout of its own, so that no sabotaged run is ever taken for one of the real design's."""

    def __init__(self, home: Path, speed: float, nursery: Nursery | None = None) -> None:
        self.home = home
        self.speed = speed
        self._nursery = nursery
        for folder in ("scenarios", "targets"):
            (home / folder).symlink_to(HOME / folder)
        made = HOME / ".twin" / "template"
        if made.exists():
            (home / ".twin").mkdir()
            # With its owner, who is PostgreSQL's user: Python's own copy would make it root's, and no server start.
            subprocess.run(["cp", "-a", str(made), str(home / ".twin" / "template")], check=True)

    def play(self, paths: Sequence[str]) -> tuple[Mapping[str, list[Finished]], str]:
        """Play scenarios as `gameday run` does; each one's runs, and what pytest said last."""
        before = set(self._runs())
        files = [str(catalogue.find(path).file) for path in paths]
        command = [sys.executable, "-m", "pytest", "-p", HASTY, *files, "--gameday-speed", f"{self.speed:g}", "-q"]
        done = subprocess.run(
            [*command, "--tb=line"],
            cwd=HOME,
            env={**os.environ, "GAMEDAY_HOME": str(self.home)},
            timeout=_PATIENCE_REAL_SECONDS,
            capture_output=True,
            text=True,
            check=False,
        )
        played: dict[str, list[Finished]] = {path: [] for path in paths}
        for folder in sorted(set(self._runs()) - before):
            one = finished(folder)
            played[one.scenario].append(one)
        return played, " ".join(done.stdout.splitlines()[-3:])

    @contextmanager
    def sabotaged(self, mutation: Mutation) -> Iterator[None]:
        """A twin of the mutated design, until the block is left. Raises ``TwinFault`` and ``CloudFault``."""
        wanted = (mutation.phase, "hardened", self.speed, self.home, root.BOOT_SECONDS)
        state = root.launch(*wanted, entry=f"{ENTRIES}:{mutation.name}", nursery=self._nursery)
        try:
            mutation.by_hand(Cloud(f"http://127.0.0.1:{state.api_port}", *_KEYS))
            yield
        finally:
            root.shutdown(self.home, spent=True)

    def _runs(self) -> list[Path]:
        return [path.parent for path in (self.home / "reports" / "runs").glob(f"*/*/{record.HEADER_FILE}")]


def finished(folder: Path) -> Finished:
    """A run judged from its record, as `gameday rejudge` does; one that cannot be read was aborted."""
    try:
        found = record.load(folder)
    except Unreadable as error:
        return Finished(folder, Outcome.ABORTED, (Verdict("record", Ruling.UNKNOWN, str(error)),))
    return Finished(folder, found.header.outcome or Outcome.ABORTED, tuple(judge(found)))


def wrong_in(mutation: Mutation, runs: Sequence[Finished]) -> str:
    """Why a mutation was not found as expected; empty when it was: its promise, its ruling, its reason."""
    if not runs:
        return "the scenario left no record"
    unfinished = next((one.outcome.value for one in runs if one.outcome is not Outcome.FINISHED), "")
    if unfinished:
        return f"the run was {unfinished}: {told(runs)}"
    own = [verdict for one in runs for verdict in one.verdicts if verdict.promise == mutation.promise]
    if not own:
        return f"nobody judged {mutation.promise}"
    if any(one.ruling is mutation.ruling and mutation.phrase in one.reason for one in own):
        return ""
    least = max(own, key=lambda one: one.ruling)
    why = f"not for `{mutation.phrase}`" if least.ruling is mutation.ruling else f"not {mutation.ruling.name}"
    return f"{mutation.promise} is {least.ruling.name}, {why}: {least.reason}"


def wrong_without(runs: Sequence[Finished]) -> str:
    """Why a scenario without a mutation did not come out as it must; empty when every promise was kept."""
    unfinished = next((one.outcome.value for one in runs if one.outcome is not Outcome.FINISHED), "")
    differences = expectations.differences(Expectation(Ruling.KEPT), [one.verdicts for one in runs])
    return "; ".join([f"the run was {unfinished}"] * bool(unfinished) + differences)


def told(runs: Sequence[Finished]) -> str:
    """What is not kept, in a few words."""
    bad = [verdict for one in runs for verdict in one.verdicts if verdict.ruling is not Ruling.KEPT]
    return "; ".join(f"{one.promise} is {one.ruling.name}: {one.reason}" for one in bad)


def row_of(mutation: Mutation, runs: Sequence[Finished], wrong: str) -> Row:
    """The table's line for a mutation."""
    own = [verdict for one in runs for verdict in one.verdicts if verdict.promise == mutation.promise]
    worst = max(own, key=lambda one: one.ruling, default=None)
    return Row(
        mutation.name,
        mutation.scenario,
        mutation.promise,
        mutation.ruling.name,
        worst.ruling.name if worst else "none",
        worst.reason if worst else "",
        wrong,
    )


def sabotage(stage: Stage, mutation: Mutation) -> Row:
    """Boot the mutated twin, play the guarding scenario, and say what was found."""
    try:
        with stage.sabotaged(mutation):
            played, said = stage.play([mutation.scenario])
    except (TwinFault, CloudFault, subprocess.TimeoutExpired) as error:
        return row_of(mutation, (), f"{type(error).__name__}: {error}")
    runs = played[mutation.scenario]
    wrong = wrong_in(mutation, runs)
    return row_of(mutation, runs, f"{wrong} ({said})" if wrong and not runs else wrong)


def spare(stage: Stage, paths: Sequence[str]) -> list[Row]:
    """The same scenarios without a mutation: every promise of theirs must be kept."""
    played, said = stage.play(paths)
    rows = []
    for path in paths:
        runs = played[path]
        wrong = wrong_without(runs) if runs else f"the scenario left no record ({said})"
        rows.append(Row("none", path, "all", "KEPT", expectations.found([one.verdicts for one in runs]), "", wrong))
    return rows


def table(stage: Stage, mutations: Sequence[Mutation]) -> Iterator[Row]:
    """Every row, phase after phase, as soon as it is known."""
    for phase in PHASES:
        chosen = [one for one in mutations if one.phase == phase]
        entries = [catalogue.find(path) for path in dict.fromkeys(one.scenario for one in chosen)]
        if entries:
            yield from spare(stage, [one.path for one in sorted(entries, key=lambda one: one.card.destructive)])
        for mutation in chosen:
            yield sabotage(stage, mutation)


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; exits 1 when a row differs."""
    options = _options(words)
    if options.list:
        columns.show([
            {"mutation": one.name, "scenario": one.scenario, "promise": one.promise, "breaks": one.breaks}
            for one in MUTATIONS.values()
        ])  # fmt: skip
        return 0
    chosen = [MUTATIONS[name] for name in options.mutations] or list(MUTATIONS.values())
    # The twin's first process and the one that tasks are forked from import this package, wherever they are started.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))
    home = Path(tempfile.mkdtemp(prefix="sabotaged-"))
    began, rows = monotonic_nanoseconds(), []
    with Nursery() as nursery:
        for row in table(Stage(home, options.speed, nursery), chosen):
            rows.append(row)
            spent = (monotonic_nanoseconds() - began) / 1e9
            differs = row.wrong and "DIFFERS"
            sys.stderr.write(f"{spent:6.0f} s  {row.mutation} x {row.scenario}: {row.found} {differs}\n")
    columns.show([row.cells() for row in rows], {"DIFFERS": Ruling.BROKEN.colour, "found": Ruling.KEPT.colour})
    differing = [row for row in rows if row.wrong]
    print(
        f"\n{len(chosen)} mutations, {len(differing)} rows differ, {(monotonic_nanoseconds() - began) / 6e10:.1f} min"
    )
    if differing:
        print(f"their records: {home / 'reports' / 'runs'}")
        return 1
    shutil.rmtree(home)
    return 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.trust.sabotaged_designs", description=__doc__)
    parser.add_argument("mutations", nargs="*", metavar="MUTATION", help="only these; all without any")
    parser.add_argument("--list", action="store_true", help="say what there is, and play nothing")
    parser.add_argument("--speed", type=float, default=SPEED, help="how much faster than AWS the twin runs")
    options = parser.parse_args(words)
    unknown = [name for name in options.mutations if name not in MUTATIONS]
    if unknown:
        parser.error(f"no such mutation: {', '.join(unknown)}; --list says what there is")
    return options


if __name__ == "__main__":
    sys.exit(main())
