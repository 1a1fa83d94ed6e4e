"""Load generators: one Locust process in each place where clients are.

Each waits in its place, idle, for a line on standard input that tells it what to do, and ends with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loadtests.settings import LoadSettings, environment, locust, order

ROOT = Path(__file__).resolve().parent.parent
"""Of the project."""
_TAIL_LINES = 15


@dataclass(frozen=True)
class LoadPlace:
    """A place where clients are. ``enter`` is the command that runs another command there; empty: right here."""

    name: str
    index: int
    enter: tuple[str, ...] = ()
    nameserver: str = ""
    """``ip:port`` of the place's resolver; empty: what ``/etc/resolv.conf`` says there. As in the load's settings."""
    subnet: str = ""
    """The network whose clients it is routed as; empty: its own."""
    python: str = ""
    """The interpreter of another machine; empty: it is this machine, whose clock and files it shares."""
    folder: str = ""
    """Where the project lies on that machine."""


class Generator:
    """One place's Locust process, in a session of its own, started at once; it sends nothing before ``begin``."""

    def __init__(self, place: LoadPlace, log: Path) -> None:
        self.place = place
        self._log = log
        with log.open("ab") as output:
            self._child = self._start(output)

    def _start(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.place.enter, sys.executable, *locust(ROOT)],
            env=environment(),
            cwd=ROOT,
            stdin=subprocess.PIPE,  # held open while the run lives: its end tells the process that the run is gone
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def begin(self, settings: LoadSettings, folder: Path, monitoring_token: str) -> None:
        """Send what ``settings`` say. ``folder`` gets them as a file, and the log; the token no file ever holds.

        A process that is dead by now is left to who asks whether it is ``running``.
        """
        name = f"load-{self.place.name}"
        self._log = self._log.rename(folder / f"{name}.log")
        settings.save(folder / f"{name}.json")
        self._send(settings, monitoring_token)

    def _send(self, settings: LoadSettings, monitoring_token: str) -> None:
        self._write(order(settings, monitoring_token))

    def _write(self, line: str) -> bool:
        """One line to it; false when nobody is there to read it."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(line.encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    @property
    def clock_error(self) -> int:
        """How far its record's times may be off either way, real nanoseconds: 0, as it shares this machine's clock."""
        return 0

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    @property
    def pid(self) -> int:
        """Its id."""
        return self._child.pid

    def signal(self, number: int) -> bool:
        """Signal its session (``enter`` may have put a process between); false when nobody is left in it."""
        self._child.poll()
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            return False
        return True

    def dismiss(self) -> None:
        """End one that never began: there is nothing under way that it would have to record."""
        self.signal(signal.SIGKILL)
        self._child.wait()
        self._log.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The end of its log."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-_TAIL_LINES:])
