"""One region of the application: processes in the twin's network over a real PostgreSQL pair and Redis."""

from __future__ import annotations

import http.client
import json
import logging
import os
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import pytest

from harness.clock import Clock, monotonic_nanoseconds, real_sleep, seconds
from harness.twin.designs.catalogue import design
from harness.twin.engines import postgres_template
from harness.twin.engines.apps import AppHost, RunningTask, TaskSpec, settings_for
from harness.twin.engines.postgres import PostgresNode
from harness.twin.engines.redis import RedisNode
from harness.twin.names import Names, Pointer
from harness.twin.network.network import Network

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the twin's network needs root here")

SPEED = 10
REGION = "us-east-1"
HARDENED = design("read_replicas", "hardened")
AS_WRITTEN = design("read_replicas", "as_written")
APP = f"{REGION}a-app"
SCHEMA = Path(postgres_template.__file__).parents[1] / "app" / "schema.sql"
MATCHING = {"name": "match", "chain_id": 8453, "registry": "identity", "enabled": True}


@dataclass
class Reply:
    status: int
    body: Any
    headers: Any

    @property
    def data(self) -> Any:
        return self.body["data"]


@dataclass
class Client:
    network: Network
    address: str
    headers: dict[str, str] = field(default_factory=dict)
    deadline: float = 2.0

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection(self.address, 8080)
        limit = seconds(self.deadline * SPEED)
        with closing(self.network.connect(APP, (self.address, 8080), limit)) as connection.sock:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {**self.headers, **headers})
            answer = connection.getresponse()
            return Reply(answer.status, json.loads(answer.read()), answer.headers)

    def sign_up(self) -> dict[str, Any]:
        name, monitored = f"u{uuid.uuid4().hex}", {"X-Monitoring-Token": "any"}
        account = {"username": name, "email": f"{name}@example", "password": "pw"}
        assert self.ask("POST", "/api/v1/auth/register", account, **monitored).status == 201
        login = {"username_or_email": name, "password": "pw"}
        session: dict[str, Any] = self.ask("POST", "/api/v1/auth/login", login, **monitored).data
        self.headers = {"Authorization": f"Bearer {session['token']}"}
        organization = self.ask("POST", "/api/v1/organizations", {"name": name, "slug": name}).data
        self.headers["X-Organization-ID"] = organization["id"]
        return session


class Rig:
    """One region: a writer, a replica, a Redis, a resolver, and tasks that a test starts."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        self.clock = Clock.start(SPEED)
        self.network = Network(self.clock, HARDENED, folder)
        self.network.up()
        undo.callback(self.network.down)
        log = logging.getLogger("test")
        place = (f"{REGION}a-data", f"{REGION}b-data")
        template = postgres_template.prepare(Path(tempfile.gettempdir()) / "gameday-template", SCHEMA)
        self.writer, self.replica = (
            PostgresNode(
                self.network, f"pg{i}", place[i], f"10.1.{12 + 10 * i}.{101 + i}", f"10.1.{251 + i}.{101 + i}",
                folder / "pg" / str(i), log,
            )
            for i in (0, 1)
        )  # fmt: skip
        for node in (self.writer, self.replica):
            for address in (node.address, node.backplane_address):
                self.network.address(node.place, address)
            node.create(template)
        self.writer.start()
        self.replica.start_standby(self.writer)
        self.redis = RedisNode(self.network, self.clock, folder, "redis", place[0], "10.1.12.201", "10.1.251.201")
        self.redis.start()
        self.names = Names()
        self.point(self.writer.address, self.replica.address)
        self.names.point(str(HARDENED.app[REGION].cache_endpoint), Pointer((self.redis.address,)))
        self.socket = self.network.listen_udp(REGION, ("10.1.0.2", 53))
        threading.Thread(target=self._resolve, daemon=True).start()
        undo.callback(self.socket.close)
        self.apps = AppHost(self.network, self.clock, folder)
        self.apps.boot()
        undo.callback(self.apps.stop)
        self.used = 19

    def point(self, writer: str, reader: str) -> None:
        for app in (HARDENED.app[REGION], AS_WRITTEN.app[REGION]):
            self.names.point(app.writer_endpoint, Pointer((writer,), ttl=5))
            self.names.point(app.reader_endpoint, Pointer((reader,), ttl=5))

    def _resolve(self) -> None:
        while True:
            try:
                data, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            question = dns.message.from_wire(data)
            answer = dns.message.make_response(question)
            answer.flags |= dns.flags.RA
            name = question.question[0].name
            pointer = self.names.lookup(name.to_text())
            if pointer:
                answer.answer.append(dns.rrset.from_text(name, pointer.ttl, "IN", "A", *pointer.addresses))
            self.socket.sendto(answer.to_wire(), peer)

    def start(self, service: str, plan: Any = HARDENED, region: str = REGION, **changes: Any) -> RunningTask:
        self.used += 1
        settings = {**settings_for(plan, REGION, service), **changes}
        task = f"t{self.used}"
        return self.apps.start(TaskSpec(service, task, region, APP, f"10.1.11.{self.used}", 8080, settings))

    def gateway(self, plan: Any = HARDENED, **changes: Any) -> tuple[RunningTask, Client]:
        task = self.start("api-gateway", plan, **changes)
        client = Client(self.network, task.spec.address)
        wait(lambda: accepts(client))
        return task, client

    def queued(self) -> int:
        with self.network.connect(APP, (self.redis.address, 6379), seconds(SPEED)) as connection:
            connection.sendall(b"LLEN action_jobs\r\n")
            return int(connection.recv(64)[1:-2])

    def count(self, query: str) -> int:
        return int(self.writer.sql(query)[0][0])


def accepts(client: Client) -> bool:
    try:
        return client.ask("GET", "/api/v1/health").status in (200, 503)
    except OSError:
        return False


def wait(condition: Callable[[], object], real_seconds: float = 5.0) -> None:
    end = monotonic_nanoseconds() + real_seconds * 1e9
    while not condition():
        assert monotonic_nanoseconds() < end, "gave up waiting"
        real_sleep(0.02)


@pytest.fixture(scope="module")
def module_rig() -> Iterator[Rig]:
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        folder.chmod(0o755)
        rig = Rig(folder, undo)
        undo.callback(rig.writer.kill)
        undo.callback(rig.replica.kill)
        yield rig


@pytest.fixture
def rig(module_rig: Rig) -> Iterator[Rig]:
    """The rig with nothing in the pipeline; its tasks end with the test."""
    before = module_rig.used
    module_rig.writer.sql("truncate triggers, events, processed_events, executed_jobs, action_results, dead_letters")
    started: list[RunningTask] = []
    start = module_rig.start
    module_rig.start = lambda *args, **changes: started.append(task := start(*args, **changes)) or task  # type: ignore[assignment,func-returns-value]
    yield module_rig
    module_rig.start = start  # type: ignore[method-assign]
    for task in started:
        if task.alive():
            task.kill()
    module_rig.used = before
