"""The twin without root: user namespaces, raw frames where /dev/net/tun is closed, PostgreSQL in a nested namespace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
UID = 54321
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="root is needed to become an ordinary user"),
    pytest.mark.timeout(90),
]

# In mounts of its own: /dev/net/tun is closed, and folders that the user may not enter on the way to the interpreter
# or the checkout are replaced by empty ones that hold nothing but what is needed.
_BECOME = """
set -e
stash=$1; shift
touch "$stash/closed"; chmod 000 "$stash/closed"
[ ! -e /dev/net/tun ] || mount --bind "$stash/closed" /dev/net/tun
number=0
for pair in $PASSAGES; do
    number=$((number + 1)); needed=${pair#*:}
    mkdir "$stash/$number"; mount --rbind "$needed" "$stash/$number"
done
for pair in $PASSAGES; do mountpoint -q "${pair%%:*}" || mount -t tmpfs -o mode=755 none "${pair%%:*}"; done
number=0
for pair in $PASSAGES; do
    number=$((number + 1)); needed=${pair#*:}
    mkdir -p "$needed"; mount --rbind "$stash/$number" "$needed"
done
exec setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups "$@"
"""


def locked(path: Path) -> Path | None:
    """The first folder on the way that others may not enter."""
    return next((each for each in reversed([path, *path.parents]) if not each.stat().st_mode & 0o001), None)


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ordinary-"))
    os.chown(made, UID, UID)
    yield made
    shutil.rmtree(made)


def run_as_user(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    needed = [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), CHECKOUT]
    passages = [f"{gate}:{path}" for path in needed if (gate := locked(path))]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "GAMEDAY_HOME": str(home),
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PASSAGES": " ".join(passages),
        "USER_ID": str(UID),
    }
    with tempfile.TemporaryDirectory(prefix="stash-") as stash:
        line = ["unshare", "--mount", "sh", "-c", _BECOME, "sh", stash, *command]
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
