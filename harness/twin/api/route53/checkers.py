"""Route 53's health checkers: two for each of AWS's regions, uncoordinated, each probing every endpoint.

One thread drives all probes. A probe's socket is opened inside its location's network namespace, so that its packets
take the way that a client's take. ``RequestInterval`` counts from the end of the previous probe, as AWS says; of one
that got no answer that is its deadline, however late this thread sees it on a busy machine.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import selectors
import socket
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from harness.clock import Clock, Instant, monotonic_nanoseconds
from harness.errors import TwinFault
from harness.twin.api.route53.check_configs import Endpoint
from harness.twin.api.route53.observations import Outcome
from harness.twin.api.route53.probes import NOT_RESOLVED, Probe
from harness.twin.designs.model import Design

_LOG = logging.getLogger("twin.route53")
_REGIONS = {
    "america": ("us-east-1", "us-west-1", "us-west-2", "sa-east-1"),
    "europe": ("eu-west-1",),
    "asia": ("ap-southeast-1", "ap-southeast-2", "ap-northeast-1"),
}
"""Which of AWS's eight checker regions stand at each client location.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html#Route53-Type-HealthCheckConfig-Regions
"""

_EACH = 2
"""Checkers in a region. AWS publishes no number; its GetHealthCheckStatus shows about sixteen."""

Resolve = Callable[[str, str], tuple[str, ...]]
"""The addresses of a name for a client of a subnet (its first address)."""


class Insides(Protocol):
    """The part of the network that the checkers need."""

    def inside(self, place: str) -> AbstractContextManager[None]:
        """This thread is in that place's network namespace meanwhile."""


@dataclass(frozen=True)
class Checker:
    """One health checker: ``region`` is what AWS's API calls its place, ``address`` where its packets come from."""

    place: str
    region: str
    address: str


def checkers_of(design: Design) -> tuple[Checker, ...]:
    """Two checkers for each of AWS's checker regions, where the design's client locations are."""
    return tuple(
        Checker(location.name, region, f"10.{location.octet}.0.10")
        for location in design.locations
        for region in _REGIONS.get(location.name, ("us-east-1",))
        for _ in range(_EACH)
    )


@dataclass(frozen=True)
class _Turn:
    """One checker's task to probe one check; void when its generation is not the check's any more."""

    check: str
    checker: int
    generation: int
    count: int = 0


