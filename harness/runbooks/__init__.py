"""Runbooks for operators: data and steps, each checked, ordered, awaited, timed and recorded.

A runbook may be carried out again after a crash: every step looks first whether it is done, or under way, already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.procedures import Drain, FailBack, FailOver, Procedure, PromoteStandby, Return, SwitchOver
from harness.runbooks import clients, home, writer
from harness.runbooks.step import Runbook

KNOWN: Mapping[type[Procedure], Callable[[Estate, Any], Runbook]] = {
    PromoteStandby: writer.promote_standby,
    FailOver: writer.fail_over,
    SwitchOver: writer.switch_over,
    FailBack: home.fail_back,
    Drain: clients.drain,
    Return: clients.bring_back,
}
"""By kind of procedure."""


def runbook_of(procedure: Procedure, estate: Estate) -> Runbook:
    """The steps of a procedure on this estate. Raises ``Refused``, before anything is touched, for what cannot be."""
    built = {region.name for region in estate.platform.regions}
    if procedure.region.name not in built:
        problem = f"{procedure.region} is no region of the platform that answers."
        raise Refused(problem, f"One of {', '.join(sorted(built))}.")
    return KNOWN[type(procedure)](estate, procedure)
