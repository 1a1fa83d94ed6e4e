"""The workflows: linted, allowed little, and each shell step carried out with a stand-in for the game day."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness import catalogue
from harness.faults import Fidelity
from harness.verdicts import Exit
from tests.workflows import GATE, ON_MAIN, WORKFLOWS, Job, read, steps

HOME = Path(__file__).resolve().parents[2]
ACTIONLINT = Path(sys.executable).parent / "actionlint"
NIGHTLY = WORKFLOWS / "nightly-staging.yml"
ALL = sorted(WORKFLOWS.glob("*.yml"))
COPIED = ("Makefile", "tests/as_root.sh", "targets/twin.toml")
GAMEDAY = """#!/usr/bin/env bash
echo "gameday $*" >> "$CALLS"
if [ "$1" = list ]; then cat "$CATALOGUE"; exit; fi
if [ "$1" = undo ]; then exit "$UNDO_EXIT"; fi
if [ "$PLAY_EXIT" = killed ]; then kill -KILL $PPID; fi
mkdir -p reports
printf '{"exit_code": %s, "runs": []}' "$PLAY_EXIT" > reports/verdict.json
echo "## Game day: exit $PLAY_EXIT" >> "$GITHUB_STEP_SUMMARY"
exit "$PLAY_EXIT"
"""
MESSENGER = '#!/usr/bin/env bash\necho "$(basename "$0") $*" >> "$CALLS"\nexit "$MESSENGER_EXIT"\n'
STAGING = {
    "vars.GAMEDAY_TARGET": "[target]",
    "vars.GAMEDAY_PHASE": "active_passive",
    "vars.GAMEDAY_TOPIC": "arn:aws:sns:eu-central-1:111111111111:game-days",
    "secrets.GAMEDAY_WEBHOOK": "https://example.com/hook",
    "github.server_url": "https://example.com",
    "github.repository": "a/b",
    "github.run_id": "7",
}


def linted(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ACTIONLINT, "-no-color", *files], capture_output=True, text=True, check=False, cwd=HOME)


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class Runner:
    """A checkout with a stand-in for the game day, and for whoever carries messages."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.calls = folder / "calls"
        self.calls.touch()
        self._catalogue = folder / "catalogue.json"
        self._catalogue.write_text(json.dumps([entry.to_json() for entry in catalogue.entries()]))
        self._bin = folder / "bin"
        for name in COPIED:
            (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HOME / name, self.checkout / name)
        program(self.checkout / ".venv" / "bin" / "gameday", GAMEDAY)
        for name in ("aws", "curl"):
            program(self._bin / name, MESSENGER)

    @property
    def baseline(self) -> Path:
        return self.checkout / "reports" / "history" / "baseline.json"

    def plays(
        self, workflow: Path, context: Mapping[str, str], *, exits: int | str = 0, undo: int = 0, messenger: int = 0
    ) -> Job:
        environment = {
            # What `make setup` starts: the stand-in needs no set-up.
            "PYTHON": "true",
            "PATH": f"{self._bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "CALLS": str(self.calls),
            "CATALOGUE": str(self._catalogue),
            "PLAY_EXIT": str(exits),
            "UNDO_EXIT": str(undo),
            "MESSENGER_EXIT": str(messenger),
        }
        job = Job(steps(workflow), self.checkout, context, environment)
        job.play()
        return job

    def called(self, name: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if line.startswith(f"{name} ")]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_linter_finds_nothing(path: Path) -> None:
    told = linted(path)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("runs-on:", "run-on:", 'unexpected key "run-on"'),
        ("github.sha", "github.shaa", 'property "shaa" is not defined'),
        ("restore-keys:", "restorekeys:", 'input "restorekeys" is not defined'),
    ],
)
def test_the_linter_finds_what_is_planted(right: str, wrong: str, finding: str, tmp_path: Path) -> None:
    text = GATE.read_text()
    assert right in text
    planted = tmp_path / "planted.yml"
    planted.write_text(text.replace(right, wrong, 1))
    told = linted(planted)
    assert told.returncode != 0
    assert finding in told.stdout


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_workflow_may_do_little_and_ends_by_itself(path: Path) -> None:
    workflow = read(path)
    granted = {"contents": "read"} | ({"id-token": "write"} if path == NIGHTLY else {})
    assert workflow["permissions"] == granted
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 360
        assert "permissions" not in job


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_script_is_strict_and_no_expression_can_write_into_it(path: Path) -> None:
    assert read(path)["defaults"]["run"]["shell"] == "bash"
    for step in steps(path):
        assert "${{" not in step.script, f"{step.name}: by way of the environment, or an expression becomes a command"
        if "\n" in step.script.strip():
            assert step.script.startswith("set -euo pipefail\n"), step.name


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_what_is_used_is_pinned(path: Path) -> None:
    for step in steps(path):
        assert not step.uses or re.search(r"@(v\d+|[0-9a-f]{40})$", step.uses), step.uses


def test_a_green_gate_of_main_becomes_the_baseline_of_the_next(runner: Runner) -> None:
    job = runner.plays(GATE, ON_MAIN)
    assert not job.failed
    assert "## Game day: exit 0" in job.summary
    assert json.loads(runner.baseline.read_text())["exit_code"] == 0
    assert job.outcome("artefacts") == "success"
    runner.plays(GATE, ON_MAIN)
    plain = "gameday gate --target twin --speed 10"
    assert runner.called("gameday") == [plain, f"{plain} --baseline reports/history/baseline.json"]


