"""Where the harness is tortured: a checkout and a twin of its own, and what must be as it was afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import inventory, session
from harness.clock import monotonic_nanoseconds, real_sleep
from harness.cloud import inventory as live
from harness.cloud.discovery import Platform
from harness.cloud.estate import Estate
from harness.errors import CloudFault
from harness.inventory import Inventory
from harness.target import load
from harness.twin import root

PROJECT = Path(__file__).resolve().parents[2]
_STEP = 0.1


@dataclass(frozen=True)
class Ground:
    """A running twin in its checkout, and the world as it was before anything was done to it."""

    home: Path
    state: root.State
    platform: Platform
    before: Inventory

    @property
    def endpoint(self) -> str:
        """Where the twin's AWS is."""
        return f"http://127.0.0.1:{self.state.api_port}"

    def estate(self) -> Estate:
        """The platform through clients and hands of the caller's own."""
        return session.reach_twin(load(session.target_file("twin")), self.state)

    def gameday(self, *words: str, real_seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout."""
        command = [sys.executable, "-m", "harness.cli", *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment(self.home),
            timeout=real_seconds,
        )  # fmt: skip

    def left_over(self, estate: Estate, real_seconds: float) -> list[str]:
        """What differs from the world as it was, in words, once it has had its time to heal."""
        found: list[str] = []

        def same() -> bool:
            nonlocal found
            try:
                found = [str(one) for one in inventory.compare(self.before, live.take(estate)).wrong]
            except CloudFault as error:
                found = [str(error)]
            return not found

        until(same, real_seconds)
        return found


def environment(home: Path) -> dict[str, str]:
    """What a process of that checkout is started with."""
    return {**os.environ, "GAMEDAY_HOME": str(home), "PYTHONPATH": str(PROJECT)}


def until(wanted: Callable[[], object], real_seconds: float) -> bool:
    """Whether it came true in time."""
    end = monotonic_nanoseconds() + real_seconds * 1e9
    while not wanted():
        if monotonic_nanoseconds() > end:
            return False
        real_sleep(_STEP)
    return True


def processes(words: str) -> list[int]:
    """The living processes whose command line holds these words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended while we looked
        if words in line and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found


def processes_of(home: Path, words: Sequence[str]) -> list[int]:
    """The living processes of that checkout whose command line holds one of these words."""
    mark = f"GAMEDAY_HOME={home}".encode()
    found = []
    for pid in {pid for word in words for pid in processes(word)}:
        try:
            told = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended while we looked
        if mark in told:
            found.append(pid)
    return sorted(found)


def at_home() -> Path:
    """This process's checkout. The first to ask makes one and starts the program again in it, for good."""
    given = os.environ.get("GAMEDAY_HOME")
    if given:
        return Path(given)
    home = Path(tempfile.mkdtemp(prefix="torture-"))
    for folder in ("scenarios", "targets"):
        (home / folder).symlink_to(PROJECT / folder)
    told = subprocess.run([sys.executable, *sys.orig_argv[1:]], env=environment(home), cwd=PROJECT, check=False)
    root.shutdown(home)  # a program that was ended left its twin
    shutil.rmtree(home)
    sys.exit(told.returncode)


@contextmanager
def ground(home: Path, design: str, speed: float) -> Iterator[Ground]:
    """A twin of that design, hardened, taken away with everything in it."""
    with ExitStack() as exits:
        exits.callback(root.shutdown, home)
        state = root.launch(design, "hardened", speed, home, root.BOOT_SECONDS)
        estate = session.reach_twin(load(session.target_file("twin")), state)
        exits.callback(estate.let_go)
        yield Ground(home, state, estate.platform, live.take(estate))
