"""Rules of security groups: read from a call, refused as AWS refuses them, described, and told to the network. Pure.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.twin import names
from harness.twin.api.ec2.entries import canonical
from harness.twin.calls import AwsError, Call
from harness.twin.network.groups import GroupRule

Kind = Literal["cidr", "cidr6", "group"]

EVERYBODY = "0.0.0.0/0"
_NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}
_NAMES = {number: name for name, number in _NUMBERS.items()} | {"-1": "-1", "all": "-1"}
_PORTED = ("tcp", "udp")
_ICMP = ("icmp", "icmpv6")
_ALL_PORTS = (0, 65535)


@dataclass(frozen=True)
class Permission:
    """What a rule allows; ``protocol`` as AWS names it, ``ports`` (for ICMP: type and code) ``None`` for all."""

    egress: bool
    protocol: str
    ports: tuple[int, int] | None
    kind: Kind
    peer: str

    def told(self) -> str:
        """The rule in the words of AWS's errors."""
        first, last = self.ports or (-1, -1)
        return f'"peer: {self.peer}, {self.protocol.upper()}, from port: {first}, to port: {last}, ALLOW"'

    def bounds(self) -> dict[str, Any]:
        """Protocol and ports as both descriptions have them."""
        shape: dict[str, Any] = {"IpProtocol": self.protocol}
        if self.ports is not None:
            shape |= {"FromPort": self.ports[0], "ToPort": self.ports[1]}
        return shape


