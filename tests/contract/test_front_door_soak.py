"""The front door under load, for a few seconds; `make soak` does the whole of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from harness.clock import seconds
from tests import soak
from tests.contract.whole import Whole, running
from tests.twin.stage import needs_root

pytestmark = [needs_root, pytest.mark.timeout(60)]

_ROUNDS = 6


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with running(tmp_path_factory.mktemp("home"), speed=10) as whole:
        yield whole


def test_one_caller_waits_at_most_four_milliseconds_for_a_describe(twin: Whole) -> None:
    """The quietest of a few rounds: others may want the machine too. `make soak` takes what it gets."""
    assert any(soak.median_milliseconds(twin, 1) <= 4 for _ in range(_ROUNDS))


def test_twelve_callers_get_three_hundred_answers_a_second(twin: Whole) -> None:
    assert any(soak.replay(twin, 600) >= 300 for _ in range(_ROUNDS))


def test_memory_stays_flat(twin: Whole) -> None:
    assert soak.growth(twin, 1200) <= 5


def test_nobody_sees_an_error_or_a_torn_answer_while_everything_changes(twin: Whole) -> None:
    findings = soak.storm(twin, 3)
    assert findings.wrong == {}
    assert findings.calls > 100
    assert findings.changes > 10


def test_a_burst_is_throttled_and_what_comes_later_is_not(twin: Whole) -> None:
    route53 = twin.client("route53")
    codes = set()
    for _ in range(40):
        try:
            route53.list_hosted_zones()
        except ClientError as error:
            codes.add((error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]))
    assert codes == {("Throttling", 400)}
    twin.state.clock.sleep(seconds(2))
    assert route53.list_hosted_zones()["HostedZones"]


def member(identifier: str, *, writes: bool) -> dict[str, object]:
    return {"DBInstanceIdentifier": identifier, "IsClusterWriter": writes}


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        (
            "describe_db_clusters",
            {"DBClusters": [{"DBClusterIdentifier": "c", "DBClusterMembers": [member("a", writes=True)] * 2}]},
        ),
        ("describe_network_acls", {"NetworkAcls": [{"Associations": [{"SubnetId": "s"}] * 2, "Entries": []}]}),
        ("describe_network_acls", {"NetworkAcls": [{"NetworkAclId": "acl", "Associations": [], "Entries": []}]}),
        (
            "describe_alarms",
            {
                "MetricAlarms": [
                    {"AlarmName": "soak-a", "Threshold": 2.0, "EvaluationPeriods": 3, "AlarmDescription": "2"}
                ]
            },
        ),
        (
            "describe_services",
            {
                "services": [
                    {"serviceName": "s", "desiredCount": 2, "deployments": [{"status": "PRIMARY", "desiredCount": 1}]}
                ]
            },
        ),
    ],
)
def test_a_torn_answer_would_be_recognised(operation: str, answer: dict[str, object]) -> None:
    assert soak.torn(operation, answer) is not None
