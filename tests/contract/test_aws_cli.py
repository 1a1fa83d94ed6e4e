"""The aws CLI drives the twin: the script of docs/aws-cli.md, run as a reader would run it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.contract.whole import REPOSITORY, Whole, running
from tests.twin.stage import needs_root

pytestmark = [needs_root, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    # As written, since an automation may move the writer once more where the failover takes long on a busy machine.
    with running(tmp_path_factory.mktemp("home"), version="as_written", speed=10) as whole:
        yield whole


@pytest.fixture(scope="module")
def told(twin: Whole) -> str:
    """What the script says; it must end well."""
    script = REPOSITORY / "docs" / "aws-cli.sh"
    done = subprocess.run(
        [str(script)], env=dict(twin.environment()), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_cli_knows_the_account(told: str) -> None:
    assert "123456789012" in told


def test_the_cli_drives_a_failover(told: str, twin: Whole) -> None:
    assert "writer: agentauri-us-2" in told
    assert "failover" in told.split("writer:")[1].lower(), "the cluster's events tell of it"
    (cluster,) = twin.client("rds").describe_db_clusters(DBClusterIdentifier="agentauri-us")["DBClusters"]
    writers = [item["DBInstanceIdentifier"] for item in cluster["DBClusterMembers"] if item["IsClusterWriter"]]
    assert writers == ["agentauri-us-2"]


def test_the_cli_rings_an_alarm(told: str, twin: Whole) -> None:
    assert "alarm: ALARM" in told
    assert "delivered: True" in told
    assert twin.client("cloudwatch").describe_alarms(AlarmNames=["docs-orders-stuck"])["MetricAlarms"] == []


def test_the_cli_edits_a_network_acl(told: str) -> None:
    assert [line.split(": ")[1] for line in told.splitlines()[-3:]] == ["open", "closed", "open"]


def test_the_trail_tells_that_it_was_the_cli(told: str, twin: Whole) -> None:
    calls = [json.loads(line) for line in twin.trail.read_text().splitlines()]
    (edit,) = [call for call in calls if call["eventName"] == "CreateNetworkAclEntry"]
    assert edit["userAgent"].startswith("aws-cli/")
    assert edit["requestParameters"]["ruleNumber"] == 50
    assert edit["readOnly"] is False
