from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Instant
from harness.twin.api.ec2 import Ec2
from harness.twin.calls import AwsError, Call
from harness.twin.designs import catalogue
from harness.twin.network.acl import AclRule

SUBNET = "subnet-use1apublic"


class Recorder:
    """A network that remembers the ACL that each place was given last."""

    def __init__(self) -> None:
        self.acls: dict[str, tuple[list[AclRule], list[AclRule]]] = {}

    def apply_acl(self, place: str, ingress: list[AclRule], egress: list[AclRule]) -> None:
        self.acls[place] = (list(ingress), list(egress))


class Client:
    def __init__(self) -> None:
        self.network = Recorder()
        self.service = Ec2(self.network, catalogue.design("active_passive", "hardened"))  # type: ignore[arg-type]

    def __call__(self, operation: str, region: str = "us-east-1", **parameters: Any) -> Any:
        call = Call("ec2", operation, region, "test", parameters, Instant(0))
        return self.service.handlers()[operation](call)

    def acl_of(self, subnet: str) -> Any:
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        (acl,) = self("DescribeNetworkAcls", Filters=filters)["NetworkAcls"]
        return acl

    def association(self, subnet: str) -> str:
        return next(
            item["NetworkAclAssociationId"]
            for item in self.acl_of(subnet)["Associations"]
            if item["SubnetId"] == subnet
        )

    def add(self, acl: str, number: int = 10, **changes: Any) -> None:
        rule = {"Protocol": "-1", "RuleAction": "deny", "Egress": False, "CidrBlock": "0.0.0.0/0"} | changes
        self("CreateNetworkAclEntry", NetworkAclId=acl, RuleNumber=number, **rule)


@pytest.fixture
def ec2() -> Client:
    return Client()


@pytest.fixture
def acl(ec2: Client) -> str:
    return str(ec2("CreateNetworkAcl", VpcId="vpc-use1")["NetworkAcl"]["NetworkAclId"])


def refused(code: str) -> Any:
    return pytest.raises(AwsError, match=f"^{code}:")


def test_a_swapped_association_reaches_the_network_and_back(ec2: Client, acl: str) -> None:
    before = ec2.acl_of(SUBNET)
    ec2.add(acl, 10, Protocol="6", PortRange={"From": 80, "To": 80}, CidrBlock="10.101.0.0/16")
    ec2.add(acl, 20, RuleAction="allow", CidrBlock="0.0.0.0/0")
    assert ec2.network.acls == {}, "an ACL without subnets touches nothing"
    old = ec2.association(SUBNET)
    new = ec2("ReplaceNetworkAclAssociation", AssociationId=old, NetworkAclId=acl)["NewAssociationId"]
    assert new != old
    assert ec2.network.acls == {
        "us-east-1a-public": (
            [AclRule(10, "6", "10.101.0.0/16", (80, 80), False), AclRule(20, "-1", "0.0.0.0/0", None, True)],
            [],
        )
    }
    with refused("InvalidAssociationID.NotFound"):
        ec2("ReplaceNetworkAclAssociation", AssociationId=old, NetworkAclId=acl)
    ec2("ReplaceNetworkAclAssociation", AssociationId=new, NetworkAclId=before["NetworkAclId"])
    everything = [AclRule(100, "-1", "0.0.0.0/0", None, True)]
    assert ec2.network.acls["us-east-1a-public"] == (everything, everything)
    after = ec2.acl_of(SUBNET)
    assert after["Entries"] == before["Entries"]
    ec2("DeleteNetworkAcl", NetworkAclId=acl)
    assert len(ec2("DescribeNetworkAcls")["NetworkAcls"]) == 1


def test_a_change_of_an_acl_in_use_reaches_every_subnet_of_it(ec2: Client) -> None:
    default = ec2.acl_of(SUBNET)["NetworkAclId"]
    ec2.add(default, 50)
    assert set(ec2.network.acls) == {f"us-east-1{zone}-{tier}" for zone in "ab" for tier in ("public", "app", "data")}
    assert ec2.network.acls["us-east-1b-data"][0][0] == AclRule(50, "-1", "0.0.0.0/0", None, False)
    ec2("DeleteNetworkAclEntry", NetworkAclId=default, RuleNumber=50, Egress=False)
    assert [rule.number for rule in ec2.network.acls["us-east-1b-data"][0]] == [100]


def test_ipv6_entries_are_kept_and_described_and_meet_no_packet(ec2: Client, acl: str) -> None:
    ec2.add(acl, 11, CidrBlock=None, Ipv6CidrBlock="::/0")
    ec2("ReplaceNetworkAclAssociation", AssociationId=ec2.association(SUBNET), NetworkAclId=acl)
    assert ec2.network.acls["us-east-1a-public"] == ([], [])
    assert any(entry.get("Ipv6CidrBlock") == "::/0" for entry in ec2.acl_of(SUBNET)["Entries"])


@pytest.mark.parametrize("number", [0, 32767, 99999, -1])
def test_rule_numbers_out_of_range_are_refused(ec2: Client, acl: str, number: int) -> None:
    with refused("InvalidParameterValue"):
        ec2.add(acl, number)


