"""What a signal does to a game day, and how a refusal is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import Aborted, Refused
from harness.plugin import Inconclusive, _decide, _plainly_refused, _prepare_what_follows, _signals
from harness.verdicts import Outcome

HOME = Path(__file__).resolve().parents[2]
VERDICTS = """
from types import SimpleNamespace
from harness.plugin import _decide
from harness.verdicts import Ruling, Verdict

def test_it():
    kept = Verdict("sessions", Ruling.KEPT, "all went on")
    ill = [Verdict("recovery", Ruling.RULING, "late"), Verdict("routing", Ruling.RULING, "lost")]
    _decide([SimpleNamespace(verdicts=[kept, *ill])])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_aborts_the_experiment_and_lets_no_other_begin(number: signal.Signals) -> None:
    session: Any = SimpleNamespace(shouldstop=False)
    before = signal.getsignal(number)
    with _signals(session):
        with pytest.raises(Aborted, match=number.name):
            os.kill(os.getpid(), number)
        assert session.shouldstop == f"signal {number.name}"
    assert signal.getsignal(number) is before


def test_a_refusal_is_one_line_and_no_trace() -> None:
    with pytest.raises(pytest.fail.Exception) as caught, _plainly_refused():
        raise Refused("these are quiet hours.", "Wait.")
    assert (caught.value.msg, caught.value.pytrace) == ("these are quiet hours. Wait.", False)


@pytest.mark.parametrize(
    ("outcome", "stopped", "renewed", "told"),
    [
        (Outcome.FINISHED, "", 1, False),
        (Outcome.ABORTED, "", 0, False),
        (Outcome.ABORTED, "stop condition file: STOP is there", 0, "stop condition file: STOP is there"),
    ],
)
def test_a_stop_condition_lets_no_other_scenario_begin(outcome, stopped, renewed, told) -> None:
    renewals: list[int] = []
    twin: Any = SimpleNamespace(target=SimpleNamespace(kind="twin"))
    played: Any = SimpleNamespace(stopped=stopped, renew=lambda: renewals.append(1), target=twin)
    session: Any = SimpleNamespace(shouldstop=False)
    experiment: Any = SimpleNamespace(outcome=outcome)
    _prepare_what_follows(experiment, played, session)
    assert (len(renewals), session.shouldstop) == (renewed, told)


@pytest.mark.parametrize(("ruling", "status"), [("BROKEN", "failed"), ("UNKNOWN", "broken")])
def test_a_report_shows_the_verdicts_in_the_place_of_a_trace_through_our_code(
    tmp_path: Path, ruling: str, status: str
) -> None:
    (tmp_path / "test_it.py").write_text(VERDICTS.replace("RULING", ruling))
    words = [sys.executable, "-m", "pytest", "-q", "test_it.py", "--alluredir=told", f"--rootdir={tmp_path}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 1, done.stdout + done.stderr
    (told,) = (json.loads(file.read_text()) for file in (tmp_path / "told").glob("*-result.json"))
    assert told["status"] == status
    assert "recovery: late; routing: lost" in told["statusDetails"]["message"]
    assert told["statusDetails"]["trace"].splitlines() == [f"{ruling} recovery: late", f"{ruling} routing: lost"]


def test_a_run_that_judged_nothing_says_so() -> None:
    with pytest.raises(Inconclusive, match="nothing was judged"):
        _decide([])


def test_a_bare_pytest_is_on_the_leash_too(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(gameday):\n    raise AssertionError('it ran')\n")
    words = [sys.executable, "-m", "pytest", "-q", str(tmp_path / "test_it.py")]
    words += ["--gameday-target", str(HOME / "targets" / "staging.example.toml"), f"--rootdir={tmp_path}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "on AWS nothing is carried out unasked" in done.stdout
    assert "it ran" not in done.stdout
