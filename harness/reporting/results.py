"""What allure-pytest left, sorted by phase: Allure merges equal ids across phases into empty green pages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.reporting.telling import RUN_LABEL

UNSORTED = "other"
"""The phase of a test that failed before it could say its own."""


@dataclass(frozen=True, eq=False)
class Result:
    """One test as allure-pytest wrote it."""

    file: Path
    values: dict[str, Any]

    @property
    def phase(self) -> str:
        """The phase that it belongs to."""
        return self.label("epic") or self.label("parentSuite") or UNSORTED

    @property
    def name(self) -> str:
        """Its title."""
        return str(self.values.get("name", self.file.name))

    @property
    def failed(self) -> bool:
        """It did not pass, nor was it skipped."""
        return self.values.get("status") not in ("passed", "skipped")

    @property
    def session(self) -> str:
        """The session whose run it tells of; empty when no run came of it."""
        return self.label(RUN_LABEL).partition("/")[0]

    def label(self, name: str) -> str:
        """The first label of that name; empty without one."""
        labels = self.values.get("labels") or ()
        return next((str(one.get("value", "")) for one in labels if one.get("name") == name), "")


def read(folder: Path, sessions: Iterable[str]) -> list[Result]:
    """The results in a folder when they tell of one of these sessions; none when they are another's.

    A file that is no JSON was written by a process that was killed: it is left out.
    """
    found = list(_read(folder))
    known = set(sessions)
    told = {result.session for result in found} - {""}
    return found if told <= known and (told or not known) else [one for one in found if one.session in known]


def _read(folder: Path) -> Iterator[Result]:
    for file in sorted(folder.glob("*-result.json")):
        values = _json(file)
        if values is not None:
            yield Result(file, values)


def gather(found: Sequence[Result], folder: Path, target: Path) -> None:
    """Copy these results with their fixtures and attachments into a folder of their own."""
    target.mkdir(parents=True)
    names = {result.values.get("uuid") for result in found}
    told: list[tuple[Path, dict[str, Any]]] = [(result.file, result.values) for result in found]
    for file in sorted(folder.glob("*-container.json")):
        values = _json(file)
        if values is not None and names & set(values.get("children") or ()):
            told.append((file, values))
    for file, values in told:
        shutil.copy2(file, target / file.name)
        for source in _sources(values):
            # The name comes from a file; only its last part can be meant.
            attached = folder / Path(source).name
            if attached.is_file():
                shutil.copy2(attached, target / attached.name)


def _sources(values: Any) -> Iterator[str]:
    """Every attachment that a result or container names, in its steps too."""
    if isinstance(values, dict):
        if isinstance(values.get("source"), str):
            yield values["source"]
        for value in values.values():
            yield from _sources(value)
    elif isinstance(values, list):
        for value in values:
            yield from _sources(value)


def _json(file: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(file.read_text())
    except ValueError:
        return None
    return values if isinstance(values, dict) else None
