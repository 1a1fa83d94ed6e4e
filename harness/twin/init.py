"""The first processes of a twin: starter, init and root (``python -m harness.twin.init ORDER``).

The starter binds the loopback sockets, leaves the host's namespaces (as an ordinary user for a user namespace too,
where it is root) and forks init, which is pid 1 of the twin. Init makes the private mounts, forks the root, passes
signals on to it and reaps every orphan; it does nothing else, so that nobody takes the root's own children from it.
When the root ends, init ends, and the kernel kills what is left.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from harness.clock import Clock
from harness.errors import GamedayError
from harness.twin.handover import Handover, Order, Report
from harness.twin.network import kernel
from harness.twin.network.netlink import Netlink
from harness.twin.network.processes import RESOLVER_FILE
from harness.twin.state import NAMES, RUN, folder

_LOOPBACK = "127.0.0.1"
_LOOPBACK_LINK = 1
_BACKLOG = 512
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FAILED = 1
_NEW_WORLD = kernel.NEW_PIDS | kernel.NEW_MOUNTS | kernel.NEW_IPC | kernel.NEW_NET
_QUIET_TMPFS = kernel.MS_NOSUID | kernel.MS_NODEV


def main(arguments: Sequence[str]) -> NoReturn:
    """The starter as a program of its own: its argument is the order, as JSON."""
    start(Order(**json.loads(arguments[0])))


def environment() -> dict[str, str]:
    """What a process that is to become a twin is started with: compiling every module anew would take it a second."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def start(order: Order) -> NoReturn:
    """Carry out an order; this process ends as soon as init is born and reported."""
    os.set_inheritable(order.report, False)
    os.set_inheritable(order.lock, False)
    report = Report(socket.socket(fileno=order.report))
    os.chdir("/")
    try:
        api, dns = _loopback(socket.SOCK_STREAM), _loopback(socket.SOCK_DGRAM)
        api.listen(_BACKLOG)
        if os.geteuid() == 0:
            kernel.unshare(_NEW_WORLD)
        else:
            kernel.own_user_namespace(_NEW_WORLD, uid=0, gid=0)
    except OSError as error:
        report.tell(error=f"{error} (root is needed, or a kernel that lets ordinary users make namespaces)")
        os._exit(_FAILED)
    reported, tell_child = os.pipe()
    pid = os.fork()
    if pid:
        report.tell(init=pid, api_port=api.getsockname()[1], dns_port=dns.getsockname()[1])
        os._exit(0)
    os.close(tell_child)
    os.read(reported, 1)  # its end: the starter has said who we are, so no word of the root can come before that
    os.close(reported)
    _init(order, report, api, dns)


def _loopback(kind: socket.SocketKind) -> socket.socket:
    bound = socket.socket(socket.AF_INET, kind)
    bound.bind((_LOOPBACK, 0))
    return bound


def _init(order: Order, report: Report, api: socket.socket, dns: socket.socket) -> NoReturn:
    try:
        _mounts(order)
        netlink = Netlink()
        netlink.raise_link(_LOOPBACK_LINK)
        netlink.close()
        root = os.fork()
    except OSError as error:
        report.tell(error=str(error))
        os._exit(_FAILED)
    if not root:
        os._exit(_root(order, report, api, dns))
    for each in (api, dns, report):
        each.close()
    _reap(root)


def _mounts(order: Order) -> None:
    """Mounts that only the twin sees: its /proc, its shared memory, its namespaces' names and its state."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    kernel.mount("tmpfs", "/dev/shm", "tmpfs", _QUIET_TMPFS, "mode=1777")
    if not os.access("/run", os.W_OK):
        _private_run()
    for target, source in ((NAMES, "netns"), (RUN, order.mark)):
        target.mkdir(parents=True, exist_ok=True)
        kernel.mount(source, target, "tmpfs", _QUIET_TMPFS, "mode=755")
    (RUN / "netns").symlink_to(NAMES)
    (RUN / "logs").mkdir()
    kernel.bind(folder(Path(order.checkout)) / "logs", RUN / "logs")


def _private_run() -> None:
    """An ordinary user cannot make folders in /run, and gets one of its own; what resolv.conf leads to stays there."""
    resolver = Path(os.path.realpath(RESOLVER_FILE))
    kernel.mount("tmpfs", "/run", "tmpfs", _QUIET_TMPFS, "mode=755")
    if not resolver.exists():
        resolver.parent.mkdir(parents=True, exist_ok=True)
        resolver.touch()


def _reap(root: int) -> NoReturn:
    """pid 1 for the rest of its life; ends with the root's own exit code."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        os.kill(root, number)  # never a stranger's: the root is not reaped before this process ends

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == root:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _root(order: Order, report: Report, api: socket.socket, dns: socket.socket) -> int:
    """The root: the clock starts here; then the world, until it returns. Returns the exit code."""
    clock = Clock.start(order.speed)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    handover = Handover(
        design=order.design,
        version=order.version,
        clock=clock,
        checkout=Path(order.checkout),
        state=RUN,
        api=api,
        dns=dns,
        stop=_stop_on_signal(),
        ready=lambda details: report.ready(clock.anchor, details),
    )
    try:
        _entry(order.entry)(handover)
    except BaseException as error:
        logging.getLogger("twin.root").exception("the twin ends")
        if not report.was_ready:
            remedy = error.remedy if isinstance(error, GamedayError) else ""
            _tell_failure(report, error.message if isinstance(error, GamedayError) else repr(error), remedy)
        return _FAILED
    return 0


def _tell_failure(report: Report, message: str, remedy: str) -> None:
    try:
        report.tell(error=message, remedy=remedy)
    except OSError as error:
        logging.getLogger("twin.root").warning("the launcher is gone: %s", error)


def _entry(dotted: str) -> Callable[[Handover], Any]:
    module, _, function = dotted.partition(":")
    found: Callable[[Handover], Any] = getattr(importlib.import_module(module), function)
    return found


def _stop_on_signal() -> threading.Event:
    """An event that SIGTERM, SIGINT and SIGHUP set, from a thread: an Event set by a handler may deadlock on itself."""
    stop = threading.Event()
    ear, mouth = os.pipe()

    def listen() -> None:
        os.read(ear, 1)
        stop.set()

    for number in _PASSED_ON:
        signal.signal(number, lambda *_: os.write(mouth, b"!"))
    threading.Thread(target=listen, name="twin-stop", daemon=True).start()
    return stop


if __name__ == "__main__":
    main(sys.argv[1:])
