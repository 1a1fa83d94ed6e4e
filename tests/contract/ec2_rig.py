"""EC2 as AWS SDKs meet it: boto3 against the front door, over a real network with echo servers in its subnets."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import seconds
from harness.twin.api.ec2 import Ec2
from harness.twin.api.front_door import FrontDoor
from harness.twin.designs import catalogue
from tests.twin.stage import Stage, stage

SPEED = 20
REGION = "us-east-1"
EVERYBODY = "0.0.0.0/0"
VPC = "10.1.0.0/16"
PUBLIC, PUBLIC_SUBNET, BALANCER = "us-east-1a-public", "subnet-use1apublic", "10.1.10.80"
DATA, DATA_SUBNET, DATABASE, DATABASE_BACKPLANE = "us-east-1a-data", "subnet-use1adata", "10.1.12.50", "10.1.251.50"
APP, OTHER_DATA = "us-east-1a-app", "us-east-1b-data"
_PATIENCE = 2.0
_SILENCE = 0.12
"""Real seconds that an answer may take, and that silence must last; a round trip takes 1 to 5 ms."""


@dataclass
class Rig:
    """The stage with its EC2, a client of the API, and hands to try the network with."""

    stage: Stage
    client: Any

    def reaches(self, place: str, address: str = BALANCER, port: int = 80) -> bool:
        """Whether a new connection is accepted and carries bytes."""
        return self._tried(place, address, port, _PATIENCE)

    def silent(self, place: str, address: str = BALANCER, port: int = 80) -> bool:
        """Whether nobody answers a new connection: dropped, not refused."""
        return not self._tried(place, address, port, _SILENCE)

    def _tried(self, place: str, address: str, port: int, patience: float) -> bool:
        try:
            with self.stage.network.connect(place, (address, port), seconds(patience * SPEED)) as line:
                return echoes(line)
        except TimeoutError:
            return False

    def line(self, place: str, address: str = BALANCER, port: int = 80) -> socket.socket:
        """An established connection."""
        return self.stage.network.connect(place, (address, port), seconds(_PATIENCE * SPEED))

    def pings(self, place: str, address: str = BALANCER, *, patience: float = _PATIENCE) -> bool:
        """Whether the host at ``address`` answers an ICMP echo request from ``place``."""
        with self.stage.network.inside(place):
            probe = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        with closing(probe):
            probe.settimeout(patience)
            total = sum(struct.unpack("!4H", struct.pack("!BBHHH", 8, 0, 0, 7, 1)))
            probe.sendto(struct.pack("!BBHHH", 8, 0, ~total & 0xFFFF, 7, 1), (address, 0))
            try:
                return probe.recv(100)[20] == 0
            except TimeoutError:
                return False

    def unanswered(self, place: str) -> bool:
        """Whether the load balancer leaves an echo request unanswered."""
        return not self.pings(place, patience=_SILENCE)

    def acl(self, subnet: str = PUBLIC_SUBNET) -> Any:
        """The network ACL of a subnet."""
        found = self.client.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])
        return found["NetworkAcls"][0]

    def association(self, subnet: str = PUBLIC_SUBNET) -> str:
        """The id of a subnet's association."""
        return next(
            str(item["NetworkAclAssociationId"])
            for item in self.acl(subnet)["Associations"]
            if item["SubnetId"] == subnet
        )

    def create_acl(self, *rules: dict[str, Any]) -> str:
        """A new ACL with these entries."""
        acl = str(self.client.create_network_acl(VpcId="vpc-use1")["NetworkAcl"]["NetworkAclId"])
        for rule in rules:
            self.client.create_network_acl_entry(NetworkAclId=acl, **rule)
        return acl

    def use_acl(self, acl: str, subnet: str = PUBLIC_SUBNET) -> str:
        """Give a subnet an ACL; the new association."""
        answer = self.client.replace_network_acl_association(AssociationId=self.association(subnet), NetworkAclId=acl)
        return str(answer["NewAssociationId"])

    def group(self, tier: str) -> Any:
        """A tier's security group."""
        return self.client.describe_security_groups(GroupIds=[f"sg-use1{tier}"])["SecurityGroups"][0]

    def restore(self, before: list[Any]) -> None:
        """Whatever a test did to ACLs and groups is undone."""
        default = self.client.describe_network_acls(Filters=[{"Name": "default", "Values": ["true"]}])["NetworkAcls"][0]
        for rule in default["Entries"]:
            if rule["RuleNumber"] not in (100, 32767):
                key = {"RuleNumber": rule["RuleNumber"], "Egress": rule["Egress"]}
                self.client.delete_network_acl_entry(NetworkAclId=default["NetworkAclId"], **key)
        for acl in self.client.describe_network_acls()["NetworkAcls"]:
            for item in acl["Associations"]:
                if not acl["IsDefault"]:
                    self.use_acl(default["NetworkAclId"], item["SubnetId"])
            if not acl["IsDefault"]:
                self.client.delete_network_acl(NetworkAclId=acl["NetworkAclId"])
        for group in before:
            now = self.client.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"][0]
            for member, way in (("IpPermissions", "ingress"), ("IpPermissionsEgress", "egress")):
                if now[member] != group[member]:
                    for verb, permissions in (("revoke", now[member]), ("authorize", group[member])):
                        call = getattr(self.client, f"{verb}_security_group_{way}")
                        if permissions:
                            call(GroupId=group["GroupId"], IpPermissions=permissions)


