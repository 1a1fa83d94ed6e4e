"""A run followed from beside: what is told, when it is over, and with which exit code."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import record, runs, seal
from harness.commands import watch
from harness.errors import BadInput
from harness.header import read_header, write_header
from harness.safety.lease import Lease
from harness.safety.lease import write as write_lease
from harness.verdicts import Exit, Outcome
from tests.unit.reporting import fabricated

SESSION = "20231114T221320"
NAME = "active_passive.dark"
RUN = f"{SESSION}/{NAME}"
NOBODY = 2**22 + 1
"""No process has this id: the kernel's highest is below it."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    kept = tmp_path / "reports" / "runs"
    (kept / SESSION).mkdir(parents=True)
    monkeypatch.setattr(watch, "HOME", tmp_path)
    monkeypatch.setattr(watch, "RUNS", kept)
    monkeypatch.setattr(runs, "RUNS", kept)
    monkeypatch.setattr(watch, "PERIOD_REAL_SECONDS", 0.05)
    return tmp_path


def play(home: Path, name: str = NAME, ruling: str = "KEPT") -> Path:
    """A run that has ended, sealed and judged."""
    folder = home / "reports" / "runs" / SESSION / name
    fabricated.write(folder, fabricated.header(), [*fabricated.beginning(), *fabricated.fault("Blackhole")], end=3)
    write_header(folder / record.HEADER_FILE, fabricated.header(sealed=True))
    seal.write(folder)
    judge(folder, ruling)
    return folder


def judge(folder: Path, ruling: str) -> None:
    verdict = {"promise": "recovery", "ruling": ruling, "reason": "back after 43.8 s", "figures": {"rto_seconds": 43.8}}
    (folder / "verdict.json").write_text(json.dumps({"verdicts": [verdict]}))


def going_on(folder: Path) -> None:
    """The same run while it still goes on."""
    header = read_header(folder / record.HEADER_FILE)
    write_header(folder / record.HEADER_FILE, replace(header, outcome=None, sealed=False))
    (folder / "verdict.json").unlink()
    write_lease(folder / "lease", Lease.of(os.getpid()))


def held_by(home: Path, pid: int) -> Path:
    (home / ".gameday").mkdir(exist_ok=True)
    (home / ".gameday" / "twin.lock").write_text(f"{pid}\n")
    return home / ".gameday" / "twin.lock"


def soon(act: Callable[[], object], real_seconds: float = 0.3) -> None:
    threading.Timer(real_seconds, act).start()


@pytest.mark.parametrize(("ruling", "code"), [("KEPT", Exit.KEPT), ("BROKEN", Exit.BROKEN), ("UNKNOWN", Exit.UNKNOWN)])
@pytest.mark.parametrize("name", [RUN, SESSION, "latest"])
def test_a_run_that_has_ended_is_told_with_its_own_exit_code(home, capsys, ruling, code, name):
    play(home, ruling=ruling)
    assert watch.watch(name, as_json=False) == code
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{RUN}: The serving region's load balancer goes dark."
    assert "  22:13:22 steady    calm for 20 s" in told
    assert told[-1] == f"  {ruling:<8}recovery: back after 43.8 s"
    assert "\x1b" not in "".join(told)


def test_a_run_is_followed_to_its_end(home, capsys):
    folder = play(home)
    going_on(folder)

    def end() -> None:
        write_header(folder / record.HEADER_FILE, fabricated.header(outcome=Outcome.UNDO_FAILED))
        judge(folder, "KEPT")

    soon(end)
    assert watch.watch(RUN, as_json=True) == Exit.UNDO_FAILED
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["run"] for one in told} == {RUN}
    kinds = [one["kind"] for one in told]
    assert kinds == sorted(kinds, key=["phase", "now", "verdict", "ended"].index)
    assert "now" in kinds
    assert told[-2]["figures"] == {"rto_seconds": 43.8}
    assert told[-1] == {
        "run": RUN, "kind": "ended", "outcome": "undo failed", "ruling": "KEPT", "exit_code": int(Exit.UNDO_FAILED)
    }  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_leaves_a_run_that_goes_on_leaves_with_zero(home, capsys, number):
    going_on(play(home, ruling="BROKEN"))
    before = signal.getsignal(number)
    soon(lambda: os.kill(os.getpid(), number))
    assert watch.watch("latest", as_json=False) == Exit.KEPT
    assert signal.getsignal(number) == before
    assert "recovery" not in capsys.readouterr().out


def test_a_session_is_followed_from_run_to_run_and_the_worst_one_counts(home, capsys):
    play(home, ruling="BROKEN")
    lock = held_by(home, os.getpid())

    def next_one() -> None:
        play(home, "active_passive.lost")
        lock.write_text(f"{NOBODY}\n")

    soon(next_one)
    assert watch.watch("latest", as_json=False) == Exit.BROKEN
    told = capsys.readouterr().out
    assert told.count(f"waiting for the next run of {SESSION}") == 1
    assert f"{SESSION}/active_passive.lost: " in told


def test_one_run_is_followed_alone_even_if_its_session_goes_on(home):
    play(home)
    held_by(home, os.getpid())
    assert watch.watch(RUN, as_json=False) == Exit.KEPT


def test_the_latest_is_the_session_that_begins_now(home, capsys):
    play(home, ruling="BROKEN")
    begins = home / "reports" / "runs" / "20240101T000000"
    begins.mkdir()
    lock = held_by(home, os.getpid())
    soon(lambda: lock.write_text(f"{NOBODY}\n"))
    assert watch.watch("latest", as_json=False) == Exit.UNKNOWN
    assert capsys.readouterr().out == f"waiting for the next run of {begins.name}\n"


def test_a_killed_run_is_called_ended_once_nobody_writes_it_any_more(home, capsys):
    folder = play(home)
    going_on(folder)
    write_lease(folder / "lease", Lease(NOBODY, 1))
    for path in (*folder.iterdir(), folder):
        os.utime(path, (1, 1))
    assert watch.watch(RUN, as_json=False) == Exit.REFUSED_OR_ABORTED
    told = capsys.readouterr().out
    assert "dark: never ended" in told
    assert f"it was not judged: `gameday rejudge {RUN}`" in told


@pytest.mark.parametrize("name", ["20200101T000000/none", "20200101T000000", SESSION])
def test_what_is_not_there_is_bad_input(home, name):
    with pytest.raises(BadInput):
        watch.watch(name, as_json=False)
