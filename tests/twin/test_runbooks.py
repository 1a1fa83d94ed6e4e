"""The runbooks on a whole twin: clients leave and return, the writer's region is lost, the writer comes home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cloud import discovery
from harness.cloud import inventory as live
from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.events import BEGAN, DONE_ALREADY, FAILED, Event, StepTaken
from harness.inventory import Inventory, compare
from harness.procedures import Drain, FailBack, FailOver, Procedure, PromoteStandby, Return
from harness.runbooks import execution, runbook_of
from harness.runbooks.clients import is_drained
from harness.topology import Region

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)
US, EU = Region("us-east-1"), Region("eu-west-1")


def carry_out(estate: Estate, procedure: Procedure) -> list[StepTaken]:
    """The steps as they are on record."""
    noted: list[Event] = []
    desk = execution.Desk(estate.cloud, estate.clock, noted.append, lambda phase, text: None, lambda sight: None)
    execution.carry_out(runbook_of(procedure, estate), desk)
    return [event for event in noted if isinstance(event, StepTaken)]


def test_clients_leave_a_drained_region_and_return_to_it(passive: Estate) -> None:
    before = live.take(passive)
    steps = carry_out(passive, Drain(US))
    assert steps[0].state == BEGAN
    assert is_drained(passive, US.name)
    assert {step.state for step in carry_out(passive, Drain(US))} == {DONE_ALREADY}
    carry_out(passive, Return(US))
    assert not is_drained(passive, US.name)
    assert compare(before, live.take(passive)).differences == ()


def test_what_makes_no_sense_here_is_refused_before_anything_is_touched(passive: Estate) -> None:
    for procedure, words in ((Drain(EU), "no health check of its own"), (PromoteStandby(EU), "global cluster")):
        with pytest.raises(Refused, match=words):
            runbook_of(procedure, passive)


def test_operators_fail_over_and_back_and_only_a_snapshot_is_left(passive: Estate) -> None:
    before = live.take(passive)
    silence(passive, on=False)
    passive.strike({"act": "lose", "names": [US.name]})
    steps = carry_out(passive, FailOver(EU))
    assert any("AllowDataLoss=True" in call for step in steps for call in step.calls)
    assert discovery.writer(passive.cloud, passive.platform).region == EU.name  # type: ignore[union-attr]
    passive.strike({"act": "return", "names": [US.name]})
    steps = carry_out(passive, FailBack(US))
    assert FAILED not in {step.state for step in steps}
    silence(passive, on=True)
    assert discovery.writer(passive.cloud, passive.platform).region == US.name  # type: ignore[union-attr]
    assert {step.state for step in carry_out(passive, FailBack(US))} == {DONE_ALREADY}
    assert_only_residue(before, live.take(passive))


def silence(estate: Estate, *, on: bool) -> None:
    """The platform's own automation must not be quicker than the operators here."""
    word = "enable" if on else "disable"
    for region in (US, EU):
        estate.cloud.call("cloudwatch", region.name, f"{word}_alarm_actions", AlarmNames=["writer-unreachable"])


def assert_only_residue(before: Inventory, after: Inventory) -> None:
    found = compare(before, after, destructive=True)
    assert found.wrong == ()
    assert [one.thing.partition(" rds:")[0] for one in found.differences] == ["DB cluster snapshot"]