def test_a_broken_gate_is_red_keeps_its_artefacts_and_leaves_the_baseline(runner: Runner) -> None:
    runner.plays(GATE, ON_MAIN)
    before = runner.baseline.read_text()
    job = runner.plays(GATE, ON_MAIN, exits=1)
    assert job.failed
    assert job.outcome("gate") == "failure"
    assert job.outcome("baseline") == "skipped"
    assert job.outcome("artefacts") == job.outcome("Save the history of main") == "success"
    assert "## Game day: exit 1" in job.summary
    assert runner.baseline.read_text() == before


def test_a_pull_request_is_held_against_the_baseline_and_changes_nothing_of_it(runner: Runner) -> None:
    runner.plays(GATE, ON_MAIN)
    before = runner.baseline.read_text()
    request = {"github.ref": "refs/pull/3/merge", "github.event_name": "pull_request"}
    job = runner.plays(GATE, request)
    assert not job.failed
    assert job.outcome("baseline") == job.outcome("Save the history of main") == "skipped"
    assert runner.baseline.read_text() == before
    assert runner.called("gameday")[-1].endswith("--baseline reports/history/baseline.json")


def test_a_gate_that_begins_anew_is_held_against_nothing(runner: Runner) -> None:
    runner.plays(GATE, ON_MAIN)
    runner.plays(GATE, ON_MAIN | {"inputs.anew": "true"})
    assert "--baseline" not in runner.called("gameday")[-1]


def test_a_night_that_is_kept_tells_nobody(runner: Runner) -> None:
    job = runner.plays(NIGHTLY, STAGING)
    assert not job.failed
    listed, played, undone = runner.called("gameday")
    assert listed == "gameday list --json"
    wanted = [
        entry.path
        for entry in catalogue.entries()
        if entry.phase == "active_passive" and entry.on_aws is not Fidelity.TWIN_ONLY
    ]
    options = "--target staging --speed 1 --cadence nightly --yes"
    assert played == f"gameday run {' '.join(wanted)} {options}"
    assert undone == "gameday undo --target staging"
    assert (runner.checkout / "targets" / "staging.toml").read_text() == "[target]\n"
    assert runner.called("aws") == runner.called("curl") == []


@pytest.mark.parametrize("code", [code for code in Exit if code is not Exit.KEPT])
def test_a_night_that_is_anything_else_is_undone_and_told_in_the_runbooks_words(code: Exit, runner: Runner) -> None:
    job = runner.plays(NIGHTLY, STAGING, exits=code)
    rows = re.findall(r"^\| (\d) \| (.+?) \|", (HOME / "docs" / "runbook.md").read_text(), re.MULTILINE)
    words = f"exit {int(code)}: {dict(rows)[str(int(code))]}"
    assert job.failed
    assert job.outcome("undo") == job.outcome("artefacts") == "success"
    (published,), (posted,) = runner.called("aws"), runner.called("curl")
    assert words in published
    assert "--region eu-central-1" in published
    assert "nothing is left" in published
    assert words in posted
    assert "https://example.com/a/b/actions/runs/7" in posted
    assert words in job.summary


def test_a_night_that_was_killed_is_undone_and_told(runner: Runner) -> None:
    job = runner.plays(NIGHTLY, STAGING, exits="killed")
    assert job.failed
    assert job.outcome("undo") == "success"
    assert "it ended without an exit code" in runner.called("aws")[0]


def test_an_undo_that_fails_is_the_loudest_though_everything_was_kept(runner: Runner) -> None:
    job = runner.plays(NIGHTLY, STAGING, undo=5)
    assert job.failed
    assert "SOMETHING OF OURS STILL STANDS" in runner.called("curl")[0]


def test_a_night_for_no_phase_is_wrong_usage_and_breaks_nothing(runner: Runner) -> None:
    job = runner.plays(NIGHTLY, STAGING | {"vars.GAMEDAY_PHASE": "7.2"})
    assert job.failed
    assert runner.called("gameday") == ["gameday list --json", "gameday undo --target staging"]
    assert "exit 2" in runner.called("aws")[0]


def test_a_night_without_a_target_file_touches_nothing_and_is_told(runner: Runner) -> None:
    job = runner.plays(NIGHTLY, STAGING | {"vars.GAMEDAY_TARGET": ""})
    assert job.failed
    assert job.outcome("play") == job.outcome("undo") == "skipped"
    assert runner.called("gameday") == []
    assert "no undo was tried" in runner.called("aws")[0]


def test_when_one_messenger_fails_the_other_one_goes_and_the_step_is_red(runner: Runner) -> None:
    job = runner.plays(NIGHTLY, STAGING, exits=1, messenger=1)
    assert len(runner.called("aws")) == len(runner.called("curl")) == 1
    assert job.outcome("tell") == "failure"


def test_when_nobody_can_be_told_the_step_is_red(runner: Runner) -> None:
    nobody = STAGING | {"vars.GAMEDAY_TOPIC": "", "secrets.GAMEDAY_WEBHOOK": ""}
    job = runner.plays(NIGHTLY, nobody, exits=1)
    assert job.outcome("tell") == "failure"
    assert "nobody was told" in job.said("tell")


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_artefacts_are_all_that_a_report_is_and_are_kept_whatever_happens(path: Path) -> None:
    (kept,) = [one for job in read(path)["jobs"].values() for one in job["steps"] if one.get("id") == "artefacts"]
    assert kept["with"]["path"].split() == ["reports/site", "reports/verdict.json", "reports/junit.xml", "reports/runs"]
    assert kept["if"] == "always()"
