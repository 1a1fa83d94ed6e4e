"""What nft is told of an ACL."""

from __future__ import annotations

import pytest

from harness.errors import TwinFault
from harness.twin.network import acl
from harness.twin.network.acl import AclRule
from harness.twin.network.layout import Place

SUBNET = Place("us-east-1a-app", "subnet", "us-east-1", 1, ("10.1.11",), "10.1.11.4", "eth0", "a", "a-app")


@pytest.mark.parametrize(
    ("rule", "statement"),
    [
        (AclRule(1, "-1", "0.0.0.0/0", None, True), "ip saddr 0.0.0.0/0 return"),
        (AclRule(1, "6", "10.0.0.0/8", (80, 80), False), "ip saddr 10.0.0.0/8 tcp dport 80-80 drop"),
        (AclRule(1, "17", "10.0.0.0/8", (53, 54), True), "ip saddr 10.0.0.0/8 udp dport 53-54 return"),
        (AclRule(1, "6", "10.0.0.0/8", None, False), "ip saddr 10.0.0.0/8 meta l4proto 6 drop"),
        (AclRule(1, "1", "10.0.0.0/8", (0, 0), False), "ip saddr 10.0.0.0/8 meta l4proto 1 drop"),
    ],
)
def test_a_rule_as_a_statement(rule: AclRule, statement: str) -> None:
    assert rule.statement("saddr") == statement


def test_a_cidr_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(TwinFault, match="no CIDR: anywhere"):
        AclRule(1, "-1", "anywhere", None, True).statement("saddr")


def test_replacing_is_flushing_then_rules_by_number_then_no() -> None:
    rules = [AclRule(20, "-1", "10.2.0.0/16", None, False), AclRule(3, "-1", "10.3.0.0/16", None, True)]
    assert acl.replacement(SUBNET, rules, []).splitlines() == [
        "flush chain inet twin ingress-a-app",
        "add rule inet twin ingress-a-app ip saddr 10.3.0.0/16 return",
        "add rule inet twin ingress-a-app ip saddr 10.2.0.0/16 drop",
        "add rule inet twin ingress-a-app drop",
        "flush chain inet twin egress-a-app",
        "add rule inet twin egress-a-app drop",
    ]


def test_rules_for_ipv6_meet_no_packet() -> None:
    assert "::" not in acl.replacement(SUBNET, [AclRule(1, "-1", "::/0", None, False)], [])


def test_darkness_is_the_whole_set_every_time() -> None:
    assert acl.darkness([]) == "flush set inet twin lost\n"
    assert acl.darkness(["a-app", "a-data"]).splitlines()[1] == 'add element inet twin lost { "a-app", "a-data" }'


def test_the_backplane_comes_before_every_acl() -> None:
    lines = acl.foundation([1, 2], ["a-app"]).splitlines()
    assert lines.index("ip saddr { 10.1.248.0/21, 10.2.248.0/21 } accept") < lines.index(
        'iifname vmap { "a-app" : jump egress-a-app }'
    )
