"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import BadInput

DesignName = Annotated[str, typer.Option("--design", help="read_replicas, active_passive or active_active")]
AsWritten = Annotated[bool, typer.Option("--as-written", help="The strategy's own design, not the hardened one.")]
Speed = Annotated[float, typer.Option("--speed", help="How much faster than AWS the twin runs.")]
TargetName = Annotated[str, typer.Option("--target", help="A target by name (targets/NAME.toml) or file.")]
AsExpected = Annotated[
    bool,
    typer.Option("--expected", help="Hold the results against scenarios/expectations.toml: 0 when exactly so, else 1."),
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Baseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline", help="Hold the session against this verdict.json, or file of nights: 1 when anything got worse."
    ),
]
Watched = Annotated[
    str,
    typer.Option("--watch", metavar="RUN", help="Follow a run from here: SESSION/SCENARIO, SESSION, or `latest`."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Carry it out on AWS, too.")]


def complete_scenario(incomplete: str) -> list[str]:
    """The scenarios whose path begins so, for the shell; told from the files' names alone, since the shell waits."""
    folder = Path(__file__).resolve().parents[2] / "scenarios"
    paths = (f"{path.parent.name}/{path.stem}" for path in sorted(folder.glob("*/*.py")) if path.stem != "__init__")
    return [path for path in paths if path.startswith(incomplete)]


def checked_speed(speed: float) -> float:
    """The speed as given; raises ``BadInput`` for one that the twin cannot run at."""
    if not 0 < speed <= 50:
        raise BadInput("--speed", f"{speed:g}", "must be above 0 and at most 50")
    return speed
