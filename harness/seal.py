"""The seal of a finished run: what each file of its record was when it ended, so that no later damage passes.

A checksum inside a file cannot tell that its end was cut off, nor a timeline that one of its lines is gone. The undo
journal is not sealed, since undoing goes on after the run.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from harness.errors import Unreadable

SEAL_FILE = "seal.json"
VERSION = 1
_REMEDY = "Judge a whole copy of the run."
FILES = ("run.json", "timeline.jsonl", "readback.json", "requests-*.bin")


def write(folder: Path) -> None:
    """Seal the record in a run's folder, on disk before this returns."""
    told = {path.name: _digest(path) for pattern in FILES for path in sorted(folder.glob(pattern))}
    with (folder / SEAL_FILE).open("w") as file:
        file.write(_text({"version": VERSION, "sha256": told}))
        file.flush()
        os.fsync(file.fileno())


def check(folder: Path, *, sealed: bool) -> None:
    """Raise ``Unreadable`` where a file is not as the run left it; a run that was never sealed passes.

    ``sealed``: the header says that there is a seal.
    """
    path = folder / SEAL_FILE
    if not path.exists():
        if sealed:
            raise Unreadable(f"{path}: missing: nothing vouches for the record", _REMEDY)
        return
    told = _read(path)
    found = {one.name for pattern in FILES for one in folder.glob(pattern)}
    problems = dict.fromkeys(told.keys() - found, "missing")
    problems |= dict.fromkeys(found - told.keys(), "was not there when the run ended")
    changed = (name for name in told.keys() & found if _digest(folder / name) != told[name])
    problems |= dict.fromkeys(changed, "not as the run left it")
    if problems:
        name = min(problems)
        more = f" (and {len(problems) - 1} more files)" if len(problems) > 1 else ""
        raise Unreadable(f"{folder / name}: {problems[name]}{more}", _REMEDY)


def _read(path: Path) -> dict[str, str]:
    try:
        text = path.read_text()
        values = json.loads(text)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Unreadable(f"{path}: not JSON: {error}") from error
    if not isinstance(values, dict) or values.get("version") != VERSION:
        version = values.get("version") if isinstance(values, dict) else None
        raise Unreadable(f"{path}: version: {version!r} is not {VERSION}", "Judge it with the gameday that wrote it.")
    told = values.get("sha256")
    if not isinstance(told, dict) or not told or not all(isinstance(one, str) for one in told.values()):
        raise Unreadable(f"{path}: sha256: not a table of texts")
    if text != _text(values):
        raise Unreadable(f"{path}: not as the run left it", _REMEDY)
    return told


def _text(values: dict[str, object]) -> str:
    return json.dumps(values, indent=1) + "\n"


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
