"""The least policy for some calls, and what cannot be granted because nobody looked it up."""

from __future__ import annotations

import pytest

from harness.cloud.permissions import GRANTS, actions, changes, policy
from harness.errors import HarnessFault


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("elbv2", "DescribeListeners", "elasticloadbalancing:DescribeListeners"),
        ("resourcegroupstaggingapi", "GetResources", "tag:GetResources"),
        ("cloudwatch", "DescribeAlarms", "cloudwatch:DescribeAlarms"),
        ("rds", "FailoverDBCluster", "rds:FailoverDBCluster"),
    ],
)
def test_a_call_has_the_action_that_iam_knows(service, operation, action):
    assert actions((service, operation)) == (action,)


def test_what_aws_asks_for_beside_the_action_is_named():
    assert actions(("ec2", "CreateNetworkAcl")) == ("ec2:CreateNetworkAcl", "ec2:CreateTags")


@pytest.mark.parametrize("operation", ["TestFailover", "ReceiveMessage", "StopTask", "UpdateService"])
def test_what_changes_is_no_look(operation):
    assert changes(operation)


def test_looks_are_granted_on_everything_and_changes_by_their_tag():
    told = policy([("rds", "DescribeEvents"), ("ecs", "StopTask"), ("ecs", "ListTasks")])
    look, change = told["Statement"]
    assert (look["Action"], look["Resource"]) == (["ecs:ListTasks", "rds:DescribeEvents"], "*")
    assert "Condition" not in look
    assert change["Action"] == ["ecs:StopTask"]
    assert change["Condition"] == {"StringEquals": {"aws:ResourceTag/gameday:allowed": "true"}}


def test_nothing_is_granted_that_is_not_made():
    assert policy([]) == {"Version": "2012-10-17", "Statement": []}


def test_no_change_is_granted_on_everything_without_a_condition():
    assert [grant.name for grant in GRANTS if grant.resources == ("*",) and not grant.condition] == []


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (("lambda", "ListFunctions"), "IAM's prefix of lambda is not known"),
        (("rds", "DeleteGlobalCluster"), "no grant covers rds:DeleteGlobalCluster"),
    ],
)
def test_what_nobody_looked_up_is_told_and_not_guessed(call, says):
    with pytest.raises(HarnessFault, match=says):
        policy([call])