@pytest.mark.parametrize("cidr", ["10.0.0.0", "10.0.0.0/33", "300.0.0.0/8", "nonsense", "::/0"])
def test_a_bad_cidr_is_refused(ec2: Client, acl: str, cidr: str) -> None:
    with refused("InvalidParameterValue"):
        ec2.add(acl, CidrBlock=cidr)


def test_refusals_by_code(ec2: Client, acl: str) -> None:
    ec2.add(acl, 10)
    with refused("NetworkAclEntryAlreadyExists"):
        ec2.add(acl, 10)
    ec2.add(acl, 10, Egress=True)
    with refused("InvalidNetworkAclID.NotFound"):
        ec2.add("acl-none")
    with refused("InvalidNetworkAclEntry.NotFound"):
        ec2("DeleteNetworkAclEntry", NetworkAclId=acl, RuleNumber=11, Egress=False)
    with refused("InvalidParameterValue"):
        ec2("DeleteNetworkAclEntry", NetworkAclId=acl, RuleNumber=32767, Egress=False)
    with refused("MissingParameter"):
        ec2.add(acl, 12, Protocol="6")
    with refused("InvalidParameterCombination"):
        ec2.add(acl, 12, Ipv6CidrBlock="::/0")
    with refused("InvalidParameterValue"):
        ec2.add(acl, 12, Protocol="256")
    with refused("InvalidParameterValue"):
        ec2("DeleteNetworkAcl", NetworkAclId=ec2.acl_of(SUBNET)["NetworkAclId"])
    ec2("ReplaceNetworkAclAssociation", AssociationId=ec2.association(SUBNET), NetworkAclId=acl)
    with refused("DependencyViolation"):
        ec2("DeleteNetworkAcl", NetworkAclId=acl)
    with refused("InvalidVpcID.NotFound"):
        ec2("CreateNetworkAcl", VpcId="vpc-none")
    with refused("InvalidSubnetID.NotFound"):
        ec2("DescribeSubnets", SubnetIds=["subnet-none"])
    with refused("InvalidParameterValue"):
        ec2("DescribeSubnets", Filters=[{"Name": "colour", "Values": ["red"]}])


def test_the_quota_of_rules_is_twenty_in_a_direction(ec2: Client, acl: str) -> None:
    for number in range(1, 21):
        ec2.add(acl, number)
    with refused("NetworkAclEntryLimitExceeded"):
        ec2.add(acl, 21)


def test_regions_do_not_share_acls(ec2: Client, acl: str) -> None:
    with refused("InvalidNetworkAclID.NotFound"):
        ec2("DescribeNetworkAcls", region="eu-west-1", NetworkAclIds=[acl])


def test_subnets_are_found_by_tag_zone_and_page(ec2: Client) -> None:
    filters = [
        {"Name": "tag:Tier", "Values": ["public"]},
        {"Name": "availability-zone", "Values": ["us-east-1?"]},
        {"Name": "vpc-id", "Values": ["vpc-use1"]},
    ]
    found = ec2("DescribeSubnets", Filters=filters)["Subnets"]
    assert [item["SubnetId"] for item in found] == ["subnet-use1apublic", "subnet-use1bpublic"]
    first = ec2("DescribeSubnets", MaxResults=5)
    second = ec2("DescribeSubnets", MaxResults=5, NextToken=first["NextToken"])
    assert len(first["Subnets"]) + len(second["Subnets"]) == 6
    assert "NextToken" not in second


def test_tags_of_a_new_acl_are_found(ec2: Client, acl: str) -> None:
    ec2("CreateTags", Resources=[acl], Tags=[{"Key": "gameday:run", "Value": "7"}])
    filters = [{"Name": "tag:gameday:run", "Values": ["7"]}]
    assert [item["NetworkAclId"] for item in ec2("DescribeNetworkAcls", Filters=filters)["NetworkAcls"]] == [acl]
    tags = ec2("DescribeTags", Filters=[{"Name": "resource-id", "Values": [acl]}])["Tags"]
    assert [(tag["ResourceType"], tag["Key"]) for tag in tags] == [("network-acl", "gameday:run")]
    with refused("InvalidID"):
        ec2("CreateTags", Resources=["acl-none"], Tags=[])


@given(st.lists(st.tuples(st.integers(1, 32766), st.booleans(), st.booleans()), max_size=15, unique_by=lambda x: x[:2]))
def test_what_is_enforced_is_what_is_described(rules: list[tuple[int, bool, bool]]) -> None:
    ec2 = Client()
    acl = ec2("CreateNetworkAcl", VpcId="vpc-use1")["NetworkAcl"]["NetworkAclId"]
    ec2("ReplaceNetworkAclAssociation", AssociationId=ec2.association(SUBNET), NetworkAclId=acl)
    for number, egress, allow in rules:
        ec2.add(acl, number, Egress=egress, RuleAction="allow" if allow else "deny")
    described = [
        [
            (entry["RuleNumber"], entry["RuleAction"] == "allow")
            for entry in ec2.acl_of(SUBNET)["Entries"]
            if entry["Egress"] == egress and entry["RuleNumber"] != 32767
        ]
        for egress in (False, True)
    ]
    ingress, egress_rules = ec2.network.acls["us-east-1a-public"]
    assert [[(rule.number, rule.allow) for rule in side] for side in (ingress, egress_rules)] == described
