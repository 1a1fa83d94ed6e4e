"""Real Locust processes against a small server on loopback: what they record, and what they survive."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from harness import requests
from harness.clock import Clock, real_sleep, seconds
from harness.errors import HarnessFault
from harness.generators import LoadPlace
from harness.ledger import ReadBack, Standing, View, join
from harness.load import Load, LoadPlan
from harness.requests import OPERATIONS, Outcome
from loadtests.settings import MIX

_ROWS: list[str] = []
_BETWEEN = ("sh", "-c", '"$@"; exit $?', "sh")
"""A way in that leaves a process of its own between the harness and Locust."""


async def _register(request: Request) -> JSONResponse:
    return JSONResponse({"data": {"id": "u"}}, status_code=201)


async def _login(request: Request) -> JSONResponse:
    return JSONResponse({"data": {"token": uuid.uuid4().hex, "refresh_token": "r", "expires_in": 3600}})


async def _organization(request: Request) -> JSONResponse:
    return JSONResponse({"data": {"id": "org"}}, status_code=201)


async def _create(request: Request) -> JSONResponse:
    name = (await request.json())["name"]
    _ROWS.append(name)
    return JSONResponse({"data": {"id": uuid.uuid4().hex, "name": name}}, status_code=201)


async def _list(request: Request) -> JSONResponse:
    limit = int(request.query_params["limit"])
    return JSONResponse({"data": [{"name": name} for name in _ROWS[-limit:]]})


async def _events(request: Request) -> JSONResponse:
    return JSONResponse({"data": [{"id": 7, "created_at": "2026-01-01T00:00:00.5Z"}]})


async def _stats(request: Request) -> JSONResponse:
    return JSONResponse({"data": {"total": 0}})


app = Starlette(
    routes=[
        Route("/api/v1/auth/register", _register, methods=["POST"]),
        Route("/api/v1/auth/login", _login, methods=["POST"]),
        Route("/api/v1/organizations", _organization, methods=["POST"]),
        Route("/api/v1/triggers", _create, methods=["POST"]),
        Route("/api/v1/triggers", _list, methods=["GET"]),
        Route("/api/v1/ponder/events", _events),
        Route("/api/v1/organizations/org/api-keys/stats", _stats),
    ]
)


@contextmanager
def served() -> Iterator[tuple[str, int]]:
    with socket.socket() as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited; asyncio forgets it for --fd
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        descriptor = listening.fileno()
        arguments = ["--fd", str(descriptor), "--app-dir", str(Path(__file__).parent), "--log-level", "error"]
        command = [sys.executable, "-m", "uvicorn", f"{Path(__file__).stem}:app", *arguments]
        child = subprocess.Popen(command, pass_fds=[descriptor])
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", child.pid
        finally:
            child.kill()
            child.wait()


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    with served() as found:
        yield found


def _bound_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.timeout(120)
def test_arrivals_go_on_through_a_hang_and_every_write_is_accounted_for(
    tmp_path: Path, server: tuple[str, int]
) -> None:
    host, pid = server
    clock = Clock.start(10)
    plan = LoadPlan(host, {"america": 10.0, "europe": 10.0}, deadline=seconds(5))
    with Load(clock, tmp_path, [LoadPlace("america", 0), LoadPlace("europe", 1, _BETWEEN)], plan) as load:
        load.start()
        real_sleep(1)
        calm = load.glance(seconds(5))
        os.kill(pid, signal.SIGSTOP)
        real_sleep(1.5)
        storm = load.glance(seconds(5))
        os.kill(pid, signal.SIGCONT)
        real_sleep(1)
        assert load.alive()
        assert load.dead() == []
        triggers = _readback(host)
    assert not load.alive()
    for name in load.records:
        log = (tmp_path / f"load-{name}.log").read_text()
        assert "exit code 0" in log
        assert "Traceback" not in log
    assert calm["america"].bad_per_second == 0
    assert calm["america"].arrivals_per_second == pytest.approx(10, rel=0.25)
    assert calm["america"].addresses.keys() == {"127.0.0.1"}
    assert storm["europe"].bad_per_second > 5
    found = [requests.read(path) for path in load.records.values()]
    for part in found:
        _judge_arrivals(part)
    _judge_ledger(found, triggers)


def _readback(host: str) -> dict[str, int]:
    import httpx

    rows = httpx.get(f"{host}/api/v1/triggers?limit=100000").json()["data"]
    return {row["name"].removeprefix("gd-"): 1 for row in rows if row["name"].startswith("gd-")}


def _judge_arrivals(part: requests.Requests) -> None:
    due = np.sort(part.rows["intended"].astype(np.int64))
    assert np.allclose(np.diff(due), 10_000_000, atol=2)  # 100 per real second, without a gap, hang or not
    assert part.torn_bytes == 0
    outcomes = set(part.rows["outcome"].tolist())
    assert outcomes <= {Outcome.GOOD, Outcome.TIMED_OUT}
    assert Outcome.TIMED_OUT in outcomes
    shares = np.bincount(part.rows["operation"], minlength=len(OPERATIONS)) / len(part.rows)
    assert shares == pytest.approx([MIX.get(name, 0) / sum(MIX.values()) for name in OPERATIONS], abs=0.02)
    events = part.rows[(part.rows["operation"] == 2) & (part.rows["outcome"] == Outcome.GOOD)]
    assert set(events["observed"].tolist()) == {1_767_225_600_500_000}


def _judge_ledger(found: list[requests.Requests], triggers: dict[str, int]) -> None:
    view = View("api", "here", "server", "writer", 1, triggers)
    ledger = join(found, ReadBack(complete=True, views=(view,)))
    # The list was read just before the end, so only the latest writes may be missing from it.
    acknowledged = ledger.standing(Standing.ACKNOWLEDGED)
    before = ledger.writes["done_at"] < np.sort(ledger.writes["done_at"])[-30]
    assert (ledger.found[acknowledged & before, 0] == 1).all()
    assert ledger.standing(Standing.UNKNOWN).any()
    assert ledger.strangers == ((),)


@pytest.mark.timeout(60)
def test_a_process_that_dies_is_named(tmp_path: Path, server: tuple[str, int]) -> None:
    plan = LoadPlan(server[0], {"here": 20.0})
    with Load(Clock.start(), tmp_path, [LoadPlace("here", 0)], plan) as load:
        load.start()
        load._flows[0].signal(signal.SIGKILL)
        real_sleep(0.3)
        assert load.dead() == ["here"]
    assert len(requests.read(load.records["here"]).rows) > 0


@pytest.mark.timeout(60)
def test_a_service_that_nobody_serves_is_told_with_the_log(tmp_path: Path) -> None:
    plan = LoadPlan(f"http://127.0.0.1:{_bound_port()}", {"here": 5.0}, setup=seconds(1))
    with (
        Load(Clock.start(10), tmp_path, [LoadPlace("here", 0)], plan) as load,
        pytest.raises(HarnessFault, match=r"(?s)here ended at once.*customer to be signed up.*refused"),
    ):
        load.start()


@pytest.mark.timeout(60)
def test_plain_locust_runs_without_settings(tmp_path: Path, server: tuple[str, int]) -> None:
    locustfile = Path(__file__).parents[2] / "loadtests" / "locustfile.py"
    options = ["--headless", "--users", "1", "--run-time", "5", "--host", server[0], "--rate", "50"]
    command = [sys.executable, "-m", "locust", "-f", str(locustfile), *options, "--location", "desk"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 0, ended.stderr
    (record,) = tmp_path.glob("requests-desk-*.bin")
    assert len(requests.read(record).rows) > 20
