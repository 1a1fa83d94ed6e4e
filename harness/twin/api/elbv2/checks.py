"""Health checks of a load balancer node: a thread for each target asks it as ELB does, from the node's own subnet."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from harness.clock import Clock, Duration, Instant, seconds
from harness.twin.api.elbv2.opinions import FAILED, PASSED, TIMED_OUT, CheckResult, mismatch
from harness.twin.designs.model import LoadBalancerPlan
from harness.twin.engines.haproxy import TARGET_PORT
from harness.twin.network.network import Network

FIRST_CHECK = seconds(2)
"""A registration takes this long to reach the nodes; AWS says "a few seconds"."""

Report = Callable[[CheckResult], None]


class TargetWatch:
    """Asks one target for its health every interval, counted from start to start, until it is stopped."""

    def __init__(
        self, network: Network, clock: Clock, place: str, plan: LoadBalancerPlan, target: str, report: Report
    ) -> None:
        self._network = network
        self._clock = clock
        self._place = place
        self._plan = plan
        self._target = target
        self._report = report
        self._over = threading.Event()
        threading.Thread(target=self._loop, name=f"check-{target}", daemon=True).start()

    def stop(self) -> None:
        """Ask no more; the check under way is not reported."""
        self._over.set()

    def _loop(self) -> None:
        due = self._clock.now() + FIRST_CHECK
        while not self._over.wait(max(0.0, self._clock.real_seconds(due - self._clock.now()))):
            result = check(
                self._network, self._clock, self._place, self._target, self._plan.health_path, self._plan.timeout
            )
            if not self._over.is_set():
                self._report(result)
            due = self._next(due)

    def _next(self, due: Instant) -> Instant:
        while due <= self._clock.now():
            due = due + self._plan.interval
        return due


def check(network: Network, clock: Clock, place: str, target: str, path: str, timeout: Duration) -> CheckResult:
    """GET ``path`` of a target on port 8080 from ``place``: 200 within ``timeout``, all steps together, passes."""
    deadline = clock.now() + timeout
    try:
        with network.connect(place, (target, TARGET_PORT), timeout) as line:
            line.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {target}:{TARGET_PORT}\r\nConnection: close\r\n"
                "User-Agent: ELB-HealthChecker/2.0\r\n\r\n".encode()
            )
            status = _status(line, clock, deadline)
    except TimeoutError:
        return TIMED_OUT
    except OSError:
        return FAILED
    if status is None:
        return FAILED
    return PASSED if status == 200 else mismatch(status)


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
