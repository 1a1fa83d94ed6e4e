"""A plan is read whole, or refused in one clear line."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.terraform.plan import NOT_KNOWN, parse, read
from tests.unit.terraform import strategy
from tests.unit.terraform.rendering import Ref, Rendering

WHOLE = strategy.active_passive().document()


def parsed(plan: Rendering):
    return parse(json.dumps(plan.document()), "plan.json")


def test_a_value_that_is_not_known_yet_is_not_none():
    record = next(one for one in parsed(strategy.active_passive()).of("aws_route53_record"))
    assert record.get("alias", 0, "name") is NOT_KNOWN
    assert record.get("alias", 0, "evaluate_target_health") is True
    assert record.get("ttl") is None
    assert record.get("alias", 3, "name") is None


def test_references_lead_to_the_resource_with_the_same_key():
    plan = Rendering()
    for key in ("us", "eu"):
        plan.add(f'aws_lb.main["{key}"]', {"name": key})
        value = Ref("aws_lb.main", also=("each.key",))
        plan.add(f'aws_route53_record.api["{key}"]', {"name": "x", "type": "CNAME", "records": [value]})
    for number in (0, 1):
        plan.add(f"aws_sns_topic.many[{number}]", {"name": "x"})
    plan.add("aws_route53_record.one", {"name": "y", "type": "CNAME", "records": [Ref("aws_sns_topic.many[1].arn")]})
    told = parsed(plan)
    found = {
        one.address: told.linked(one, "records", "aws_lb", "aws_sns_topic") for one in told.of("aws_route53_record")
    }
    assert {address: [one.address for one in ends] for address, ends in found.items()} == {
        'aws_route53_record.api["us"]': ['aws_lb.main["us"]'],
        'aws_route53_record.api["eu"]': ['aws_lb.main["eu"]'],
        "aws_route53_record.one": ["aws_sns_topic.many[1]"],
    }


def test_references_go_into_modules_and_out_of_them():
    plan = Rendering()
    plan.add("aws_lb.root", {"name": "root"})
    plan.add("module.edge.module.inner.aws_route53_record.api", {"records": [Ref("var.target")]})
    plan.argument("module.edge.module.inner", "target", Ref("var.balancer"))
    plan.argument("module.edge", "balancer", Ref("module.made.name"))
    plan.add("module.made.aws_lb.main", {"name": "made"})
    plan.output("module.made", "name", Ref("aws_lb.main.dns_name"))
    told = parsed(plan)
    (record,) = told.of("aws_route53_record")
    assert [one.address for one in told.linked(record, "records", "aws_lb")] == ["module.made.aws_lb.main"]


def test_references_in_a_circle_end():
    plan = Rendering()
    plan.add("module.a.aws_route53_record.api", {"records": [Ref("var.x")]})
    plan.argument("module.a", "x", Ref("module.a.y"))
    plan.output("module.a", "y", Ref("var.x"))
    told = parsed(plan)
    assert told.linked(told.of("aws_route53_record")[0], "records", "aws_lb") == []


def test_what_is_deleted_will_not_be_there():
    plan = Rendering()
    plan.add("aws_lb.old", {"name": "old"}, actions=("delete",))
    plan.add("aws_lb.kept", {"name": "kept", "id": "x", "arn": "y"}, actions=("no-op",))
    assert [one.address for one in parsed(plan).of("aws_lb")] == ["aws_lb.kept"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "file: is empty"),
        ("{", "JSON: "),
        ("[]", "JSON: is no object"),
        ('resource "aws_lb" "us" {\n  name = "x"\n}\n', "file: is HCL, not a plan"),
        ('{"version": 4, "serial": 3, "lineage": "x", "resources": []}', "is a state file"),
        ('{"format_version": "1.0", "terraform_version": "1.11.4", "values": {}}', "this is a state, not a plan"),
        ('{"format_version": "1.0"}', "this is a state, not a plan"),
        ('{"@level":"info"}\n{"@level":"info"}', "is the log of `terraform plan -json`"),
        ('{"@level":"info"}', "is the log of `terraform plan -json`"),
        ("{}", "format_version: is missing"),
        (json.dumps({**WHOLE, "format_version": "2.0"}), "format_version: 2.0 is not supported"),
        (json.dumps({**WHOLE, "format_version": 1.2}), "format_version: is missing or no version"),
        (json.dumps({**WHOLE, "errored": True}), "errored: the plan failed"),
        (json.dumps({**WHOLE, "resource_changes": None}), "resource_changes: is missing or no list"),
        (json.dumps({**WHOLE, "configuration": []}), "configuration: is missing or no dict"),
        (json.dumps({**WHOLE, "configuration": {}}), "configuration.root_module: is missing"),
        (json.dumps({**WHOLE, "resource_changes": [{"address": "x"}]}), "resource_changes[0]: is no change"),
        (json.dumps({**WHOLE, "resource_changes": [{"change": {}}]}), "resource_changes[0].address: is missing"),
        ("[" * 100_000, "JSON: too deep"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_named(text: str, says: str):
    with pytest.raises(BadInput, match=r"plan\.json: ") as told:
        parse(text, "plan.json")
    assert says in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_is_no_text_is_named(tmp_path):
    for name, content, says in (("a", b"PK\x03\x04", "is a binary plan"), ("b", b"\xff\xfe\x00", "is no text")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=says):
            read(tmp_path / name)
    with pytest.raises(BadInput, match="No such file"):
        read(tmp_path / "none")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_plan_is_never_a_traceback(data: st.DataObject):
    """One value anywhere in the plan is replaced by another of any kind: it is read, or refused in our words."""
    from harness.configuration import Client
    from harness.terraform.configuration import configuration_of

    document = deepcopy(WHOLE)
    node = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        inside = node[key]
        if not isinstance(inside, dict | list) or not inside or data.draw(st.integers(0, 5)) == 0:
            break
        node = inside
    node[key] = data.draw(st.sampled_from([None, True, 7, -1.5, "", "x", [], [None], {}, {"a": 1}]))
    told = ""
    try:
        configuration_of(parse(json.dumps(document), "plan.json"), {"america": ("us-east-1",)}, Client())
    except BadInput as error:
        told = str(error)
    assert "\n" not in told
