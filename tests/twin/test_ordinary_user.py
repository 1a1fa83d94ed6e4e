"""The twin without root: user namespaces, raw frames where /dev/net/tun is closed, PostgreSQL in a nested namespace."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.as_user import CHECKOUT, UID, become, home_of_a_user, may_become

pytestmark = [
    pytest.mark.skipif(not may_become(), reason="only the real root can become another user"),
    pytest.mark.timeout(90),
]


@pytest.fixture
def home() -> Iterator[Path]:
    with home_of_a_user() as made:
        yield made


def run_as_user(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="stash-") as stash:
        line, environment = become(home, Path(stash), command, GAMEDAY_HOME=str(home))
        return subprocess.run(line, capture_output=True, text=True, env=environment, check=False, cwd=home)


def test_an_ordinary_user_boots_a_twin_that_serves_replicates_and_goes_dark(home: Path) -> None:
    done = run_as_user(home, sys.executable, str(CHECKOUT / "tests" / "twin" / "ordinary_user.py"))
    log = home / ".twin" / "logs" / "root.log"
    assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["uid"], told["tun"]) == (UID, False)
    assert "is up" in told["up"]
    assert (told["health"], told["entered_as"]) == ("200", str(UID))
    assert told["replicated"] is True
    assert (told["dark"], told["lit"]) == ("timed out", "200")
    assert told["struck"] == "cut america us-east-1: done"
    assert (told["down"], told["left"]) == ("the twin is down", "")


def test_the_same_tests_run_as_an_ordinary_user(home: Path) -> None:
    """`make test` of an ordinary user: the tests that need root find it in a user namespace."""
    chosen = (
        "round_trips or acl or cut or zone or large_transfer or user or leave_nothing",
        "tests/twin/test_network.py",
    )
    pytest_words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(CHECKOUT), "-k", *chosen]
    wrapper = ["sh", "-c", 'cd "$0" && exec sh tests/as_root.sh "$@"', str(CHECKOUT), sys.executable]
    done = run_as_user(home, *wrapper, *pytest_words)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
