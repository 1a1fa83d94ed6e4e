"""The scenarios as a table of contents, read without importing them."""

from __future__ import annotations

import ast
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.errors import BadInput

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
PHASES = ("read_replicas", "active_passive", "active_active")


@dataclass(frozen=True)
class Entry:
    """One scenario: its path on the command line and what its docstring says."""

    path: str
    phase: str
    title: str
    story: str

    def to_json(self) -> dict[str, str]:
        """The entry as plain JSON values."""
        return asdict(self)

    @property
    def file(self) -> Path:
        """The scenario's module."""
        return SCENARIOS / f"{self.path}.py"


def entries() -> list[Entry]:
    """Every scenario, phase after phase."""
    found = []
    for phase in PHASES:
        for file in sorted((SCENARIOS / phase).glob("*.py")):
            if not file.name.startswith("_"):
                story = ast.get_docstring(ast.parse(file.read_text())) or file.stem
                found.append(Entry(f"{phase}/{file.stem}", phase, story.splitlines()[0], story))
    return found


def find(path: str) -> Entry:
    """The scenario of that path; raises ``BadInput`` that lists what there is."""
    known = entries()
    for entry in known:
        if entry.path == path.removesuffix(".py").removeprefix("scenarios/"):
            return entry
    raise BadInput("gameday run", path, "no such scenario", f"One of {', '.join(entry.path for entry in known)}.")
