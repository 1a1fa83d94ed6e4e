"""``gameday plan``: what scenarios would do to a platform on AWS, told beforehand; touches nothing."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from harness.commands.options import AsJson, TargetName


def plan(
    scenarios: Annotated[list[str], typer.Argument(metavar="SCENARIO...", help="phase/scenario")],
    target: TargetName = "twin",
    as_json: AsJson = False,
) -> None:
    """Say, fault by fault, each AWS call with its undo and its IAM action, and how far it reaches; touches nothing."""
    from harness import catalogue
    from harness import plan as plans
    from harness.session import target_file
    from harness.target import load

    wanted = load(target_file(target))
    told = [plans.of(entry, wanted) for entry in catalogue.choose(scenarios)]
    if as_json:
        print(json.dumps([one.to_json() for one in told], indent=1))
    else:
        print("\n\n".join(one.text() for one in told))
