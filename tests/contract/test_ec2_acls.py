"""Network ACLs and the descriptions of EC2: one test for each row of docs/twin-fidelity/ec2.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.ec2_rig import (
    APP,
    DATA,
    DATA_SUBNET,
    DATABASE,
    DATABASE_BACKPLANE,
    EVERYBODY,
    OTHER_DATA,
    PUBLIC_SUBNET,
    VPC,
    Rig,
    echoes,
    mute,
    opened,
    refused,
    rule,
)
from tests.twin.stage import needs_root

pytestmark = needs_root
OPEN = (rule(100, "allow"), rule(100, "allow", egress=True))


@pytest.fixture(scope="module")
def whole() -> Iterator[Rig]:
    with opened() as rig:
        yield rig


@pytest.fixture
def rig(whole: Rig) -> Iterator[Rig]:
    before = whole.client.describe_security_groups()["SecurityGroups"]
    yield whole
    whole.restore(before)


def named(*pairs: tuple[str, str]) -> list[Any]:
    return [{"Name": name, "Values": [value]} for name, value in pairs]


def test_regions_are_the_designs_own(rig: Rig) -> None:
    ec2 = rig.client
    assert [each["RegionName"] for each in ec2.describe_regions()["Regions"]] == ["us-east-1", "eu-west-1"]
    found = ec2.describe_regions(Filters=named(("region-name", "eu-*")))["Regions"]
    assert [each["RegionName"] for each in found] == ["eu-west-1"]
    with refused("InvalidParameterValue"):
        ec2.describe_regions(RegionNames=["mars-1"])


def test_zones_are_found_by_name_and_id(rig: Rig) -> None:
    ec2 = rig.client
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [(each["ZoneName"], each["ZoneId"]) for each in zones] == [
        ("us-east-1a", "use1-az1"),
        ("us-east-1b", "use1-az2"),
    ]
    found = ec2.describe_availability_zones(Filters=named(("zone-id", "use1-az2")))["AvailabilityZones"]
    assert [each["ZoneName"] for each in found] == ["us-east-1b"]
    with refused("InvalidParameterValue"):
        ec2.describe_availability_zones(ZoneNames=["us-east-1z"])


def test_the_vpc_is_described(rig: Rig) -> None:
    (vpc,) = rig.client.describe_vpcs(Filters=named(("tag:gameday:allowed", "true")))["Vpcs"]
    assert (vpc["VpcId"], vpc["CidrBlock"], vpc["State"], vpc["IsDefault"]) == ("vpc-use1", VPC, "available", False)
    assert rig.client.describe_vpcs(Filters=named(("cidr", "192.168.0.0/16")))["Vpcs"] == []
    with refused("InvalidVpcID.NotFound"):
        rig.client.describe_vpcs(VpcIds=["vpc-0123"])


def test_subnets_are_filtered_and_come_in_pages(rig: Rig) -> None:
    ec2 = rig.client
    found = ec2.describe_subnets(Filters=named(("tag:Tier", "data"), ("availability-zone", "us-east-1a")))["Subnets"]
    assert [(each["SubnetId"], each["CidrBlock"]) for each in found] == [(DATA_SUBNET, "10.1.12.0/24")]
    pages = list(ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Subnets"]) for page in pages] == [5, 1]
    with refused("InvalidParameterValue"):
        ec2.describe_subnets(Filters=named(("colour", "red")))
    with refused("InvalidParameterValue"):
        ec2.describe_subnets(NextToken="nonsense")


def test_ids_that_are_malformed_or_unknown(rig: Rig) -> None:
    ec2 = rig.client
    for code, call, fields in (
        ("InvalidVpcId.Malformed", ec2.describe_vpcs, {"VpcIds": ["x"]}),
        ("InvalidSubnetID.Malformed", ec2.describe_subnets, {"SubnetIds": ["vpc-use1"]}),
        ("InvalidSubnetID.NotFound", ec2.describe_subnets, {"SubnetIds": ["subnet-0123"]}),
        ("InvalidNetworkAclId.Malformed", ec2.describe_network_acls, {"NetworkAclIds": ["acl_1"]}),
        ("InvalidNetworkAclID.NotFound", ec2.delete_network_acl, {"NetworkAclId": "acl-0123"}),
        ("InvalidVpcID.NotFound", ec2.create_network_acl, {"VpcId": "vpc-0123"}),
        ("InvalidGroupId.Malformed", ec2.describe_security_groups, {"GroupIds": ["data"]}),
        ("InvalidGroup.NotFound", ec2.describe_security_groups, {"GroupIds": ["sg-0123"]}),
        ("InvalidSecurityGroupRuleId.NotFound", ec2.describe_security_group_rules, {"SecurityGroupRuleIds": ["sgr-0"]}),
    ):
        with refused(code):
            call(**fields)


def test_acls_are_found_by_what_they_hold(rig: Rig) -> None:
    acl = rig.create_acl(rule(7, "deny", port=443, CidrBlock="10.101.0.0/16"))
    for filters in (
        named(("entry.rule-number", "7"), ("entry.rule-action", "deny")),
        named(("entry.cidr", "10.101.*")),
        named(("entry.port-range.from", "443"), ("default", "false")),
    ):
        found = rig.client.describe_network_acls(Filters=filters)["NetworkAcls"]
        assert [each["NetworkAclId"] for each in found] == [acl]
    (entry,) = [each for each in found[0]["Entries"] if each["RuleNumber"] == 7]
    assert entry == rule(7, "deny", port=443, CidrBlock="10.101.0.0/16")


def test_a_new_acl_denies_everything(rig: Rig) -> None:
    made = rig.client.create_network_acl(VpcId="vpc-use1", ClientToken="once")["NetworkAcl"]
    assert [(each["RuleNumber"], each["RuleAction"]) for each in made["Entries"]] == [(32767, "deny")] * 2
    again = rig.client.create_network_acl(VpcId="vpc-use1", ClientToken="once")["NetworkAcl"]
    assert again["NetworkAclId"] == made["NetworkAclId"]
    assert rig.reaches("america")
    rig.use_acl(made["NetworkAclId"])
    assert rig.silent("america")


def test_the_default_acl_and_one_in_use_cannot_be_deleted(rig: Rig) -> None:
    with refused("InvalidParameterValue"):
        rig.client.delete_network_acl(NetworkAclId=rig.acl()["NetworkAclId"])
    default, acl = rig.acl()["NetworkAclId"], rig.create_acl(*OPEN)
    rig.use_acl(acl)
    with refused("DependencyViolation"):
        rig.client.delete_network_acl(NetworkAclId=acl)
    rig.use_acl(default)
    rig.client.delete_network_acl(NetworkAclId=acl)
    with refused("InvalidNetworkAclID.NotFound"):
        rig.client.describe_network_acls(NetworkAclIds=[acl])


def test_the_lowest_number_decides(rig: Rig) -> None:
    acl = rig.create_acl(*OPEN, rule(90, "deny", CidrBlock="10.101.0.0/16"), rule(95, "allow", CidrBlock=EVERYBODY))
    rig.use_acl(acl)
    assert rig.silent("america")
    assert rig.reaches("europe")
    rig.client.create_network_acl_entry(NetworkAclId=acl, **rule(80, "allow", CidrBlock="10.101.0.0/16"))
    assert rig.reaches("america")


def test_ports_and_protocols_are_told_apart(rig: Rig) -> None:
    rig.use_acl(rig.create_acl(*OPEN, rule(10, "deny", port=80), rule(11, "deny", Protocol="17", PortRange=_ports(80))))
    assert rig.silent("america", port=80)
    assert rig.unanswered("america"), "the security group of the tier lets no ICMP in"
    rig.client.authorize_security_group_ingress(
        GroupId="sg-use1public",
        IpPermissions=[{"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": EVERYBODY}]}],
    )
    assert rig.pings("america")
    rig.use_acl(rig.create_acl(*OPEN, rule(10, "deny", Protocol="1", IcmpTypeCode={"Type": 8, "Code": -1})))
    assert rig.unanswered("america")
    assert rig.reaches("america", port=80)


def _ports(port: int) -> dict[str, int]:
    return {"From": port, "To": port}


def test_acls_are_stateless_and_have_two_directions(rig: Rig) -> None:
    """Answers leave by ephemeral ports, which an egress rule must allow."""
    narrow = rule(100, "allow", egress=True, Protocol="6", PortRange=_ports(80))
    rig.use_acl(rig.create_acl(rule(100, "allow"), narrow))
    assert rig.silent("america")
    ephemeral = rule(110, "allow", egress=True, Protocol="6", PortRange={"From": 1024, "To": 65535})
    rig.client.create_network_acl_entry(NetworkAclId=rig.acl()["NetworkAclId"], **ephemeral)
    assert rig.reaches("america")


def test_a_swapped_acl_bites_new_and_established_flows_and_the_swap_back_frees_them(rig: Rig) -> None:
    inside, outside = rule(1, "allow", CidrBlock=VPC), rule(2, "deny", port=80)
    default, dark = rig.acl()["NetworkAclId"], rig.create_acl(inside, outside, *OPEN)
    with rig.line("america") as line:
        assert echoes(line)
        rig.use_acl(dark)
        assert mute(line)
        assert rig.silent("america")
        assert rig.reaches(APP), "the VPC itself is let in"
        rig.use_acl(default)
        assert rig.reaches("america")
        line.settimeout(5)
        assert line.recv(1) == b"?", "what was sent in the dark arrives"


def test_a_replaced_association_has_a_new_id(rig: Rig) -> None:
    before, acl = rig.association(), rig.create_acl(*OPEN)
    after = rig.use_acl(acl)
    assert after != before
    assert rig.association() == after
    with refused("InvalidAssociationID.NotFound"):
        rig.client.replace_network_acl_association(AssociationId=before, NetworkAclId=acl)


def test_an_entry_is_replaced_and_deleted_in_place(rig: Rig) -> None:
    acl = rig.create_acl(*OPEN)
    rig.use_acl(acl)
    rig.client.replace_network_acl_entry(NetworkAclId=acl, **rule(100, "deny"))
    assert rig.silent("america")
    rig.client.create_network_acl_entry(NetworkAclId=acl, **rule(50, "allow"))
    assert rig.reaches("america")
    rig.client.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=50, Egress=False)
    assert rig.silent("america")
    for call, fields in (
        (rig.client.replace_network_acl_entry, rule(51, "deny")),
        (rig.client.delete_network_acl_entry, {"RuleNumber": 50, "Egress": False}),
    ):
        with refused("InvalidNetworkAclEntry.NotFound"):
            call(NetworkAclId=acl, **fields)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("NetworkAclEntryAlreadyExists", {"RuleNumber": 100}),
        ("InvalidParameterValue", {"RuleNumber": 0}),
        ("InvalidParameterValue", {"RuleNumber": 32767}),
        ("InvalidParameterValue", {"RuleNumber": 99999}),
        ("InvalidParameterValue", {"CidrBlock": "10.0.0.0"}),
        ("InvalidParameterValue", {"CidrBlock": "10.0.0.0/33"}),
        ("InvalidParameterValue", {"CidrBlock": "10.0.0.0/255.0.0.0"}),
        ("InvalidParameterValue", {"CidrBlock": "2001:db8::/32"}),
        ("InvalidParameterValue", {"Protocol": "256"}),
        ("MissingParameter", {"Protocol": "6"}),
        ("InvalidParameterValue", {"Protocol": "6", "PortRange": {"From": 90, "To": 80}}),
        ("MissingParameter", {"Protocol": "1"}),
        ("InvalidParameterCombination", {"Ipv6CidrBlock": "::/0"}),
        ("InvalidParameterValue", {"RuleAction": "perhaps"}),
    ],
)
def test_entries_are_validated(rig: Rig, code: str, changes: dict[str, Any]) -> None:
    acl = rig.create_acl(*OPEN)
    with refused(code):
        rig.client.create_network_acl_entry(NetworkAclId=acl, **(rule(10, "deny") | changes))
    assert len(rig.client.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]) == 4


def test_a_cidr_is_kept_in_its_canonical_form(rig: Rig) -> None:
    acl = rig.create_acl(rule(10, "deny", CidrBlock="100.68.0.18/18"))
    entries = rig.client.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    assert entries[0]["CidrBlock"] == "100.68.0.0/18"


def test_an_acl_has_twenty_rules_a_direction(rig: Rig) -> None:
    acl = rig.create_acl(*(rule(number, "deny") for number in range(1, 21)))
    with refused("NetworkAclEntryLimitExceeded"):
        rig.client.create_network_acl_entry(NetworkAclId=acl, **rule(21, "deny"))
    rig.client.create_network_acl_entry(NetworkAclId=acl, **rule(21, "deny", egress=True))


def test_acls_do_not_touch_the_replication_of_managed_services(rig: Rig) -> None:
    rig.use_acl(rig.create_acl(), DATA_SUBNET)
    assert rig.silent(APP, DATABASE, 5432)
    assert rig.reaches(OTHER_DATA, DATABASE_BACKPLANE, 5432)
    assert rig.reaches("eu-west-1a-data", DATABASE_BACKPLANE, 5432)


def test_traffic_within_a_subnet_is_not_filtered(rig: Rig) -> None:
    rig.use_acl(rig.create_acl(), DATA_SUBNET)
    assert rig.reaches(DATA, DATABASE, 5432)


def test_a_dry_run_changes_nothing(rig: Rig) -> None:
    before = rig.client.describe_network_acls()["NetworkAcls"], rig.group("data")
    with refused("DryRunOperation"):
        rig.client.create_network_acl(VpcId="vpc-use1", DryRun=True)
    with refused("DryRunOperation"):
        rig.client.create_network_acl_entry(NetworkAclId=rig.acl()["NetworkAclId"], DryRun=True, **rule(1, "deny"))
    with refused("DryRunOperation"):
        rig.client.revoke_security_group_ingress(
            GroupId="sg-use1data", IpPermissions=rig.group("data")["IpPermissions"], DryRun=True
        )
    assert (rig.client.describe_network_acls()["NetworkAcls"], rig.group("data")) == before
    assert rig.reaches("america")


def test_tags_are_created_described_and_deleted(rig: Rig) -> None:
    ec2, mine = rig.client, named(("resource-id", PUBLIC_SUBNET), ("key", "gameday:*"))
    acl = rig.create_acl()
    tags = [{"Key": "gameday:run", "Value": "7"}, {"Key": "gameday:who", "Value": ""}]
    ec2.create_tags(Resources=[PUBLIC_SUBNET, acl], Tags=tags)
    found = ec2.describe_tags(Filters=mine)["Tags"]
    assert [(each["ResourceType"], each["Key"], each["Value"]) for each in found] == [
        ("subnet", "gameday:allowed", "true"),
        ("subnet", "gameday:run", "7"),
        ("subnet", "gameday:who", ""),
    ]
    ec2.delete_tags(Resources=[PUBLIC_SUBNET], Tags=[{"Key": "gameday:run", "Value": "8"}, {"Key": "gameday:who"}])
    assert [each["Key"] for each in ec2.describe_tags(Filters=mine)["Tags"]] == ["gameday:allowed", "gameday:run"]
    ec2.delete_tags(Resources=[PUBLIC_SUBNET], Tags=[{"Key": "gameday:run"}])
    ec2.delete_tags(Resources=[acl])
    assert rig.client.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Tags"] == []
    for code, fields in (
        ("InvalidID", {"Resources": ["acl-0123"], "Tags": tags}),
        ("InvalidParameterValue", {"Resources": [acl], "Tags": [{"Key": "aws:mine", "Value": ""}]}),
        ("TagLimitExceeded", {"Resources": [acl], "Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]}),
    ):
        with refused(code):
            ec2.create_tags(**fields)


def test_what_is_not_built_says_so(rig: Rig) -> None:
    with refused("NotImplementedByTwin"):
        rig.client.create_security_group(GroupName="x", Description="x", VpcId="vpc-use1")
