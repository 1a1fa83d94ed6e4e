"""Health checks of a load balancer node: a thread for each target asks it as ELB does, from the node's own subnet."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from harness.clock import Clock, Duration, Instant, seconds
from harness.twin.api.elbv2.opinions import FAILED, PASSED, TIMED_OUT, CheckResult, mismatch
from harness.twin.api.elbv2.settings import TRAFFIC_PORT, HealthSettings
from harness.twin.engines.haproxy import TARGET_PORT
from harness.twin.network.network import Network

FIRST_CHECK = seconds(2)
"""A registration takes this long to reach the nodes; AWS says "a few seconds"."""

Report = Callable[[CheckResult], None]


class TargetWatch:
    """Asks one target for its health every interval, counted from start to start, until it is stopped.

    ``asking`` is told before the first check, ``report`` after each; the first is due when ``first`` has passed.
    """

    def __init__(
        self,
        network: Network,
        clock: Clock,
        place: str,
        settings: HealthSettings,
        target: str,
        asking: Callable[[], None],
        report: Report,
        first: Duration = FIRST_CHECK,
    ) -> None:
        self._network = network
        self._clock = clock
        self._place = place
        self._settings = settings
        self._target = target
        self._asking = asking
        self._report = report
        self._first = first
        self._over = threading.Event()
        threading.Thread(target=self._loop, name=f"check-{target}", daemon=True).start()

    def stop(self) -> None:
        """Ask no more; the check under way is not reported."""
        self._over.set()

    def _loop(self) -> None:
        due = self._clock.now() + self._first
        if self._waits(due):
            self._asking()
        while self._waits(due):
            result = self._check()
            if not self._over.is_set():
                self._report(result)
            due = self._next(due)

    def _waits(self, due: Instant) -> bool:
        return not self._over.wait(max(0.0, self._clock.real_seconds(due - self._clock.now())))

    def _check(self) -> CheckResult:
        wanted = self._settings
        port = TARGET_PORT if wanted.port == TRAFFIC_PORT else int(wanted.port)
        address = (self._target, port)
        return check(self._network, self._clock, self._place, address, wanted.path, wanted.timeout, wanted.accepts)

    def _next(self, due: Instant) -> Instant:
        while due <= self._clock.now():
            due = due + self._settings.interval
        return due


def check(
    network: Network,
    clock: Clock,
    place: str,
    address: tuple[str, int],
    path: str,
    timeout: Duration,
    accepts: Callable[[int], bool] = lambda status: status == 200,
) -> CheckResult:
    """GET ``path`` of a target from ``place``: passes with a code that ``accepts`` within ``timeout`` in all."""
    deadline = clock.now() + timeout
    try:
        with network.connect(place, address, timeout) as line:
            line.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nConnection: close\r\n"
                "User-Agent: ELB-HealthChecker/2.0\r\n\r\n".encode()
            )
            status = _status(line, clock, deadline)
    except TimeoutError:
        return TIMED_OUT
    except OSError:
        return FAILED
    if status is None:
        return FAILED
    return PASSED if accepts(status) else mismatch(status)


def _status(line: socket.socket, clock: Clock, deadline: Instant) -> int | None:
    head = b""
    while b"\r\n\r\n" not in head:
        left = clock.real_seconds(deadline - clock.now())
        if left <= 0:
            raise TimeoutError
        line.settimeout(left)
        piece = line.recv(4096)
        if not piece:
            return None
        head += piece
    words = head.split(b"\r\n", 1)[0].split()
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() else None
