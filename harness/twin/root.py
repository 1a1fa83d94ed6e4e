"""The twin's process tree, seen from the host: start it, ask after it, end it, and prove that it is gone.

::

    launcher ── starter (ends) ── init, pid 1 ── root: the world's main() ── engines, WAN router, tasks

Init holds the checkout's lock (``.twin/lock``) as long as it lives, so there is one twin a checkout. kill -9 of init or
root ends every process, and with the last process go the mounts, network namespaces and shared memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from harness.clock import Anchor, real_sleep
from harness.errors import Refused, TwinFault
from harness.processes import birth
from harness.twin import init
from harness.twin.handover import Handover, Order, Report
from harness.twin.leftovers import Leftovers, leftovers, mark
from harness.twin.nursery import Nursery
from harness.twin.state import State, folder, living_init, write_whole

__all__ = ["Handover", "Leftovers", "State", "launch", "leftovers", "shutdown", "status"]

WORLD = "harness.twin.world:main"
BOOT_SECONDS = 60.0
"""Real seconds that a twin may take to boot, its first database template included."""
_GRACE = 2.0
"""Real seconds between SIGTERM and SIGKILL, and again until nothing may be left."""
_LOOK_AGAIN = 0.05
_STOP_IT = "Stop it first: `gameday twin down`."


def launch(
    design_name: str,
    version: str,
    speed: float,
    checkout: Path,
    ready_timeout: float,
    *,
    entry: str = WORLD,
    nursery: Nursery | None = None,
) -> State:
    """Start a twin and return when its world is ready; ``ready_timeout`` in real seconds.

    ``entry`` is the ``module:function`` that gets the :class:`Handover`. Out of a ``nursery`` it starts faster. Raises
    ``TwinFault`` when a twin already runs in this checkout, or when this one did not come up; then nothing of it is
    left but ``.twin/logs``.
    """
    checkout = checkout.resolve()
    home = folder(checkout)
    with _locked(home) as lock:
        (home / "state.json").unlink(missing_ok=True)
        shutil.rmtree(home / "logs", ignore_errors=True)
        (home / "logs").mkdir()
        ours, theirs = socket.socketpair()
        with contextlib.closing(ours):
            ours.settimeout(ready_timeout)
            with theirs:
                order = Order(design_name, version, speed, str(checkout), entry, mark(checkout), theirs.fileno(), lock)
                with (home / "logs" / "root.log").open("ab") as log:
                    starter = _start(order, log, nursery)
            return _follow(Report(ours), starter, order, ready_timeout)


def status(checkout: Path) -> State | None:
    """The twin that runs in a checkout, or ``None``; what a dead one wrote is recognised and not believed."""
    state = State.read(checkout)
    return state if state is not None and state.lives else None


def running(checkout: Path) -> State:
    """The twin that runs in a checkout. Raises ``Refused`` when none does."""
    state = status(checkout)
    if state is None:
        raise Refused("no twin is running.", "Start one: gameday twin up --design active_passive")
    return state


def shutdown(checkout: Path, *, spent: bool = False) -> bool:
    """End a checkout's twin; returns whether one ran. Safe to call at any time, also for one that is still starting.

    It gets 2 s after SIGTERM, then SIGKILL; a ``spent`` one, which has nothing to put in order, gets that at once.
    Raises ``TwinFault`` when something of it still exists 2 s later.
    """
    checkout = checkout.resolve()
    home = folder(checkout)
    running = living_init(checkout)
    if running is not None:
        with _handle(running) as process:
            if process is not None and (spent or not _end(process, signal.SIGTERM)):
                _end(process, signal.SIGKILL)
        _await_nothing(checkout)
    for name in ("state.json", "init.json"):
        (home / name).unlink(missing_ok=True)
    return running is not None


def _start(order: Order, log: BinaryIO, nursery: Nursery | None) -> subprocess.Popen[bytes] | None:
    """The starter, if it is this process's child."""
    if nursery is not None:
        nursery.bear(order, log)
        return None
    return subprocess.Popen(
        [sys.executable, "-m", "harness.twin.init", json.dumps(asdict(order))],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(order.report, order.lock),
        start_new_session=True,
        env=init.environment(),
    )


def _follow(report: Report, starter: subprocess.Popen[bytes] | None, order: Order, patience: float) -> State:
    """Wait for the newborn's words and write them down; whatever goes wrong, what was born is ended."""
    checkout = Path(order.checkout)
    look = f"Read {folder(checkout) / 'logs' / 'root.log'}."
    try:
        born = _hear(report, "init", look)
        pid, started = born["init"], birth(born["init"])
        if started is None:
            raise TwinFault("The twin's first process is dead.", look)
        write_whole(folder(checkout) / "init.json", json.dumps({"pid": pid, "started": started}))
        ready = _hear(report, "ready", look)
        state = State(
            pid=pid,
            started=started,
            api_port=born["api_port"],
            dns_port=born["dns_port"],
            design=order.design,
            version=order.version,
            speed=order.speed,
            anchor=Anchor(*ready["anchor"]),
            details=ready["details"],
        )
        state.write(checkout)
        report.tell(ok=True)
    except BaseException as error:
        if starter is not None:
            starter.kill()
            starter.wait()
        shutdown(checkout)
        if isinstance(error, TimeoutError):
            raise TwinFault(f"The twin was not ready within {patience:g} s.", look) from error
        raise
    if starter is not None:
        starter.wait()
    return state


def _hear(report: Report, expected: str, look: str) -> dict[str, Any]:
    message = report.hear()
    if message is None:
        raise TwinFault("The twin ended before it was ready.", look)
    if expected not in message:
        raise TwinFault(f"The twin did not come up: {message.get('error')}", message.get("remedy") or look)
    return message


@contextmanager
def _locked(home: Path) -> Iterator[int]:
    """Hold the checkout's lock; a process that inherits the descriptor goes on holding it."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except PermissionError as error:
        raise TwinFault(f"{error.filename} is another user's.", "Set GAMEDAY_HOME to a folder of your own.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TwinFault(f"A twin already runs (or is starting) in {home.parent}.", _STOP_IT) from error
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    """A descriptor of the process, which cannot come to mean another one; ``None`` when it is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _end(process: int, number: signal.Signals) -> bool:
    """Send a signal to init; returns whether it ended in time. An init is dead only after all of its processes are."""
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, number)
    except PermissionError as error:
        raise TwinFault("The twin is another user's.", "End it as that user, or as root.") from error
    return bool(select.select([process], [], [], _GRACE)[0])


def _await_nothing(checkout: Path) -> None:
    for _ in range(round(_GRACE / _LOOK_AGAIN)):
        left = leftovers(checkout)
        if not left:
            return
        real_sleep(_LOOK_AGAIN)
    raise TwinFault(f"The twin left something behind: {left}.", f"End these processes: {left.processes}.")
