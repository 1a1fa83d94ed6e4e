"""The last hand: a function inside the account that undoes what a dead game day left, though every machine of it died.

An AWS Lambda handler, scheduled outside the region under test (``infrastructure/dead_mans_switch``). It needs boto3 and
tenacity only. Environment: ``GAMEDAY_TABLE`` and ``GAMEDAY_ENVIRONMENT``; the table is in the function's own region.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import Anchor, Clock
from harness.cloud import undoing
from harness.cloud.session import Cloud
from harness.errors import GamedayError, Refused, UndoFailed
from harness.safety.table import Kept, Table

_PATIENCE_REAL_SECONDS = 20.0


@dataclass(frozen=True)
class Inside:
    """What the account itself can reach: AWS's API, and neither SQL nor Redis."""

    cloud: Cloud
    clock: Clock

    def hand(self, region: str) -> undoing.Hand:
        """Raises ``Refused``."""
        raise Refused(f"no hand reaches the private endpoints of {region} from inside the account.", _BY_HAND)

    def strike(self, act: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises ``Refused``."""
        raise Refused(f"{act['act']} is an act of nature, which nobody takes back on AWS.")


_BY_HAND = "Run `gameday undo` where the target's hands reach them."


def handler(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's own signature
    """Undo what is pending in the environment once the lease of its holder has run out; return what was done.

    A game day that lives is left alone. Raises ``UndoFailed`` when something is left: Lambda counts it as an error of
    the function, on which the schedule's alarm rings.
    """
    table = Table(
        Cloud(purpose="dead-mans-switch"),
        os.environ["AWS_REGION"],
        os.environ["GAMEDAY_TABLE"],
        os.environ["GAMEDAY_ENVIRONMENT"],
    )
    holder = table.holder()
    if holder is not None and not holder.expired:
        return {"holder": holder.name, "undone": [], "left_alone": True}
    reach = Inside(table.cloud, Clock(1.0, Anchor.now()))
    undone, failures = _replay(table, reach, table.pending())
    if failures:
        raise UndoFailed(f"{len(failures)} act(s) are left: {'; '.join(failures)}", _BY_HAND)
    if holder is not None:
        table.release(holder.name)
    return {"holder": holder.name if holder else "", "undone": undone, "left_alone": False}


def _replay(table: Table, reach: undoing.Reach, waiting: Sequence[Kept]) -> tuple[list[str], list[str]]:
    undone, failures = [], []
    for kept in waiting:
        try:
            undoing.perform(reach, kept.armed.act, _PATIENCE_REAL_SECONDS)
            table.undone(kept.run, kept.armed.number)
        except GamedayError as error:
            failures.append(f"{kept.run}: {error.message}")
        else:
            undone.append(f"{kept.run}: {kept.armed.act}")
    return undone, failures
