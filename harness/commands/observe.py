"""``gameday observe``: the flight recorder, beside somebody else's experiment or looking back at an incident."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from harness.commands.options import TargetName
from harness.errors import BadInput

app = typer.Typer(
    invoke_without_command=True,
    help="Record somebody else's experiment or incident: nothing is injected, and it is judged and told like ours.",
)
_MEANINGS = ("note", "fault", "over", "decided")


@app.callback()
def observe(
    context: typer.Context,
    live: Annotated[bool, typer.Option("--live", help="Watch from now on, with real clients; Ctrl-C ends it.")] = False,
    since: Annotated[str, typer.Option("--since", help="Look back to this time (ISO 8601, or -30m).")] = "",
    until: Annotated[str, typer.Option("--until", help="Look back until this time; until now otherwise.")] = "",
    lasts: Annotated[float | None, typer.Option("--for", help="End by itself after so many minutes.")] = None,
    phase: Annotated[
        str, typer.Option("--phase", help="Whose objectives hold: a phase, or phase/scenario; else worked out.")
    ] = "",
    promise: Annotated[
        list[str] | None, typer.Option("--promise", help="Judge this one; may be given again. Else the usual ones.")
    ] = None,
    target: TargetName = "twin",
    no_traffic: Annotated[bool, typer.Option("--no-traffic", help="Send nothing: watch only what AWS says.")] = False,
    notifications: Annotated[
        bool,
        typer.Option("--take-notifications", help="Empty the alarms' queue, too: nobody else may be waiting for it."),
    ] = False,
    fault_at: Annotated[str, typer.Option("--fault-at", help="When the fault began, where it is known.")] = "",
    fault_until: Annotated[str, typer.Option("--fault-until", help="When it was over, where it is known.")] = "",
) -> None:
    """Watch (--live) or look back (--since), judge and tell. Takes no lock, changes nothing of AWS.

    With --live real clients run, and their writes are real; Ctrl-C is the normal end, a second one aborts.
    """
    if context.invoked_subcommand:
        return
    if live == bool(since):
        raise BadInput("observe", "--live" if live else "--since", "one of --live and --since TIME")
    if live and until:
        raise BadInput("--until", until, "goes with --since; --for ends what is --live")
    if lasts is not None and lasts <= 0:
        raise BadInput("--for", f"{lasts:g}", "must be more than 0 minutes")
    from harness import flight, hindsight, record, runner, timeline
    from harness.clock import minutes
    from harness.reporting import columns

    span = None if lasts is None else minutes(lasts)
    plain = flight.Order(target, phase, tuple(promise or ()), span, not no_traffic, notifications)
    with flight.reached(target) as estate:
        now = estate.clock.now()
        began = hindsight.moment("--fault-at", fault_at, now) if fault_at else None
        over = hindsight.moment("--fault-until", fault_until, now) if fault_until else None
        order = replace(plain, fault_at=began, fault_until=over)
        if live:
            folder = flight.live(estate, order)
        else:
            ended = hindsight.moment("--until", until, now) if until else now
            folder = hindsight.look_back(estate, order, hindsight.moment("--since", since, now), ended)
    if not live:
        columns.show(hindsight.rows(timeline.read(folder / record.TIMELINE_FILE)))
        print(*hindsight.LIMITS, sep="\n")
    code = runner.rejudge(str(folder))
    print(f"report: {runner.report(folder.parent.name)}")
    raise typer.Exit(code)


@app.command("mark")
def mark(
    words: Annotated[str, typer.Argument(help="what is to be said")],
    meaning: Annotated[
        str, typer.Option("--as", help="note; fault (it begins); over (it is over); decided (a person decided).")
    ] = "note",
    at: Annotated[str, typer.Option("--at", help="When it was, if not now (ISO 8601, or -30s).")] = "",
) -> None:
    """Say something to the run that watches: when the fault begins or is over, who decided, or just a note."""
    if meaning not in _MEANINGS:
        raise BadInput("--as", meaning, "no such meaning", f"One of {', '.join(_MEANINGS)}.")
    from harness import hindsight, marks
    from harness.events import Marked
    from harness.header import read_header
    from harness.record import HEADER_FILE
    from harness.session import RUNS

    folder = marks.watching(RUNS)
    now = read_header(folder / HEADER_FILE).clock.now()
    said = Marked(hindsight.moment("--at", at, now) if at else now, meaning, words)
    marks.mark(folder, said)
    print(f"{said.at} {meaning}: {words}, in {folder.parent.name}/{folder.name}")
