"""The random walk, for two bursts; `make walk` goes two thousand calls. And: would it notice a lie?"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.contract import walk
from tests.contract.walk_truth import Truth, allowed, last_state, streams
from tests.contract.whole import Whole, running
from tests.twin.stage import needs_root

pytestmark = [needs_root, pytest.mark.timeout(120)]
SEED, SPEED = 3, 40


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with running(tmp_path_factory.mktemp("home"), speed=SPEED) as whole:
        yield whole


def _other_writer(clusters: list[Any]) -> None:
    for member in clusters[0]["DBClusterMembers"]:
        member["IsClusterWriter"] = not member["IsClusterWriter"]


def _deny_all(acls: list[Any]) -> None:
    for entry in acls[0]["Entries"]:
        entry["RuleAction"] = "deny"


def _as_replica(groups: list[Any]) -> None:
    groups[0]["NodeGroups"][0]["NodeGroupMembers"][0]["CurrentRole"] = "replica"


def _one_more(targets: list[Any]) -> None:
    targets[0]["Target"]["Id"] = "10.1.11.99"


def _ghost(records: list[Any]) -> None:
    records.append({"Name": "walk-0.agentauri.example.", "ResourceRecords": [{"Value": "192.0.2.251"}]})


def _rings(alarms: list[Any]) -> None:
    alarms[0]["StateValue"] = "ALARM" if alarms[0]["StateValue"] != "ALARM" else "OK"


class Liar:
    """Describes honestly, but for one operation."""

    def __init__(self, twin: Whole) -> None:
        self._honest = walk.Walk(twin, SEED).describe
        self._lies: dict[str, tuple[str, Callable[[Any], None]]] = {}

    def __call__(self, service: str, region: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        answer = deepcopy(dict(self._honest(service, region, operation, **parameters)))
        if operation in self._lies:
            key, lie = self._lies[operation]
            lie(answer[key])
        return answer

    def tell(self, operation: str, key: str, lie: Callable[[Any], None]) -> None:
        self._lies = {operation: (key, lie)}

    def be_honest(self) -> None:
        self._lies = {}


@pytest.fixture(scope="module")
def liar(twin: Whole) -> Liar:
    return Liar(twin)


@pytest.fixture(scope="module")
def truth(twin: Whole, liar: Liar) -> Iterator[Truth]:
    with Truth(twin, liar) as opened:
        yield opened


def test_the_api_tells_the_truth_after_legal_and_illegal_calls_and_kills(twin: Whole, truth: Truth) -> None:
    told = walk.Walk(twin, SEED).beside(truth, 60)
    assert told.disagreements == []
    assert (told.calls, told.quiet_points) == (60, 2)
    assert told.kills >= 2, "one in each burst"
    assert told.illegal >= 10
    assert len(told.codes) >= 5


@pytest.mark.parametrize(
    ("operation", "key", "lie"),
    [
        ("describe_db_clusters", "DBClusters", _other_writer),
        ("describe_network_acls", "NetworkAcls", _deny_all),
        ("describe_replication_groups", "ReplicationGroups", _as_replica),
        ("describe_target_health", "TargetHealthDescriptions", _one_more),
        ("list_resource_record_sets", "ResourceRecordSets", _ghost),
        ("describe_alarms", "MetricAlarms", _rings),
    ],
)
def test_a_lie_would_be_noticed(liar: Liar, truth: Truth, operation: str, key: str, lie: Callable[[Any], None]) -> None:
    liar.tell(operation, key, lie)
    assert truth.packets() if operation == "describe_network_acls" else truth.disagreements()


def _receiver(twin: Whole, server: str) -> int:
    """The process that receives a standby's WAL, by its number here."""
    space = os.readlink(f"/proc/{twin.state.pid}/ns/pid")
    for process in (each for each in Path("/proc").iterdir() if each.name.isdigit()):
        try:
            title = (process / "cmdline").read_bytes().decode()
            if title.startswith(f"postgres: {server}: walreceiver") and os.readlink(process / "ns/pid") == space:
                return int(process.name)
        except OSError:
            continue  # it ended between the listing and the reading
    raise AssertionError(f"nobody receives for {server}")


def test_a_reader_that_gets_nothing_would_be_noticed(twin: Whole, liar: Liar, truth: Truth) -> None:
    liar.be_honest()
    assert walk.until_nothing(truth.disagreements, walk.AGREE) == []
    receiver = _receiver(twin, "postgres-agentauri-ap-1")
    os.kill(receiver, signal.SIGSTOP)
    try:
        assert any("agentauri-ap-1 has not got what" in each for each in truth.disagreements())
    finally:
        os.kill(receiver, signal.SIGCONT)
    assert walk.until_nothing(truth.disagreements, walk.AGREE) == []


def test_a_reader_on_another_branch_would_be_noticed() -> None:
    writer, reader = ("us", "writer", "w"), ("eu", "reader", "r")
    answers: dict[str, list[Any] | None] = {"w": ["0/5", "10.1.11.100,10.1.251.100"], "r": [True, "10.1.251.100"]}
    assert streams(lambda region, host, query: answers[host], writer, [reader]) == []
    for sender in ("10.1.251.101", "10.1.251.10", None):
        answers["r"] = [True, sender]
        assert len(streams(lambda region, host, query: answers[host], writer, [reader])) == 1
    answers["w"] = None
    assert streams(lambda region, host, query: answers[host], writer, [reader]) == ["writer takes no write"]


def test_the_first_rule_that_fits_decides() -> None:
    def rule(number: int, action: str, cidr: str, port: int) -> dict[str, Any]:
        ports = {"From": port, "To": port}
        fields = {"RuleNumber": number, "RuleAction": action, "CidrBlock": cidr, "PortRange": ports}
        return {**fields, "Egress": False, "Protocol": "6"}

    rules = [rule(20, "allow", "0.0.0.0/0", 80), rule(10, "deny", "10.101.0.0/16", 80)]
    assert not allowed(rules, "10.101.0.10", 80, egress=False)
    assert allowed(rules, "10.102.0.10", 80, egress=False)
    assert not allowed(rules, "10.102.0.10", 443, egress=False)
    assert not allowed(rules, "10.102.0.10", 80, egress=True)


def test_an_alarm_that_is_made_again_has_its_predecessors_history_behind_it() -> None:
    def item(kind: str, summary: str) -> dict[str, str]:
        return {"HistoryItemType": kind, "HistorySummary": summary}

    rang = item("StateUpdate", "Alarm updated from OK to ALARM")
    updated = item("ConfigurationUpdate", 'Alarm "walk-1" updated')
    created = item("ConfigurationUpdate", 'Alarm "walk-1" created')
    assert last_state([updated, rang, created]) == "ALARM"
    assert last_state([updated, created, rang]) == "INSUFFICIENT_DATA"
    assert last_state([]) == "INSUFFICIENT_DATA"
