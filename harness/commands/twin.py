"""``gameday twin``: a place shaped like AWS on this machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.commands.options import AsJson, AsWritten, DesignName, Speed, checked_speed
from harness.errors import BadInput

app = typer.Typer(no_args_is_help=True, help="The local twin: a place shaped like AWS on this machine.")
HOME = Path(os.environ.get("GAMEDAY_HOME", Path(__file__).resolve().parents[2]))


@app.command("up")
def twin_up(design: DesignName, as_written: AsWritten = False, speed: Speed = 1.0) -> None:
    """Start the twin of a design and wait until it serves and replicates."""
    from harness.twin import root
    from harness.twin.designs import catalogue

    version = "as_written" if as_written else "hardened"
    catalogue.design(design, version)  # a wrong name must be told before anything starts
    state = root.launch(design, version, checked_speed(speed), HOME, root.BOOT_SECONDS)
    boot = state.details.get("boot_seconds", 0.0)
    print(f"{design} ({version}) is up at speed {speed:g} after {boot:.2f} s. Try: gameday twin env")


@app.command("down")
def twin_down() -> None:
    """End the twin whole: no process, namespace or shared memory is left."""
    from harness.twin import root

    print("the twin is down" if root.shutdown(HOME) else "no twin is running")


@app.command("status")
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


@app.command("env")
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


@app.command("enter", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
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


@app.command("strike", help=_STRIKE_HELP)
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

    return root.running(HOME)
