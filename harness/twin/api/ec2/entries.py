"""Entries of a network ACL: read from a call, refused as AWS refuses them, described, and told to the network. Pure.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.twin.calls import AwsError, Call
from harness.twin.network.acl import AclRule

LAST_RULE = 32767
_TCP, _UDP, _ICMP, _ICMP6 = "6", "17", "1", "58"
_PROTOCOLS = {"-1": "-1", "all": "-1", "tcp": _TCP, "udp": _UDP, "icmp": _ICMP, "icmpv6": _ICMP6}


@dataclass(frozen=True)
class Entry:
    """A rule of a network ACL. Exactly one of ``cidr`` and ``cidr6`` is set; ``ports`` only for TCP and UDP."""

    number: int
    egress: bool
    protocol: str
    allow: bool
    cidr: str | None = None
    cidr6: str | None = None
    ports: tuple[int, int] | None = None
    icmp: tuple[int, int] | None = None

    @property
    def key(self) -> tuple[bool, int]:
        """What identifies a rule within its ACL: direction and number."""
        return self.egress, self.number

    def described(self) -> dict[str, Any]:
        """The rule as DescribeNetworkAcls tells it."""
        shape: dict[str, Any] = {
            "RuleNumber": self.number,
            "Egress": self.egress,
            "Protocol": self.protocol,
            "RuleAction": "allow" if self.allow else "deny",
        }
        if self.cidr:
            shape["CidrBlock"] = self.cidr
        if self.cidr6:
            shape["Ipv6CidrBlock"] = self.cidr6
        if self.ports:
            shape["PortRange"] = {"From": self.ports[0], "To": self.ports[1]}
        if self.icmp:
            shape["IcmpTypeCode"] = {"Type": self.icmp[0], "Code": self.icmp[1]}
        return shape


def default_denies() -> tuple[Entry, Entry]:
    """The last rule of every ACL, in both directions: it cannot be changed."""
    return Entry(LAST_RULE, False, "-1", False, "0.0.0.0/0"), Entry(LAST_RULE, True, "-1", False, "0.0.0.0/0")


def allow_all() -> tuple[Entry, Entry]:
    """Rule 100 of a VPC's default ACL, in both directions."""
    return Entry(100, False, "-1", True, "0.0.0.0/0"), Entry(100, True, "-1", True, "0.0.0.0/0")


def entry(call: Call) -> Entry:
    """The rule that CreateNetworkAclEntry or ReplaceNetworkAclEntry asks for. Raises ``AwsError`` as AWS does."""
    number = rule_number(call)
    protocol = _protocol(str(call.get("Protocol")))
    cidr, cidr6 = _networks(call)
    ports = _ports(call) if protocol in (_TCP, _UDP) else None
    icmp = _icmp(call) if protocol in (_ICMP, _ICMP6) else None
    return Entry(
        number, bool(call.get("Egress")), protocol, call.get("RuleAction") == "allow", cidr, cidr6, ports, icmp
    )


def rule_number(call: Call) -> int:
    """The rule number of a call; 32767 is AWS's own."""
    number = int(call.get("RuleNumber"))
    if not 1 <= number < LAST_RULE:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({number}) for parameter ruleNumber is invalid. Rule number must be between 1 and {LAST_RULE - 1}.",
        )
    return number


def enforced(entries: Iterable[Entry], *, egress: bool) -> list[AclRule]:
    """The rules of one direction for the network, which has no IPv6 and denies at the end by itself."""
    return [
        AclRule(rule.number, rule.protocol, rule.cidr, rule.ports, rule.allow, rule.icmp)
        for rule in sorted(entries, key=lambda rule: rule.number)
        if rule.egress == egress and rule.cidr and rule.number != LAST_RULE
    ]


def _protocol(given: str) -> str:
    known = _PROTOCOLS.get(given.lower(), given)
    if known == "-1" or (known.isdigit() and int(known) <= 255):
        return known
    raise AwsError("InvalidParameterValue", f"Invalid value '{given}' for protocol. Must be -1 or 0 to 255.")


def _networks(call: Call) -> tuple[str | None, str | None]:
    given, given6 = call.get("CidrBlock"), call.get("Ipv6CidrBlock")
    if given and given6:
        raise AwsError(
            "InvalidParameterCombination", "The parameters CidrBlock and Ipv6CidrBlock may not be used together."
        )
    if given:
        return _network(given, "cidrBlock", 4), None
    if given6:
        return None, _network(given6, "ipv6CidrBlock", 6)
    raise AwsError("MissingParameter", "Either 'cidrBlock' or 'ipv6CidrBlock' should be provided.")


def _network(given: str, parameter: str, version: int) -> str:
    block = canonical(given, version)
    if block is None:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({given}) for parameter {parameter} is invalid. This is not a valid CIDR block.",
        )
    return block


def canonical(given: str, version: int) -> str | None:
    """The block in its canonical form, as AWS keeps it (100.68.0.18/18 is 100.68.0.0/18); a bare address is none."""
    length = given.partition("/")[2]
    if not (length.isascii() and length.isdigit()):  # Python also reads netmasks, AWS does not
        return None
    try:
        block = ipaddress.ip_network(given, strict=False)
    except ValueError:
        return None
    return str(block) if block.version == version else None


def _ports(call: Call) -> tuple[int, int]:
    given = call.get("PortRange") or {}
    if "From" not in given or "To" not in given:
        raise AwsError("MissingParameter", "The request must contain the parameter portRange for TCP and UDP.")
    first, last = int(given["From"]), int(given["To"])
    if not 0 <= first <= last <= 65535:
        raise AwsError("InvalidParameterValue", f"Invalid value '{first}-{last}' for portRange.")
    return first, last


def _icmp(call: Call) -> tuple[int, int]:
    given = call.get("IcmpTypeCode") or {}
    if "Type" not in given or "Code" not in given:
        raise AwsError("MissingParameter", "The request must contain the parameter icmpTypeCode for ICMP.")
    kind, code = int(given["Type"]), int(given["Code"])
    if not (-1 <= kind <= 255 and -1 <= code <= 255 and not (kind == -1 and code != -1)):
        raise AwsError("InvalidParameterValue", f"Invalid value '{kind}:{code}' for icmpTypeCode.")
    return kind, code
