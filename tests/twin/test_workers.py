"""Locust's own master and two workers that share a location's arrivals; their records make one."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import requests
from harness.requests import Outcome
from loadtests.merge import merge
from tests.twin.test_load import served

_LOCUST = [sys.executable, "-m", "locust", "-f", str(Path(__file__).parents[2] / "loadtests" / "locustfile.py")]
_RATE = 40


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.timeout(120)
def test_workers_share_a_locations_arrivals_and_their_records_make_one(tmp_path: Path) -> None:
    port = str(_free_port())
    worker = [*_LOCUST, "--worker", "--master-host", "127.0.0.1", "--master-port", port]
    with served() as (host, _):
        workers = [subprocess.Popen(worker, cwd=tmp_path, stderr=subprocess.DEVNULL) for _ in range(2)]
        try:
            master = [*_LOCUST, "--master", "--master-bind-port", port, "--headless", "--only-summary"]
            master += ["--users", "2", "--expect-workers", "2", "--run-time", "4", "--host", host]
            master += ["--rate", str(_RATE), "--location", "desk", "--exit-code-on-error", "0"]
            done = subprocess.run(master, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
            assert done.returncode == 0, done.stderr
            assert [one.wait(timeout=20) for one in workers] == [0, 0]
        finally:
            for one in workers:
                one.kill()
                one.wait()
    records = sorted(tmp_path.glob("requests-desk-*.bin"), key=lambda path: path.stem[-2:])
    assert [path.stem[-2:] for path in records] == ["-0", "-1"]
    count = merge(tmp_path / "requests-desk.bin", records)
    rows = requests.read(tmp_path / "requests-desk.bin").rows
    assert len(rows) == count > _RATE
    assert set(rows["outcome"].tolist()) == {Outcome.GOOD}
    due = np.sort(rows["intended"].astype(np.int64))
    late = max(int(requests.read(path).rows["intended"].min()) for path in records)
    soon = min(int(requests.read(path).rows["intended"].max()) for path in records)
    together = np.diff(due[(due >= late) & (due <= soon)])
    assert np.allclose(together, 1e9 / _RATE, atol=2e6)
