"""Acts of nature on a whole platform: one test for each row of docs/twin-fidelity/nature.md."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError
from typer.testing import CliRunner

from harness import cli
from harness.clock import Clock, milliseconds, monotonic_nanoseconds, real_sleep, seconds
from harness.commands import twin as commands
from harness.errors import BadInput
from harness.twin.designs import catalogue
from harness.twin.handover import Handover
from harness.twin.nodes import Node
from harness.twin.world import World
from tests.twin.stage import needs_root

pytestmark = needs_root
SPEED = 40.0
HERE, THERE = "us-east-1", "eu-west-1"
BALANCERS = {HERE: "10.1.10.80", THERE: "10.2.10.80"}
CACHE = "agentauri-cache-001"
_PATIENCE = 2.0
_SILENCE = 0.12


@dataclass
class Earth:
    """A running world and its own door."""

    world: World
    port: int
    state: Path

    def strike(self, act: str, *names: str, **fields: Any) -> Any:
        answer = httpx.post(f"http://127.0.0.1:{self.port}/_twin/strike", json={"act": act, "names": names, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def struck(self) -> dict[str, str]:
        return {name: word.partition(" since")[0] for name, word in self.world.nature.struck().items()}

    def client(self, service: str, region: str = HERE) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
        )

    def reaches(self, place: str, address: str, port: int = 80, *, patience: float = _PATIENCE) -> bool:
        with suppress(TimeoutError):
            self.world.network.connect(place, (address, port), seconds(patience * SPEED)).close()
            return True
        return False

    def silent(self, place: str, address: str, port: int = 80) -> bool:
        return not self.reaches(place, address, port, patience=_SILENCE)

    def nodes(self) -> list[Node]:
        return self.world.rds.nodes() + self.world.elasticache.nodes() + self.world.ecs.nodes()

    def node(self, identifier: str, region: str = HERE) -> Node:
        return next(node for node in self.nodes() if (node.identifier, node.region) == (identifier, region))

    def tasks(self, service: str = "event-processor") -> list[Node]:
        wanted = {task.identifier for task in self.world.ecs.tasks(HERE, service) if task.wanted}
        return [node for node in self.world.ecs.nodes() if node.identifier in wanted]


@pytest.fixture(scope="module")
def earth() -> Iterator[Earth]:
    state = Path(tempfile.mkdtemp(prefix="twin-"))
    state.chmod(0o755)  # PostgreSQL's own user goes in there
    api, dns = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns.bind(("127.0.0.1", 0))
    checkout, clock = Path(__file__).parents[2], Clock.start(SPEED)
    (checkout / ".twin").mkdir(exist_ok=True)  # the database template is kept there
    with ExitStack() as exits:
        exits.callback(shutil.rmtree, state)
        world = World(
            Handover("active_passive", "hardened", clock, checkout, state, api, dns, threading.Event(), lambda _: None),
            catalogue.design("active_passive", "hardened"),
        )
        exits.callback(world.stop)
        world.boot()
        yield Earth(world, api.getsockname()[1], state)


@pytest.fixture(autouse=True)
def calm(earth: Earth) -> Iterator[None]:
    """Nothing is struck before a test; what a failed one left is taken back, so that the next can begin."""
    assert earth.struck() == {}
    yield
    left = earth.struck()
    for kind, _, subject in (name.partition(" ") for name in left):
        undo = {"link": "heal", "endpoint": "lighten"}.get(kind, "return")
        earth.strike(undo, *subject.split(" - ")) if kind != "node" else None
    assert [name for name in left if not name.startswith("node")] == []
    until(lambda: earth.struck() == {})


def until(wanted: Callable[[], object], real_seconds: float = 10) -> None:
    began = monotonic_nanoseconds()
    while not wanted():
        assert monotonic_nanoseconds() - began < real_seconds * 1e9, "never"
        real_sleep(0.01)


def test_a_cut_link_carries_nothing_until_it_is_healed(earth: Earth) -> None:
    earth.strike("cut", "america", HERE)
    assert earth.struck() == {f"link america - {HERE}": "cut"}
    assert earth.silent("america", BALANCERS[HERE])
    assert earth.reaches("america", BALANCERS[THERE]), "its other links carry on"
    assert earth.reaches("europe", BALANCERS[HERE])
    again = [earth.strike("cut", *ends)["struck"] for ends in ((HERE, "america"), ("america", HERE))]
    assert again[0] == again[1], "again is harmless"
    earth.strike("heal", "america", HERE)
    assert earth.reaches("america", BALANCERS[HERE])


def test_a_cut_between_regions_stops_replication_and_not_clients(earth: Earth) -> None:
    writer, reader = earth.node("agentauri-us-1").engine, earth.node("agentauri-eu-1", THERE).engine
    earth.strike("cut", HERE, THERE)
    writer.sql("insert into events (chain_id, registry, block) values (1, 'identity', 424242)")  # type: ignore[attr-defined]
    seen = "select count(*) from events where block = 424242"
    assert earth.reaches("europe", BALANCERS[HERE])
    real_sleep(_SILENCE)
    assert reader.sql(seen)[0][0] == 0  # type: ignore[attr-defined]
    earth.strike("heal", HERE, THERE)
    until(lambda: reader.sql(seen)[0][0] == 1)  # type: ignore[attr-defined]


def test_two_zones_are_parted_and_each_goes_on(earth: Earth) -> None:
    a, b = ("10.1.10.80", "10.1.20.80")
    assert earth.reaches("us-east-1b-app", a)
    earth.strike("cut", "us-east-1a", "us-east-1b")
    assert earth.silent("us-east-1b-app", a)
    assert earth.silent("us-east-1a-app", b)
    assert earth.reaches("america", a)
    assert earth.reaches("america", b)
    assert earth.reaches("us-east-1a-app", a)
    earth.strike("heal", "us-east-1b", "us-east-1a")
    assert earth.reaches("us-east-1b-app", a)


def test_a_slow_link_takes_its_time(earth: Earth) -> None:
    def trip() -> float:
        began = monotonic_nanoseconds()
        assert earth.reaches("europe", BALANCERS[HERE])
        return (monotonic_nanoseconds() - began) / 1e6

    usual = min(trip() for _ in range(5))
    earth.strike("slow", "europe", HERE, amount=4000)
    slow = min(trip() for _ in range(2))
    assert slow >= 4000 / SPEED > usual + 20
    assert earth.struck() == {f"link europe - {HERE}": "4000 ms there and back"}
    earth.strike("heal", "europe", HERE)
    assert min(trip() for _ in range(5)) < usual + 20
    assert earth.world.network.wan.round_trip("europe", HERE) == milliseconds(90)


def test_a_lossy_link_loses_its_share(earth: Earth) -> None:
    address = ("10.1.0.2", 9999)
    with earth.world.network.listen_udp(HERE, address) as ear:
        ear.settimeout(0.3)

        def arrived() -> int:
            with earth.world.network.inside("asia"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
                for _ in range(200):
                    mouth.sendto(b"?", address)
            heard = 0
            with suppress(TimeoutError):
                while ear.recv(10):
                    heard += 1
            return heard

        earth.strike("drop", "asia", HERE, amount=50)
        assert 60 < arrived() < 140
        assert earth.struck() == {f"link asia - {HERE}": "loses 50 % of the packets"}
        earth.strike("heal", "asia", HERE)
        assert arrived() == 200


def test_healing_takes_back_what_was_done_to_the_link_and_nothing_more(earth: Earth) -> None:
    wan = earth.world.network.wan
    for act, amount in (("cut", {}), ("slow", {"amount": 500}), ("drop", {"amount": 5})):
        earth.strike(act, "europe", THERE, **amount)
    earth.strike("lose", THERE)
    earth.strike("heal", "europe", THERE)
    assert earth.struck() == {f"region {THERE}": "lost"}
    assert wan.is_down("europe", THERE)
    earth.strike("return", THERE)
    assert not wan.is_down("europe", THERE)


def test_a_dark_endpoint_answers_nobody_and_the_service_goes_on(earth: Earth) -> None:
    earth.strike("darken", HERE)
    with pytest.raises(ConnectionClosedError):
        earth.client("ec2").describe_vpcs()
    earth.client("ec2", THERE).describe_vpcs()
    assert earth.reaches("america", BALANCERS[HERE])
    earth.strike("lighten", HERE)
    assert earth.client("ec2").describe_vpcs()["Vpcs"]


def test_a_lost_region_is_gone_for_all_until_it_returns(earth: Earth) -> None:
    earth.strike("darken", THERE)
    for _ in range(2):
        assert earth.strike("lose", THERE)["lost"] == [THERE]
    assert earth.silent("europe", BALANCERS[THERE])
    assert earth.silent("us-east-1a-app", BALANCERS[THERE])
    earth.strike("return", HERE)
    assert earth.silent("europe", BALANCERS[THERE]), "another's return changes nothing"
    for _ in range(2):
        earth.strike("return", THERE)
    assert earth.reaches("europe", BALANCERS[THERE])
    with pytest.raises(ConnectionClosedError):
        earth.client("ec2", THERE).describe_vpcs()
    earth.strike("lighten", THERE)
    assert earth.client("ec2", THERE).describe_vpcs()["Vpcs"]


def test_a_frozen_node_keeps_its_connections_and_says_nothing(earth: Earth) -> None:
    cache = earth.node(CACHE).engine

    def answer(line: socket.socket) -> bytes:
        line.settimeout(_SILENCE)
        line.sendall(b"PING\r\n")
        with suppress(TimeoutError):
            return line.recv(20)
        return b""

    with earth.world.network.connect("us-east-1a-app", (cache.address, 6379), seconds(_PATIENCE * SPEED)) as line:  # type: ignore[attr-defined]
        assert answer(line) == b"+PONG\r\n"
        earth.strike("freeze", CACHE, region=HERE)
        assert answer(line) == b""
        assert earth.reaches("us-east-1a-app", cache.address, 6379), "the kernel still accepts"  # type: ignore[attr-defined]
        assert earth.struck() == {f"node {CACHE} {HERE}": "frozen"}
        earth.strike("return", CACHE, region=HERE)
        line.settimeout(_PATIENCE)
        assert line.recv(20) == b"+PONG\r\n"
    assert earth.node(CACHE, THERE).frozen() is False


def test_a_crashed_database_is_restarted_by_its_service(earth: Earth) -> None:
    node = earth.node("agentauri-us-2")
    earth.strike("crash", "agentauri-us-2")
    assert not node.runs() or earth.struck() == {}
    until(lambda: node.runs() and earth.struck() == {})
    described = earth.client("rds").describe_db_instances(DBInstanceIdentifier="agentauri-us-2")
    assert described["DBInstances"][0]["DBInstanceIdentifier"] == "agentauri-us-2"
    earth.strike("return", "agentauri-us-2")


def test_a_crashed_task_is_replaced_by_its_service(earth: Earth) -> None:
    (task,) = earth.tasks()
    earth.strike("crash", task.identifier)
    until(lambda: [other.identifier for other in earth.tasks()] not in ([], [task.identifier]))
    assert earth.struck() == {}


def test_what_is_struck_is_listed_and_every_act_is_in_the_trail(earth: Earth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        commands, "_running", lambda: SimpleNamespace(api_port=earth.port, design="d", version="v", speed=SPEED)
    )
    run = CliRunner().invoke
    assert run(cli.app, ["twin", "strike", "slow", "europe", HERE, "400ms"]).output == (
        f"slow europe {HERE} 400ms: done\n"
    )
    assert "400 ms there and back since 20" in run(cli.app, ["twin", "status"]).output
    assert run(cli.app, ["twin", "strike", "heal", "europe", HERE]).exit_code == 0
    told = run(cli.app, ["twin", "strike", "--help"]).output
    assert all(act in told for act in ("lose REGION|ZONE", "drop A B PERCENT", "lighten REGION"))
    refused = run(cli.app, ["twin", "strike", "lose", "mars"])
    assert isinstance(refused.exception, BadInput)
    trail = [json.loads(line) for line in (earth.state / "logs" / "audit.jsonl").read_text().splitlines()]
    acts = [each for each in trail if each["eventSource"] == "twin"]
    assert acts[-2]["eventName"] == "heal"
    assert acts[-2]["requestParameters"]["names"] == ["europe", HERE]
    assert acts[-1]["errorCode"] == "InvalidStrike"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"act": "smite", "names": [HERE]}, "smite is no act of nature"),
        ({}, "None is no act of nature"),
        ({"act": "lose", "names": ["mars"]}, "mars is no region and no zone of this design; there are us-east-1"),
        ({"act": "lose", "names": ["us-east-1z"]}, "us-east-1z is no region and no zone"),
        ({"act": "lose", "names": [HERE, THERE]}, "lose takes one name, not 2"),
        ({"act": "lose", "region": "mars"}, "mars is no region"),
        ({"act": "lose", "names": [HERE], "amount": 5}, "lose takes no amount"),
        ({"act": "lose", "name": HERE}, "name is no field"),
        ({"act": "lose", "names": HERE}, "names is a list"),
        ({"act": "darken", "names": ["us-east-1a"]}, "us-east-1a is no region"),
        ({"act": "crash", "names": ["nobody"]}, "nobody is no node; there are"),
        ({"act": "return", "names": ["nobody"]}, "nobody is no node; there are"),
        ({"act": "crash", "names": ["agentauri-us-1"], "region": THERE}, "is no node in eu-west-1"),
        ({"act": "crash", "names": ["agentauri-us-1"], "region": "mars"}, "mars is no region"),
        ({"act": "freeze", "names": [CACHE]}, "is in us-east-1 and eu-west-1"),
        ({"act": "cut", "names": [HERE]}, "two ends of a link, not 1"),
        ({"act": "cut", "names": [HERE, "mars"]}, "mars is no region, location or zone"),
        ({"act": "cut", "names": [HERE, HERE]}, "no link between"),
        ({"act": "cut", "names": ["america", "europe"]}, "no link between america and europe"),
        ({"act": "cut", "names": ["us-east-1a", "eu-west-1a"]}, "no link between"),
        ({"act": "slow", "names": ["us-east-1a", "us-east-1b"], "amount": 5}, "neither slowed nor made lossy"),
        ({"act": "slow", "names": [HERE, THERE]}, "takes a number of milliseconds"),
        ({"act": "slow", "names": [HERE, THERE], "amount": "fast"}, "takes a number of milliseconds"),
        ({"act": "slow", "names": [HERE, THERE], "amount": 60001}, "takes 0 to 60000 milliseconds"),
        ({"act": "drop", "names": [HERE, THERE], "amount": -1}, "takes 0 to 100 percent"),
        ({"act": "drop", "names": [HERE, THERE], "amount": True}, "takes a number of percent"),
    ],
)
def test_an_act_that_cannot_be_is_one_clear_line(earth: Earth, wanted: dict[str, Any], words: str) -> None:
    answer = httpx.post(f"http://127.0.0.1:{earth.port}/_twin/strike", json=wanted)
    told = answer.json()
    assert (answer.status_code, told["error"]) == (400, "InvalidStrike")
    assert words in told["message"]
    assert "\n" not in told["message"]


def test_a_lost_zone_takes_its_processes_along_and_the_other_goes_on(earth: Earth) -> None:
    """Last, since the writer moves: zone a loses its power."""
    alb_a, alb_b = "10.1.10.80", "10.1.20.80"
    inside = [node for node in earth.nodes() if (node.region, node.zone) == (HERE, "a") and node.runs()]
    assert {node.identifier for node in inside} >= {"agentauri-us-1", CACHE}
    earth.strike("lose", "us-east-1a")
    assert not any(node.runs() for node in inside)
    assert earth.silent("america", alb_a)
    assert earth.reaches("america", alb_b)
    until(lambda: len(earth.tasks()) == 1 and {task.zone for task in earth.tasks("api-gateway")} == {"b"})

    def writer() -> str:
        (cluster,) = earth.client("rds").describe_db_clusters(DBClusterIdentifier="agentauri-us")["DBClusters"]
        return next(
            str(each["DBInstanceIdentifier"]) for each in cluster["DBClusterMembers"] if each["IsClusterWriter"]
        )

    until(lambda: writer() == "agentauri-us-2")
    earth.strike("return", "us-east-1a")
    assert earth.reaches("america", alb_a)
    until(lambda: earth.node("agentauri-us-1").runs())
