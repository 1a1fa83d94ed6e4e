"""A session held against what was before it: ``gameday gate --baseline FILE``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.comparison import Comparison
from harness.errors import BadInput
from harness.reporting import nights
from harness.reporting.nights import Night
from harness.verdicts import Exit

_OPTION = "--baseline"


@dataclass(frozen=True)
class Held:
    """What came of it. ``missing``: what the baseline played and this session did not."""

    found: Comparison
    missing: tuple[str, ...]

    @property
    def exit_code(self) -> Exit:
        """Broken when anything got worse; unknown when something is missing, or nothing could be compared."""
        if self.found.regressed:
            return Exit.BROKEN
        return Exit.UNKNOWN if self.missing else self.found.exit_code

    def markdown(self) -> str:
        """What got worse and what is missing, for the terminal and for a pull request."""
        lines = ["### Held against the baseline", ""]
        rows = [one.row() for one in self.found.changes if one.regressed]
        rows += [one.row() for one in self.found.trends if one.regressed]
        for row in rows:
            before = row.get("before") or f"median {row['median']}, noise {row['noise']}"
            what = row.get("figure") or "verdict"
            lines.append(f"- worse: {row['runs of']}: {row['promise']}, {what}: {row['newest']} (before: {before})")
        lines += [f"- missing: {group} is in the baseline and was not played" for group in self.missing]
        if not rows and not self.missing:
            alone = self.found.exit_code is Exit.UNKNOWN
            lines.append("Nothing in it is comparable." if alone else "Nothing got worse.")
        return "\n".join([*lines, "", self.found.rule, ""])


@dataclass(frozen=True)
class Baseline:
    """The runs before, and those of them that must come again (as groups of :mod:`harness.comparison`)."""

    before: tuple[Night, ...]
    owed: tuple[str, ...]

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """From a session's ``verdict.json``, all of whose runs must come again, or from a file of nights.

        Raises ``BadInput`` naming the file, and the line in it, when it is neither.
        """
        try:
            told = _session(path.read_text())
            found = nights.of_session(told) if told else nights.read(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(_OPTION, str(path), f"neither a verdict.json nor a file of nights: {error}") from error
        if not found:
            raise BadInput(_OPTION, str(path), "holds no runs")
        return cls(tuple(found), tuple(dict.fromkeys(night.group for night in found)) if told else ())

    def hold(self, now: Sequence[Night]) -> Held:
        """Compare the runs of this session with those before."""
        played = {night.group for night in now}
        return Held(nights.compare(self.before, now), tuple(group for group in self.owed if group not in played))


def _session(text: str) -> dict[str, Any] | None:
    """A session's ``verdict.json``; ``None`` for what is none, as lines of nights are."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) and "runs" in told else None
