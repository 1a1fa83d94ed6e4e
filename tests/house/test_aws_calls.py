"""docs/aws against the source: no call that the table and the policy lack, none in them that nothing makes."""

from __future__ import annotations

import json

import pytest

from harness import catalogue
from harness.cloud.carriers import KNOWN
from harness.cloud.permissions import LONGEST_POLICY
from harness.plan import REACH
from harness.topology import Cache, Database, LoadBalancer, Region, Zone
from tests.aws_calls import scan
from tests.aws_calls.book import CALLS, POLICY, policy_of, written

TABLE = json.loads(CALLS.read_text())
MADE = {(call["service"], call["method"]) for call in TABLE["calls"]}
AGAIN = "run `make policy`"
BLACKHOLES = {("Blackhole", target.__name__) for target in (LoadBalancer, Zone, Region, Cache, Database)}
CARRIED_OUT = {(fault.__name__, target.__name__) for fault, target in KNOWN} | BLACKHOLES


def test_the_source_makes_no_call_that_the_table_lacks():
    assert scan.unknown(scan.found(), MADE) == [], AGAIN


def test_the_table_has_no_call_that_no_source_makes():
    assert scan.unmade(scan.found(), MADE) == [], AGAIN


def test_the_policy_grants_exactly_what_the_table_says_is_made():
    assert json.loads(POLICY.read_text()) == policy_of(TABLE), AGAIN


def test_both_files_are_as_the_program_writes_them():
    assert CALLS.read_text() == written(TABLE)
    assert POLICY.read_text() == written(policy_of(TABLE))


def test_the_policy_fits_into_a_managed_one():
    text = json.dumps(json.loads(POLICY.read_text()), separators=(",", ":"))
    assert len(text) <= LONGEST_POLICY


def test_every_fault_of_the_catalogue_was_carried_out():
    carried = {tuple(one["fault"].split()) for one in TABLE["faults"]}
    written_down = {
        (one.kind.fault.__name__, one.kind.target.__name__)
        for entry in catalogue.entries()
        for one in (*entry.script.injected, *entry.script.arranged)
    }
    assert carried == CARRIED_OUT
    assert written_down <= carried


def test_every_fault_says_how_far_it_reaches():
    assert {(fault.__name__, target.__name__) for fault, target in REACH} == CARRIED_OUT


def test_every_change_says_what_undoes_it_or_why_nothing_does():
    for call in TABLE["calls"]:
        if call["changes"] and call["made_by"] != ["undo"]:
            assert call["undone_by"], call
            assert all(call["undone_by"].values()), call


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("cloud.call('rds', r, 'describe_db_clusters')", {"describe_db_clusters"}),
        ("call = cloud.call\ncall('rds', r, 'stop_db_instance', DBInstanceIdentifier=n)", {"stop_db_instance"}),
        ("Order('rds', r, 'promote_read_replica', {})", {"promote_read_replica"}),
        ("cloud.pages('rds', r, f'describe_{w}_parameter_groups', k)",
         {"describe_db_parameter_groups", "describe_db_cluster_parameter_groups"}),
        ("for o in ('describe_events',):\n    cloud.pages('rds', r, o, k)", {"describe_events"}),
        ("Act('rds', r, 'StartDBInstance', {})", set()),
    ],
)  # fmt: skip
def test_a_call_is_found_however_it_is_written(text, methods):
    found = list(scan.in_text(text, "it.py"))
    assert {method for one in found for method in one.methods} == methods


def test_a_call_that_is_new_or_misspelt_is_told_with_its_place():
    calls = list(scan.in_text("cloud.call('rds', r, 'delete_global_cluster')\ncall('rds', r, 'stop_db')", "it.py"))
    assert scan.unknown(calls, MADE) == [
        "it.py:1: rds delete_global_cluster is not in docs/aws/calls.json",
        "it.py:2: rds has no stop_db",
    ]


def test_only_an_order_that_is_given_says_its_service_by_a_name():
    assert scan.hidden() == ["harness/cloud/orders.py"]
