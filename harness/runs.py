"""The runs that this checkout keeps, by name."""

from __future__ import annotations

from pathlib import Path

from harness.errors import BadInput
from harness.session import RUNS


def folder_of(run_name: str) -> Path:
    """The folder of a run by ``SESSION/SCENARIO``, or the newest for ``latest``. Raises ``BadInput``."""
    found = sorted(path.parent for path in RUNS.glob("*/*/run.json"))
    if run_name == "latest" and found:
        return max(found, key=lambda path: path.stat().st_mtime)
    folder = Path(run_name) if Path(run_name).is_dir() else RUNS / run_name
    if folder.is_dir() and (folder / "run.json").exists():
        return folder
    known = ", ".join(f"{path.parent.name}/{path.name}" for path in found[-5:]) or "none yet"
    raise BadInput("RUN", run_name, "no such run", f"The newest are: {known}.")
