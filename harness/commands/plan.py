"""``gameday plan``: what scenarios would do to a platform on AWS, told beforehand; touches nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.options import AsJson, TargetName, complete_scenario


def plan(
    scenarios: Annotated[
        list[str], typer.Argument(metavar="SCENARIO...", help="phase/scenario", autocompletion=complete_scenario)
    ],
    target: TargetName = "twin",
    terraform_plan: Annotated[
        Path | None,
        typer.Option("--terraform-plan", help="Say what this plan (`terraform show -json`) allows as well."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say, fault by fault, each AWS call with its undo and its IAM action, and how far it reaches; touches nothing.

    With a Terraform plan, also whether the promise can be kept at all; of a live platform: `gameday feasibility`.
    """
    from harness import catalogue, outlook
    from harness import plan as plans
    from harness.session import target_file
    from harness.target import load

    wanted = load(target_file(target))
    entries = catalogue.choose(scenarios)
    told = [plans.of(entry, wanted) for entry in entries]
    found = {}
    if terraform_plan is not None:
        for phase in dict.fromkeys(entry.phase for entry in entries):
            found[phase], _ = outlook.of_plan(terraform_plan, target, outlook.Assumptions(phase))
    if as_json:
        rows = [one.to_json() for one in told]
        for row, entry in zip(rows, entries, strict=True):
            row["feasibility"] = found[entry.phase].to_json() if entry.phase in found else None
        print(json.dumps(rows, indent=1))
        return
    print("\n\n".join(one.text() for one in told))
    for phase, survey in found.items():
        print(f"\n{terraform_plan}, held against the objectives of {phase}: {survey.verdict.wording}")
        for detail in survey.singles.details:
            print(f"  - {detail.words} Change: {detail.change}")
