from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.clock import seconds
from harness.twin.api.ec2 import Ec2
from harness.twin.designs import catalogue
from tests.twin.stage import Stage, needs_root, stage

pytestmark = needs_root
PLACE, ADDRESS = "us-east-1a-public", "10.1.10.80"
SUBNET = "subnet-use1apublic"


@dataclass
class World:
    stage: Stage
    ec2: Ec2

    def __call__(self, operation: str, **parameters: Any) -> Any:
        return self.stage.call(self.ec2, operation, **parameters)

    def reaches(self, place: str) -> bool:
        try:
            with self.stage.network.connect(place, (ADDRESS, 8080), seconds(4)):
                return True
        except TimeoutError:
            return False

    def association(self) -> str:
        filters = [{"Name": "association.subnet-id", "Values": [SUBNET]}]
        (acl,) = self("DescribeNetworkAcls", Filters=filters)["NetworkAcls"]
        return next(str(item["NetworkAclAssociationId"]) for item in acl["Associations"] if item["SubnetId"] == SUBNET)


@pytest.fixture
def world() -> Iterator[World]:
    with stage(catalogue.design("active_passive", "hardened")) as built:
        built.network.address(PLACE, ADDRESS)
        backend = str(Path(__file__).with_name("backend.py"))
        built.network.spawn("target", PLACE, [sys.executable, backend, ADDRESS])
        world = World(built, Ec2(built.network, built.design))

        def listens() -> bool:
            try:
                return world.reaches("america")
            except ConnectionRefusedError:
                return False

        built.until(listens, seconds(100))
        yield world


def test_a_deny_for_sources_outside_the_vpc_darkens_new_and_established_flows_until_it_is_undone(world: World) -> None:
    default = world("DescribeNetworkAcls")["NetworkAcls"][0]["NetworkAclId"]
    line = world.stage.network.connect("america", (ADDRESS, 8080), seconds(20))
    acl = world("CreateNetworkAcl", VpcId="vpc-use1")["NetworkAcl"]["NetworkAclId"]
    common = {"NetworkAclId": acl, "CidrBlock": "0.0.0.0/0", "Protocol": "-1"}
    ports = {"From": 8080, "To": 8080}
    inside = common | {"CidrBlock": "10.1.0.0/16"}
    world("CreateNetworkAclEntry", **inside, RuleNumber=1, Egress=False, RuleAction="allow")
    deny = common | {"Protocol": "tcp", "PortRange": ports}
    world("CreateNetworkAclEntry", **deny, RuleNumber=2, Egress=False, RuleAction="deny")
    for egress in (False, True):
        world("CreateNetworkAclEntry", **common, RuleNumber=100, Egress=egress, RuleAction="allow")
    assert world.reaches("america")
    before = world.association()
    new = world("ReplaceNetworkAclAssociation", AssociationId=before, NetworkAclId=acl)["NewAssociationId"]
    assert not world.reaches("america")
    assert world.reaches("us-east-1b-app")
    with line:
        line.settimeout(0.3)
        line.sendall(b"GET / HTTP/1.1\r\nHost: api\r\n\r\n")
        with pytest.raises(socket.timeout):
            line.recv(100)
    world("ReplaceNetworkAclAssociation", AssociationId=new, NetworkAclId=default)
    assert world.reaches("america")
    world("DeleteNetworkAcl", NetworkAclId=acl)


def test_rules_change_in_place_and_the_last_one_denies(world: World) -> None:
    default = world("DescribeNetworkAcls")["NetworkAcls"][0]["NetworkAclId"]
    world("DeleteNetworkAclEntry", NetworkAclId=default, RuleNumber=100, Egress=False)
    assert not world.reaches("us-east-1b-app")
    rule = {"NetworkAclId": default, "RuleNumber": 100, "Protocol": "-1", "Egress": False}
    world("CreateNetworkAclEntry", **rule, RuleAction="allow", CidrBlock="10.2.0.0/16")
    assert not world.reaches("america")
    world("ReplaceNetworkAclEntry", **rule, RuleAction="allow", CidrBlock="0.0.0.0/0")
    assert world.reaches("america")
