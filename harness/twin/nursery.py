"""A process that has imported everything that a twin needs, and bears one whenever it is told to.

Importing moto and reading botocore's models takes half of every boot; a session that needs many twins pays for it once.
A twin that was born here is nobody's child: it outlives the nursery, as it outlives any launcher.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from types import TracebackType
from typing import BinaryIO

from harness.errors import TwinFault
from harness.twin import init
from harness.twin.handover import Order

_LONGEST_ORDER = 65536
_FAILED = 1


class Nursery:
    """The launcher's side: a context. It ends with the process that made it, however that ends."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness.twin.nursery", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=init.environment(),
            )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()
        self._process.wait()

    def bear(self, order: Order, log: BinaryIO) -> None:
        """Have a starter carry out the order; its words and its twin's go to ``log``. Returns at once.

        Raises ``TwinFault`` when the nursery is dead.
        """
        told = json.dumps(asdict(order)).encode()
        try:
            socket.send_fds(self._line, [told], [order.report, order.lock, log.fileno()])
        except OSError as error:
            raise TwinFault(f"The nursery of twins is dead: {error}.", "Start the session again.") from error


def main(arguments: Sequence[str]) -> None:
    """The nursery: ends when nobody holds the other end of the line."""
    line = socket.socket(fileno=int(arguments[0]))
    line.set_inheritable(False)
    _prepare()
    while True:
        told, descriptors, _, _ = socket.recv_fds(line, _LONGEST_ORDER, 3)
        if not told:
            return
        starter = os.fork()
        if not starter:
            line.close()
            _start(Order(**json.loads(told)), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        os.waitpid(starter, 0)  # it ends as soon as init is born


def _prepare() -> None:
    from harness.twin import world
    from harness.twin.api import moto_gateway

    moto_gateway.warm_up(world.SERVICES)
    gc.collect()
    gc.freeze()  # a collection in a twin would else copy what all of them share


def _start(order: Order, report: int, lock: int, log: int) -> None:
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(log, stream)
        os.close(log)
        init.start(replace(order, report=report, lock=lock))
    finally:
        os._exit(_FAILED)  # whatever happened, never back into the nursery


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1:])
