"""May we? The live account and its tags against the target file; any doubt refuses, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness import undo
from harness.cloud import discovery
from harness.cloud.session import Cloud
from harness.errors import CloudFault, Refused
from harness.faults import Arrangement, Blackhole, Fault, Lose
from harness.target import Target
from harness.topology import LoadBalancer, Region


def recognise(cloud: Cloud, target: Target, region: str) -> None:
    """Hold the live accounts against the target file; all that an undo asks, since it only puts back what was ours.

    Raises ``Refused`` when the account is another or cannot be told, as which role ever we call.
    """
    askers = dict.fromkeys((None, *cloud.roles))
    for role in askers:
        whose = f" of {role.arn}" if role else ""
        try:
            account = cloud.account(region, role)
        except CloudFault as error:
            remedy = error.remedy or "Check the credentials."
            raise Refused(f"who we are{whose} cannot be told: {error.message}", remedy) from error
        expected = (role.account,) if role else _own_accounts(target)
        if account not in expected:
            named = " or ".join(expected)
            raise Refused(f"this is account {account}{whose}, the target file says {named}.", "Check credentials.")


def _own_accounts(target: Target) -> tuple[str, ...]:
    """Where our own credentials may be from: where a role takes every call, any account that the file names."""
    hub = any(not role.rank for role in target.roles)
    return (target.target.account, *(target.target.accounts if hub else ()))


def admit(cloud: Cloud, target: Target, region: str) -> None:
    """Hold the live account and all that carries our tags against the target file, before anything is broken.

    Raises ``Refused`` when the account is another, a resource says production, or one that carries our tags lacks
    ``gameday:allowed = true``.
    """
    recognise(cloud, target, region)
    for arn, tags in discovery.tagged(cloud, target, region).items():
        words = " ".join([arn, *tags.values()]).lower()
        if "production" in words:
            raise Refused(f"{arn} says production.", "Production is never a target.")
        if tags.get("gameday:allowed") != "true":
            raise Refused(f"{arn} is not tagged gameday:allowed=true.", "Tag it, if it may be broken.")


def limit(target: Target, faults: Sequence[Fault | Arrangement]) -> None:
    """Refuse more regions at once than the target file's blast radius allows."""
    whole = [fault.target for fault in faults if isinstance(fault, Blackhole | Lose)]
    dark = {target.name for target in whole if isinstance(target, Region)}
    dark |= {target.region.name for target in whole if isinstance(target, LoadBalancer)}
    if len(dark) > target.limits.regions_at_once:
        raise Refused(
            f"{len(dark)} regions at once, the target file allows {target.limits.regions_at_once}.",
            "Raise limits.regions_at_once, if that is meant.",
        )


def nothing_pending(runs: Path, is_moot: Callable[[Path], bool]) -> None:
    """Refuse to start while an earlier run left something to undo; ``is_moot`` says of a run that its world is gone."""
    for journal in sorted(runs.glob("*/*/undo.jsonl")):
        waiting = undo.pending(journal)
        if waiting and not is_moot(journal.parent):
            run = f"{journal.parent.parent.name}/{journal.parent.name}"
            raise Refused(f"{run} left {len(waiting)} act(s) to undo: {waiting[0].act}.", f"Run `gameday undo {run}`.")
