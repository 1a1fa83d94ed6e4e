"""Processes born inside a place, each with its log; ended with the network if nobody ended them before."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.twin.network import kernel
from harness.twin.network.namespaces import Namespace, apart
from harness.twin.network.users import as_user

RESOLVER_FILE = "/etc/resolv.conf"


class Processes:
    """Starts processes; ``logs`` and ``resolvers`` (one resolv.conf a place) are folders."""

    def __init__(self, logs: Path, resolvers: Path) -> None:
        self._logs = logs
        self._resolvers = resolvers
        self._alive: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def spawn(
        self,
        name: str,
        namespace: Namespace,
        command: Sequence[str],
        *,
        user: str | None,
        environment: Mapping[str, str] | None,
        resolver: bool,
        stdin: int | None,
        stdout: int | None,
    ) -> subprocess.Popen[bytes]:
        """Start ``command`` in a session of its own. The caller waits for it or leaves that to :meth:`end`."""
        # Not Popen's own user=: that makes it fork instead of vfork, which a root of this size feels.
        line = list(command) if user is None else as_user(user, command)

        def start() -> subprocess.Popen[bytes]:
            with (self._logs / f"{name}.log").open("ab") as log, namespace.inside():
                return subprocess.Popen(
                    line,
                    stdin=subprocess.DEVNULL if stdin is None else stdin,
                    stdout=log if stdout is None else stdout,
                    stderr=log,
                    env={**os.environ, **environment} if environment else None,
                    start_new_session=True,
                )

        def start_with_resolver() -> subprocess.Popen[bytes]:
            kernel.private_mounts(kernel.MS_SLAVE)
            kernel.bind(self._resolvers / namespace.place.name, os.path.realpath(RESOLVER_FILE))
            return start()

        process = apart(start_with_resolver) if resolver else start()
        with self._lock:
            self._alive = [each for each in self._alive if each.returncode is None]
            self._alive.append(process)
        return process

    def end(self) -> None:
        """Kill what still runs, with its process group, and wait for it."""
        with self._lock:
            alive, self._alive = self._alive, []
        for process in alive:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):  # it ended between the look and the blow
                    os.killpg(process.pid, signal.SIGKILL)
        for process in alive:
            process.wait()
