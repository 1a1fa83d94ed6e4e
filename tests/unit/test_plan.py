"""What a scenario would do on AWS is told whole, and on AWS nothing is done that was not allowed by --yes."""

from __future__ import annotations

import pytest

from harness import catalogue, plan
from harness.errors import Refused, Unreadable
from harness.session import target_file
from harness.target import load

TWIN = load(target_file("twin"))
STAGING = load(target_file("targets/staging.example.toml"))
DARK = catalogue.find("active_passive/the_primary_load_balancer_goes_dark")
LOST = catalogue.find("active_passive/the_operators_bring_the_writer_home")
GEOGRAPHY = catalogue.find("active_active/geography_leads_the_clients")


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.path)
def test_every_scenario_has_a_plan(entry):
    told = plan.of(entry, STAGING)
    assert len(told.deeds) == sum(map(len, (entry.script.injected, entry.script.arranged, entry.script.procedures)))
    for deed in told.deeds:
        for call in (call for way in deed.ways for call in way.calls):
            assert call.undo
            assert call.actions or call.service in ("cache", "database", "twin")


def test_each_call_is_told_with_its_action_and_its_undo():
    text = plan.of(DARK, STAGING).text()
    assert "Blackhole(LoadBalancer(primary)): faithful" in text
    assert (
        "calls ec2 CreateNetworkAcl (TagSpecifications, VpcId); needs ec2:CreateNetworkAcl, ec2:CreateTags; "
        "undo: ec2 DeleteNetworkAcl" in text
    )
    assert (
        "calls ec2 ReplaceNetworkAclAssociation (AssociationId, NetworkAclId); "
        "needs ec2:ReplaceNetworkAclAssociation; undo: ec2 ReplaceNetworkAclAssociation" in text
    )
    assert "touches one region: the public subnets of its load balancer" in text
    assert "account 000000000000, environment staging, regions us-east-1, eu-west-1, ap-south-1" in text
    assert f"lasts about {DARK.card.lasts}; not destructive; on AWS faithful" in text


def test_what_nobody_can_order_and_what_operators_do_is_told_too():
    told = plan.of(LOST, STAGING)
    assert [(deed.what, deed.fidelity.value) for deed in told.deeds] == [
        ("fault", "twin-only"),
        ("runbook", "faithful"),
    ]
    assert told.destructive
    operations = [call.operation for way in told.deeds[1].ways for call in way.calls]
    assert "SwitchoverGlobalCluster" in operations
    assert "nobody can order it" in told.text()


def test_an_arrangement_is_told_as_one():
    first, second = plan.of(GEOGRAPHY, STAGING).deeds
    assert (first.what, second.what) == ("fault", "arrangement")
    (way,) = second.ways
    assert [(call.operation, call.undo) for call in way.calls] == [
        ("ChangeResourceRecordSets", "route53 ChangeResourceRecordSets")
    ]


def test_the_same_in_json():
    told = plan.of(DARK, STAGING).to_json()
    assert told["scenario"] == DARK.path
    assert told["lasts_seconds"] == DARK.card.lasts.seconds
    assert told["deeds"][0]["ways"][0]["calls"][0]["actions"] == ["ec2:CreateNetworkAcl", "ec2:CreateTags"]
    assert {call["operation"] for call in told["beside"]} >= {"DeleteMessage", "RestoreDBClusterFromSnapshot"}


def test_on_aws_every_plan_is_told_and_then_it_stops():
    said: list[str] = []
    with pytest.raises(Refused, match="nothing was done"):
        plan.hold([DARK, LOST], STAGING, yes=False, say=said.append)
    assert [text.partition(":")[0] for text in said] == [DARK.path, LOST.path]


def test_on_aws_with_yes_every_plan_is_told_and_it_goes_on():
    said: list[str] = []
    plan.hold([DARK], STAGING, yes=True, say=said.append)
    assert len(said) == 1


def test_on_the_twin_nothing_is_held():
    plan.hold([DARK], TWIN, yes=False, say=pytest.fail)


@pytest.mark.parametrize("text", [None, "{", '{"calls": [{}]}', '{"calls": [], "faults": [], "runbooks": []}'])
def test_a_table_that_cannot_be_read_or_lacks_a_fault_is_named(tmp_path, monkeypatch, text):
    path = tmp_path / "calls.json"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(plan, "CALLS", path)
    with pytest.raises(Unreadable, match=r"calls.json: .*make policy"):
        plan.of(DARK, STAGING)
