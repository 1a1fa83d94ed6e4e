"""A failed call says what it means and what to do about it."""

from __future__ import annotations

import email.utils
import re

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError, UnauthorizedSSOTokenError

from harness.clock import Anchor
from harness.cloud.failures import fault


def refused(code: str, ahead: float | None = None, operation: str = "DescribeDBInstances") -> ClientError:
    """AWS's refusal, dated so many seconds before this machine's clock."""
    now = Anchor.now().epoch_nanoseconds / 1e9
    headers = {} if ahead is None else {"date": email.utils.formatdate(now - ahead, usegmt=True)}
    answer = {"Error": {"Code": code, "Message": "No."}, "ResponseMetadata": {"HTTPHeaders": headers}}
    return ClientError(answer, operation)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "ahead", "says"),
    [
        ("RequestTimeTooSkewed", 900, "s ahead of AWS's"),
        ("SignatureDoesNotMatch", -900, "s behind AWS's"),
        ("InvalidSignatureException", 400, "ahead of AWS's"),
        ("AuthFailure", -400, "behind AWS's"),
    ],
)
def test_a_wrong_clock_is_told_with_how_far_it_is_off(code, ahead, says):
    found = fault("rds", "us-east-1", "describe_db_instances", refused(code, ahead))
    assert found.code == "RequestTimeTooSkewed"
    assert says in found.message
    (told,) = re.findall(r"clock is (\d+) s", found.message)
    assert int(told) == pytest.approx(abs(ahead), abs=20)  # the test itself may take a while
    assert "Set the clock" in found.remedy


@pytest.mark.parametrize("ahead", [None, 3, -3])
def test_a_signature_that_a_clock_does_not_explain_keeps_its_code(ahead):
    found = fault("rds", "us-east-1", "describe_db_instances", refused("SignatureDoesNotMatch", ahead))
    assert (found.code, found.remedy) == ("SignatureDoesNotMatch", "")


@pytest.mark.parametrize(
    "error",
    [
        lambda: refused("ExpiredToken", 1),
        lambda: refused("ExpiredTokenException"),
        lambda: refused("RequestExpired", 2),
        UnauthorizedSSOTokenError,
    ],
)
def test_credentials_whose_time_is_over_say_what_to_do(error):
    found = fault("ec2", "us-east-1", "describe_subnets", error())
    assert "Renew the credentials" in found.remedy
    assert "gameday undo" in found.remedy


def test_no_credentials_are_no_lost_region():
    found = fault("ec2", "us-east-1", "describe_subnets", NoCredentialsError())
    assert found.code == "NoCredentials"
    assert found.remedy
    assert fault("ec2", "eu-west-1", "x", ConnectTimeoutError(endpoint_url="http://x")).code == "Unreachable"


def test_a_role_that_cannot_be_assumed_is_told_apart_from_the_call_that_needed_it():
    found = fault("route53", "us-east-1", "get_hosted_zone", refused("AccessDenied", operation="AssumeRole"))
    assert found.code == "AccessDenied"
    assert "by a role that could not be assumed" in found.message
    assert "trust policy" in found.remedy
    assert fault("rds", "us-east-1", "x", refused("AccessDenied")).remedy == ""
