"""Faults as AWS calls: which network ACL entries deny what, and that every fault of the catalogue has its carrier."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness import catalogue, script
from harness.cloud import carriers
from harness.cloud.carriers.acl import Denial
from harness.cloud.carriers.nature import strike, strike_back
from harness.cloud.carriers.replica import PromoteReplicaCarrier
from harness.errors import Refused
from harness.faults import Blackhole, Promote
from harness.topology import ControlPlane, Link, Region, Replica, Zone

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


@pytest.mark.parametrize(("source", "refused"), [({}, True), ({"ReadReplicaSourceDBInstanceIdentifier": "w"}, False)])
def test_a_clusters_reader_is_not_promoted_and_a_replica_is(source, refused):
    member = {"DBInstanceIdentifier": "r", "IsClusterWriter": False}
    item = {"DBInstanceIdentifier": "r", "DBClusterIdentifier": "c", "DBInstanceStatus": "available", **source}
    cloud = SimpleNamespace(call=lambda *_: {"DBClusters": [{"DBClusterMembers": [member]}]}, pages=lambda *_: [item])
    fault = Promote(Replica(Region("eu-west-1")))
    if refused:
        with pytest.raises(Refused, match="r is a cluster's reader"):
            PromoteReplicaCarrier(SimpleNamespace(cloud=cloud), fault)
    else:
        assert PromoteReplicaCarrier(SimpleNamespace(cloud=cloud), fault).regions == ()
