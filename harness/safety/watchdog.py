"""If the run dies, somebody else puts the world back: a process of its own session that holds the run's lease.

``python -m harness.safety.watchdog RUN_PID LEASE_FILE COMMAND…``: while the run lives and renews its lease (the file's
modification time), nothing happens. When the run is gone, or has not renewed it for ``LEASE_SECONDS`` of real time, the
command (``gameday undo RUN``) is run, until it succeeds or gave up. A run that ends well removes the lease file. The
run holds the watchdog's standard input open: its end wakes the watchdog at once.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from harness.clock import monotonic_nanoseconds, real_sleep

LEASE_SECONDS = 20.0
_LOOK_SECONDS = 0.5
_TRIES = 5


class Watchdog:
    """The run's side: start the process, renew the lease, let it go at the end."""

    def __init__(self, lease: Path, command: list[str]) -> None:
        self._lease = lease
        self._stop = threading.Event()
        lease.write_text(str(os.getpid()))
        with lease.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness.safety.watchdog", str(os.getpid()), str(lease), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The watchdog's process id."""
        return self._process.pid

    def __enter__(self) -> Watchdog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._lease.unlink(missing_ok=True)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=5)

    def _renew(self) -> None:
        while not self._stop.wait(LEASE_SECONDS / 10):
            os.utime(self._lease)


def watch(run: int, lease: Path, command: list[str], line: int) -> int:
    """Wait for the run to end well (0), or act in its place and return the command's exit code.

    ``line``: the descriptor that the run holds the other end of. It only says when to look; what counts is the process
    and the lease.
    """
    renewed, seen, held = _stamp(lease), monotonic_nanoseconds(), [line]
    while lease.exists():
        stamp = _stamp(lease)
        if stamp != renewed:
            renewed, seen = stamp, monotonic_nanoseconds()
        expired = (monotonic_nanoseconds() - seen) / 1e9 > LEASE_SECONDS
        if expired or not _alive(run):
            return _act(lease, command)
        if select.select(held, [], [], _LOOK_SECONDS)[0] and not os.read(line, 1):
            held = []
    return 0


def _act(lease: Path, command: list[str]) -> int:
    code = 1
    for attempt in range(_TRIES):
        code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
        if code == 0:
            lease.unlink(missing_ok=True)
            break
        real_sleep(2.0**attempt)
    return code


def _stamp(lease: Path) -> int:
    try:
        return lease.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


if __name__ == "__main__":
    sys.exit(watch(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:], sys.stdin.fileno()))
