"""Accounts in which it is not clear who plays which part, which no twin can be brought into: the front door alone.

Each is refused through what a game day goes through, and its audit holds not one call that changes anything.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness import session, target
from harness.clock import Clock
from harness.cloud.session import Cloud
from harness.errors import Refused
from harness.session import reach_twin
from harness.twin.api.front_door import FrontDoor
from harness.twin.api.tagging import Tagging
from harness.twin.calls import Call, Handler
from harness.twin.designs.common import TAGS
from harness.twin.names import arn
from harness.twin.state import State
from tests.contract.whole import REPOSITORY

US = "us-east-1"
HOST = "agentauri.example."


class Account:
    """One plain region: what it holds is a list for each kind, to be made ambiguous."""

    def __init__(self) -> None:
        self.balancers = ["alb"]
        self.zones = {"Z1": HOST}
        self.clusters = {"aurora": TAGS}
        self.writers = {"aurora-1": True}
        self.instances = {"aurora-1": TAGS}
        self.caches = {"cache": TAGS}
        self.services = ["main/api-gateway"]

    def services_of_aws(self) -> list[Any]:
        handlers: Mapping[str, Mapping[str, Handler]] = {
            "elbv2": {"DescribeLoadBalancers": self._balancers},
            "route53": {"ListHostedZones": self._zones, "ListResourceRecordSets": self._records},
            "rds": {
                "DescribeDBClusters": self._clusters,
                "DescribeDBInstances": self._instances,
                "DescribeGlobalClusters": lambda _: {"GlobalClusters": []},
            },
            "elasticache": {"DescribeReplicationGroups": self._caches},
            "ecs": {"ListClusters": self._ecs_clusters, "ListServices": self._ecs_services},
        }
        made = [SimpleNamespace(name=name, handlers=lambda own=own: own) for name, own in handlers.items()]
        return [*made, Tagging([cast(Any, self)])]

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        if region == US:
            yield from ((_balancer(name), TAGS) for name in self.balancers)
            for kind, known in (("cluster", self.clusters), ("db", self.instances)):
                yield from ((arn("rds", US, f"{kind}:{name}"), tags) for name, tags in known.items())
            yield from ((_cache(name), tags) for name, tags in self.caches.items())

    def _balancers(self, call: Call) -> Mapping[str, Any]:
        chosen = [one for one in self.balancers if _balancer(one) in call.parameters["LoadBalancerArns"]]
        return {
            "LoadBalancers": [
                {"LoadBalancerArn": _balancer(one), "DNSName": f"{one}.example", "AvailabilityZones": []}
                for one in chosen
            ]
        }

    def _zones(self, call: Call) -> Mapping[str, Any]:
        zones = [{"Id": f"/hostedzone/{one}", "Name": name, "CallerReference": one} for one, name in self.zones.items()]
        return {"HostedZones": zones, "IsTruncated": False, "MaxItems": "100", "Marker": ""}

    def _records(self, call: Call) -> Mapping[str, Any]:
        return {"ResourceRecordSets": [], "IsTruncated": False, "MaxItems": "100"}

    def _clusters(self, call: Call) -> Mapping[str, Any]:
        members = [
            {"DBInstanceIdentifier": name, "IsClusterWriter": is_writer} for name, is_writer in self.writers.items()
        ]
        return {
            "DBClusters": [
                {"DBClusterIdentifier": name, "DBClusterArn": arn("rds", US, f"cluster:{name}"),
                 "Status": "available", "DBClusterMembers": members}
                for name in self.clusters
            ]
        }  # fmt: skip

    def _instances(self, call: Call) -> Mapping[str, Any]:
        return {
            "DBInstances": [
                {"DBInstanceIdentifier": name, "DBInstanceArn": arn("rds", US, f"db:{name}"),
                 "DBInstanceStatus": "available", "DBClusterIdentifier": "aurora"}
                for name in self.instances
            ]
        }  # fmt: skip

    def _caches(self, call: Call) -> Mapping[str, Any]:
        endpoint = {"Address": "cache.example", "Port": 6379}
        return {
            "ReplicationGroups": [
                {"ReplicationGroupId": name, "ARN": _cache(name), "Status": "available",
                 "NodeGroups": [{"PrimaryEndpoint": endpoint}]}
                for name in self.caches
            ]
        }  # fmt: skip

    def _ecs_clusters(self, call: Call) -> Mapping[str, Any]:
        return {"clusterArns": sorted({arn("ecs", US, f"cluster/{one.partition('/')[0]}") for one in self.services})}

    def _ecs_services(self, call: Call) -> Mapping[str, Any]:
        cluster = str(call.get("cluster")).rpartition("/")[2]
        return {"serviceArns": [arn("ecs", US, f"service/{one}") for one in self.services if one.startswith(cluster)]}


def _balancer(name: str) -> str:
    return arn("elasticloadbalancing", US, f"loadbalancer/app/{name}/1")


def _cache(name: str) -> str:
    return arn("elasticache", US, f"replicationgroup:{name}")


@dataclass(frozen=True)
class Door:
    """One front door for all accounts, since making clients of it takes longer than the calls."""

    account: Account
    running: State
    trail: Path

    def reach(self) -> list[Mapping[str, Any]]:
        """Go the way of a game day to the account; what was asked of it is told."""
        wanted = target.load(REPOSITORY / "targets" / "twin.toml")
        since = self.trail.stat().st_size
        try:
            reach_twin(wanted.model_copy(update={"hands": wanted.hands[:1]}), self.running)
        finally:
            with self.trail.open("rb") as lines:
                lines.seek(since)
                asked = [json.loads(line) for line in lines]
            assert [one["eventName"] for one in asked if not one["readOnly"]] == []
            assert [one["errorMessage"] for one in asked if "errorMessage" in one] == []
        return asked


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    account, clock = Account(), Clock.start(50)
    trail = tmp_path_factory.mktemp("door") / "audit.jsonl"
    door = FrontDoor(clock, account.services_of_aws(), trail, {})
    listening = socket.create_server(("127.0.0.1", 0))
    door.serve(listening)
    running = SimpleNamespace(api_port=listening.getsockname()[1], dns_port=0, clock=clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "Cloud", partial(Cloud, _clients={}))
        yield Door(account, cast(State, running), trail)
    door.close()


@pytest.fixture
def door(opened: Door) -> Iterator[Door]:
    yield opened
    vars(opened.account).update(vars(Account()))


def test_a_plain_account_is_let_on(door: Door) -> None:
    assert len(door.reach()) > 10


def two_balancers(account: Account) -> None:
    account.balancers.append("second")


def two_zones(account: Account) -> None:
    account.zones["Z2"] = HOST


def two_clusters(account: Account) -> None:
    account.clusters = {"aurora": TAGS, "second": TAGS}


def two_caches(account: Account) -> None:
    account.caches = {"cache": TAGS, "second": TAGS}


def two_services(account: Account) -> None:
    account.services.append("old/api-gateway")


def a_strangers_database(account: Account) -> None:
    account.instances = {"aurora-1": TAGS, "theirs": {"Project": "other"}}


def a_strangers_cache(account: Account) -> None:
    account.caches = {"cache": TAGS, "theirs": {**TAGS, "Environment": "dev"}}


def no_database(account: Account) -> None:
    account.clusters, account.instances = {}, {}


def no_writer(account: Account) -> None:
    account.writers = {"aurora-1": False}


@pytest.mark.parametrize(
    ("befalls", "told"),
    [
        (two_balancers, "us-east-1 has 2 load balancers with our tags"),
        (two_zones, "2 hosted zones of one name hold api.agentauri.example: Z1, Z2"),
        (two_clusters, "us-east-1 has 2 DB clusters"),
        (two_caches, "us-east-1 has 2 caches"),
        (two_services, "us-east-1 has more than one ECS service of the name api-gateway"),
        (a_strangers_database, "DB instance theirs in us-east-1 lacks the tag Project=agentauri and Environment=twin"),
        (a_strangers_cache, "cache theirs in us-east-1 lacks the tag Environment=twin (it has Environment=dev)"),
        (no_database, "AWS names no database that takes writes in us-east-1"),
        (no_writer, "AWS names no database that takes writes in us-east-1"),
    ],
)
def test_an_account_in_which_a_role_is_not_clear_is_refused(
    door: Door, befalls: Callable[[Account], None], told: str
) -> None:
    befalls(door.account)
    with pytest.raises(Refused) as caught:
        door.reach()
    assert told in str(caught.value)
