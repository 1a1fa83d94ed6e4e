"""Security groups, with packets: one test for each row of docs/twin-fidelity/ec2.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.ec2_rig import (
    APP,
    DATABASE,
    DATABASE_BACKPLANE,
    EVERYBODY,
    OTHER_DATA,
    PUBLIC,
    VPC,
    Rig,
    echoes,
    mute,
    opened,
    permission,
    refused,
)
from tests.twin.stage import needs_root

pytestmark = needs_root
DATA_GROUP, PUBLIC_GROUP = "sg-use1data", "sg-use1public"


@pytest.fixture(scope="module")
def whole() -> Iterator[Rig]:
    with opened() as rig:
        yield rig


@pytest.fixture
def rig(whole: Rig) -> Iterator[Rig]:
    before = whole.client.describe_security_groups()["SecurityGroups"]
    yield whole
    whole.restore(before)


def rules(rig: Rig, group: str, *, egress: bool = False) -> list[Any]:
    pages = rig.client.get_paginator("describe_security_group_rules").paginate(
        Filters=[{"Name": "group-id", "Values": [group]}], PaginationConfig={"PageSize": 5}
    )
    return [each for page in pages for each in page["SecurityGroupRules"] if each["IsEgress"] == egress]


def test_the_platform_starts_with_a_group_for_each_tier(rig: Rig) -> None:
    found = rig.client.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["data"]}])
    (group,) = found["SecurityGroups"]
    assert (group["GroupId"], group["VpcId"]) == (DATA_GROUP, "vpc-use1")
    sources = {(each["FromPort"], source["CidrIp"]) for each in group["IpPermissions"] for source in each["IpRanges"]}
    assert sources == {(port, cidr) for port in (5432, 6379) for cidr in (VPC, "10.2.0.0/16")}
    assert group["IpPermissionsEgress"][0]["IpProtocol"] == "-1"
    for filters, expected in (
        ([{"Name": "ip-permission.from-port", "Values": ["443"]}], [PUBLIC_GROUP]),
        ([{"Name": "ip-permission.cidr", "Values": ["10.2.*"]}], [DATA_GROUP]),
    ):
        groups = rig.client.describe_security_groups(Filters=filters)["SecurityGroups"]
        assert [each["GroupId"] for each in groups] == expected
    with refused("InvalidGroup.NotFound"):
        rig.client.describe_security_groups(GroupNames=["data"])


def test_rules_have_ids_and_are_described_in_pages(rig: Rig) -> None:
    found = rules(rig, DATA_GROUP)
    assert [(each["FromPort"], each["CidrIpv4"]) for each in found] == [
        (5432, VPC),
        (5432, "10.2.0.0/16"),
        (6379, VPC),
        (6379, "10.2.0.0/16"),
    ]
    one = rig.client.describe_security_group_rules(SecurityGroupRuleIds=[found[2]["SecurityGroupRuleId"]])
    assert one["SecurityGroupRules"] == [found[2]]


def test_what_no_rule_allows_is_dropped(rig: Rig) -> None:
    assert rig.reaches("america", port=80)
    assert rig.silent("america", port=8080), "a server listens there, and the group lets nobody in"
    assert rig.reaches(APP, DATABASE, 5432)
    assert rig.silent("america", DATABASE, 5432)


def test_an_authorized_port_lets_new_flows_in(rig: Rig) -> None:
    made = rig.client.authorize_security_group_ingress(
        GroupId=PUBLIC_GROUP,
        IpPermissions=[permission(8080, cidr="10.101.0.0/16")],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [{"Key": "gameday:run", "Value": "7"}]}],
    )
    (rule,) = made["SecurityGroupRules"]
    assert (rule["CidrIpv4"], rule["FromPort"], rule["Tags"][0]["Value"]) == ("10.101.0.0/16", 8080, "7")
    assert rig.reaches("america", port=8080)
    assert rig.silent("europe", port=8080)
    rig.client.authorize_security_group_ingress(
        GroupId=PUBLIC_GROUP, IpProtocol="tcp", FromPort=8080, ToPort=8080, CidrIp="10.102.0.0/16"
    )
    assert rig.reaches("europe", port=8080)


def test_a_revoked_rule_stops_new_flows_and_tracked_ones_go_on(rig: Rig) -> None:
    """The game day that takes 5432 out of the database's group: connection pools live on, new connections hang."""
    with rig.line(APP, DATABASE, 5432) as line:
        assert echoes(line)
        gone = rig.client.revoke_security_group_ingress(GroupId=DATA_GROUP, IpPermissions=[permission(5432, cidr=VPC)])
        assert [each["CidrIpv4"] for each in gone["RevokedSecurityGroupRules"]] == [VPC]
        assert rig.silent(APP, DATABASE, 5432)
        assert echoes(line)
    rig.client.authorize_security_group_ingress(GroupId=DATA_GROUP, IpPermissions=[permission(5432, cidr=VPC)])
    assert rig.reaches(APP, DATABASE, 5432)


def test_a_revoked_rule_stops_flows_that_are_not_tracked(rig: Rig) -> None:
    """Everybody may come in and answers may go anywhere: AWS does not track such flows."""
    with rig.line("america") as line:
        assert echoes(line)
        rig.client.revoke_security_group_ingress(GroupId=PUBLIC_GROUP, IpPermissions=[permission(80)])
        assert mute(line)
        assert rig.silent("america")


