"""The command line. Every command is thin: it reads options, calls the house, and turns errors into exit codes.

Exit codes: 0 kept · 1 broken · 2 wrong usage · 3 cannot tell · 4 refused or aborted · 5 undo failed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.errors import BadInput, GamedayError, Refused, TwinFault, UndoFailed, Unreadable
from harness.verdicts import Exit

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, help=__doc__)
twin = typer.Typer(no_args_is_help=True, help="The local twin: a place shaped like AWS on this machine.")
app.add_typer(twin, name="twin")

HOME = Path(os.environ.get("GAMEDAY_HOME", Path(__file__).resolve().parent.parent))

DesignName = Annotated[str, typer.Option("--design", help="read_replicas, active_passive or active_active")]
AsWritten = Annotated[bool, typer.Option("--as-written", help="The strategy's own design, not the hardened one.")]
Speed = Annotated[float, typer.Option("--speed", help="How much faster than AWS the twin runs.")]
TargetName = Annotated[str, typer.Option("--target", help="A target by name (targets/NAME.toml) or file.")]
AsExpected = Annotated[
    bool,
    typer.Option("--expected", help="Hold the results against scenarios/expectations.toml: 0 when exactly so, else 1."),
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


def main() -> None:
    """Run the command line; every error of ours becomes one line and its exit code."""
    try:
        app(standalone_mode=True)
    except GamedayError as error:
        sys.stderr.write(f"gameday: {error}\n")
        sys.exit(_code(error))


def _code(error: GamedayError) -> int:
    if isinstance(error, UndoFailed):
        return Exit.UNDO_FAILED
    if isinstance(error, BadInput | TwinFault | Unreadable):
        return Exit.USAGE
    return Exit.REFUSED_OR_ABORTED


def _speed(speed: float) -> float:
    if not 0 < speed <= 50:
        raise BadInput("--speed", f"{speed:g}", "must be above 0 and at most 50")
    return speed


@twin.command("up")
def twin_up(design: DesignName, as_written: AsWritten = False, speed: Speed = 1.0) -> None:
    """Start the twin of a design and wait until it serves and replicates."""
    from harness.twin import root
    from harness.twin.designs import catalogue

    version = "as_written" if as_written else "hardened"
    catalogue.design(design, version)  # a wrong name must be told before anything starts
    state = root.launch(design, version, _speed(speed), HOME, root.BOOT_SECONDS)
    boot = state.details.get("boot_seconds", 0.0)
    print(f"{design} ({version}) is up at speed {speed:g} after {boot:.2f} s. Try: gameday twin env")


@twin.command("down")
def twin_down() -> None:
    """End the twin whole: no process, namespace or shared memory is left."""
    from harness.twin import root

    print("the twin is down" if root.shutdown(HOME) else "no twin is running")


@twin.command("status")
def twin_status(as_json: AsJson = False) -> None:
    """What runs, and how it is."""
    import httpx

    state = _running()
    told = httpx.get(f"http://127.0.0.1:{state.api_port}/_twin/status", timeout=10).json()
    if as_json:
        print(json.dumps(told, indent=1))
        return
    print(f"{state.design} ({state.version}) at speed {state.speed:g}")
    for part, lines in told.items():
        for name, value in lines.items() if isinstance(lines, dict) else [("", lines)]:
            print(f"  {part:<14} {name:<40} {value}")


@twin.command("env")
def twin_env() -> None:
    """Print what an AWS tool needs to use the twin; `eval "$(gameday twin env)"`."""
    state = _running()
    anchor = f"{state.clock.anchor.monotonic_nanoseconds}:{state.clock.anchor.epoch_nanoseconds}"
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{state.api_port}",
        "AWS_ACCESS_KEY_ID": "gameday",
        "AWS_SECRET_ACCESS_KEY": "twin",
        "AWS_DEFAULT_REGION": "us-east-1",
        "GAMEDAY_RESOLVER": f"127.0.0.1:{state.dns_port}",
        "GAMEDAY_SPEED": f"{state.speed:g}",
        "GAMEDAY_ANCHOR": anchor,
    }.items():
        print(f"export {name}={value}")


@twin.command("enter", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def twin_enter(location: str, context: typer.Context) -> None:
    """Run a command at a client location or in a region: gameday twin enter europe -- curl api.agentauri.example/…."""
    words = [
        sys.executable,
        "-m",
        "harness.twin.enter",
        location,
        "--",
        *(context.args or [os.environ.get("SHELL", "sh")]),
    ]
    os.execv(sys.executable, words)


_STRIKE_HELP = """An act of nature, which nobody can order from AWS; `gameday twin status` lists what is struck.

