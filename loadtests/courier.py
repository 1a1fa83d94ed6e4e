"""Brings one place's record home from another machine: runs there, beside the Locust process that it starts.

It speaks in lines over standard input and output, through whatever leads there (ssh, or anything that carries a
terminal): what is no line of its own is somebody else's noise. It is told

``ping NUMBER``: answer at once with this machine's CLOCK_MONOTONIC, so that the asker learns how far it is from theirs;
``order JSON``: what :func:`loadtests.settings.order` says, in this machine's time; ``stop``: end the traffic.

It says, each with :data:`MARK` in front: ``hello``; ``pong NUMBER NANOSECONDS``; ``ready``, once a customer is signed
up; ``rows BASE64``, whole records as they are written; ``ended CODE``, when the last of them was sent. The end of its
input is the end of the run, however that came: the traffic ends, and nothing stays behind on this machine.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from harness.clock import monotonic_nanoseconds, real_sleep
from harness.requests import SIZE
from loadtests.settings import environment, locust

MARK = "gameday>"
PACE_REAL_SECONDS = 0.2
"""How often new records are looked for."""
_AT_ONCE = 512 * SIZE
_PATIENCE_REAL_SECONDS = 30.0
_ROOT = Path(__file__).resolve().parent.parent
_SAYING = threading.Lock()


def say(*words: object) -> None:
    """One line to whoever started this."""
    with _SAYING:
        sys.stdout.write(f"{' '.join(map(str, (MARK, *words)))}\n")
        sys.stdout.flush()


class Courier:
    """The Locust process of this place, and what it leaves in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._record = folder / "requests.bin"
        self._ready = folder / "ready"
        self._sent = SIZE
        self._told = False
        self._child = subprocess.Popen(
            [sys.executable, *locust(_ROOT)],
            env=environment(),
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=sys.stderr,
        )

    def pass_on(self, order: str) -> None:
        """The order, with the files of this machine in the place of the other's."""
        told = json.loads(order)
        told["settings"] |= {"record": str(self._record), "ready": str(self._ready)}
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(told).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            return  # it is dead, and :meth:`carry` says so

    def carry(self) -> None:
        """Send what is written, until Locust has ended and everything was sent."""
        while True:
            over = self._child.poll() is not None  # asked first: what it wrote before it ended is there then
            self._send_ready()
            while self._send_some():
                pass
            if over:
                say("ended", self._child.returncode)
                return
            real_sleep(PACE_REAL_SECONDS)

    def end(self) -> None:
        """Let the requests under way end, so that no write that left stays without a record."""
        self._child.terminate()

    def leave(self) -> None:
        """Nobody listens any more: end the traffic, by force if need be."""
        self._child.terminate()
        try:
            self._child.wait(_PATIENCE_REAL_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _send_ready(self) -> None:
        if not self._told and self._ready.exists():
            self._told = True
            say("ready")

    def _send_some(self) -> bool:
        try:
            with self._record.open("rb") as record:
                record.seek(self._sent)
                data = record.read(_AT_ONCE)
        except FileNotFoundError:
            return False  # the traffic has not begun
        data = data[: len(data) // SIZE * SIZE]
        if data:
            say("rows", base64.b64encode(data).decode())
        self._sent += len(data)
        return bool(data)


def main() -> None:
    """Listen until the input ends."""
    with tempfile.TemporaryDirectory(prefix="gameday-") as folder:
        courier = Courier(Path(folder))
        carrying = threading.Thread(target=courier.carry, daemon=True)
        carrying.start()
        say("hello")
        try:
            for line in sys.stdin:
                word, _, rest = line.strip().partition(" ")
                if word == "ping":
                    say("pong", rest, monotonic_nanoseconds())
                elif word == "order":
                    courier.pass_on(rest)
                elif word == "stop":
                    courier.end()
        finally:
            courier.leave()


if __name__ == "__main__":
    main()
