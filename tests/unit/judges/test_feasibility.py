from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import seconds
from harness.configuration import Alarm, Automation, Client, Configuration, Database, DnsRecord, HealthCheck
from harness.faults import Blackhole, Lose, Stop, title
from harness.judges.feasibility import alarm_rings, detection, failure_of, feasibility
from harness.objectives import Objectives
from harness.topology import LoadBalancer, Region, Writer
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT

DARK = f"load balancer of {HOME} dark"
LOST = f"region {HOME} lost"


def check(interval: float, threshold: int) -> HealthCheck:
    return HealthCheck("hc-1", HOME, "HTTPS", "/api/v1/health", seconds(interval), threshold)


def alarm(name: str, region: str = NEXT, **changes) -> Alarm:
    plain = Alarm(name, region, "AgentAuri/WriterReachable", {}, 1, seconds(10), 2, actions=("arn:topic",))
    return replace(plain, **changes)


HARDENED = Configuration(
    nearest={"america": (HOME, NEXT), "europe": (HOME, NEXT)},
    records=(
        DnsRecord("us", HOME, "failover", False, seconds(10), "PRIMARY", "hc-1"),
        DnsRecord("eu", NEXT, "failover", False, seconds(10), "SECONDARY"),
    ),
    health_checks=(check(10, 2),),
    databases=(Database("agentauri", "aurora_global", HOME, (NEXT,)),),
    alarms=(alarm("writer-unreachable"),),
    automation=Automation("platform", "writer-unreachable"),
    client=Client(connection_age=seconds(20)),
)
PATIENT = Objectives(write_recovery_time=seconds(900), write_recovery_source="AWS")


@pytest.mark.parametrize(
    ("interval", "threshold", "low", "high"), [(30, 3, 96, 102), (10, 3, 40, 42), (10, 2, 26, 28), (10, 1, 12, 14)]
)
def test_detection_is_what_the_facts_say(interval: float, threshold: int, low: float, high: float) -> None:
    found = detection(check(interval, threshold))
    assert found.worst.seconds == high
    assert low < found.best.seconds < high


@given(st.sampled_from([10, 30]), st.integers(1, 10))
def test_detection_takes_longer_than_interval_times_threshold_promises(interval: int, threshold: int) -> None:
    found = detection(check(interval, threshold))
    assert found.best <= found.typical <= found.worst
    assert found.worst.seconds == interval * threshold + 4 * threshold


def rows(configuration: Configuration, failure: str, objectives: Objectives = PATIENT):
    return {
        (row.location, row.kind): row for row in feasibility(configuration, objectives).rows if row.failure == failure
    }


def test_the_hardened_platform_can_keep_its_promise() -> None:
    found = feasibility(HARDENED, PATIENT)
    assert found.of(DARK) is Ruling.KEPT
    assert found.of(LOST) is Ruling.KEPT
    row = rows(HARDENED, DARK)["america", "reads"]
    assert [span.seconds for span in row.path.total()][2] == 28 + 10 + 5
    json.dumps(found.to_json())


def test_as_written_detection_and_alias_take_longer_than_a_minute() -> None:
    written = replace(
        HARDENED,
        health_checks=(check(30, 3),),
        records=(replace(HARDENED.records[0], alias=True), HARDENED.records[1]),
    )
    row = rows(written, DARK)["europe", "reads"]
    assert row.ruling is Ruling.BROKEN
    assert row.path.total()[2].seconds == 102 + 60 + 5
    assert any("at best" in finding for finding in feasibility(written, PATIENT).findings)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"records": HARDENED.records[:1]}, "no SECONDARY record: Route 53 has nothing else to answer with"),
        ({"records": (replace(HARDENED.records[0], routing="simple"),)}, "is a simple one"),
        ({"health_checks": ()}, "health check of us-east-1's record is missing"),
        ({"health_checks": (replace(check(10, 2), disabled=True),)}, "is disabled"),
        ({"automation": Automation()}, "nobody decides: nothing in the platform promotes the database"),
        ({"automation": Automation("platform", "nothing")}, "there is none of that name"),
        ({"alarms": (alarm("writer-unreachable", HOME),)}, "the region that fails"),
        ({"databases": (Database("one", "single", HOME),)}, "nothing takes over when it stops"),
        ({"databases": (Database("one", "aurora", HOME),)}, "no database outside us-east-1"),
        ({"client": Client(honours_ttl=False)}, "stay on the dark address"),
    ],
)
def test_where_there_is_no_way_back_it_says_why(changes, finding: str) -> None:
    found = feasibility(replace(HARDENED, **changes), PATIENT)
    assert found.verdict is Ruling.BROKEN
    assert any(finding in one for one in found.findings), found.findings