@dataclass(frozen=True)
class Rule:
    """A permission with its id and its description, as a security group holds it."""

    identifier: str
    permission: Permission
    description: str = ""

    def described(self, group: str, tags: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """The rule as DescribeSecurityGroupRules tells it; AWS writes -1 for the ports of all protocols there."""
        permission = self.permission
        shape = {
            "SecurityGroupRuleId": self.identifier,
            "GroupId": group,
            "GroupOwnerId": names.ACCOUNT,
            "IsEgress": permission.egress,
            "FromPort": -1,
            "ToPort": -1,
            **permission.bounds(),
            "Tags": list(tags),
        }
        if permission.kind == "group":
            shape["ReferencedGroupInfo"] = {"GroupId": permission.peer, "UserId": names.ACCOUNT}
        else:
            shape["CidrIpv4" if permission.kind == "cidr" else "CidrIpv6"] = permission.peer
        if self.description:
            shape["Description"] = self.description
        return shape


def permissions(call: Call, *, egress: bool) -> list[tuple[Permission, str]]:
    """What a call to authorize or revoke names, each with its description; the old flat parameters too.

    Raises ``AwsError`` as AWS does; names the same rule twice and AWS refuses the call.
    """
    wanted = call.get("IpPermissions") or ([_flat(call)] if call.get("IpProtocol") or call.get("CidrIp") else [])
    found = [each for item in wanted for each in _expanded(item, egress)]
    if not found:
        raise AwsError("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
    seen: set[Permission] = set()
    for permission, _ in found:
        if permission in seen:
            raise AwsError("InvalidParameterValue", "The same permission must not appear multiple times")
        seen.add(permission)
    return found


def grouped(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """The rules of one direction as DescribeSecurityGroups tells them: one entry for each protocol and ports."""
    shapes: dict[tuple[str, tuple[int, int] | None], dict[str, Any]] = {}
    for rule in rules:
        permission = rule.permission
        shape = shapes.setdefault(
            (permission.protocol, permission.ports),
            {**permission.bounds(), "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []},
        )
        about = {"Description": rule.description} if rule.description else {}
        if permission.kind == "group":
            shape["UserIdGroupPairs"].append({"GroupId": permission.peer, "UserId": names.ACCOUNT, **about})
        elif permission.kind == "cidr":
            shape["IpRanges"].append({"CidrIp": permission.peer, **about})
        else:
            shape["Ipv6Ranges"].append({"CidrIpv6": permission.peer, **about})
    return list(shapes.values())


def enforced(rules: Iterable[Rule], members: Mapping[str, tuple[str, ...]], *, egress: bool) -> list[GroupRule]:
    """The rules of one direction for the network, which has no IPv6; ``members`` are the networks of each group."""
    known = [rule.permission for rule in rules if rule.permission.kind != "cidr6"]
    return [
        GroupRule(
            _number(permission.protocol),
            members[permission.peer] if permission.kind == "group" else (permission.peer,),
            permission.ports if permission.protocol in _PORTED else None,
            permission.ports if permission.protocol == "icmp" else None,
            tracked=not _untracked(permission, known),
        )
        for permission in known
        if permission.egress == egress
    ]


def _untracked(permission: Permission, known: Sequence[Permission]) -> bool:
    """TCP or UDP for everybody, where answers on any port may go to everybody, is not tracked."""

    def answers(other: Permission) -> bool:
        return (
            other.egress != permission.egress
            and other.peer == EVERYBODY
            and (other.protocol == "-1" or (other.protocol == permission.protocol and other.ports == _ALL_PORTS))
        )

    flows = permission.protocol in (*_PORTED, "-1")
    return flows and permission.peer == EVERYBODY and any(answers(other) for other in known)


def _flat(call: Call) -> dict[str, Any]:
    if call.get("SourceSecurityGroupName"):
        raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
    item = {key: call.get(key) for key in ("IpProtocol", "FromPort", "ToPort") if call.get(key) is not None}
    return {**item, "IpRanges": [{"CidrIp": call.get("CidrIp")}] if call.get("CidrIp") else []}


def _expanded(item: Mapping[str, Any], egress: bool) -> Iterator[tuple[Permission, str]]:
    protocol = _protocol(item.get("IpProtocol"))
    ports = _ports(protocol, item.get("FromPort"), item.get("ToPort"))
    if item.get("PrefixListIds"):
        raise AwsError("NotImplementedByTwin", "Prefix lists are not built.", 501)
    peers: list[tuple[Kind, str, str]] = [
        *(("cidr", _cidr(each.get("CidrIp"), 4), each.get("Description", "")) for each in item.get("IpRanges") or ()),
        *(
            ("cidr6", _cidr(each.get("CidrIpv6"), 6), each.get("Description", ""))
            for each in item.get("Ipv6Ranges") or ()
        ),
        *(("group", _group(each), each.get("Description", "")) for each in item.get("UserIdGroupPairs") or ()),
    ]
    if not peers:
        raise AwsError(
            "InvalidRequest", "The request received was invalid. No CIDR block, group or prefix list was specified."
        )
    for kind, peer, description in peers:
        yield Permission(egress, protocol, ports, kind, peer), description


def _cidr(given: str | None, version: int) -> str:
    block = canonical(given or "", version)
    if block is None:
        raise AwsError("InvalidParameterValue", f"CIDR block {given} is malformed")
    return block


def _group(pair: Mapping[str, Any]) -> str:
    if not pair.get("GroupId"):
        raise AwsError("MissingParameter", "The request must contain the parameter groupId")
    return str(pair["GroupId"])


def _protocol(given: str | None) -> str:
    if given is None:
        raise AwsError("InvalidParameterValue", "Invalid value 'null' for protocol. VPC security group rules need one.")
    known = _NAMES.get(given.lower(), given.lower())
    if known in _NUMBERS or known == "-1" or (known.isdigit() and int(known) <= 255):
        return known
    raise AwsError("InvalidParameterValue", f"Invalid value '{given}' for IP protocol. Unknown protocol.")


def _number(protocol: str) -> str:
    return _NUMBERS.get(protocol, protocol)


def _ports(protocol: str, first: int | None, last: int | None) -> tuple[int, int] | None:
    if protocol in _ICMP:
        return (-1 if first is None else first, -1 if last is None else last)
    if protocol not in _PORTED:
        return None
    if first is None or last is None:
        raise AwsError(
            "InvalidParameterValue", "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."
        )
    if (first, last) == (-1, -1):
        return _ALL_PORTS
    for port in (first, last):
        if not 0 <= port <= 65535:
            raise AwsError("InvalidParameterValue", f"Invalid value '{port}' for portRange. Must be 0 to 65535.")
    if first > last:
        raise AwsError("InvalidParameterValue", f"Invalid TCP/UDP port range ({first}:{last})")
    return first, last
