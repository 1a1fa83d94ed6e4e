"""One phase's Allure report: a single file that opens from disk and asks nobody for anything.

Allure 3 is pinned in ``reports/package.json``; its page is made ours by :mod:`harness.reporting.allure_page`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.reporting import figures, nights, results
from harness.reporting.allure_page import at_home
from harness.reporting.results import Result

HOME = Path(__file__).resolve().parents[2]
ALLURE = HOME / "reports" / "node_modules" / ".bin" / "allure"
NODE = 20
"""The oldest Node that Allure 3 runs on."""
PATIENCE = 120
"""Seconds of real time that one report may take; it takes about one."""

CATEGORIES = (
    ("undo failed", "UndoFailed"),
    ("broken promise", "BrokenPromise"),
    ("inconclusive", "Inconclusive|OutOfPatience|Ineffective"),
    ("aborted or refused", "Aborted|Refused|BadInput|KeyboardInterrupt"),
    ("harness fault", ""),
)
"""What a test that did not pass is called, by its error; the first that fits."""


@dataclass(frozen=True)
class PhaseReport:
    """What became of a phase's Allure report: its page, or why there is none."""

    page: Path | None
    reason: str = ""


def build(
    phase: str, found: Sequence[Result], folder: Path, runs: Sequence[Mapping[str, Any]], site: Path, history: Path
) -> PhaseReport:
    """Generate ``site/PHASE/index.html`` from these results of ``folder``; never raises for want of a tool."""
    tool = _tool()
    if isinstance(tool, str):
        return PhaseReport(None, tool)
    session = next((result.session for result in found if result.session), "")
    name = f"{phase.replace('_', ' ')} · {session}".rstrip(" ·")
    history.parent.mkdir(parents=True, exist_ok=True)
    _forget(history, name)
    with tempfile.TemporaryDirectory(prefix="gameday-allure-") as scratch:
        work = Path(scratch)
        results.gather(found, folder, work / "results")
        _surroundings(work / "results", phase, runs)
        told = config(name, work / "report", history, runs)
        (work / "allurerc.json").write_text(json.dumps(told))
        failure = _generate([*tool, "generate", "--config", str(work / "allurerc.json"), str(work / "results")], work)
        written = work / "report" / "index.html"
        if failure or not written.exists():
            return PhaseReport(None, failure or "Allure ended well, but wrote no page")
        page = site / phase / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(at_home(written.read_text()))
    return PhaseReport(page)


def node() -> Path | None:
    """Node 20 or newer: the one on the path, or the virtual environment's."""
    for candidate in (shutil.which("node"), str(HOME / ".venv" / "bin" / "node")):
        if candidate and Path(candidate).exists():
            done = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
            version = re.match(r"v(\d+)\.", done.stdout)
            if version and int(version[1]) >= NODE:
                return Path(candidate)
    return None


def config(name: str, output: Path, history: Path, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Allure's configuration for one phase."""
    return {
        "name": name,
        "output": str(output),
        "historyPath": str(history),
        "historyLimit": nights.KEPT,
        "categories": [
            {"name": title, "matchers": [{"statuses": ["failed", "broken"], "message": message}]}
            for title, message in CATEGORIES
        ],
        "performance": {
            "groups": {name: {"title": title} for name, (title, _) in figures.TRENDS.items()},
            "metrics": {
                key: {"title": title, "unit": figures.TRENDS[name][1], "better": "lower", "group": name}
                for key, title, name, _ in _trends(runs)
            },
        },
        "plugins": {
            "awesome": {
                "options": {
                    "reportName": name,
                    "singleFile": True,
                    "reportLanguage": "en",
                    "theme": "auto",
                    "groupBy": ["feature"],
                }
            }
        },
    }


def variables(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a reader must know of all figures of a phase."""
    told: dict[str, str] = {}
    for name, key in (("design", "design"), ("version", "design_version"), ("target", "target"), ("speed", "speed")):
        told[name] = ", ".join(dict.fromkeys(f"{run[key]:g}" if key == "speed" else str(run[key]) for run in runs))
    told["clients"] = ", ".join(dict.fromkeys(f"TTL {run['client']['ttl']}" for run in runs))
    return {name: value for name, value in told.items() if value}


def _tool() -> list[str] | str:
    """The command, or why there is none."""
    if not ALLURE.exists():
        return "Allure is not installed in reports/node_modules (run `make setup`)"
    found = node()
    if found is None:
        return f"there is no Node {NODE} or newer (run `make setup`)"
    return [str(found), str(ALLURE)]


def _generate(command: Sequence[str], folder: Path) -> str:
    """Run Allure; the reason when it failed."""
    quiet = {name: value for name, value in os.environ.items() if name not in ("NODE_OPTIONS", "ALLURE_SERVICE_TOKEN")}
    try:
        done = subprocess.run(
            command, cwd=folder, env=quiet, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return f"Allure did not end within {PATIENCE} s"
    except OSError as error:
        return f"Allure could not be started: {error.strerror}"
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        return f"Allure ended with {done.returncode}: {' '.join(last)}"
    return ""


def _surroundings(folder: Path, phase: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Environment, executor and trends, in the files that Allure reads beside the results."""
    told = {"phase": phase, **variables(runs)}
    lines = [f"{name} = {value}" for name, value in told.items()]
    (folder / "environment.properties").write_text("\n".join(lines) + "\n")
    executor = {"name": "gameday", "type": "gameday", "reportName": phase, "buildName": _session(runs)}
    (folder / "executor.json").write_text(json.dumps(executor))
    samples = [
        {"id": f"{key}.{number}", "key": key, "value": value, "start": 0, "stop": 0}
        for number, (key, _, _, value) in enumerate(_trends(runs))
    ]
    (folder / "gameday-perf.json").write_text(json.dumps(samples))


def _session(runs: Sequence[Mapping[str, Any]]) -> str:
    return str(runs[0]["run"]).partition("/")[0] if runs else ""


def _trends(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, float]]:
    """Key, title, figure and value of what is followed from night to night; like is only compared with like."""
    found = []
    for run in runs:
        told = figures.merged(run["verdicts"])
        folder = str(run["run"]).partition("/")[2].partition(".")[2]
        for name in figures.TRENDS:
            value = told.get(name)
            if isinstance(value, int | float):
                key = f"{name}.{folder}.{run['design_version']}.speed{run['speed']:g}"
                title = f"{folder.replace('_', ' ').replace('.', ', ')} ({run['design_version']}, ×{run['speed']:g})"
                found.append((key, title, name, float(value)))
    return found


def _forget(history: Path, name: str) -> None:
    """Take this session out of the history, so that a report that is built twice is remembered once."""
    if not history.exists():
        return
    lines = history.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not _is_of(line, name)]
    if len(kept) != len(lines):
        unfinished = history.with_name(history.name + ".new")
        unfinished.write_text("".join(kept))
        unfinished.replace(history)


def _is_of(line: str, name: str) -> bool:
    """Whether a line of the history is of this name; one that is torn is of nobody and goes as well."""
    try:
        told = str(json.loads(line).get("name", ""))
    except ValueError:
        return True
    # In a CI job Allure adds the job's name behind a dash.
    return told == name or told.startswith(f"{name} – ")