def test_a_secondary_with_a_check_is_told() -> None:
    records = (HARDENED.records[0], replace(HARDENED.records[1], health_check="hc-1"))
    assert any("dark PRIMARY" in one for one in feasibility(replace(HARDENED, records=records), PATIENT).findings)


def test_a_standby_that_cannot_write_needs_a_promotion_when_clients_move() -> None:
    apart = replace(HARDENED, databases=(replace(HARDENED.databases[0], writes_from_everywhere=False),))
    assert "promotion" in [stage.name for stage in rows(apart, DARK)["america", "writes"].path.stages]
    assert rows(apart, DARK)["america", "reads"].path.total()[2].seconds == 43


def test_a_stopped_multi_az_instance_cannot_be_back_within_a_minute() -> None:
    instance = replace(HARDENED, databases=(Database("db", "multi_az_instance", HOME, (NEXT,)),))
    assert rows(instance, "writer stopped")["america", "writes"].path.total()[0].seconds == 60
    assert feasibility(instance, Objectives()).of("writer stopped") is Ruling.UNKNOWN
    cluster = replace(HARDENED, databases=(Database("db", "multi_az_cluster", HOME),))
    assert feasibility(cluster, Objectives()).of("writer stopped") is Ruling.KEPT


def lag(**changes) -> Configuration:
    plain = alarm("lag", metric="AWS/RDS/ReplicaLag", dimensions={"DBInstanceIdentifier": "r1"}, period=seconds(60))
    database = Database("db", "multi_az_cluster", HOME, identifiers=("r1",))
    return replace(HARDENED, databases=(database,), alarms=(replace(plain, **changes),), lag_alarm="lag")


def test_the_lag_alarm_cannot_ring_before_its_periods() -> None:
    rings = alarm_rings(lag().alarms[0])
    assert (rings.best.seconds, rings.worst.seconds) == (120, 300)
    assert feasibility(lag(), Objectives(alarm_delay=seconds(60))).alarm_ruling is Ruling.BROKEN
    assert feasibility(lag(), Objectives(alarm_delay=seconds(180))).alarm_ruling is Ruling.UNKNOWN
    assert feasibility(lag(), Objectives(alarm_delay=seconds(300))).alarm_ruling is Ruling.KEPT


def test_a_lag_alarm_that_watches_nothing_is_told() -> None:
    nothing = feasibility(lag(dimensions={"DBInstanceIdentifier": "read_replica"}), PATIENT)
    assert any("read_replica, which does not exist" in one for one in nothing.findings)
    aurora = replace(lag(), databases=(Database("db", "aurora", HOME, identifiers=("r1",)),))
    assert any("INSUFFICIENT_DATA" in one for one in feasibility(aurora, PATIENT).findings)
    assert feasibility(replace(lag(), alarms=()), PATIENT).alarm_ruling is Ruling.BROKEN
    assert feasibility(lag(actions=()), PATIENT).alarm_ruling is Ruling.BROKEN


def test_a_fault_finds_its_rows() -> None:
    assert failure_of(title(Blackhole(LoadBalancer(Region(HOME))))) == DARK
    assert failure_of(title(Lose(Region(HOME)))) == failure_of(title(Blackhole(Region(HOME)))) == LOST
    assert failure_of(title(Stop(Writer()))) == "writer stopped"


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_more_generous_objective_is_never_harder(one: int, other: int) -> None:
    strict, generous = sorted((one, other))
    rulings = [feasibility(HARDENED, Objectives(recovery_time=seconds(limit))).of(DARK) for limit in (strict, generous)]
    assert rulings[1] <= rulings[0]
