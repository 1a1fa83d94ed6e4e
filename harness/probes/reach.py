"""Is an address dark? Runs at a client location; one JSON object a line for each try, new and established connections.

``python -m harness.probes.reach PORT INTERVAL TIMEOUT PATH ADDRESS…`` (real seconds). A fault that cuts only new
connections, or only old ones, is not the fault that was asked for, so both are tried, each by its own thread.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from dataclasses import dataclass

from harness.clock import monotonic_nanoseconds, real_sleep

_PRINTING = threading.Lock()


@dataclass(frozen=True)
class Aim:
    """What is tried and how patiently; spans in real seconds, since they go to the operating system."""

    address: str
    port: int
    path: str
    interval_seconds: float
    timeout_seconds: float

    def connect(self) -> socket.socket:
        """A fresh connection; raises ``OSError``."""
        made = socket.create_connection((self.address, self.port), self.timeout_seconds)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def ask(self, connection: socket.socket) -> None:
        """One request and any HTTP answer; raises ``OSError`` when there is none."""
        connection.settimeout(self.timeout_seconds)
        connection.sendall(f"GET {self.path} HTTP/1.1\r\nHost: {self.address}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(4096)
            if not part:
                raise ConnectionResetError("closed")
            head += part
        _read_body(connection, head)


def _read_body(connection: socket.socket, head: bytes) -> None:
    fields, _, body = head.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in fields.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        part = connection.recv(4096)
        if not part:
            raise ConnectionResetError("closed")
        body += part


def _tell(aim: Aim, kind: str, error: OSError | None) -> None:
    result = "ok" if error is None else "timeout" if isinstance(error, TimeoutError) else type(error).__name__
    line = json.dumps({"at": monotonic_nanoseconds(), "address": aim.address, "kind": kind, "result": result})
    with _PRINTING:
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            os._exit(0)  # whoever asked is gone, and an answer has nobody to go to


def _try_new(aim: Aim) -> None:
    while True:
        try:
            with aim.connect() as connection:
                aim.ask(connection)
            _tell(aim, "new", None)
        except OSError as error:
            _tell(aim, "new", error)
        real_sleep(aim.interval_seconds)


def _try_established(aim: Aim) -> None:
    held: socket.socket | None = None
    while True:
        try:
            if held is None:
                held = aim.connect()
                aim.ask(held)
            else:
                aim.ask(held)
                _tell(aim, "established", None)
        except OSError as error:
            _tell(aim, "established", error)
            # An answer to this question must not be taken for the next one's.
            if held is not None:
                held.close()
            held = None
        real_sleep(aim.interval_seconds)


def main() -> None:
    """Try for ever; the caller ends this process."""
    port, interval, timeout, path, *addresses = sys.argv[1:]
    threads = []
    for address in addresses:
        aim = Aim(address, int(port), path, float(interval), float(timeout))
        threads += [threading.Thread(target=work, args=(aim,), daemon=True) for work in (_try_new, _try_established)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
