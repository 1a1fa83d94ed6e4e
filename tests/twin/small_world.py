"""A platform with nothing on it, and a world that only holds its network: for tests of the ground under the twin."""

from __future__ import annotations

import ctypes
import os
from dataclasses import replace

from harness.clock import milliseconds
from harness.errors import TwinFault
from harness.twin.designs.model import Design, LocationPlan, RegionPlan
from harness.twin.handover import Handover
from harness.twin.network.network import Network

BETWEEN = milliseconds(40)
EUROPE = {"us-east-1": milliseconds(30), "eu-west-1": milliseconds(10)}
DESIGN = Design(
    name="small",
    version="hardened",
    regions=(RegionPlan("us-east-1", 1), RegionPlan("eu-west-1", 2, ("a",))),
    locations=(LocationPlan("europe", 102, EUROPE),),
    round_trips={frozenset({"us-east-1", "eu-west-1"}): BETWEEN},
    instances=(),
    parameter_groups=(),
    caches=(),
    load_balancers=(),
    services=(),
    records=(),
    health_checks=(),
    alarms=(),
    app={},
    timings={},
)


def main(handover: Handover) -> None:
    """Hold a network, an orphan, a detached child and a shared memory segment until told to stop."""
    network = Network(handover.clock, replace(DESIGN, version="hardened"), handover.state)
    network.up()
    network.spawn("sleeper", "us-east-1a-app", ["sleep", "600"])
    network.spawn("orphan", "us-east-1a-app", ["sh", "-c", "setsid sleep 600 & setsid sleep 0.05 &"]).wait()
    segment = ctypes.CDLL(None).shmget(4242, 4096, 0o1600)
    handover.ready({"root": os.getpid(), "segment": segment})
    handover.stop.wait()
    network.down()


def refuse(_: Handover) -> None:
    """Never be ready, and say why."""
    raise TwinFault("There is no room.", "Make some.")


def crash(_: Handover) -> None:
    """Die without a word."""
    os._exit(3)


def dawdle(handover: Handover) -> None:
    """Never be ready, and say nothing."""
    handover.stop.wait()