\b
lose REGION|ZONE          its links go down; a zone loses its power too, and its processes die
return REGION|ZONE|NODE   what was lost is reachable again, what was frozen goes on
crash NODE                its process dies; the platform starts it again, or does not
freeze NODE               its process stops in its tracks: connections stay, nothing is answered
cut A B                   nothing passes between two regions, a location and a region, or two zones of a region
slow A B MILLISECONDS     packets take that long there and back (AWS time)
drop A B PERCENT          so many packets in a hundred are lost, in each direction
heal A B                  cut, slow and drop are taken back
darken REGION             the region's AWS endpoint cannot be reached
lighten REGION            it can again

\b
NODE is AWS's name: a DB instance identifier (its hidden standby: NAME-standby), a cache cluster id, a task id.
Each act may be repeated without harm, and taking one back restores what was and nothing more.
"""


@twin.command("strike", help=_STRIKE_HELP)
def twin_strike(
    act: str,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAMES...")] = None,
    region: Annotated[
        str | None, typer.Option("--region", help="Where, when nodes of two regions share a name.")
    ] = None,
) -> None:
    """Send the act to the twin; what it refuses is wrong usage."""
    import httpx

    words = list(names or [])
    order: dict[str, Any] = {"act": act, "names": words}
    if act in ("slow", "drop") and len(words) == 3:
        order["amount"] = _number(words.pop())
    if region:
        order["region"] = region
    answer = httpx.post(f"http://127.0.0.1:{_running().api_port}/_twin/strike", json=order, timeout=60)
    if answer.status_code != 200:
        raise BadInput("strike", act, answer.json()["message"])
    print(f"{' '.join([act, *(names or [])])}: done")


def _number(word: str) -> float:
    try:
        return float(word.removesuffix("ms").removesuffix("%"))
    except ValueError:
        raise BadInput("strike", word, "is no number") from None


def _running() -> Any:
    from harness.twin import root

    state = root.status(HOME)
    if state is None:
        raise Refused("no twin is running.", "Start one: gameday twin up --design active_passive")
    return state


@app.command()
def doctor() -> None:
    """What the project needs, and whether it is here."""
    from rich.console import Console
    from rich.table import Table

    from harness import provision

    table = Table("needed", "for", "found", "remedy")
    missing = 0
    for need in (*provision.PROGRAMS, *provision.PARTS):
        found = need.find()
        missing += found is None
        remedy = need.remedy or f"apt-get install -y {need.package}"
        table.add_row(need.name, need.purpose, found or "MISSING", "" if found else remedy)
    Console().print(table)
    raise typer.Exit(Exit.USAGE if missing else Exit.KEPT)


@app.command("list")
def list_scenarios(
    path: Annotated[str, typer.Argument(help="phase/scenario: that one whole, with its story")] = "",
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
    scenarios: Annotated[list[str] | None, typer.Argument(help="phase/scenario; all when none is named")] = None,
    target: TargetName = "twin",
    speed: Speed = 10.0,
    as_written: AsWritten = False,
    cadence: Annotated[
        str, typer.Option("--cadence", help="Only what such a night plays: nightly, weekly or monthly.")
    ] = "",
    expected: AsExpected = False,
) -> None:
    """Run scenarios: inject real faults under real load, judge, report."""
    from harness import catalogue, runner

    chosen = catalogue.choose(scenarios or [], cadence=cadence)
    raise typer.Exit(runner.run(chosen, target, _speed(speed), as_written=as_written, as_expected=expected))


@app.command()
def gate(
    target: TargetName = "twin", speed: Speed = 10.0, as_written: AsWritten = False, expected: AsExpected = False
) -> None:
    """The pre-promotion gate: the scenarios whose card says so, every promise guarded, one exit code."""
    from harness import catalogue, runner

    chosen = catalogue.choose(gate=True)
    raise typer.Exit(runner.run(chosen, target, _speed(speed), as_written=as_written, as_expected=expected))


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
def rejudge(run: Annotated[str, typer.Argument(help="SESSION/SCENARIO or `latest`")]) -> None:
    """Judge a saved run again, from its record alone."""
    from harness import runner

    raise typer.Exit(runner.rejudge(run))


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
def report(run: Annotated[str, typer.Argument(help="SESSION, or `latest`")] = "latest") -> None:
    """Build the HTML report of a session again, from its records."""
    from harness import runner

    print(runner.report(run))


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
    yes: Annotated[bool, typer.Option("--yes", help="Carry it out on AWS, too.")] = False,
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
    from harness import runner

    raise typer.Exit(runner.undo_pending(run, target, plan=plan))


if __name__ == "__main__":
    main()
