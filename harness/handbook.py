"""The runbooks by hand: listed, told beforehand, carried out on a running platform, and recorded."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext

from harness import procedures, target
from harness.clock import wall_stamp
from harness.cloud.estate import Estate
from harness.cloud.trail import kept
from harness.console import Console
from harness.errors import Aborted, BadInput, Refused
from harness.procedures import PROCEDURES, Procedure
from harness.record import CALLS_FILE
from harness.runbooks import execution, runbook_of
from harness.safety import lock
from harness.session import HOME, holder_name, reach_survivors, table_of, target_file
from harness.target import Target
from harness.timeline import Timeline
from harness.topology import Region

RECORDS = HOME / "reports" / "runbooks"
"""A file of JSON lines for each time that a runbook was carried out by hand, and the audit log of its calls."""


def rows() -> list[dict[str, str]]:
    """Every runbook: its name and what it is for."""
    return [{"runbook": f"{name} REGION", "what": _what(kind)} for name, kind in PROCEDURES.items()]


def _what(kind: type[Procedure]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())


def procedure(name: str, region: str, target_name: str) -> Procedure:
    """The procedure of that name on that region. Raises ``BadInput``; reaches nothing."""
    if name not in PROCEDURES:
        raise BadInput("NAME", name, "no such runbook", f"One of {', '.join(PROCEDURES)}.")
    known = [hand.region for hand in _target(target_name).hands]
    if region not in known:
        problem = "no such region in the target file" if region else "missing"
        raise BadInput("REGION", region or name, problem, f"One of {', '.join(known)}.")
    return PROCEDURES[name](Region(region))


def plan(wanted: Procedure, target_name: str) -> str:
    """The steps in words, as they stand now; touches nothing. Raises ``Refused``."""
    estate = reach_survivors(target_name)
    try:
        return "\n".join(execution.plan(runbook_of(wanted, estate)))
    finally:
        estate.let_go()


def carry_out(wanted: Procedure, target_name: str, *, leashed: bool) -> str:
    """Carry it out and return where the record is. On AWS a leashed one only says what it would do.

    Raises ``Refused`` before anything is touched, ``OutOfPatience`` and ``CloudFault`` for a step that does not come
    to its end, and ``Aborted`` when a person stops it: it can be carried out again, and goes on where it stopped.
    """
    if leashed and _target(target_name).target.kind != "twin":
        raise Refused(f"{plan(wanted, target_name)}\nNothing was done.", "Say --yes to carry it out.")
    environment = _target(target_name).target.environment
    with lock.held(HOME / ".gameday", environment):
        estate = reach_survivors(target_name)
        try:
            with _held_for_all(estate):
                return _carried_out(wanted, estate)
        finally:
            estate.let_go()


def _held_for_all(estate: Estate) -> AbstractContextManager[object]:
    """The environment's lock in its table, where the target names one. Raises ``Refused``."""
    table, home = table_of(estate.cloud, estate.target), estate.target.journal
    if table is None or home is None:
        return nullcontext()
    return table.held(holder_name(wall_stamp()), home.lease_seconds)


def _carried_out(wanted: Procedure, estate: Estate) -> str:
    runbook = runbook_of(wanted, estate)
    RECORDS.mkdir(parents=True, exist_ok=True)
    path = RECORDS / f"{wall_stamp()}.{procedures.name(wanted)}.{wanted.region}.jsonl"
    timeline, console = Timeline(path), Console(estate.clock)
    called, region = path.with_suffix(f".{CALLS_FILE}"), estate.platform.regions[0].name
    console.say("runbook", f"{runbook.title}, {len(runbook.steps)} steps")
    desk = execution.Desk(estate.cloud, estate.clock, timeline.add, console.say, console.glance)
    try:
        with kept(estate.cloud, region, called, estate.clock, runbook.title):
            execution.carry_out(runbook, desk)
    except KeyboardInterrupt:
        raise Aborted("stopped by hand.", "Carry it out again: it goes on where it stopped.") from None
    finally:
        timeline.close()
    return str(path.relative_to(HOME))


def _target(name: str) -> Target:
    return target.load(target_file(name))
