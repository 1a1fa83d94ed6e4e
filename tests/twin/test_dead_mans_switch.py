"""A game day dies with its watchdog and its machine: the function inside the account puts the world back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import inventory
from harness.cloud import inventory as live
from harness.cloud.estate import Estate
from harness.safety import dead_mans_switch
from harness.safety import table as tables
from harness.safety.table import Table
from tests.unit.safety.endpoint import REGION, created

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)
HOME = Path(__file__).resolve().parents[2]
GAME_DAY = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from harness import target
from harness.cloud.carriers import carrier_of
from harness.clock import Anchor, Clock
from harness.faults import Blackhole
from harness.probes.names import NameServer
from harness.safety.injection import Injection
from harness.safety.table import Table
from harness.session import reach_twin
from harness.timeline import Timeline
from harness.topology import LoadBalancer, Region
from harness.undo import Journal
api, dns, speed, monotonic, epoch, folder = sys.argv[1:]
clock = Clock(float(speed), Anchor(int(monotonic), int(epoch)))
state = SimpleNamespace(api_port=int(api), dns_port=int(dns), clock=clock)
estate = reach_twin(target.load(Path("targets/twin.toml")), state)
with Table(estate.cloud, "eu-central-1", "gameday", "twin").held("a game day", 60) as hold:
    journal = Journal(Path(folder) / "undo.jsonl", hold.mirror("s/run"))
    timeline = Timeline(Path(folder) / "timeline.jsonl")
    fault = Blackhole(LoadBalancer(Region("us-east-1")))
    carrier = carrier_of(fault, estate, "s-run")
    carrier.bites = lambda since: SimpleNamespace(at=since, sight="not looked at")
    with Injection(fault, carrier, estate, journal, timeline, lambda *_: None, lambda: None):
        print("dark", flush=True)
        time.sleep(60)
"""


def test_everything_of_ours_dies_and_the_world_is_put_back(
    passive: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live.take(passive)
    table = Table(passive.cloud, REGION, "gameday", "twin")
    with created(passive.cloud, "gameday"):
        clock, endpoint = passive.clock, str(passive.cloud.endpoint)
        words = [endpoint.rpartition(":")[2], str(passive.name_server.port), f"{clock.speed:g}"]
        words += [str(clock.anchor.monotonic_nanoseconds), str(clock.anchor.epoch_nanoseconds), str(tmp_path)]
        run = subprocess.Popen(
            [sys.executable, "-c", GAME_DAY, *words],
            stdout=subprocess.PIPE,
            text=True,
            cwd=HOME,
            start_new_session=True,
        )
        assert run.stdout is not None
        assert run.stdout.readline() == "dark\n"
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        assert inventory.compare(before, live.take(passive)).wrong
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "gameday", "AWS_SECRET_ACCESS_KEY": "twin",
            "AWS_REGION": REGION, "GAMEDAY_TABLE": "gameday", "GAMEDAY_ENVIRONMENT": "twin",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        assert dead_mans_switch.handler({}, None)["left_alone"], "its lease has not run out"
        assert inventory.compare(before, live.take(passive)).wrong
        now = tables.wall_seconds()
        monkeypatch.setattr(tables, "wall_seconds", lambda: now + 61)
        assert dead_mans_switch.handler({}, None)["undone"]
        assert inventory.compare(before, live.take(passive)).wrong == ()
        assert table.pending() == []
