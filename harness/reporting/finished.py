"""A run that has been judged: what every report is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.verdicts import Outcome, Ruling, Verdict, worst


@dataclass(frozen=True)
class Finished:
    """One run: its folder (the record), how it ended, and what the record says of each promise."""

    folder: Path
    outcome: Outcome
    verdicts: tuple[Verdict, ...]

    @property
    def scenario(self) -> str:
        """The path of its scenario, which the name of its folder begins with."""
        phase, name, *_ = self.folder.name.split(".")
        return f"{phase}/{name}"

    @property
    def ruling(self) -> Ruling:
        """The worst of its verdicts."""
        return worst(verdict.ruling for verdict in self.verdicts)
