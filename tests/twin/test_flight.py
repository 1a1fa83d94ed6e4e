"""The flight recorder on a whole twin: calm keeps little, and somebody else's outage is measured without a call of ours
that changes anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import record, timeline
from harness.clock import monotonic_nanoseconds, real_sleep, seconds
from harness.events import DnsAnswered
from harness.judges.streams import good
from harness.safety import lock
from tests.contract.whole import REPOSITORY, Whole, running

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"),
    pytest.mark.timeout(120),
]
SPEED = 10.0
US, EU = "us-east-1", "eu-west-1"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    home = tmp_path_factory.mktemp("home")
    for name in ("scenarios", "targets"):
        (home / name).symlink_to(REPOSITORY / name)
    with running(home, design="active_passive", speed=SPEED) as made, lock.held(home / ".gameday", "twin"):
        yield made  # with the lock in somebody else's hand


def gameday(twin: Whole, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "GAMEDAY_HOME": str(twin.home), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "harness.cli", "observe", *words]
    return subprocess.Popen(
        command, env=environment, cwd=REPOSITORY, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What it said, once it has ended."""
    said, wrong = process.communicate(timeout=60)
    return said + wrong


def folder(twin: Whole) -> Path | None:
    """The newest run's."""
    found = sorted((twin.home / "reports" / "runs").glob("*/active_passive.observe"))
    return found[-1] if found else None


def verdicts(twin: Whole) -> dict[str, Any]:
    newest = folder(twin)
    assert newest is not None
    told = json.loads((newest / "verdict.json").read_text())
    assert told["outcome"] == "finished"
    return {one["promise"]: one for one in told["verdicts"]}


def wait(wanted: Callable[[], object], process: subprocess.Popen[str], real_seconds: float = 40) -> None:
    give_up = monotonic_nanoseconds() + real_seconds * 1e9
    while not wanted():
        if process.poll() is not None or monotonic_nanoseconds() > give_up:
            process.kill()
            pytest.fail(f"never came; it said:\n{ended(process)}")
        real_sleep(0.05)


def leads(twin: Whole) -> str:
    """The region to which DNS led the clients of america last, as the newest run saw it."""
    newest = folder(twin)
    told = timeline.read(newest / "timeline.jsonl") if newest else []
    return next((one.region for one in reversed(list(timeline.of(told, DnsAnswered))) if one.location == "america"), "")


def well(twin: Whole) -> bool:
    """Whether everything that the newest run asked for in the last 30 s of its record was answered well."""
    seen = record.load(folder(twin) or Path())
    recent = seen.traffic[seen.traffic["intended"] >= seen.traffic["intended"][-1] - seconds(30).nanoseconds]
    return bool(good(seen, recent).all())


def says(twin: Whole, word: str) -> bool:
    newest = folder(twin)
    told = newest / "timeline.jsonl" if newest else None
    return told is not None and told.exists() and word in told.read_text()


def changes(twin: Whole) -> list[str]:
    """The calls of the harness that were more than looking."""
    calls = [json.loads(line) for line in twin.trail.read_text().splitlines()]
    ours = [call for call in calls if "gameday/" in call["userAgent"]]
    assert ours
    return [call["eventName"] for call in ours if not call["readOnly"]]


@contextmanager
def dark_front(twin: Whole) -> Iterator[None]:
    """As a FIS experiment does it: a network ACL that lets nothing through, around the load balancer's subnets."""
    ec2, elb = twin.client("ec2"), twin.client("elbv2")
    zones = elb.describe_load_balancers()["LoadBalancers"][0]["AvailabilityZones"]
    subnets = {zone["SubnetId"] for zone in zones}
    before = {
        one["SubnetId"]: (one["NetworkAclAssociationId"], acl["NetworkAclId"], acl["VpcId"])
        for acl in ec2.describe_network_acls()["NetworkAcls"]
        for one in acl["Associations"]
        if one["SubnetId"] in subnets
    }
    vpc = next(iter(before.values()))[2]
    closed = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    swapped = [
        (ec2.replace_network_acl_association(AssociationId=one, NetworkAclId=closed)["NewAssociationId"], acl)
        for one, acl, _ in before.values()
    ]
    try:
        yield
    finally:
        for one, acl in swapped:
            ec2.replace_network_acl_association(AssociationId=one, NetworkAclId=acl)
        ec2.delete_network_acl(NetworkAclId=closed)


def test_calm_keeps_no_promise_about_recovery(twin: Whole) -> None:
    process = gameday(twin, "--live", "--for", "0.5")
    said = ended(process)
    assert process.returncode == 3, said
    found = verdicts(twin)
    ruled = {name: found[name]["ruling"] for name in ("recovery", "no_lost_writes", "automatic")}
    assert set(ruled.values()) == {"UNKNOWN"}, f"{ruled}\n{said}"
    assert "nothing happened while we watched" in found["recovery"]["reason"]
    assert found["routing"]["ruling"] == "KEPT", found["routing"]["reason"]
    assert changes(twin) == []


def test_somebody_elses_outage_is_measured_and_nothing_is_changed(twin: Whole) -> None:
    last = folder(twin)
    process = gameday(twin, "--live")
    wait(lambda: folder(twin) != last and says(twin, '"phase":"steady"') and leads(twin) == US, process)
    real_sleep(20 / SPEED)
    with dark_front(twin):
        wait(lambda: leads(twin) == EU and well(twin), process)
        assert "over: put back" in ended(gameday(twin, "mark", "put back", "--as", "over"))
    real_sleep(30 / SPEED)
    process.send_signal(signal.SIGINT)
    said = ended(process)
    assert process.returncode in (1, 3), said
    found = verdicts(twin)
    recovery = found["recovery"]
    assert 10 < recovery["figures"]["rto_seconds"] < 120, recovery["reason"]
    assert recovery["fidelity"] == "observed"
    assert recovery["ruling"] != "KEPT"
    assert "lasted at least so long" in recovery["reason"]
    assert found["no_lost_writes"]["ruling"] == "KEPT", found["no_lost_writes"]["reason"]
    assert found["routing"]["ruling"] == "UNKNOWN"
    assert '"healed_at":0,"proof":"told: put back"' in (folder(twin) or Path()).joinpath("timeline.jsonl").read_text()
    assert changes(twin) == []


def test_looking_back_tells_what_aws_kept_and_keeps_nothing_without_a_client(twin: Whole) -> None:
    process = gameday(twin, "--since", "-20m", "--fault-at", "-15m")
    said = ended(process)
    assert process.returncode == 3, said
    assert "RequestCount of " in said
    assert "health check" in said
    assert "AWS keeps no DNS answers" in said
    found = verdicts(twin)
    kept = {name for name, one in found.items() if one["ruling"] == "KEPT"}
    assert kept <= {"no_false_alarm", "low_lag"}
    assert found["recovery"]["reason"] == "no client of ours recorded anything then"
    assert changes(twin) == []
