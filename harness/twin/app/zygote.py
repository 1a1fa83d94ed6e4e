"""Imports everything once, then forks a task for each order: one JSON object a line, in and out.

In: ``{"id", "namespace" (a path or null), "log", "settings"}``. Out: ``{"id", "pid"}`` and ``{"exit": pid, "code"}``
(the code negative for a signal, as ``subprocess`` has it). Ends with its standard input, and every task with it.

The launcher (``harness.twin.engines.apps``) has switched the garbage collector off before anything was imported.
"""

from __future__ import annotations

import ctypes
import encodings.idna
import gc
import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.OPT
import dns.rdtypes.IN.A
import uvicorn.lifespan.off
import uvicorn.loops.asyncio
import uvicorn.protocols.http.httptools_impl

from harness.twin.app import service
from harness.twin.app.settings import Settings
from harness.twin.app.warmth import warm
from harness.twin.network import kernel

_DIE_WITH_PARENT = 1
LOADED_LATE = (
    encodings.idna,
    dns.rdtypes.ANY.CNAME,
    dns.rdtypes.ANY.OPT,
    dns.rdtypes.IN.A,
    uvicorn.lifespan.off,
    uvicorn.loops.asyncio,
    uvicorn.protocols.http.httptools_impl,
)
"""What the libraries import at their first use: better once, here."""


def main() -> None:
    """Serve orders until standard input ends."""
    wake, wakes = os.pipe()
    for end in (wake, wakes):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    warm()
    gc.freeze()  # and no collection before: its holes would be filled by the children, who would copy the pages
    tell({"ready": os.getpid()})
    pending = b""
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _reap()
        if 0 in ready:
            read = os.read(0, 1 << 16)
            if not read:
                return
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                order = json.loads(line)
                tell({"id": order["id"], "pid": _fork(order, (wake, wakes))})


def tell(message: Mapping[str, Any]) -> None:
    """One line to whoever orders."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        tell({"exit": pid, "code": os.waitstatus_to_exitcode(status)})


def _fork(order: Mapping[str, Any], pipes: tuple[int, int]) -> int:
    pid = os.fork()
    if pid == 0:
        _become(order, pipes)
    return pid


def _become(order: Mapping[str, Any], pipes: tuple[int, int]) -> NoReturn:
    """Be the task: its own place, log and session; never return into the zygote."""
    code = 1
    gc.enable()
    try:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        _redirect(order["log"], pipes)
        if order["namespace"] is not None:
            descriptor = os.open(order["namespace"], os.O_RDONLY)
            kernel.setns(descriptor, kernel.NEW_NET)
            os.close(descriptor)
        code = service.run(Settings.read(order["settings"]))
    except BaseException as error:  # noqa: BLE001 - a child must end here whatever happened, and its log must say why
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _redirect(log: str, pipes: tuple[int, int]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(nothing, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    for descriptor in (nothing, file, *pipes):
        os.close(descriptor)
