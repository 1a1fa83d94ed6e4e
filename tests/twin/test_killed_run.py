"""kill -9 in the middle of a fault: the world is put back, the traffic ends, the evidence alone keeps no promise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from harness import undo
from harness.clock import monotonic_nanoseconds, real_sleep
from harness.twin import root

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the twin needs root here"),
    pytest.mark.timeout(150),
]
HOME = Path(__file__).resolve().parents[2]
SCENARIO = "active_passive/the_primary_load_balancer_goes_dark"
FOLDER = SCENARIO.replace("/", ".")


@dataclass
class Checkout:
    """A checkout of its own: its own twin, its own runs."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "GAMEDAY_HOME": str(self.home), "PYTHONPATH": str(HOME)}

    def gameday(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness.cli", *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=self.environment, cwd=HOME, timeout=60
        )

    def begin(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "harness.cli", "run", SCENARIO, "--speed", "10"]
        with (self.home / "run.log").open("wb") as log:
            return subprocess.Popen(
                command, env=self.environment, cwd=HOME, stdout=log, stderr=log, start_new_session=True
            )

    def folder(self) -> Path | None:
        return next(iter((self.home / "reports" / "runs").glob(f"*/{FOLDER}")), None)

    def acls(self) -> dict[str, str]:
        """Which network ACL each subnet of the primary region has."""
        state = root.status(self.home)
        assert state is not None
        ec2 = boto3.client(
            "ec2", "us-east-1", endpoint_url=f"http://127.0.0.1:{state.api_port}",
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip
        found = ec2.describe_network_acls()["NetworkAcls"]
        return {item["SubnetId"]: item["NetworkAclId"] for acl in found for item in acl["Associations"]}


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    for folder in ("scenarios", "targets"):
        (tmp_path / folder).symlink_to(HOME / folder)
    made = Checkout(tmp_path)
    assert made.gameday("twin", "up", "--design", "active_passive", "--speed", "10").returncode == 0
    yield made
    root.shutdown(tmp_path)


def wait(wanted: Callable[[], object], real_seconds: float, log: Path) -> None:
    end = monotonic_nanoseconds() + real_seconds * 1e9
    while not wanted():
        assert monotonic_nanoseconds() < end, f"gave up waiting; the run said:\n{log.read_text()[-2000:]}"
        real_sleep(0.05)


def strikes(checkout: Checkout) -> bool:
    folder = checkout.folder()
    told = folder / "timeline.jsonl" if folder is not None else None
    return told is not None and told.exists() and '"fault.injected"' in told.read_text()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def watchdog_of(run: int) -> int:
    words = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children(run)}
    return next(pid for pid, line in words.items() if "harness.safety.watchdog" in line)


@pytest.mark.parametrize("by", ["the watchdog", "hand"])
def test_a_killed_run_leaves_nothing_behind(checkout: Checkout, by: str) -> None:
    before = checkout.acls()
    run = checkout.begin()
    wait(lambda: strikes(checkout), 60, checkout.home / "run.log")
    folder = checkout.folder()
    assert folder is not None
    assert checkout.acls() != before
    journal = folder / "undo.jsonl"
    waiting = len(undo.pending(journal))
    assert waiting
    if by == "hand":
        os.kill(watchdog_of(run.pid), signal.SIGKILL)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    if by == "hand":
        plan = checkout.gameday("undo", "--plan")
        assert plan.stdout.count("would undo") == waiting
        assert checkout.acls() != before, "a plan touches nothing"
        assert checkout.gameday("undo").returncode == 0
    wait(lambda: not undo.pending(journal), 15, folder / "lease.log")
    assert checkout.acls() == before
    assert checkout.gameday("undo").stdout == "nothing is pending\n"
    _judge_traffic(folder)
    told = checkout.gameday("rejudge", f"{folder.parent.name}/{folder.name}")
    assert told.returncode not in (0, 2), told.stdout + told.stderr
    assert "KEPT" not in told.stdout
    assert "UNKNOWN recovery" in told.stdout


def _judge_traffic(folder: Path) -> None:
    """The traffic ended with its run, so the record grows no more."""
    records = list(folder.glob("requests-*.bin"))
    assert len(records) == 3
    wait(lambda: "the run is gone" in (folder / "load-asia.log").read_text(), 10, folder / "load-asia.log")
    wait(lambda: all("exit code" in log.read_text() for log in folder.glob("load-*.log")), 10, folder / "load-asia.log")
    sizes = [record.stat().st_size for record in records]
    real_sleep(0.5)
    assert [record.stat().st_size for record in records] == sizes
