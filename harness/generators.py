"""Load generators: one Locust process in each place where clients are, and a reserve of those that wait for a run.

Starting Locust takes a second of a processor. A reserve starts the next run's generators while the last one is judged;
they wait in their places, idle, for a line on standard input that tells them what to do, and end with it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.settings import ORDERED, LoadSettings

_ROOT = Path(__file__).resolve().parent.parent
_LOCUSTFILE = _ROOT / "loadtests" / "locustfile.py"
_TAIL_LINES = 15


@dataclass(frozen=True)
class LoadPlace:
    """A place where clients are. ``enter`` is the command that runs another command there; empty: right here."""

    name: str
    index: int
    enter: tuple[str, ...] = ()
    nameserver: str = ""
    """``ip:port`` of the place's resolver; empty: what ``/etc/resolv.conf`` says there."""


class Generator:
    """One place's Locust process, in a session of its own, started at once; it sends nothing before ``begin``."""

    def __init__(self, place: LoadPlace, log: Path) -> None:
        self.place = place
        self._log = log
        locust = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--headless", "--users", "1"]
        command = [*place.enter, *locust, "--only-summary", "--exit-code-on-error", "0"]
        environment = {**os.environ, ORDERED: "1", "OPENBLAS_NUM_THREADS": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling Locust anew takes a second of every start
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                env=environment,
                cwd=_ROOT,
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
        written = folder / f"{name}.json"
        settings.save(written)
        order = json.dumps({"settings": str(written), "monitoring_token": monitoring_token})
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(order.encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            return

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


class Reserve:
    """Generators that wait for the next run. ``folder`` holds their logs until they begin."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[LoadPlace, Generator] = {}

    def fill(self, places: Sequence[LoadPlace]) -> None:
        """Have one wait in each of these places; returns at once."""
        for place in places:
            if place not in self._waiting:
                self._waiting[place] = self._new(place)

    def take(self, place: LoadPlace) -> Generator:
        """One for that place: that which waits, or a new one. From now on it is the taker's to end."""
        waiting = self._waiting.pop(place, None)
        if waiting is not None and not waiting.running:
            waiting.dismiss()
            waiting = None
        return waiting or self._new(place)

    def dismiss(self) -> None:
        """End all that wait. Safe to call at any time."""
        while self._waiting:
            self._waiting.popitem()[1].dismiss()

    def _new(self, place: LoadPlace) -> Generator:
        return Generator(place, self._folder / f"waiting-{place.name}.log")
