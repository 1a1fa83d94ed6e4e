"""What a journal says is carried out: again where it may pass by itself, never over somebody else's change."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import tenacity

from harness.clock import Clock
from harness.cloud import undoing
from harness.errors import CloudFault, Refused, UndoFailed
from harness.undo import Act

COUNT = Act(
    "ecs", "us-east-1", "UpdateService", {"Cluster": "c", "Service": "s", "DesiredCount": 3}, {"DesiredCount": 0}
)

PASSING = (
    "Unreachable", "Throttling", "ThrottlingException", "RequestLimitExceeded", "InternalFailure", "ServiceUnavailable",
)  # fmt: skip


class Ecs:
    """A service whose count can be read and set, and an endpoint that fails as often as it is told to."""

    def __init__(self, count, failures=()):
        self.count, self.failures, self.asked = count, list(failures), 0

    def call(self, service, region, operation, /, **parameters):
        self.asked += 1
        if self.failures:
            raise CloudFault(f"{service}.{operation}", self.failures.pop(0), "no")
        if operation == "update_service":
            self.count = parameters["desiredCount"]
        return {"services": [{"desiredCount": self.count}]}


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    slept = []
    monkeypatch.setattr(tenacity.nap.time, "sleep", slept.append)
    return slept


def reach(cloud):
    return SimpleNamespace(cloud=cloud, clock=Clock.start(50))


def test_it_is_put_back_and_putting_it_back_twice_does_no_harm():
    ecs = Ecs(0)
    undoing.perform(reach(ecs), COUNT)
    assert ecs.count == 3
    asked = ecs.asked
    undoing.perform(reach(ecs), COUNT)
    assert ecs.asked == asked + 1, "it looks and changes nothing"


def test_what_somebody_else_changed_is_left_as_it_is():
    ecs = Ecs(7)
    with pytest.raises(UndoFailed, match=r"7 now.*Somebody else"):
        undoing.perform(reach(ecs), COUNT)
    assert ecs.count == 7


@pytest.mark.parametrize("code", PASSING)
def test_what_may_pass_is_tried_again_with_growing_pauses(code, pauses):
    ecs = Ecs(0, [code] * 5)
    undoing.perform(reach(ecs), COUNT)
    assert ecs.count == 3
    assert len(pauses) == 5


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "InvalidParameterException"])
def test_what_does_not_pass_is_told_at_once(code, pauses):
    ecs = Ecs(0, [code] * 5)
    with pytest.raises(UndoFailed, match="ecs UpdateService in us-east-1"):
        undoing.perform(reach(ecs), COUNT)
    assert ecs.asked == 1
    assert not pauses


def test_it_does_not_try_for_ever():
    ecs = Ecs(0, ["Unreachable"] * 10_000)
    with pytest.raises(UndoFailed, match="gameday undo"):
        undoing.perform(reach(ecs), COUNT, patience_real_seconds=0)
    assert ecs.asked == 1


def test_an_act_that_nobody_knows_is_told():
    with pytest.raises(UndoFailed, match="no way is known"):
        undoing.perform(reach(Ecs(0)), Act("s3", "us-east-1", "PutObject"))


def test_where_no_hand_reaches_it_says_so():
    def hand(region):
        raise Refused(f"no hand reaches {region}")

    blind = SimpleNamespace(cloud=Ecs(0), clock=Clock.start(50), hand=hand)
    with pytest.raises(Refused, match="no hand"):
        undoing.perform(blind, Act("database", "us-east-1", "pg_wal_replay_resume", {"Host": "h"}))


def test_a_journal_that_says_too_little_is_told():
    with pytest.raises(UndoFailed, match="does not say 'Cluster'"):
        undoing.perform(reach(Ecs(0)), Act("ecs", "us-east-1", "UpdateService"))
