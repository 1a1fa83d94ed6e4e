"""A load balancer goes dark: its public subnets get a network ACL that drops its listeners' packets.

Network ACLs are stateless, so established connections die as well. The clone keeps every rule of the original and
allows the VPC itself, so that health checks inside, NAT and endpoints go on. No propagation time is published for
ACLs (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html), hence the proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from harness.clock import Duration, Instant, seconds
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import CloudFault, Refused
from harness.faults import Blackhole, Fidelity
from harness.probes.darkness import Darkness
from harness.topology import LoadBalancer
from harness.undo import Act

RUN_TAG = "gameday:run"


class BlackholeCarrier(Carrier):
    """Carries out ``Blackhole(LoadBalancer(region))``."""

    fidelity = Fidelity.FAITHFUL
    left_out = ""
    patience: Duration = seconds(60)

    def __init__(self, estate: Estate, fault: Blackhole, run: str) -> None:
        if not isinstance(fault.target, LoadBalancer):
            raise Refused(f"{fault.target} cannot be darkened yet.", "Aim at a load balancer.")
        self._estate = estate
        self._run = run
        self._region = fault.target.region.name
        self.regions = (self._region,)
        self._balancer = estate.platform.load_balancers[self._region]
        self._probes = ExitStack()
        self._darkness: Darkness | None = None
        self._originals: dict[str, str] = {}
        self._clones: dict[str, str] = {}

    def __enter__(self) -> BlackholeCarrier:
        place = self._estate.target.locations[0]
        addresses = self._estate.addresses(self._region)
        port = self._estate.target.api.port
        self._darkness = self._probes.enter_context(
            Darkness(self._estate.clock, self._estate.enter(place), addresses, port, "/api/v1/health")
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._probes.close()

    def prepare(self, arm: Arm) -> None:
        """Clone each ACL in use and deny the listeners to the outside in the clone; no subnet uses it yet."""
        for subnet in self._balancer.subnets:
            self._originals[subnet] = association(self._estate, self._region, subnet)[1]
        for original in sorted(set(self._originals.values())):
            arm(Act("ec2", self._region, "DeleteNetworkAcl", {"Run": self._run, "CloneOf": original}))
            self._clones[original] = self._clone(original)

    def change(self, arm: Arm) -> None:
        """Move the public subnets to the clone."""
        for subnet, original in self._originals.items():
            clone = self._clones[original]
            before, ours = {"SubnetId": subnet, "NetworkAclId": original}, {"NetworkAclId": clone}
            arm(Act("ec2", self._region, "ReplaceNetworkAclAssociation", before, ours))
            replace_association(self._estate, self._region, subnet, clone)

    def bites(self, since: Instant) -> Proof | None:
        """Every try from the first location, new and established, hangs or fails."""
        assert self._darkness is not None
        at = self._darkness.dark_since(since)
        return Proof(at, self._darkness.sight()) if at else None

    def healed(self, since: Instant) -> Proof | None:
        """Every try succeeds again."""
        assert self._darkness is not None
        at = self._darkness.lit_since(since)
        return Proof(at, self._darkness.sight()) if at else None

    def sight(self) -> str:
        """The last result of each try."""
        return self._darkness.sight() if self._darkness else "not probed yet"

    def _clone(self, original: str) -> str:
        call = self._estate.cloud.call
        found = call("ec2", self._region, "describe_network_acls", NetworkAclIds=[original])["NetworkAcls"][0]
        vpc = call("ec2", self._region, "describe_vpcs", VpcIds=[found["VpcId"]])["Vpcs"][0]
        ours = [{"Key": RUN_TAG, "Value": self._run}, {"Key": "gameday:clone-of", "Value": original}]
        tags = [tag for tag in found["Tags"] if not tag["Key"].startswith("aws:")] + ours
        made = call(
            "ec2",
            self._region,
            "create_network_acl",
            VpcId=found["VpcId"],
            TagSpecifications=[{"ResourceType": "network-acl", "Tags": tags}],
        )
        clone = str(made["NetworkAcl"]["NetworkAclId"])
        for entry in [*self._denials(found["Entries"], vpc["CidrBlock"]), *found["Entries"]]:
            if entry["RuleNumber"] < 32767:
                kept = {key: value for key, value in entry.items() if key in _ENTRY_FIELDS}
                call("ec2", self._region, "create_network_acl_entry", NetworkAclId=clone, **kept)
        return clone

    def _denials(self, entries: list[Mapping[str, Any]], vpc: str) -> list[Mapping[str, Any]]:
        ports = [
            listener["Port"]
            for listener in self._estate.cloud.call(
                "elbv2", self._region, "describe_listeners", LoadBalancerArn=self._balancer.arn
            )["Listeners"]
        ]
        lowest = min(entry["RuleNumber"] for entry in entries)
        if lowest <= 3 * len(ports):
            raise Refused(
                f"the network ACL has rule {lowest}: there is no room for {3 * len(ports)} rules below it.",
                "Renumber its rules.",
            )
        rules: list[Mapping[str, Any]] = []
        for index, port in enumerate(ports):
            common = {"Egress": False, "Protocol": "6", "PortRange": {"From": port, "To": port}}
            rules += [
                {**common, "RuleNumber": 3 * index + 1, "RuleAction": "allow", "CidrBlock": vpc},
                {**common, "RuleNumber": 3 * index + 2, "RuleAction": "deny", "CidrBlock": "0.0.0.0/0"},
                {**common, "RuleNumber": 3 * index + 3, "RuleAction": "deny", "Ipv6CidrBlock": "::/0"},
            ]
        return rules


_ENTRY_FIELDS = {
    "CidrBlock",
    "Egress",
    "IcmpTypeCode",
    "Ipv6CidrBlock",
    "PortRange",
    "Protocol",
    "RuleAction",
    "RuleNumber",
}


def association(estate: Estate, region: str, subnet: str) -> tuple[str, str]:
    """The association id and the network ACL of a subnet now; the id changes with every replacement."""
    found = estate.cloud.call(
        "ec2", region, "describe_network_acls", Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )
    for acl in found["NetworkAcls"]:
        for item in acl["Associations"]:
            if item["SubnetId"] == subnet:
                return item["NetworkAclAssociationId"], acl["NetworkAclId"]
    raise CloudFault("ec2.describe_network_acls", "NotFound", f"{subnet} has no network ACL")


def replace_association(estate: Estate, region: str, subnet: str, acl: str) -> None:
    """Give a subnet another network ACL."""
    identifier, _ = association(estate, region, subnet)
    estate.cloud.call("ec2", region, "replace_network_acl_association", AssociationId=identifier, NetworkAclId=acl)
