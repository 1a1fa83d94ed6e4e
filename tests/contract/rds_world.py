"""RDS alone over a real network, called in-process or by boto3 through a front door; for tests, needs root."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import Clock, Instant, monotonic_nanoseconds, real_sleep
from harness.errors import TwinFault
from harness.twin.api.front_door import FrontDoor
from harness.twin.api.rds.service import Rds
from harness.twin.calls import AwsError, Call
from harness.twin.designs.model import Design, Timing
from harness.twin.names import Names
from harness.twin.network.network import Network
from harness.twin.schedule import Scheduler

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)
SPEED = 10.0
CACHE = Path(f"/dev/shm/gameday-rds-cache-{os.getpid()}")
"""The database template, made once for all worlds of a test run."""
atexit.register(shutil.rmtree, CACHE, True)


@dataclass
class Metrics:
    points: list[tuple[str, str, Mapping[str, str], float]] = field(default_factory=list)

    def publish(
        self,
        region: str,
        namespace: str,
        metric: str,
        dimensions: Mapping[str, str],
        value: float,
        *,
        at: Instant | None = None,
        unit: str = "None",
        high_resolution: bool = False,
    ) -> None:
        self.points.append((region, metric, dict(dimensions), value))


@dataclass
class World:
    clock: Clock
    network: Network
    names: Names
    scheduler: Scheduler
    metrics: Metrics
    rds: Rds
    boot_real_seconds: float
    door: str
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, region: str = "us-east-1") -> Any:
        """boto3's client of a region, through the front door."""
        if region not in self._clients:
            self._clients[region] = boto3.client(
                "rds",
                region_name=region,
                endpoint_url=self.door,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
            )
        return self._clients[region]

    def status(self, identifier: str, region: str = "us-east-1") -> str:
        return str(self.instance(identifier, region)["DBInstanceStatus"])

    def comes_to(self, identifier: str, status: str = "available", region: str = "us-east-1") -> None:
        until(lambda: self.status(identifier, region) == status)

    def show(self, identifier: str, parameter: str) -> str:
        return str(self.rds.node(identifier).sql(f"show {parameter}")[0][0])

    def call(self, operation: str, region: str = "us-east-1", **parameters: Any) -> Mapping[str, Any]:
        call = Call("rds", operation, region, "test", parameters, self.clock.now())
        return self.rds.handlers()[operation](call)

    def instance(self, identifier: str, region: str = "us-east-1") -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.call("DescribeDBInstances", region, DBInstanceIdentifier=identifier)
        return found["DBInstances"][0]  # type: ignore[no-any-return]

    def cluster(self, identifier: str, region: str = "us-east-1") -> Mapping[str, Any]:
        return self.call("DescribeDBClusters", region, DBClusterIdentifier=identifier)["DBClusters"][0]  # type: ignore[no-any-return]

    def messages(self, region: str = "us-east-1") -> list[str]:
        return [event["Message"] for event in self.call("DescribeEvents", region)["Events"]]

    def write(self, identifier: str, event: int) -> None:
        self.rds.node(identifier).sql("insert into heartbeat(region, beat) values ($1, 0)", (event,), real_seconds=3)

    def written(self, identifier: str) -> set[int]:
        return {row[0] for row in self.rds.node(identifier).sql("select region::int from heartbeat")}

    def leads_to(self, name: str) -> tuple[str, ...]:
        pointer = self.names.lookup(name)
        while pointer is not None and pointer.cname:
            pointer = self.names.lookup(pointer.cname)
        return pointer.addresses if pointer else ()


@contextlib.contextmanager
def world(design: Design, timings: Mapping[str, float], speed: float = SPEED) -> Iterator[World]:
    """The design's databases, with fixed durations in AWS seconds."""
    CACHE.mkdir(mode=0o755, exist_ok=True)
    fixed = {key: Timing(timings.get(key, 5), timings.get(key, 5), "test") for key in design.timings}
    design = replace(design, timings=fixed)
    state = Path(f"/dev/shm/gameday-rds-{os.getpid()}")
    state.mkdir(mode=0o755)
    clock = Clock.start(speed)
    network, names, scheduler, metrics = Network(clock, design, state), Names(), Scheduler(clock), Metrics()
    rds = Rds(clock, network, names, scheduler, metrics, design, state, cache=CACHE)
    listening = socket.create_server(("127.0.0.1", 0))
    door = FrontDoor(clock, [rds], state / "audit.jsonl", {})
    door.serve(listening)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        rds.prepare()
        network.up()
        began = monotonic_nanoseconds()
        rds.boot()
        took = (monotonic_nanoseconds() - began) / 1e9
        yield World(clock, network, names, scheduler, metrics, rds, took, url)
        assert not scheduler.failures, scheduler.failures
    finally:
        door.close()
        rds.stop()
        scheduler.close()
        network.down()
        shutil.rmtree(state, ignore_errors=True)


class Load(threading.Thread):
    """Writes numbered rows to a node until it fails."""

    def __init__(self, world: World, identifier: str, first: int) -> None:
        super().__init__(daemon=True)
        self._node = world.rds.node(identifier)
        self._first = first
        self.acknowledged: set[int] = set()
        self.start()

    def run(self) -> None:
        with contextlib.suppress(TwinFault), self._node.session() as session:
            for event in range(self._first, self._first + 1_000_000):
                session.query("insert into heartbeat(region, beat) values ($1, 0)", (event,))
                self.acknowledged.add(event)


def until(true: Callable[[], object], real_seconds: float = 8) -> None:
    end = monotonic_nanoseconds() + real_seconds * 1e9
    while True:
        with contextlib.suppress(TwinFault):
            if true():
                return
        assert monotonic_nanoseconds() < end, "gave up waiting"
        real_sleep(0.02)


def code(action: Callable[[], object]) -> str:
    """AWS's code of the refusal that a call, in-process, must meet."""
    with pytest.raises(AwsError) as caught:
        action()
    return caught.value.code


def refusal(action: Callable[..., object], **parameters: Any) -> str:
    """AWS's code of the refusal that a boto3 call must meet."""
    with pytest.raises(ClientError) as caught:
        action(**parameters)
    return str(caught.value.response["Error"]["Code"])
