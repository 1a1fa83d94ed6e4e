"""A network of a design with everything that services need, for tests of one service at a time; needs root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Clock, Duration, Instant, real_sleep, seconds
from harness.twin.calls import Call, Service
from harness.twin.designs.model import Design
from harness.twin.names import Names
from harness.twin.network.network import Network
from harness.twin.schedule import Scheduler

needs_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft")

PATIENCE = seconds(30)


@dataclass
class Metrics:
    """Remembers the last value of each metric, and every datapoint with its dimensions."""

    last: dict[str, float] = field(default_factory=dict)
    all: list[tuple[str, Mapping[str, str], float]] = field(default_factory=list)

    def publish(
        self, region: str, namespace: str, metric: str, dimensions: Mapping[str, str], value: float, **_: Any
    ) -> None:
        self.last[metric] = value
        self.all.append((metric, dict(dimensions), value))


@dataclass
class Stage:
    clock: Clock
    design: Design
    network: Network
    scheduler: Scheduler
    state: Path
    names: Names = field(default_factory=Names)
    metrics: Metrics = field(default_factory=Metrics)
    exits: ExitStack = field(default_factory=ExitStack)

    def call(self, service: Service, operation: str, region: str = "us-east-1", /, **parameters: Any) -> Any:
        handler = service.handlers()[operation]
        return handler(Call(service.name, operation, region, "test", parameters, self.clock.now()))

    def until(self, wanted: Callable[[], object], patience: Duration = PATIENCE) -> Duration:
        """How long it took until ``wanted`` was true; fails when it never was."""
        began: Instant = self.clock.now()
        while not wanted():
            assert self.clock.now() - began < patience, f"never: {wanted}"
            real_sleep(0.01)
        return self.clock.now() - began

    def get(self, address: str, path: str = "/", *, place: str = "america", port: int = 80) -> tuple[int, str]:
        """Status and body of one request on a connection of its own."""
        with self.network.connect(place, (address, port), seconds(20)) as line:
            line.settimeout(10)
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := line.recv(65536):
                answer += piece
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), body


@contextmanager
def stage(design: Design, speed: float = 20) -> Iterator[Stage]:
    """The design's network at that speed, taken away with everything that was spawned in it."""
    state = Path(tempfile.mkdtemp(prefix="twin-"))
    clock = Clock.start(speed)
    with ExitStack() as exits:
        exits.callback(shutil.rmtree, state)
        network = Network(clock, design, state)
        exits.callback(network.down)
        network.up()
        scheduler = Scheduler(clock)
        exits.callback(scheduler.close)
        built = Stage(clock, design, network, scheduler, state)
        exits.enter_context(built.exits)
        yield built
    assert scheduler.failures == []
