"""What is ambiguous or missing in an account of the test's own making."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from harness import target
from harness.cloud import discovery, doubts
from harness.cloud.discovery import Platform
from harness.cloud.session import Cloud
from harness.errors import CloudFault
from harness.topology import Region

US, EU, AP = "us-east-1", "eu-west-1", "ap-south-1"
TWIN = target.load(Path(__file__).resolve().parents[3] / "targets" / "twin.toml")
OURS = {"Project": "agentauri", "Environment": "twin", "gameday:allowed": "true"}
PLATFORM = Platform((Region(US),), "Z1", {}, {}, {}, None, {})


class Account:
    """By kind: the names that us-east-1 holds. All carry our tags unless ``tags`` says otherwise."""

    def __init__(self) -> None:
        self.kinds: dict[str, list[str]] = {
            "loadbalancer/app": ["alb"],
            "db": ["db-1"],
            "cluster": ["aurora"],
            "replicationgroup": ["cache"],
            "queue": ["alarms-gameday"],
            "service": ["main/api-gateway", "main/event-processor"],
        }
        self.tags: dict[str, Mapping[str, str]] = {}
        self.zones = ["Z1"]
        self.alarms: dict[str, dict[str, str]] = {}
        self.elsewhere: list[str] = []
        self.status = "available"

    def pages(self, service: str, region: str, operation: str, key: str, /, **asked: Any) -> list[Any]:
        if key == "ResourceTagMappingList":
            return self._tagged(region, asked)
        named = {
            "DBInstances": ("db", "DBInstanceIdentifier", "DBInstanceArn", "DBInstanceStatus"),
            "DBClusters": ("cluster", "DBClusterIdentifier", "DBClusterArn", "Status"),
            "ReplicationGroups": ("replicationgroup", "ReplicationGroupId", "ARN", "Status"),
        }
        if key in named:
            kind, identifier, arn, status = named[key]
            return [{identifier: one, arn: _arn(kind, one), status: self.status} for one in self.kinds[kind]]
        return ["main"] if key == "clusterArns" else [_arn("service", one) for one in self.kinds["service"]]

    def call(self, service: str, region: str, operation: str, /, **asked: Any) -> Mapping[str, Any]:
        if operation == "get_resources":
            [arn] = asked["ResourceARNList"]
            return {"ResourceTagMappingList": [{"ResourceARN": arn, "Tags": _listed(self._arns()[arn])}]}
        if operation == "describe_alarms":
            told = self.alarms.get(region, {})
            return {"MetricAlarms": [{"AlarmName": name, "StateValue": state} for name, state in told.items()]}
        return {"QueueUrls": [f"https://{name}" for name in self.kinds["queue"]]}

    def _arns(self) -> dict[str, Mapping[str, str]]:
        return {_arn(kind, name): self.tags.get(name, OURS) for kind in self.kinds for name in self.kinds[kind]}

    def _tagged(self, region: str, asked: Mapping[str, Any]) -> list[Any]:
        if region == "dark":
            raise CloudFault("get_resources", "Unreachable", "no answer")
        known = self._arns() if region == US else dict.fromkeys(self.elsewhere, OURS)
        wanted = {one["Key"]: one["Values"][0] for one in asked["TagFilters"]}.items()
        return [{"ResourceARN": arn, "Tags": _listed(tags)} for arn, tags in known.items() if wanted <= tags.items()]


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:{kind}/{name}"


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(discovery, "zones", lambda *_: made.zones)
    return made


def found(account: Account, wanted: target.Target = TWIN) -> list[str]:
    cloud = cast(Cloud, account)
    return list(doubts.found(cloud, wanted, PLATFORM, {US: discovery.tagged(cloud, wanted, US)}))


def test_a_plain_platform_leaves_no_doubt(account):
    assert found(account) == []


@pytest.mark.parametrize(
    ("kind", "names", "doubt"),
    [
        ("loadbalancer/app", ["alb", "other"], "us-east-1 has 2 load balancers with our tags: "
                                               "arn:aws:loadbalancer/app/alb, arn:aws:loadbalancer/app/other"),
        ("cluster", ["aurora", "second"], "us-east-1 has 2 DB clusters: DB cluster aurora, DB cluster second"),
        ("replicationgroup", ["cache", "second"], "us-east-1 has 2 caches: cache cache, cache second"),
        ("queue", ["a-gameday", "b-gameday", "c"], "us-east-1 has 2 queues for alarms: "
                                                    "https://a-gameday, https://b-gameday"),
        ("service", ["main/api", "old/api"], "us-east-1 has more than one ECS service of the name api"),
    ],
)  # fmt: skip
def test_two_that_could_play_one_part_are_ambiguous(account, kind, names, doubt):
    account.kinds[kind] = names
    assert found(account) == [doubt]


@pytest.mark.parametrize(
    ("name", "tags", "doubt"),
    [
        ("db-1", {}, "DB instance db-1 in us-east-1 lacks the tag Project=agentauri and Environment=twin"),
        ("aurora", {"Project": "agentauri"}, "DB cluster aurora in us-east-1 lacks the tag Environment=twin"),
        ("cache", {**OURS, "Environment": "staging"},
         "cache cache in us-east-1 lacks the tag Environment=twin (it has Environment=staging)"),
    ],
)  # fmt: skip
def test_the_tag_that_is_missing_is_named(account, name, tags, doubt):
    account.tags[name] = tags
    assert found(account) == [doubt]


def test_what_is_being_deleted_needs_no_tag(account):
    account.tags["db-1"] = {}
    account.status = "deleting"
    assert found(account) == []


def test_a_region_with_parts_of_ours_and_no_load_balancer_is_not_left_out_silently(account):
    account.elsewhere = ["arn:aws:db/one", "arn:aws:db/two"]
    [first, second] = found(account)
    assert first == (
        "eu-west-1 holds 2 parts with our tags, and no load balancer there is tagged "
        "Project=agentauri and Environment=twin"
    )
    assert second.startswith("ap-south-1")
    lost = TWIN.model_copy(update={"hands": (TWIN.hands[0], TWIN.hands[1].model_copy(update={"region": "dark"}))})
    assert found(account, lost) == []


def test_two_zones_of_one_name_are_ambiguous(account):
    account.zones.append("Z2")
    assert found(account) == ["2 hosted zones of one name hold api.agentauri.example: Z1, Z2"]


def test_a_stop_alarm_that_nobody_can_hear_is_a_doubt(account):
    wanted = TWIN.model_copy(update={"stop": target.StopConditions(alarms=("pages", "absent"))})
    account.alarms = {AP: {"pages": "OK"}}
    assert found(account, wanted) == ["the stop alarm absent is in none of us-east-1, eu-west-1, ap-south-1"]
