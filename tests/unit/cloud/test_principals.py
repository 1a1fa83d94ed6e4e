"""Which role a call goes as."""

from __future__ import annotations

import datetime

import pytest

from harness.cloud import principals
from harness.cloud.principals import meant_for
from harness.cloud.session import Cloud
from harness.target import Role

ALL = Role(arn="arn:aws:iam::111111111111:role/all")
DNS = Role(arn="arn:aws:iam::222222222222:role/dns", services=("route53",))
ASIA = Role(arn="arn:aws:iam::333333333333:role/asia", services=("rds", "ec2"), regions=("ap-south-1",))
DATA = Role(arn="arn:aws:iam::444444444444:role/data", services=("rds",))
ROLES = (ALL, DNS, ASIA, DATA)


@pytest.mark.parametrize(
    ("service", "region", "expected"),
    [
        ("route53", "us-east-1", DNS),
        ("rds", "ap-south-1", ASIA),
        ("rds", "eu-west-1", DATA),
        ("ec2", "ap-south-1", ASIA),
        ("ec2", "eu-west-1", ALL),
    ],
)
def test_the_role_that_names_most_of_a_call_makes_it(service, region, expected):
    assert meant_for(ROLES, service, region) is expected
    assert meant_for(tuple(reversed(ROLES)), service, region) is expected


def test_without_a_role_for_it_a_call_is_our_own():
    assert meant_for((DNS,), "rds", "us-east-1") is None
    assert meant_for((), "rds", "us-east-1") is None


def test_everybody_who_calls_to_a_region_is_asked_for_its_tags():
    assert set(Cloud(roles=(DNS, ASIA)).askers("ap-south-1")) == {None, DNS, ASIA}
    assert set(Cloud(roles=(DNS, ASIA)).askers("us-east-1")) == {None, DNS}
    assert set(Cloud(roles=ROLES).askers("eu-west-1")) == {ALL, DNS, DATA}
    assert Cloud().askers("us-east-1") == (None,)


@pytest.mark.parametrize(("left_seconds", "assumed_times"), [(3600, 1), (600, 2)])
def test_a_role_is_assumed_anew_before_its_time_is_over(monkeypatch, left_seconds, assumed_times):
    calls = []

    class Tokens:
        def assume_role(self, **asked):
            calls.append(asked)
            until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=left_seconds)
            secret = {"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": f"T{len(calls)}", "Expiration": until}
            return {"Credentials": secret, "AssumedRoleUser": {"Arn": "arn:aws:sts::222222222222:assumed-role/dns/x"}}

    monkeypatch.setattr(principals.boto3, "client", lambda service, **options: Tokens())
    monkeypatch.setattr(principals, "overhear", lambda client, region, tell: None)
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    role = DNS.model_copy(update={"external_id": "22"})
    credentials = principals.assumed(role, "gameday", keys, {}, lambda _: None).get_credentials()
    assert [credentials.get_frozen_credentials().token for _ in range(2)][-1] == f"T{assumed_times}"
    assert len(calls) == assumed_times
    assert calls[0] == {"RoleArn": DNS.arn, "RoleSessionName": "gameday", "ExternalId": "22"}
