"""The command line. Every command is thin: it reads options, calls the house, and turns errors into exit codes.

Exit codes: 0 kept · 1 broken · 2 wrong usage · 3 cannot tell · 4 refused or aborted · 5 undo failed.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from harness.clock import monotonic_nanoseconds
from harness.commands import observe, plan, twin
from harness.commands.options import (
    AsExpected,
    AsJson,
    AsWritten,
    Baseline,
    Speed,
    TargetName,
    Watched,
    Yes,
    checked_speed,
    complete_scenario,
)
from harness.errors import BadInput, GamedayError, TwinFault, UndoFailed, Unreadable
from harness.verdicts import Exit

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(twin.app, name="twin")
app.add_typer(observe.app, name="observe")
app.command("plan")(plan.plan)


_INTERRUPTED = 130
"""What the command line's library makes of Ctrl-C, as shells do."""


def main() -> None:
    """Run the command line; every error of ours becomes one line and its exit code."""
    try:
        app(standalone_mode=True)
    except SystemExit as ended:
        # A Ctrl-C that met no run any more, as while the report is written: it is aborted, as any other.
        sys.exit(Exit.REFUSED_OR_ABORTED if ended.code == _INTERRUPTED else ended.code)
    except GamedayError as error:
        sys.stderr.write(f"gameday: {error}\n")
        sys.exit(_code(error))
    except OSError as error:
        sys.stderr.write(f"gameday: {error}: it was given up there; nothing is called kept.\n")
        sys.exit(Exit.REFUSED_OR_ABORTED)
    except Exception:  # noqa: BLE001 - nothing may leave here with Python's own code
        # Python's own exit code of a crash is 1, which would call the platform broken.
        traceback.print_exc()
        sys.stderr.write("gameday: this is a bug of ours; please report it with the run's folder.\n")
        sys.exit(Exit.REFUSED_OR_ABORTED)


def _code(error: GamedayError) -> int:
    if isinstance(error, UndoFailed):
        return Exit.UNDO_FAILED
    if isinstance(error, BadInput | TwinFault | Unreadable):
        return Exit.USAGE
    return Exit.REFUSED_OR_ABORTED


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """What the project needs, and whether it is here."""
    from harness import provision
    from harness.reporting import columns

    needed = {need: need.find() for need in (*provision.PROGRAMS, *provision.PARTS)}
    rows = [
        {
            "needed": need.name,
            "for": need.purpose,
            "found": found or "MISSING",
            "remedy": "" if found else need.remedy or f"apt-get install -y {need.package}",
        }
        for need, found in {**needed, **{need: need.find() for need in provision.FOR_TESTS}}.items()
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        columns.show(rows)
    raise typer.Exit(Exit.USAGE if None in needed.values() else Exit.KEPT)


@app.command("list")
def list_scenarios(
    path: Annotated[
        str, typer.Argument(help="phase/scenario: that one whole, with its story", autocompletion=complete_scenario)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """The catalogue of scenarios: faults, objectives, how long, how often, destructive or not, true on AWS or not."""
    from harness import catalogue
    from harness.reporting import columns

    entries = [catalogue.find(path)] if path else catalogue.entries()
    if as_json:
        told = [entry.to_json() for entry in entries]
        print(json.dumps(told[0] if path else told, indent=1))
    elif path:
        print(entries[0].told())
    else:
        columns.show([entry.row() for entry in entries])


@app.command()
def run(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(help="phase/scenario; all when none is named", autocompletion=complete_scenario),
    ] = None,
    target: TargetName = "twin",
    speed: Speed = 10.0,
    as_written: AsWritten = False,
    cadence: Annotated[
        str, typer.Option("--cadence", help="Only what such a night plays: nightly, weekly or monthly.")
    ] = "",
    expected: AsExpected = False,
    yes: Yes = False,
    baseline: Baseline = None,
    follow: Watched = "",
    as_json: AsJson = False,
) -> None:
    """Run scenarios: inject real faults under real load, judge, report. Or follow a run that somebody else started."""
    if follow:
        from harness.commands import watch

        if scenarios or as_written or cadence or expected or yes or baseline or (target, speed) != ("twin", 10.0):
            raise BadInput("run", "--watch", "starts nothing, and so goes with no scenario and no option but --json")
        raise typer.Exit(watch.watch(follow, as_json=as_json))
    if as_json:
        raise BadInput("run", "--json", "goes with --watch")
    from harness import catalogue, runner

    chosen = catalogue.choose(scenarios or [], cadence=cadence)
    told = {"as_written": as_written, "as_expected": expected, "yes": yes}
    raise typer.Exit(runner.run(chosen, target, checked_speed(speed), baseline=baseline, **told))


@app.command()
def gate(
    target: TargetName = "twin",
    speed: Speed = 10.0,
    as_written: AsWritten = False,
    expected: AsExpected = False,
    yes: Yes = False,
    baseline: Baseline = None,
) -> None:
    """The pre-promotion gate: the scenarios whose card says so, every promise guarded, one exit code."""
    from harness import catalogue, runner

    chosen = catalogue.choose(gate=True)
    told = {"as_written": as_written, "as_expected": expected, "yes": yes}
    raise typer.Exit(runner.run(chosen, target, checked_speed(speed), baseline=baseline, **told))


@app.command()
def explain(
    design: Annotated[str, typer.Argument(help="read_replicas, active_passive or active_active")],
    as_json: AsJson = False,
) -> None:
    """What the hardened design changes in the strategy as written, why, and what it buys scenario by scenario."""
    from harness import explanation

    told = explanation.explain(design)
    print(json.dumps(told.to_json(), indent=1) if as_json else told.text())


@app.command()
def feasibility(
    target: TargetName = "twin",
    terraform_plan: Annotated[
        Path | None,
        typer.Option(
            "--terraform-plan", help="Judge this plan (the JSON of `terraform show -json`): no account needed."
        ),
    ] = None,
    phase: Annotated[str, typer.Option("--phase", help="Whose objectives hold; worked out when it is not given.")] = "",
    host: Annotated[str, typer.Option("--host", help="The API's name in the plan, where several could be it.")] = "",
    timings: Annotated[
        Path | None, typer.Option("--timings", help="Measured durations in place of AWS's figures, with their source.")
    ] = None,
    person: Annotated[
        float | None, typer.Option("--person-decides-in", help="A person promotes the database, and takes so long (s).")
    ] = None,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="For a pull request.")] = False,
) -> None:
    """Can the promise be kept at all? A model checker for failover, from configuration alone; touches nothing.

    0: it can · 1: it cannot · 2: bad input · 3: it depends, or something is not known yet.
    """
    from harness import outlook
    from harness.reporting import outlook_page

    if as_json and as_markdown:
        raise BadInput("--markdown", "--json", "one of the two")
    assumed = outlook.Assumptions(phase, host, timings, person)
    if terraform_plan is None:
        told, against = outlook.of_live(target, assumed)
    else:
        told, against = outlook.of_plan(terraform_plan, target, assumed)
    if as_json:
        print(json.dumps({"phase": against, **told.to_json()}, indent=1))
    else:
        print((outlook_page.markdown if as_markdown else outlook_page.text)(told, against))
    raise typer.Exit(outlook.exit_code(told))


