"""If the run dies, somebody else puts the world back: a process of its own session that holds the run's lease.

``python -m harness.safety.watchdog LEASE_FILE LEASE_SECONDS COMMAND…`` does nothing while the run lives and renews its
lease. It acts, by the command (``gameday undo RUN``), when

- the run is gone, or has ended and says that it could not undo everything;
- the lease was not renewed for ``LEASE_SECONDS`` of real time: the run hangs or was stopped, and is killed first, so
  that two hands are never at work;
- a fault outlived its deadline: the run is asked to end (TERM) and undoes by itself; if it does not, it is killed.

A run that ends well removes the lease file. The run holds the watchdog's standard input open, whose end wakes it at
once; the watchdog writes a mark a look, and a run that misses them starts another watchdog.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from harness.clock import monotonic_nanoseconds, real_sleep
from harness.safety import lease
from harness.safety.lease import Lease

LEASE_SECONDS = 20.0
GRACE_SECONDS = 30.0
"""How long a run may take to end by itself once it was asked to."""
_LOOK_SECONDS = 0.5
_TRIES = 5
_END_SECONDS = 2.0
_LOG = logging.getLogger("gameday.watchdog")


class Watchdog:
    """The run's side: start the process, renew the lease, let it go at the end, or hand over what is ``pending``."""

    def __init__(
        self, path: Path, command: Sequence[str], pending: Callable[[], bool], lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._path = path
        self._command = [str(path), f"{lease_seconds:g}", *command]
        self._pending = pending
        self._lease_seconds = lease_seconds
        self._held = Lease.of(os.getpid())
        self._stop = threading.Event()
        self._lock = threading.Lock()
        lease.write(path, self._held)
        self._process = self._start()
        self._heard = monotonic_nanoseconds()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
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
        assert self._process.stdin is not None
        if self._pending():
            self._hand_over()
            return
        self._path.unlink(missing_ok=True)
        self._process.stdin.close()
        try:
            self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._end()

    def _hand_over(self) -> None:
        assert self._process.stdin is not None
        try:
            lease.write(self._path, self._held.ended())
        except OSError as error:
            _LOG.error("the lease cannot be handed over, the watchdog acts when this process is gone: %s", error)
        self._process.stdin.close()

    @contextmanager
    def limit(self, deadline: int) -> Iterator[None]:
        """Within the block something is armed, and must be undone by ``deadline`` (CLOCK_MONOTONIC, ns)."""
        before = self._held
        self._hold(before.until(min(deadline, before.deadline or deadline)))
        try:
            yield
        finally:
            self._hold(before)

    def _hold(self, held: Lease) -> None:
        with self._lock:
            lease.write(self._path, held)
            self._held = held

    def _renew(self) -> None:
        while not self._stop.wait(self._lease_seconds / 10):
            try:
                self._touch()
                self._listen()
            except OSError as error:
                # The watchdog decides what a lease is worth that can no longer be renewed.
                _LOG.error("the lease cannot be renewed: %s", error)

    def _touch(self) -> None:
        with self._lock:
            if self._path.exists():
                os.utime(self._path)
            else:
                lease.write(self._path, self._held)

    def _listen(self) -> None:
        """A watchdog that died or is stopped is replaced: it would not act."""
        assert self._process.stdout is not None
        with suppress(BlockingIOError):
            if os.read(self._process.stdout.fileno(), 4096):
                self._heard = monotonic_nanoseconds()
        silent = (monotonic_nanoseconds() - self._heard) / 1e9
        if self._process.poll() is not None or silent > self._lease_seconds:
            _LOG.warning("the watchdog %d is gone or does not move: another one takes its place", self._process.pid)
            self._end()
            self._process = self._start()
            self._heard = monotonic_nanoseconds()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._path.with_suffix(".log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "harness.safety.watchdog", *self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def _end(self) -> None:
        """End a watchdog that cannot end by itself, and let go of its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Patrol:
    """The watchdog's own side. ``line``: its standard input; it only says when to look."""

    def __init__(self, path: Path, lease_seconds: float, command: Sequence[str], line: int, mark: int) -> None:
        self._path = path
        self._lease_seconds = lease_seconds
        self._command = list(command)
        self._line = line
        self._mark = mark
        self._lines = [line]
        self._stamp = 0
        self._renewed = monotonic_nanoseconds()
        self._asked = 0

    def watch(self) -> int:
        """Wait for the run to end well (0), or act in its place and return the command's exit code."""
        while (held := lease.read(self._path)) is not None:
            reason = self._reason(held)
            if reason:
                _LOG.warning("run %d: %s", held.pid, reason)
                self._fence(held)
                return self._act()
            self._wait()
        return 0

    def _reason(self, held: Lease) -> str:
        """Why somebody else must undo now; empty while the run is to be left alone."""
        now = monotonic_nanoseconds()
        stamp = self._path.stat().st_mtime_ns if self._path.exists() else 0
        if stamp != self._stamp:
            self._stamp, self._renewed = stamp, now
        if held.over:
            return "it ended and left something to undo"
        if not held.alive:
            return "it is gone"
        if (now - self._renewed) / 1e9 > self._lease_seconds:
            return f"it has not renewed its lease for {self._lease_seconds:g} s"
        if held.deadline and now > held.deadline:
            return self._ask(held, now)
        self._asked = 0
        return ""

    def _ask(self, held: Lease, now: int) -> str:
        if not self._asked:
            _LOG.warning("run %d: a fault outlived its deadline: it is asked to end", held.pid)
            self._asked = now
            _signal(held, signal.SIGTERM)
        return "it did not end in time" if (now - self._asked) / 1e9 > GRACE_SECONDS else ""

    def _fence(self, held: Lease) -> None:
        """No two hands at work: a run that still lives is killed, and gone, before anything is undone."""
        while held.alive:
            _signal(held, signal.SIGKILL)
            real_sleep(0.05)

    def _wait(self) -> None:
        with suppress(BrokenPipeError, BlockingIOError):  # nobody listens any more: the next look tells why
            os.write(self._mark, b".")
        if select.select(self._lines, [], [], _LOOK_SECONDS)[0] and not os.read(self._line, 1):
            self._lines = []

    def _act(self) -> int:
        code = 1
        for attempt in range(_TRIES):
            code = subprocess.run(self._command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode
            if code == 0:
                self._path.unlink(missing_ok=True)
                break
            real_sleep(2.0**attempt)
        return code


def _signal(held: Lease, number: int) -> None:
    """Signal the lease's process, and no other one that has its id by now."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(held.pid)
        try:
            if held.alive:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    patrol = Patrol(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:], sys.stdin.fileno(), sys.stdout.fileno())
    sys.exit(patrol.watch())
