"""The world before and after: what differs, by thing and field; roles and residue aside."""

from __future__ import annotations

import json

import pytest

from harness import inventory
from harness.inventory import Inventory, compare

ACL, SUBNET = "network ACL acl-1 in us-east-1", "subnet subnet-1 in us-east-1"
DATABASE, SNAPSHOT = "DB instance agentauri-db in us-east-1", "DB cluster snapshot rds:kept in us-east-1"
BEFORE = Inventory(
    {ACL: {"Entries": [{"RuleNumber": 100}]}, SUBNET: {"NetworkAclId": "acl-1"}, DATABASE: {"ReadReplicaSource": ""}},
    {DATABASE: "writer"},
)


def after(*, without: str = "", roles=None, **changes):
    """The same world with things changed; the keyword is a kind's first word."""
    names = {"acl": ACL, "subnet": SUBNET, "database": DATABASE, "snapshot": SNAPSHOT}
    things = dict(BEFORE.things) | {names[kind]: fields for kind, fields in changes.items()}
    things.pop(without, None)
    return Inventory(things, BEFORE.roles if roles is None else roles)


def test_the_same_world_does_not_differ():
    found = compare(BEFORE, after())
    assert (found.compared, found.differences, found.moved) == (3, (), ())


@pytest.mark.parametrize(
    ("world", "told"),
    [
        (after(subnet={"NetworkAclId": "acl-9"}), f"{SUBNET}: NetworkAclId is acl-9, was acl-1"),
        (after(acl={"Entries": []}), f'{ACL}: Entries is [], was [{{"RuleNumber": 100}}]'),
        (after(subnet={"NetworkAclId": "acl-1", "Extra": 1}), f"{SUBNET}: Extra is 1, was null"),
        (after(without=ACL), f"{ACL} is gone"),
    ],
)
def test_a_difference_names_the_thing_and_the_field(world, told):
    for destructive in (False, True):
        found = compare(BEFORE, world, destructive=destructive)
        assert [str(one) for one in found.wrong] == [told]


def test_what_nobody_put_there_before_is_a_difference():
    found = compare(after(without=ACL), BEFORE)
    assert [str(one) for one in found.wrong] == [f"{ACL} is new"]


def test_a_role_may_move():
    found = compare(BEFORE, after(roles={DATABASE: "reader"}))
    assert found.differences == ()
    assert found.moved == (f"{DATABASE} is reader, was writer",)
    assert compare(BEFORE, after(roles={})).moved == (f"{DATABASE} is nothing, was writer",)


def test_a_snapshot_is_residue_always_and_the_topology_after_a_destructive_scenario():
    world = after(snapshot={}, database={"ReadReplicaSource": "arn"})
    gentle, destructive = compare(BEFORE, world), compare(BEFORE, world, destructive=True)
    assert [one.thing for one in gentle.wrong] == [DATABASE]
    assert [one.thing for one in destructive.differences] == [SNAPSHOT, DATABASE]
    assert destructive.wrong == ()


def test_it_is_kept_as_json(tmp_path):
    inventory.write(tmp_path / inventory.BEFORE_FILE, BEFORE)
    told = json.loads((tmp_path / inventory.BEFORE_FILE).read_text())
    assert told == {"things": BEFORE.things, "roles": BEFORE.roles}