@app.command()
def rejudge(run: Annotated[str, typer.Argument(help="SESSION/SCENARIO or `latest`")], as_json: AsJson = False) -> None:
    """Judge a saved run again, from its record alone."""
    from harness import runner

    raise typer.Exit(runner.rejudge(run, as_json=as_json))


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="SESSION/SCENARIO, or SESSION for all of it")],
    last: Annotated[int, typer.Option("--last", help="Hold the newest against the median of so many before it.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Runs side by side: how each figure is spread, and whether the newest run got worse (exit 1)."""
    from harness import runner
    from harness.reporting import columns

    told = runner.compared(runs, last)
    if as_json:
        print(json.dumps(told.to_json(), indent=1))
    else:
        for table in (told.changes, told.trends):
            columns.show([one.row() for one in table])
            print()
        print(told.rule)
    raise typer.Exit(told.exit_code)


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="SESSION, SESSION/SCENARIO for that run alone, or `latest`")] = "latest",
    single_file: Annotated[
        Path | None, typer.Option("--single-file", help="Write all of it into this one .html, to send to people.")
    ] = None,
) -> None:
    """Build the HTML report again from the records, of killed and interrupted runs too."""
    from harness import runner

    began = monotonic_nanoseconds()
    built = runner.report(run, single_file)
    spent = (monotonic_nanoseconds() - began) / 1e9
    sys.stderr.write(f"{len(built.finished)} runs, {built.megabytes:.1f} MB, built in {spent:.1f} s\n")
    print(single_file or built.index)


@app.command()
def matrix(
    sessions: Annotated[list[str] | None, typer.Argument(metavar="[SESSION]...", help="all when none is named")] = None,
    as_written: AsWritten = False,
    as_json: AsJson = False,
) -> None:
    """The decision matrix, measured: the three phases side by side, from the records of runs alone."""
    from harness import runner
    from harness.reporting import matrix_page

    told = runner.decision_matrix(sessions or [], "as_written" if as_written else "hardened")
    print(json.dumps(told.to_json(), indent=1) if as_json else matrix_page.markdown(told))


@app.command()
def runbook(
    name: Annotated[str, typer.Argument(help="which; all are listed when none is named")] = "",
    region: Annotated[str, typer.Argument(help="the region that it is about")] = "",
    target: TargetName = "twin",
    plan: Annotated[bool, typer.Option("--plan", help="Say each step and its calls; touch nothing.")] = False,
    yes: Yes = False,
) -> None:
    """What operators carry out by the book, step after step; safe to run again after a crash."""
    from harness import handbook
    from harness.reporting import columns

    if not name:
        columns.show(handbook.rows())
        return
    wanted = handbook.procedure(name, region, target)
    if plan:
        print(handbook.plan(wanted, target))
    else:
        print(f"done; recorded in {handbook.carry_out(wanted, target, leashed=not yes)}")


@app.command()
def undo(
    run: Annotated[
        str, typer.Argument(help="SESSION/SCENARIO; every run with something pending when none is named")
    ] = "",
    target: TargetName = "twin",
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be undone; touch nothing.")] = False,
) -> None:
    """Put the world back as the journal says; harmless when nothing is pending."""
    from harness import repair

    raise typer.Exit(repair.undo_pending(run, target, plan=plan))


if __name__ == "__main__":
    main()
