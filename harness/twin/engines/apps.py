"""The service processes of the twin: forks of one zygote that imported everything once.

A task is born inside its subnet's network namespace, with its own address there, and ends with the zygote, which ends
with this process. Its log is ``state/logs/<service>-<task id>.log``.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.clock import Clock, Duration
from harness.errors import TwinFault
from harness.processes import stopped
from harness.twin.designs.model import Design

_LAUNCH = """
import gc, sys
gc.disable()
sys.modules["cryptography"] = None
from harness.twin.app.zygote import main
main()
"""
"""No garbage collection before the fork, whose marks every child would copy; and no cryptography, which PyJWT would
load for algorithms that nobody here uses: together 15 MB."""
_ANSWER_SECONDS = 20
_LEAST_GRACE_SECONDS = 1.0
_END_SECONDS = 5.0


class Ground(Protocol):
    """What tasks need of the network (``harness.twin.network.network.Network`` has it)."""

    def path(self, place: str) -> Path | None:
        """A file that is the place's network namespace; ``None``: stay where the zygote is."""

    def address(self, place: str, ip: str) -> None:
        """Add an address to the place."""

    def remove_address(self, place: str, ip: str) -> None:
        """Take an address away."""


@dataclass(frozen=True)
class TaskSpec:
    """One task to start. ``settings``: of :func:`settings_for`; identity, address and clock are added here."""

    service: str
    task_id: str
    region: str
    place: str
    address: str
    port: int
    settings: Mapping[str, Any]


class RunningTask:
    """A task's process. Thread-safe."""

    def __init__(self, clock: Clock, spec: TaskSpec, pid: int, ended: Future[int]) -> None:
        self.spec = spec
        self.pid = pid
        """As the twin's pid namespace counts."""
        self._clock = clock
        self._ended = ended

    def alive(self) -> bool:
        """Whether the process exists; it may be frozen."""
        return not self._ended.done()

    @property
    def frozen(self) -> bool:
        """Whether the process is stopped, as by :meth:`freeze`."""
        return self.alive() and stopped(self.pid)

    def exit_code(self) -> int | None:
        """The exit code (negative: the signal that ended it); ``None`` while it is alive."""
        return self._ended.result() if self._ended.done() else None

    def stop(self, grace: Duration) -> None:
        """SIGTERM, and SIGKILL when ``grace`` (at least one real second) has passed; returns when it has ended."""
        self._send(signal.SIGTERM)
        try:
            self._ended.result(max(_LEAST_GRACE_SECONDS, self._clock.real_seconds(grace)))
        except NoAnswer:
            self.kill()

    def kill(self) -> None:
        """SIGKILL; returns when it has ended. Raises ``TwinFault`` when it does not end."""
        self._send(signal.SIGKILL)
        try:
            self._ended.result(_END_SECONDS)
        except NoAnswer as error:
            raise TwinFault(f"{self.spec.service} {self.spec.task_id} (pid {self.pid}) survives SIGKILL.") from error

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self.alive():
            with suppress(ProcessLookupError):  # it ended meanwhile, and nobody has told us yet
                os.kill(self.pid, number)


