"""What a run left behind is put back: by hand, by its watchdog, or from another machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import undo
from harness.cloud import undoing
from harness.cloud.estate import Grasp
from harness.cloud.trail import kept
from harness.errors import GamedayError, Refused, UndoFailed
from harness.record import CALLS_FILE
from harness.runs import folder_of
from harness.safety import guard, lease
from harness.safety.lease import Lease
from harness.safety.table import RunMirror, Table
from harness.session import RUNS, is_moot, reach, table_of, target_file
from harness.target import Target, load
from harness.undo import JOURNAL_FILE, Armed, Journal
from harness.verdicts import Exit


@dataclass(frozen=True)
class Left:
    """An act that is pending, and the run's folder if it is on this machine."""

    run: str
    armed: Armed
    folder: Path | None


def undo_pending(run_name: str, target_name: str, *, plan: bool) -> int:
    """Undo what a run (or every run) left pending, newest first; with ``plan`` only say it. Returns the exit code.

    A run that lives is left alone: it undoes by itself. Raises ``BadInput``, and ``Refused`` with nothing touched.
    """
    wanted = load(target_file(target_name))
    left = _local(run_name)
    grasp = table = None
    if wanted.journal is not None or (left and not plan):
        grasp = reach(wanted)
        table = table_of(grasp.cloud, wanted)
    try:
        left += _elsewhere(table, run_name, {one.run for one in left}) if table is not None else []
        if not left:
            sys.stdout.write("nothing is pending\n")
            return Exit.KEPT
        if plan:
            for one in left:
                sys.stdout.write(f"would undo {one.armed.act} ({one.armed.fault})\n")
            return Exit.KEPT
        assert grasp is not None
        _recognise(grasp)
        failures = [one for one in left if not _undone(grasp, table, one)]
    finally:
        if grasp is not None:
            grasp.let_go()
    return Exit.UNDO_FAILED if failures else Exit.KEPT


def _local(run_name: str) -> list[Left]:
    folders = [folder_of(run_name)] if run_name else [path.parent for path in sorted(RUNS.glob(f"*/*/{JOURNAL_FILE}"))]
    left = []
    for folder in reversed(folders):
        waiting = [] if is_moot(folder) else undo.pending(folder / JOURNAL_FILE)
        held = lease.read(folder / lease.FILE) if waiting else None
        run = f"{folder.parent.name}/{folder.name}"
        if held is not None and held.alive:
            _leave_alone(run, held, named=bool(run_name))
            continue
        left += [Left(run, armed, folder) for armed in waiting]
    return left


def _leave_alone(run: str, held: Lease, *, named: bool) -> None:
    words = f"{run} is running (process {held.pid}) and undoes by itself"
    if named:
        raise Refused(f"{words}.", f"End it: Ctrl-C, or kill -TERM {held.pid}.")
    sys.stdout.write(f"{words}\n")


def _elsewhere(table: Table, run_name: str, known: set[str]) -> list[Left]:
    """What runs of other machines left; nothing while somebody's lease on the environment has not run out."""
    waiting = [kept for kept in table.pending() if kept.run not in known and run_name in ("", kept.run)]
    holder = table.holder() if waiting else None
    if holder is not None and not holder.expired:
        sys.stdout.write(f"{holder.name} holds {table.environment}, and undoes by itself\n")
        return []
    return [Left(kept.run, kept.armed, None) for kept in waiting]


def _recognise(grasp: Grasp) -> None:
    """The first region that answers says who we are: another one may be what is dark."""
    target: Target = grasp.target
    problem = Refused("the target file names no [[hands]].")
    for hand in target.hands:
        try:
            guard.recognise(grasp.cloud, target, hand.region)
        except Refused as error:
            problem = error
        else:
            return
    raise problem


def _undone(grasp: Grasp, table: Table | None, left: Left) -> bool:
    sys.stdout.write(f"undoing {left.armed.act} ({left.armed.fault})\n")
    try:
        with _noted(grasp, left):
            undoing.perform(grasp, left.armed.act)
        _cross_out(table, left)
    except UndoFailed as error:
        sys.stderr.write(f"gameday: {error}\n")
        return False
    except (GamedayError, OSError) as error:
        sys.stderr.write(f"gameday: {left.armed.act}: {error}\n")
        return False
    return True


@contextmanager
def _noted(grasp: Grasp, left: Left) -> Iterator[None]:
    """The calls go into the run's own audit log, or one beside all runs; without one the undo goes on and says so."""
    path = (left.folder or RUNS) / CALLS_FILE
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            trail = stack.enter_context(kept(grasp.cloud, left.armed.act.region, path, grasp.clock, left.run))
            trail.phase = "undo"
        except OSError as error:
            sys.stderr.write(f"gameday: {path}: {error.strerror}: these calls are in no audit log of ours\n")
        yield


def _cross_out(table: Table | None, left: Left) -> None:
    mirror = RunMirror(table, "", left.run) if table is not None else None
    if left.folder is None:
        if mirror is not None:
            mirror.undone(left.armed)
        return
    journal = Journal(left.folder / JOURNAL_FILE, mirror)
    try:
        journal.undone(left.armed)
    finally:
        journal.close()
