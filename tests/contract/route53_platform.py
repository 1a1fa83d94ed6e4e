"""Route 53 with everything around it that it needs: network, name servers, load balancers, CloudWatch, front door."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import dns.edns
import dns.message
import dns.query
from botocore.config import Config

from harness.clock import Instant, seconds
from harness.twin import names
from harness.twin.api.cloudwatch.service import CloudWatch
from harness.twin.api.elbv2 import ElbV2
from harness.twin.api.front_door import FrontDoor
from harness.twin.api.route53.service import Route53
from harness.twin.designs.model import Design
from harness.twin.engines.dns import Dns
from harness.twin.network.network import AclRule
from tests.twin.stage import Stage, stage

ENDPOINT = "10.1.10.81"
ALLOW = AclRule(100, "-1", "0.0.0.0/0", None, True)
RESOLVERS = {"us-east-1a-app": "10.1.0.2", "america": "10.101.0.2", "europe": "10.102.0.2", "asia": "10.103.0.2"}


@dataclass
class Platform:
    stage: Stage
    route53: Route53
    cloudwatch: CloudWatch
    elb: ElbV2
    door: FrontDoor
    url: str
    host: tuple[str, int]

    def client(self, service: str = "route53", region: str = "us-east-1", attempts: int = 6) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        )

    def ask(self, place: str, name: str, kind: str = "A") -> dns.message.Message:
        """What the resolver of a place answers a client there."""
        with self.stage.network.inside(place):
            return dns.query.udp(dns.message.make_query(name, kind), RESOLVERS[place], timeout=2)

    def authority(self, name: str, subnet: str = "10.101.0.0", kind: str = "A") -> dns.message.Message:
        """What the authoritative name servers answer for a client subnet."""
        query = dns.message.make_query(name, kind, use_edns=0, options=[dns.edns.ECSOption(subnet, 24)])
        return dns.query.udp(query, self.host[0], port=self.host[1], timeout=2)

    def addresses(self, name: str, subnet: str = "10.101.0.0") -> set[str]:
        answer = self.authority(name, subnet)
        return {record.address for rrset in answer.answer for record in rrset if rrset.rdtype.name == "A"}

    def change(self, *records: Mapping[str, Any], action: str = "UPSERT") -> None:
        """A batch, and the wait until it is in force."""
        changes = [{"Action": action, "ResourceRecordSet": record} for record in records]
        client = self.client()
        batch = {"Changes": changes}
        told = client.change_resource_record_sets(HostedZoneId=names.HOSTED_ZONE_ID, ChangeBatch=batch)
        identifier = told["ChangeInfo"]["Id"]
        self.stage.until(lambda: client.get_change(Id=identifier)["ChangeInfo"]["Status"] == "INSYNC", seconds(70))
        self.stage.clock.sleep(seconds(0.5))

    def endpoint(self, port: int, address: str = ENDPOINT, place: str = "us-east-1a-public") -> None:
        """A process that answers there, as soon as it does."""
        network = self.stage.network
        network.address(place, address)
        script = Path(__file__).with_name("route53_endpoint.py")
        network.spawn(f"endpoint-{address}-{port}", place, [sys.executable, str(script), address, str(port)])

        def listens() -> bool:
            try:
                with network.connect(place, (address, port), seconds(5)):
                    return True
            except OSError:
                return False

        self.stage.until(listens, seconds(200))

    def deny(self, *sources: str, port: int = 443) -> Instant:
        """Drop what comes to the endpoint's subnet from these places only; the moment at which that was so."""
        rules = [AclRule(number, "6", source, (port, port), False) for number, source in enumerate(sources, 1)]
        self.stage.network.apply_acl("us-east-1a-public", [*rules, ALLOW], [ALLOW])
        return self.stage.clock.now()

    def turned(self, check: str, since: Instant) -> float | None:
        """AWS seconds from ``since`` to the first turn of a check's status after it."""
        turns = [turn.at for turn in self.route53.transitions if turn.check == check and turn.at > since]
        return (turns[0] - since).seconds if turns else None


@contextmanager
def platform(design: Design, speed: float) -> Iterator[Platform]:
    """The design's Route 53 over a real network; load balancers and alarms as the design has them."""
    with stage(design, speed) as built, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as host:
        shared = (built.clock, built.scheduler, built.network, built.names)
        cloudwatch = CloudWatch(built.clock, built.scheduler, design, lambda *_: None)
        elb = ElbV2(*shared, cloudwatch, design, built.state)
        built.exits.callback(elb.stop)
        elb.boot()
        route53 = Route53(*shared, cloudwatch, design, elb.target_health, cloudwatch.state)
        host.bind(("127.0.0.1", 0))
        servers = Dns(built.clock, built.network, built.names, route53, design, host)
        servers.start()
        built.exits.callback(servers.stop)
        route53.start()
        built.exits.callback(route53.stop)
        door = FrontDoor(built.clock, [route53, cloudwatch, elb], built.state / "audit.jsonl", {})
        listening = socket.create_server(("127.0.0.1", 0))
        door.serve(listening)
        built.exits.callback(door.close)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield Platform(built, route53, cloudwatch, elb, door, url, host.getsockname())
