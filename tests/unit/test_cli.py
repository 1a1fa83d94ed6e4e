"""Bad input on the command line: one clear line that names the file and the field, exit 2, nothing started."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import catalogue, cli
from harness.commands import options
from harness.verdicts import Exit
from tests.unit.terraform import strategy

HOME = Path(__file__).resolve().parents[2]
DARK = "active_passive/the_primary_load_balancer_goes_dark"


def gameday(*words: str, home: Path = HOME) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GAMEDAY_HOME": str(home), "PYTHONPATH": str(HOME)}
    command = [sys.executable, "-m", "harness.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=home, timeout=60)


@pytest.fixture
def home(tmp_path):
    """A checkout of its own: no twin of somebody else's, no runs."""
    for folder in ("scenarios", "targets"):
        (tmp_path / folder).symlink_to(HOME / folder)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "active_passive/nothing_happens"), "active_passive/nothing_happens: no such scenario"),
        (("run", "--speed", "0"), "--speed: 0: must be above 0"),
        (("run", "--speed", "-3"), "--speed: -3: must be above 0"),
        (("run", "--watch", "latest", "--expected"), "run: --watch: starts nothing, and so goes with no scenario"),
        (("run", "--json"), "run: --json: goes with --watch"),
        (
            ("gate", "--baseline", "nowhere.json"),
            "--baseline: nowhere.json: neither a verdict.json",
        ),
        (("report", "--single-file", "report.txt"), "--single-file: report.txt: must end in .html"),
        (("explain", "active_lazy"), "active_lazy: no such design"),
        (("run", "--cadence", "daily"), "--cadence: daily: no such cadence"),
        (("list", "active_passive/nothing_happens"), "active_passive/nothing_happens: no such scenario"),
        (("run", "--target", "mars"), "--target: mars: no such target"),
        (("runbook", "fail-sideways", "us-east-1"), "NAME: fail-sideways: no such runbook"),
        (("runbook", "fail-back"), "REGION: fail-back: missing"),
        (("runbook", "fail-back", "mars-1", "--plan"), "REGION: mars-1: no such region in the target file"),
        (("twin", "up", "--design", "active_lazy"), "--design: active_lazy: no such design"),
        (("twin", "up", "--design", "active_active", "--speed", "0"), "--speed: 0: must be above 0"),
        (("rejudge", "20200101T000000/none"), "RUN: 20200101T000000/none: no such run"),
        (("report", "20200101T000000"), "RUN: 20200101T000000: no such session"),
        (("feasibility", "--terraform-plan", "none.json"), "none.json: file: No such file"),
        (("feasibility", "--terraform-plan", "targets/twin.toml"), "targets/twin.toml: JSON: "),
        (("feasibility", "--json", "--markdown"), "--markdown: --json: one of the two"),
        (("observe",), "observe: --since: one of --live and --since TIME"),
        (("observe", "--live", "--since", "-5m"), "observe: --live: one of --live and --since TIME"),
        (("observe", "--live", "--until", "-5m"), "--until: -5m: goes with --since"),
        (("observe", "--live", "--for", "0"), "--for: 0: must be more than 0 minutes"),
        (("observe", "--live", "--phase", "active_lazy"), "--phase: active_lazy: no such phase"),
        (("observe", "--live", "--phase", "active_passive/nothing"), "active_passive/nothing: no such scenario"),
        (("observe", "--live", "--promise", "eternity"), "--promise: eternity: no such promise"),
        (("observe", "--live", "--target", "mars"), "--target: mars: no such target"),
        (("observe", "mark", "words", "--as", "joke"), "--as: joke: no such meaning"),
        (("plan", "active_passive/nothing_happens"), "active_passive/nothing_happens: no such scenario"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_two(home, words, says):
    done = gameday(*words, home=home)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (home / ".twin" / "state.json").exists(), "nothing may be started"
    assert not list(home.glob("reports/runs/*")), "and nothing left"


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [("rate_per_second = 4", "rate_per_second = 0", "load.rate_per_second"), ("[load]", "[laod]", "load")],
)
def test_a_malformed_target_file_is_named_with_its_field(home, tmp_path, before, after, field):
    broken = tmp_path / "broken.toml"
    broken.write_text((HOME / "targets" / "twin.toml").read_text().replace(before, after))
    done = gameday("run", "--target", str(broken), home=home)
    assert done.returncode == 2
    assert done.stderr.startswith(f"gameday: {broken}: {field}: ")