def test_answers_pass_whatever_the_other_direction_says(rig: Rig) -> None:
    rig.client.revoke_security_group_egress(GroupId=DATA_GROUP, IpPermissions=[permission()])
    assert rig.reaches(APP, DATABASE, 5432), "stateful: the database may answer"
    rig.client.revoke_security_group_egress(GroupId=PUBLIC_GROUP, IpPermissions=[permission()])
    assert rig.reaches("america"), "without the egress rule the flow is tracked"


def test_egress_rules_say_where_flows_may_begin(rig: Rig) -> None:
    assert rig.reaches(APP, DATABASE, 5432)
    rig.client.revoke_security_group_egress(GroupId="sg-use1app", IpPermissions=[permission()])
    assert rig.silent(APP, DATABASE, 5432)
    rig.client.authorize_security_group_egress(GroupId="sg-use1app", IpPermissions=[permission(5432, group=DATA_GROUP)])
    assert rig.reaches(APP, DATABASE, 5432)


def test_a_rule_may_name_a_group_as_its_source(rig: Rig) -> None:
    assert rig.reaches(PUBLIC, DATABASE, 5432)
    rig.client.revoke_security_group_ingress(GroupId=DATA_GROUP, IpPermissions=[permission(5432, cidr=VPC)])
    rig.client.authorize_security_group_ingress(
        GroupId=DATA_GROUP, IpPermissions=[permission(5432, group="sg-use1app")]
    )
    assert rig.reaches(APP, DATABASE, 5432)
    assert rig.silent(PUBLIC, DATABASE, 5432)
    pairs = rig.group("data")["IpPermissions"][0]["UserIdGroupPairs"]
    assert pairs == [{"GroupId": "sg-use1app", "UserId": "123456789012"}]


def test_a_rule_is_revoked_by_its_id(rig: Rig) -> None:
    identifier = rules(rig, DATA_GROUP)[0]["SecurityGroupRuleId"]
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        rig.client.revoke_security_group_egress(GroupId=DATA_GROUP, SecurityGroupRuleIds=[identifier])
    rig.client.revoke_security_group_ingress(GroupId=DATA_GROUP, SecurityGroupRuleIds=[identifier])
    assert rig.silent(APP, DATABASE, 5432)
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        rig.client.describe_security_group_rules(SecurityGroupRuleIds=[identifier])


def test_groups_do_not_touch_the_replication_of_managed_services(rig: Rig) -> None:
    rig.client.revoke_security_group_ingress(GroupId=DATA_GROUP, IpPermissions=rig.group("data")["IpPermissions"])
    rig.client.revoke_security_group_egress(GroupId=DATA_GROUP, IpPermissions=[permission()])
    assert rig.silent(APP, DATABASE, 5432)
    assert rig.reaches(OTHER_DATA, DATABASE_BACKPLANE, 5432)
    assert rig.reaches("eu-west-1a-data", DATABASE_BACKPLANE, 5432)


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("InvalidPermission.Duplicate", permission(5432, cidr=VPC)),
        ("InvalidPermission.Duplicate", permission(5432, cidr="10.1.2.3/16")),
        ("InvalidParameterValue", permission(5433, cidr="10.1.0.0")),
        ("InvalidParameterValue", permission(5433, cidr="10.1.0.0/99")),
        ("InvalidParameterValue", permission(70000)),
        ("InvalidParameterValue", permission(5433) | {"FromPort": 6000}),
        ("InvalidParameterValue", {"IpProtocol": "tcp", "IpRanges": [{"CidrIp": EVERYBODY}]}),
        ("InvalidParameterValue", permission(5433) | {"IpProtocol": "quic"}),
        ("InvalidGroup.NotFound", permission(5433, group="sg-0123")),
        ("InvalidRequest", {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}),
        ("InvalidParameterValue", permission(5433) | {"IpRanges": [{"CidrIp": VPC}, {"CidrIp": VPC}]}),
    ],
)
def test_rules_are_validated(rig: Rig, code: str, wanted: dict[str, Any]) -> None:
    before = rig.group("data")
    fresh = permission(9999, cidr=VPC)
    with refused(code):
        rig.client.authorize_security_group_ingress(GroupId=DATA_GROUP, IpPermissions=[fresh, wanted])
    assert rig.group("data") == before, "all rules of a call or none"


def test_what_a_call_must_name(rig: Rig) -> None:
    wanted = [permission(5433)]
    for code, fields in (
        ("InvalidGroup.NotFound", {"GroupId": "sg-0123", "IpPermissions": wanted}),
        ("MissingParameter", {"IpPermissions": wanted}),
        ("VPCIdNotSpecified", {"GroupName": "data", "IpPermissions": wanted}),
        ("MissingParameter", {"GroupId": DATA_GROUP}),
    ):
        with refused(code):
            rig.client.authorize_security_group_ingress(**fields)
    with refused("InvalidPermission.NotFound"):
        rig.client.revoke_security_group_ingress(GroupId=DATA_GROUP, IpPermissions=wanted)


def test_a_group_has_sixty_rules_a_direction(rig: Rig) -> None:
    ports = [permission(port, cidr=VPC) for port in range(7000, 7056)]
    rig.client.authorize_security_group_ingress(GroupId=DATA_GROUP, IpPermissions=ports)
    with refused("RulesPerSecurityGroupLimitExceeded"):
        rig.client.authorize_security_group_ingress(GroupId=DATA_GROUP, IpPermissions=[permission(7100, cidr=VPC)])
