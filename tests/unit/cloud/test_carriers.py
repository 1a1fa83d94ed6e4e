"""Faults as AWS calls: which network ACL entries deny what, and that every fault of the catalogue has its carrier."""

from __future__ import annotations

import pytest

from harness import catalogue, script
from harness.cloud import carriers
from harness.cloud.carriers.acl import Denial
from harness.cloud.carriers.nature import strike, strike_back
from harness.faults import Blackhole
from harness.topology import ControlPlane, Link, Region, Zone

VPC = "10.1.0.0/16"


def told(denial: Denial) -> list[tuple[int, bool, str, str]]:
    return [
        (entry["RuleNumber"], entry["Egress"], entry["RuleAction"], entry.get("CidrBlock") or entry["Ipv6CidrBlock"])
        for entry in denial.entries(VPC)
    ]


def test_a_listeners_port_is_denied_to_the_outside_only():
    assert told(Denial((443,))) == [
        (1, False, "allow", VPC),
        (2, False, "deny", "0.0.0.0/0"),
        (3, False, "deny", "::/0"),
    ]
    assert all(entry["PortRange"] == {"From": 443, "To": 443} for entry in Denial((443,)).entries(VPC))


def test_a_region_keeps_its_inside_and_loses_both_directions():
    assert [row[1:] for row in told(Denial())] == [
        (egress, *rule)
        for egress in (False, True)
        for rule in (("allow", VPC), ("deny", "0.0.0.0/0"), ("deny", "::/0"))
    ]


def test_a_zone_loses_its_inside_as_well():
    assert {row[2] for row in told(Denial(inside=True))} == {"deny"}
    assert [row[0] for row in told(Denial(inside=True))] == [1, 2, 3, 4]


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.path)
def test_every_fault_of_the_catalogue_has_its_carrier(entry):
    for kind in script.read(entry.file, entry.path).kinds:
        assert kind.fault is Blackhole or (kind.fault, kind.target) in carriers.KNOWN


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Region("eu-west-1"), ("lose", "return", ["eu-west-1"])),
        (Zone("us-east-1a"), ("lose", "return", ["us-east-1a"])),
        (Link(Region("a"), Region("b")), ("cut", "heal", ["a", "b"])),
        (ControlPlane(), ("darken", "lighten", ["us-east-1"])),
    ],
)
def test_an_act_of_nature_names_its_way_back(target, words):
    act, backward, names = words
    assert strike(target) == {"act": act, "names": names}
    assert strike_back(target) == {"act": backward, "names": names}
