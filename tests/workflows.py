"""`python -m tests.workflows [N]`: the promotion gate as GitHub's runner plays it, every shell step, on the real twin.

It is played N times, once if nothing is said; each time but the first it is held against the baseline of the last.
What is here of a runner: steps in their order with their conditions, environment, outputs and summary, each script
run by the same command. What a step *uses* is only noted; caches and artefacts are files that stay where they are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HOME = Path(__file__).resolve().parents[1]
WORKFLOWS = HOME / ".github" / "workflows"
GATE = WORKFLOWS / "promotion-gate.yml"
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
"""What the runner starts a script with where a workflow says `shell: bash`."""
ON_MAIN = {"github.ref": "refs/heads/main", "github.event_name": "push"}
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_STATUS = {"always", "success", "failure", "cancelled"}


@dataclass(frozen=True)
class Step:
    """One step of a job. ``uses`` is empty where it has a script."""

    name: str
    identifier: str
    condition: str
    uses: str
    script: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Done:
    """What became of a step: ``success``, ``failure`` or ``skipped``."""

    step: Step
    outcome: str
    code: int = 0
    said: str = ""


@dataclass
class Job:
    """A job in a checkout. ``context`` answers expressions, ``environment`` is what every script finds."""

    steps: Sequence[Step]
    checkout: Path
    context: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""
    done: list[Done] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)

    def play(self) -> None:
        """Play every step whose condition holds, however the ones before it came out."""
        self._known = dict(self.context)
        for step in self.steps:
            one = self._played(step) if self._wanted(step) else Done(step, "skipped")
            self.done.append(one)
            self._known[f"steps.{step.identifier}.outcome"] = one.outcome

    @property
    def failed(self) -> bool:
        """Whether the job is red."""
        return any(one.outcome == "failure" for one in self.done)

    def outcome(self, identifier: str) -> str:
        """What became of the step with that id or name."""
        return next(one.outcome for one in self.done if identifier in (one.step.identifier, one.step.name))

    def said(self, identifier: str) -> str:
        """What that step wrote."""
        return next(one.said for one in self.done if identifier in (one.step.identifier, one.step.name))

    def _wanted(self, step: Step) -> bool:
        condition = step.condition
        named = set(re.findall(r"(\w+)\(\)", condition)) & _STATUS
        return (bool(named) or not self.failed) and bool(self._value(condition or "success()"))

    def _played(self, step: Step) -> Done:
        if step.uses:
            return Done(step, "success")
        with tempfile.TemporaryDirectory() as folder:
            script, output, summary = (Path(folder) / name for name in ("script.sh", "output", "summary"))
            script.write_text(step.script)
            output.touch()
            files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
            own = {name: self._resolved(value) for name, value in step.environment.items()}
            found = {**os.environ, **self.environment, **files, **own}
            told = subprocess.run(
                [*SHELL, str(script)], cwd=self.checkout, env=found, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            )  # fmt: skip
            for line in output.read_text().splitlines():
                name, _, value = line.partition("=")
                self._known[f"steps.{step.identifier}.outputs.{name}"] = value
            self.summary += summary.read_text() if summary.exists() else ""
        return Done(step, "failure" if told.returncode else "success", told.returncode, told.stdout)

    def _resolved(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self._text(found[1]), text)

    def _text(self, expression: str) -> str:
        value = self._value(expression)
        return str(value).lower() if isinstance(value, bool) else value

    def _value(self, expression: str) -> str | bool:
        """As much of the expression language as the workflows use: ``||``, ``&&``, ``==``, ``!=``, names, strings."""
        for operator in ("||", "&&"):
            left, found, right = expression.partition(operator)
            if found:
                first = self._value(left)
                return first if bool(first) == (operator == "||") else self._value(right)
        compared = re.fullmatch(r"(.+?)\s*([!=]=)\s*(.+)", expression.strip())
        if compared:
            same = self._value(compared[1]) == self._value(compared[3])
            return same if compared[2] == "==" else not same
        return self._word(expression.strip())

    def _word(self, word: str) -> str | bool:
        if word.startswith("'"):
            return word.strip("'")
        if word.endswith("()"):
            return {"always": True, "success": not self.failed, "failure": self.failed, "cancelled": False}[word[:-2]]
        return self._known.get(word, "")


def steps(path: Path) -> list[Step]:
    """The steps of a workflow's one job."""
    workflow = read(path)
    (job,) = workflow["jobs"].values()
    return [
        Step(
            one.get("name", one.get("uses", "")),
            one.get("id", ""),
            str(one.get("if", "")),
            one.get("uses", ""),
            one.get("run", ""),
            {name: str(value) for name, value in one.get("env", {}).items()},
        )
        for one in job["steps"]
    ]


def read(path: Path) -> dict[str, Any]:
    """A workflow's document. YAML 1.1 takes its `on:` for true, so that key is named again."""
    document = yaml.safe_load(path.read_text())
    document["on"] = document.pop(True)
    return dict(document)


def copy_of_the_checkout(to: Path) -> Path:
    """A copy of what git knows or would take in, as it stands in the working tree; a repository of its own."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=HOME, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (HOME / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HOME / name, to / name)
    return to


def main(times: int) -> int:
    """Play the gate so often, as on main; 1 when it is not as it must be."""
    with tempfile.TemporaryDirectory(prefix="gameday-workflows-") as folder:
        checkout = copy_of_the_checkout(Path(folder))
        for turn in range(1, times + 1):
            job = Job(steps(GATE), checkout, ON_MAIN)
            job.play()
            sys.stdout.write(f"promotion gate, {turn} of {times}\n")
            for one in job.done:
                sys.stdout.write(f"  {one.outcome:<8} {one.step.name}\n")
            if job.failed or "Game day: promise kept" not in job.summary:
                sys.stdout.write("".join(one.said for one in job.done if one.outcome == "failure") + job.summary)
                return 1
            kept = json.loads((checkout / "reports" / "history" / "baseline.json").read_text())
            sys.stdout.write(f"  the baseline holds {len(kept['runs'])} runs, exit code {kept['exit_code']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 1))