def rule(number: int, action: str, *, egress: bool = False, port: int | None = None, **fields: Any) -> dict[str, Any]:
    """An entry of a network ACL: all protocols and everybody, unless ``port`` or ``fields`` say otherwise."""
    entry = {"RuleNumber": number, "RuleAction": action, "Egress": egress, "Protocol": "-1", "CidrBlock": EVERYBODY}
    if port is not None:
        entry |= {"Protocol": "6", "PortRange": {"From": port, "To": port}}
    return entry | fields


def permission(port: int | None = None, *, cidr: str | None = None, group: str | None = None) -> dict[str, Any]:
    """A rule of a security group: a TCP port, or everything."""
    entry: dict[str, Any] = {"IpProtocol": "-1"}
    if port is not None:
        entry = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    if group:
        return entry | {"UserIdGroupPairs": [{"GroupId": group}]}
    return entry | {"IpRanges": [{"CidrIp": cidr or EVERYBODY}]}


def refused(code: str) -> Any:
    """The call is refused with AWS's code."""
    return pytest.raises(ClientError, match=rf"\({code}\)")


def mute(line: socket.socket) -> bool:
    """Whether an established connection carries nothing any more."""
    return not echoes(line, _SILENCE)


def echoes(line: socket.socket, patience: float = _PATIENCE) -> bool:
    """Whether a connection carries a byte there and back."""
    line.settimeout(patience)
    try:
        line.sendall(b"?")
        return line.recv(1) == b"?"
    except TimeoutError:
        return False


@contextmanager
def opened() -> Iterator[Rig]:
    """The rig of a whole test module."""
    with stage(catalogue.design("active_passive", "hardened"), SPEED) as built:
        for place, address, port in (
            (PUBLIC, BALANCER, 80),
            (PUBLIC, BALANCER, 8080),
            (DATA, DATABASE, 5432),
            (DATA, DATABASE_BACKPLANE, 5432),
        ):
            built.network.address(place, address)
            built.exits.callback(_echo(built, place, (address, port)))
        ec2 = Ec2(built.network, built.design)
        ec2.boot()
        door = FrontDoor(built.clock, [ec2], built.state / "audit.jsonl", {})
        listening = socket.create_server(("127.0.0.1", 0))
        door.serve(listening)
        built.exits.callback(door.close)
        yield Rig(built, client(listening.getsockname()[1], REGION))


def client(port: int, region: str) -> Any:
    """A client that takes the first answer."""
    return boto3.client(
        "ec2",
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )


def _echo(built: Stage, place: str, address: tuple[str, int]) -> Any:
    listener = built.network.listen_tcp(place, address)

    def serve(connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            while piece := connection.recv(65536):
                connection.sendall(piece)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()

    def end() -> None:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    return end