class Checkers:
    """Drives every checker on one thread. ``observe(check id, checker's index, outcome)`` hears each outcome."""

    def __init__(
        self,
        clock: Clock,
        network: Insides,
        checkers: Sequence[Checker],
        resolve: Resolve,
        observe: Callable[[str, int, Outcome], object],
    ) -> None:
        self.checkers = tuple(checkers)
        self._clock = clock
        self._network = network
        self._resolve = resolve
        self._observe = observe
        self._lock = threading.Lock()
        self._watched: dict[str, tuple[int, Endpoint]] = {}
        self._due: list[tuple[Instant, int, _Turn]] = []
        self._numbers = itertools.count()
        self._flights: dict[Probe, _Turn] = {}
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ, None)
        self._thread: threading.Thread | None = None
        self._stopping = False
        self.probes = 0

    def start(self) -> None:
        """Begin to probe."""
        self._thread = threading.Thread(target=self._run, name="route53-checkers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Probe nothing more; returns when the thread has ended. Raises ``TwinFault`` when it does not."""
        self._stopping = True
        self._ring()
        if self._thread is not None:
            self._thread.join(5)
            if self._thread.is_alive():
                raise TwinFault("the health checkers did not stop within 5 s")
        for probe in self._flights:
            probe.socket.close()
        self._selector.close()
        self._bell.close()
        self._ear.close()

    def watch(self, check: str, endpoint: Endpoint | None) -> None:
        """Probe this endpoint for the check from now on, or nothing when it is ``None``.

        First probes are spread over one interval: AWS's checkers do not coordinate.
        """
        with self._lock:
            self._watched.pop(check, None)
            if endpoint is not None:
                generation = next(self._numbers)
                self._watched[check] = (generation, endpoint)
                now = self._clock.now()
                shift = zlib.crc32(check.encode()) % 1000 / 1000
                chosen = [
                    index
                    for index, checker in enumerate(self.checkers)
                    if not endpoint.regions or checker.region in endpoint.regions
                ]
                for place, index in enumerate(chosen):
                    wait = endpoint.interval * ((place + shift) / len(chosen))
                    turn = _Turn(check, index, generation)
                    heapq.heappush(self._due, (now + wait, next(self._numbers), turn))
        self._ring()

    def _ring(self) -> None:
        try:
            self._bell.send(b"!")
        except BlockingIOError:
            return  # the bell has rung already and nobody has listened yet

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(self._patience()):
                if key.data is None:
                    self._ear.recv(4096)
                else:
                    self._advance(key.data)
            self._expire()
            for turn in self._ready():
                self._begin(turn)

    def _patience(self) -> float | None:
        with self._lock:
            first = self._clock.monotonic(self._due[0][0]) if self._due else None
        deadlines = [probe.deadline for probe in self._flights]
        if first is not None:
            deadlines.append(first)
        if not deadlines:
            return None
        return max(0.0, (min(deadlines) - monotonic_nanoseconds()) / 1_000_000_000)

    def _ready(self) -> list[_Turn]:
        now, ready = self._clock.now(), []
        with self._lock:
            while self._due and self._due[0][0] <= now:
                ready.append(heapq.heappop(self._due)[2])
        return ready

    def _endpoint(self, turn: _Turn) -> Endpoint | None:
        with self._lock:
            generation, endpoint = self._watched.get(turn.check, (-1, None))
        return endpoint if generation == turn.generation else None

    def _begin(self, turn: _Turn) -> None:
        endpoint = self._endpoint(turn)
        if endpoint is None:
            return
        self.probes += 1
        checker = self.checkers[turn.checker]
        address = endpoint.address or self._pick(turn, checker, endpoint)
        if address is None:
            self._finish(turn, NOT_RESOLVED)
            return
        try:
            with self._network.inside(checker.place):
                sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            _LOG.exception("no socket at %s", checker.place)
            self._finish(turn, Outcome(False, f"Failure: {error}"))
            return
        probe = Probe(self._clock, endpoint, turn.check, sock, address)
        outcome = probe.begin()
        if outcome is not None:
            sock.close()
            self._finish(turn, outcome)
            return
        self._flights[probe] = turn
        self._selector.register(sock, probe.events, probe)

    def _pick(self, turn: _Turn, checker: Checker, endpoint: Endpoint) -> str | None:
        """The next of the host's addresses: resolvers rotate them, so a checker meets every load balancer node."""
        try:
            addresses = self._resolve(endpoint.host or "", checker.address)
        except Exception:  # noqa: BLE001 - a name that cannot be looked up fails this probe, not all checkers
            _LOG.exception("%s cannot be resolved", endpoint.host)
            return None
        return addresses[(turn.checker + turn.count) % len(addresses)] if addresses else None

    def _advance(self, probe: Probe) -> None:
        before = probe.events
        outcome = probe.advance()
        if outcome is not None:
            self._land(probe, outcome)
        elif probe.events != before:
            self._selector.modify(probe.socket, probe.events, probe)

    def _expire(self) -> None:
        now = monotonic_nanoseconds()
        for probe in [probe for probe in self._flights if probe.deadline <= now]:
            self._land(probe, probe.expire(), self._clock.at(probe.deadline))

    def _land(self, probe: Probe, outcome: Outcome, ended: Instant | None = None) -> None:
        self._selector.unregister(probe.socket)
        probe.socket.close()
        self._finish(self._flights.pop(probe), outcome, ended)

    def _finish(self, turn: _Turn, outcome: Outcome, ended: Instant | None = None) -> None:
        endpoint = self._endpoint(turn)
        if endpoint is None:
            return
        self._observe(turn.check, turn.checker, outcome)
        following = _Turn(turn.check, turn.checker, turn.generation, turn.count + 1)
        with self._lock:
            again = (ended or self._clock.now()) + endpoint.interval
            heapq.heappush(self._due, (again, next(self._numbers), following))
