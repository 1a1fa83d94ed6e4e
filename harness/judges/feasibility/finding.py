"""One thing that is wrong in a configuration as it is written: its evidence, why, AWS's own page, what to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evidence:
    """A value where it is written: ``where`` is a Terraform address or AWS's identifier."""

    where: str
    attribute: str
    value: Any

    def __str__(self) -> str:
        return f"{self.where or '(not named)'}: {self.attribute} = {self.value!r}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"where": self.where, "attribute": self.attribute, "value": self.value}


@dataclass(frozen=True)
class Finding:
    """``name`` is the same in every report; ``impossible``: AWS refuses it, or no setting of it keeps the promise."""

    name: str
    words: str
    evidence: tuple[Evidence, ...]
    why: str
    source: str
    change: str
    impossible: bool = False
    draws_out: tuple[str, ...] = ()
    """The stages of a recovery (:data:`harness.judges.anatomy.STAGES`) that it makes longer."""
    breaks: tuple[str, ...] = ()
    """The promises that it breaks; none named: it keeps the service from coming back, the trouble of all others."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "words": self.words,
            "evidence": [one.to_json() for one in self.evidence],
            "why": self.why,
            "source": self.source,
            "change": self.change,
            "impossible": self.impossible,
            "draws_out": list(self.draws_out),
            "breaks": list(self.breaks),
        }
