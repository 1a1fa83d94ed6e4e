"""`make test-as-user`: run a command as an ordinary user, in a checkout that is that user's own.

What such a user meets on a machine: /dev/net/tun is closed, nothing outside the home is writable, no group helps. Needs
root, to become that user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
UID = 54321
_INSTALLED = (".venv", "reports/node_modules")

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


def may_become() -> bool:
    """Whether this process is root and its user namespace knows the user."""
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()]
    return os.geteuid() == 0 and any(int(first) <= UID < int(first) + int(count) for first, _, count in ranges)


@contextmanager
def home_of_a_user() -> Iterator[Path]:
    """A folder that the user owns; it is removed with everything in it."""
    with tempfile.TemporaryDirectory(prefix="ordinary-") as made:
        os.chown(made, UID, UID)
        yield Path(made)


def become(home: Path, stash: Path, command: Sequence[str], **more: str) -> tuple[Sequence[str], Mapping[str, str]]:
    """The command line and the environment that run ``command`` as the user; ``stash`` holds what is mounted.

    ``more`` goes into the environment, in which ``PYTHONPATH`` is this checkout unless it says otherwise.
    """
    needed = [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), CHECKOUT]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PASSAGES": " ".join(f"{gate}:{path}" for path in needed if (gate := _locked(path))),
        "USER_ID": str(UID),
        **more,
    }
    return ["unshare", "--mount", "sh", "-c", _BECOME, "sh", str(stash), *command], environment


def _locked(path: Path) -> Path | None:
    """The first folder on the way that others may not enter."""
    return next((each for each in reversed([path, *path.parents]) if not each.stat().st_mode & 0o001), None)


def _checkout_of_its_own(home: Path) -> Path:
    """A copy that the user owns; only the installed packages are shared."""
    copy = home / "checkout"
    left_out = (*_INSTALLED, ".git", ".twin", "runs", "site")
    shutil.copytree(CHECKOUT, copy, ignore=shutil.ignore_patterns(*(Path(each).name for each in left_out)))
    for each in _INSTALLED:
        (copy / each).symlink_to(CHECKOUT / each)
    for folder, _, files in os.walk(copy):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(path, UID, UID, follow_symlinks=False)
    return copy


def main(command: Sequence[str]) -> int:
    """Run it in the user's checkout, with our own output; its exit code."""
    with home_of_a_user() as home, tempfile.TemporaryDirectory(prefix="stash-") as stash:
        checkout = _checkout_of_its_own(home)
        there = ["sh", "-c", 'cd "$0" && exec "$@"', str(checkout), *command]
        line, environment = become(home, Path(stash), there, PYTHONPATH=str(checkout))
        return subprocess.run(line, env=environment, check=False, cwd=home).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