def test_malformed_objectives_are_named_with_their_field(tmp_path):
    (tmp_path / "targets").symlink_to(HOME / "targets")
    (tmp_path / "scenarios").mkdir()
    text = (HOME / "scenarios" / "objectives.toml").read_text()
    (tmp_path / "scenarios" / "objectives.toml").write_text(text.replace("recovery_time = 60", "recvery_time = 60", 1))
    done = gameday("run", home=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("gameday: scenarios/objectives.toml: read_replicas.recvery_time: unknown")


@pytest.mark.parametrize("words", [("twin", "status"), ("twin", "env"), ("feasibility",), ("observe", "--live")])
def test_without_a_twin_it_says_how_to_start_one(home, words):
    done = gameday(*words, home=home)
    assert done.returncode == 4
    assert "gameday twin up" in done.stderr


@pytest.mark.parametrize(("phase", "code"), [("active_passive", 1), ("hardened", 3)])
def test_a_terraform_plan_is_judged_with_no_account(home, tmp_path, phase, code):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(getattr(strategy, phase)().document()))
    told = gameday("feasibility", "--terraform-plan", str(plan), "--json", home=home)
    assert told.returncode == code, told.stderr
    found = json.loads(told.stdout)
    assert found["phase"] == "active_passive"
    assert found["verdict"] == {1: "BROKEN", 3: "UNKNOWN"}[code]


def test_a_hardened_plan_passes_with_measured_figures(home, tmp_path):
    plan, figures = tmp_path / "plan.json", tmp_path / "timings.toml"
    plan.write_text(json.dumps(strategy.hardened().document()))
    span = "best_seconds = {}\ntypical_seconds = {}\nworst_seconds = {}\nsource = 'measured'\n"
    figures.write_text(f"[aurora]\n{span.format(10, 16, 30)}[aurora_global]\n{span.format(60, 90, 150)}")
    told = gameday("feasibility", "--terraform-plan", str(plan), "--timings", str(figures), "--markdown", home=home)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.startswith("## Failover feasibility: promise kept")


def test_the_catalogue_lists_every_scenario(home):
    done = gameday("list", home=home)
    assert done.returncode == 0
    modules = {f"{path.parent.name}/{path.stem}" for path in (HOME / "scenarios").glob("*/*.py")}
    assert {"/".join(line.split()[:2]) for line in done.stdout.splitlines()[1:]} == modules
    assert len(modules) >= 6


@pytest.mark.parametrize("words", [("run", DARK), ("gate",)])
@pytest.mark.parametrize("hours", ['from = "08:00"\nuntil = "18:00"', 'from = "00:00"\nuntil = "24:00"'])
def test_on_aws_a_run_tells_its_plan_and_stops_in_quiet_hours_too(home, tmp_path, words, hours):
    text = (HOME / "targets" / "staging.example.toml").read_text()
    settled = re.sub(r'from = "08:00"\nuntil = "18:00" .*\n', f"{hours}\n", text)
    staging = tmp_path / "staging.toml"
    staging.write_text(re.sub(r"days = .*\n", "", settled))
    done = gameday(*words, "--target", str(staging), home=home)
    assert done.returncode == 4
    assert done.stderr == "gameday: nothing was done. Say --yes to carry it out.\n"
    assert f"{DARK}: " in done.stdout
    assert "undo: ec2 DeleteNetworkAcl" in done.stdout
    assert not list(home.glob("reports/*"))


def test_a_plan_needs_no_account(home):
    done = gameday("plan", DARK, "--target", "targets/staging.example.toml", "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["account"] == "000000000000"


def test_a_plan_says_what_a_terraform_plan_allows(home, tmp_path):
    written = tmp_path / "plan.json"
    written.write_text(json.dumps(strategy.active_passive().document()))
    done = gameday("plan", DARK, "--terraform-plan", str(written), home=home)
    assert done.returncode == 0, done.stderr
    assert f"{written}, held against the objectives of active_passive: promise broken" in done.stdout
    assert " Change: " in done.stdout


def test_what_is_needed_is_told_to_machines_too(home):
    done = gameday("doctor", "--json", home=home)
    assert {row["needed"] for row in json.loads(done.stdout)} >= {"PostgreSQL", "Allure", "Chromium"}


def test_the_shell_completes_scenarios():
    assert options.complete_scenario("active_passive/the_primary_load") == [DARK]
    assert len(options.complete_scenario("")) == len(catalogue.entries())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ZeroDivisionError("a bug")])
def test_a_crash_of_ours_never_ends_with_the_code_of_a_broken_promise(error, monkeypatch, capsys):
    def crash(**_):
        raise error

    monkeypatch.setattr(cli, "app", crash)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == Exit.REFUSED_OR_ABORTED
    assert str(error) in capsys.readouterr().err


@pytest.mark.parametrize(("left", "ends"), [(130, Exit.REFUSED_OR_ABORTED), (0, 0), (1, 1), (5, 5)])
def test_ctrl_c_after_the_runs_is_an_abort_and_every_other_code_stays(left, ends, monkeypatch):
    monkeypatch.setattr(cli, "app", lambda **_: sys.exit(left))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == ends