class AppHost:
    """Starts tasks; ``boot`` before anything else. Thread-safe."""

    def __init__(self, network: Ground, clock: Clock, state: Path) -> None:
        self._network = network
        self._clock = clock
        self._logs = state / "logs"
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._ready: Future[int] = Future()
        self._asked: dict[int, Future[int]] = {}
        self._running: dict[int, tuple[TaskSpec, Future[int]]] = {}
        self._ended_early: dict[int, int] = {}
        self._addresses: Counter[tuple[str, str]] = Counter()
        self._zygote: subprocess.Popen[bytes] | None = None

    @property
    def zygote_pid(self) -> int | None:
        """The zygote's process, for those who measure."""
        return self._zygote.pid if self._zygote else None

    def boot(self) -> None:
        """Start the zygote; returns when it has imported everything. Raises ``TwinFault`` when it does not."""
        self._logs.mkdir(parents=True, exist_ok=True)
        root = str(Path(__file__).parents[3])
        known = os.environ.get("PYTHONPATH")
        with (self._logs / "zygote.log").open("ab") as log:
            self._zygote = subprocess.Popen(
                [sys.executable, "-c", _LAUNCH],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": f"{root}:{known}" if known else root, "MALLOC_ARENA_MAX": "1"},
                start_new_session=True,
            )
        threading.Thread(target=self._hear, args=(self._zygote,), name="twin-zygote", daemon=True).start()
        try:
            self._ready.result(_ANSWER_SECONDS)
        except NoAnswer as error:
            raise TwinFault("The zygote of the services does not start.", "Read logs/zygote.log.") from error

    def start(self, spec: TaskSpec) -> RunningTask:
        """Start a task; returns when its process exists. What becomes of it is told by the task.

        Raises ``TwinFault`` when the zygote is gone.
        """
        self._network.address(spec.place, spec.address)
        namespace = self._network.path(spec.place)
        number, answer = next(self._numbers), Future[int]()
        order = {
            "id": number,
            "namespace": str(namespace) if namespace else None,
            "log": str(self._logs / f"{spec.service}-{spec.task_id}.log"),
            "settings": {
                **spec.settings,
                "service": spec.service,
                "region": spec.region,
                "task": spec.task_id,
                "address": spec.address,
                "port": spec.port,
                "speed": self._clock.speed,
                "anchor_monotonic_nanoseconds": self._clock.anchor.monotonic_nanoseconds,
                "anchor_epoch_nanoseconds": self._clock.anchor.epoch_nanoseconds,
            },
        }
        with self._lock:
            self._addresses[spec.place, spec.address] += 1
            self._asked[number] = answer
            self._order(order)
        try:
            pid = answer.result(_ANSWER_SECONDS)
        except NoAnswer as error:
            raise TwinFault("The zygote of the services does not answer.", "Read logs/zygote.log.") from error
        return self._adopt(spec, pid)

    def stop(self) -> None:
        """End the zygote and every task at once; twice is harmless."""
        zygote = self._zygote
        if zygote is None or zygote.stdin is None:
            return
        with self._lock, suppress(BrokenPipeError):
            zygote.stdin.close()
        try:
            zygote.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            zygote.kill()
            zygote.wait()

    def _order(self, order: Mapping[str, Any]) -> None:
        zygote = self._zygote
        if zygote is None or zygote.stdin is None or zygote.stdin.closed or zygote.poll() is not None:
            raise TwinFault("The zygote of the services does not run.", "Call boot() first, or read logs/zygote.log.")
        try:
            zygote.stdin.write(json.dumps(order).encode() + b"\n")
            zygote.stdin.flush()
        except BrokenPipeError as error:
            raise TwinFault("The zygote of the services is gone.", "Read logs/zygote.log.") from error

    def _adopt(self, spec: TaskSpec, pid: int) -> RunningTask:
        ended: Future[int] = Future()
        with self._lock:
            early = self._ended_early.pop(pid, None)
            if early is None:
                self._running[pid] = (spec, ended)
        if early is not None:
            self._bury(spec, ended, early)
        return RunningTask(self._clock, spec, pid, ended)

    def _hear(self, zygote: subprocess.Popen[bytes]) -> None:
        assert zygote.stdout is not None
        for line in zygote.stdout:
            self._take(json.loads(line))
        with self._lock:
            orphans, self._running = self._running, {}
            asked, self._asked = self._asked, {}
        for answer in asked.values():
            answer.set_exception(TwinFault("The zygote of the services has ended.", "Read logs/zygote.log."))
        for spec, ended in orphans.values():
            self._bury(spec, ended, -signal.SIGKILL)

    def _take(self, message: Mapping[str, Any]) -> None:
        if "ready" in message:
            self._ready.set_result(message["ready"])
        elif "pid" in message:
            with self._lock:
                answer = self._asked.pop(message["id"])
            answer.set_result(message["pid"])
        else:
            with self._lock:
                known = self._running.pop(message["exit"], None)
                if known is None:
                    self._ended_early[message["exit"]] = message["code"]
            if known is not None:
                self._bury(*known, message["code"])

    def _bury(self, spec: TaskSpec, ended: Future[int], code: int) -> None:
        """A task's network interface goes with it, unless its successor has the address already."""
        with self._lock:
            key = (spec.place, spec.address)
            self._addresses[key] -= 1
            if self._addresses[key] <= 0:
                del self._addresses[key]
                self._network.remove_address(*key)
        ended.set_result(code)


def settings_for(design: Design, region: str, service: str) -> dict[str, Any]:
    """What a service of a region is told, as JSON-able values; a task's identity and the clock come at its start."""
    app = design.app[region]
    plan = next(plan for plan in design.services if (plan.region, plan.name) == (region, service))
    first = region == design.primary.name
    elected = app.queue_before_mark and app.acknowledge_after_run
    return {
        "service": service,
        "region": region,
        "resolver": f"10.{design.region(region).octet}.0.2",
        "writer": app.writer_endpoint,
        "reader": app.reader_endpoint,
        "cache": app.cache_endpoint,
        "jwt_secret": app.jwt_secret,
        "health": app.health,
        "cache_required_to_start": app.cache_required_to_start,
        "queue_before_mark": app.queue_before_mark,
        "acknowledge_after_run": app.acknowledge_after_run,
        "reconnect_cache": app.reconnect_cache,
        "reads_fall_back": app.reads_fall_back,
        "reader_must_follow": app.reader_must_follow,
        "database_timeout_seconds": app.database_timeout.seconds,
        "connection_age_seconds": app.connection_age.seconds if app.connection_age else None,
        "role_life_seconds": app.role_life.seconds,
        "indexer": "elected" if elected else "always" if first else "never",
        "preferred": first,
        "requests_per_second": plan.requests_per_second,
    }
