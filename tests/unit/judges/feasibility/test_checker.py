from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import seconds
from harness.configuration import Automation, Client, Configuration, Database, Service, Targets, Unknown
from harness.faults import Blackhole, Cut, Lose, Pause, Silence, Stop, title
from harness.judges.feasibility import alarm_rings, counter_examples, detection, failure_of, feasibility
from harness.judges.feasibility.checker import CALM
from harness.objectives import Objectives
from harness.topology import Automation as Switch
from harness.topology import Cache, ControlPlane, Link, LoadBalancer, Region, Replica, Tasks, Writer
from harness.topology import Database as Databases
from harness.topology import Service as Services
from harness.verdicts import Ruling
from tests.unit.judges.feasibility.models import ALL, DARK, HARDENED, LOST, PATIENT, alarm, check, rows, three
from tests.unit.judges.scripted import HOME, NEXT


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


def test_the_hardened_platform_can_keep_its_promise() -> None:
    found = feasibility(HARDENED, PATIENT)
    assert found.of(DARK) is Ruling.KEPT
    assert found.of(LOST) is Ruling.KEPT
    assert found.verdict is Ruling.KEPT
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
        ({"services": (Service(HOME, 2, True), Service(NEXT, 0, True))}, "eu-west-1 has no task"),
        ({"services": (Service(HOME, 2, True), Service(NEXT, 2, True, cold=True))}, "no Redis, without which"),
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
    assert "promotion" in [stage.name for stage in rows(apart, LOST)["america", "writes"].path.stages]
    assert rows(apart, DARK)["america", "reads"].path.total()[2].seconds == 43
    never = rows(apart, DARK)["america", "writes"].path.never
    assert "a database that takes no writes, and nothing promotes it" in never, "the writer is well: no alarm rings"


def test_a_stopped_multi_az_instance_cannot_be_back_within_a_minute() -> None:
    instance = replace(HARDENED, databases=(Database("db", "multi_az_instance", HOME, (NEXT,)),))
    assert rows(instance, "writer stopped")["america", "writes"].path.total()[0].seconds == 60
    assert feasibility(instance, Objectives()).of("writer stopped") is Ruling.BROKEN
    cluster = replace(HARDENED, databases=(Database("db", "multi_az_cluster", HOME),), fronts=(HOME,))
    assert feasibility(cluster, Objectives()).of("writer stopped") is Ruling.KEPT


def lag(**changes) -> Configuration:
    plain = alarm(
        "lag",
        HOME,
        metric="AWS/RDS/ReplicaLag",
        dimensions={"DBInstanceIdentifier": "r1"},
        period=seconds(60),
        evaluation_periods=2,
    )
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


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Blackhole(Databases(Region(HOME))), "database of us-east-1 dark"),
        (Stop(Replica(Region(NEXT))), "read replica of eu-west-1 stopped"),
        (Stop(Tasks(Services(Region(HOME), "api-gateway"))), "tasks of us-east-1 stopped"),
        (Pause(Cache(Region(HOME)), seconds(9)), "cache of us-east-1 lost"),
        (Silence(Switch()), "automation silenced"),
        (Lose(ControlPlane()), "control plane of Route 53 lost"),
        (Cut(Link(Region(HOME), Region(NEXT))), "link us-east-1 to eu-west-1 cut"),
    ],
)
def test_the_other_faults_find_theirs(fault, failure: str) -> None:
    assert failure_of(title(fault)) == failure


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_a_more_generous_objective_is_never_harder(one: int, other: int) -> None:
    strict, generous = sorted((one, other))
    rulings = [feasibility(HARDENED, Objectives(recovery_time=seconds(limit))).of(DARK) for limit in (strict, generous)]
    assert rulings[1] <= rulings[0]


def test_what_is_not_known_never_passes() -> None:
    doubtful = replace(HARDENED, unknowns=(Unknown("aws_route53_record.us", "ttl", "how long resolvers keep it"),))
    found = feasibility(doubtful, PATIENT)
    assert found.verdict is Ruling.UNKNOWN
    assert "aws_route53_record.us: ttl is not known yet: how long resolvers keep it" in found.findings
    assert feasibility(Configuration({}, ()), PATIENT).verdict is Ruling.UNKNOWN, "nothing is no promise kept"


def test_one_region_alone_owes_no_other_region() -> None:
    alone = replace(
        HARDENED,
        records=HARDENED.records[:1],
        fronts=(HOME,),
        databases=(Database("db", "multi_az_cluster", HOME),),
        automation=Automation(),
        targets=(Targets(HOME, "/", seconds(5), 2),),
    )
    found = feasibility(alone, PATIENT)
    assert found.of(DARK) is Ruling.BROKEN
    assert found.verdict is Ruling.KEPT, "a lost region is told, and not promised"


def test_what_does_not_work_in_calm_weather_is_said_once() -> None:
    drawn = replace(three(), fronts=ALL[:2])
    found = feasibility(drawn, PATIENT)
    dead = [row for row in found.rows if row.path.never.startswith("nothing is built in ap-south-1")]
    assert {row.failure for row in dead} == set(), "its check fails from the start, and clients are led elsewhere"
    unchecked = replace(drawn, records=tuple(replace(one, health_check=None) for one in drawn.records))
    dead = [row for row in feasibility(unchecked, PATIENT).rows if row.location == "asia" and row.failure == CALM]
    assert {row.kind for row in dead} == {"reads", "replica reads", "writes"}
    assert feasibility(unchecked, PATIENT).verdict is Ruling.BROKEN


def test_a_check_of_a_name_without_record_is_never_healthy() -> None:
    named = tuple(replace(one, host=f"api-{one.region}.example") for one in three().health_checks)
    mute = replace(three(), health_checks=named, hosts=("api.agentauri.example",))
    never = {row.path.never for row in feasibility(mute, PATIENT).rows if row.failure == DARK and row.path.never}
    assert any(
        "counts all as healthy" in words and "eu-west-1 and ap-south-1 could be reached" in words for words in never
    )


def test_losing_the_writers_region_with_checks_that_ask_the_writer_darkens_everything_until_the_promotion() -> None:
    asking = replace(three(), health_checks=tuple(replace(one, asks="writer") for one in three().health_checks))
    shallow, deep = (rows(told, LOST)["america", "reads"].path for told in (three(), asking))
    assert shallow.total()[2].seconds == 43
    assert deep.total()[1] > seconds(180)
    assert any("fails, as it asks the writer" in words for words in deep.trace)


def test_an_automation_that_is_quicker_than_the_local_failover_is_found() -> None:
    hasty = replace(HARDENED, alarms=(alarm("writer-unreachable", evaluation_periods=2),))
    found = feasibility(hasty, PATIENT)
    assert "automation-races-the-failover" in [one.name for one in found.details]
    late = rows(hasty, "writer stopped")["america", "writes"].path
    assert late.total()[2].seconds == 30 + 600 + 5 + 5
    assert [stage.name for stage in late.stages] == ["detection", "decision", "promotion", "dns", "reconnect"]
    patient = rows(HARDENED, "writer stopped")["america", "writes"].path
    assert patient.total()[2].seconds == 60 + 5 + 5


def test_pairs_of_faults_have_counter_examples_in_words() -> None:
    checked = replace(HARDENED, records=(HARDENED.records[0], replace(HARDENED.records[1], health_check="hc-2")))
    checked = replace(
        checked, health_checks=(check(10, 2), replace(check(10, 2), identifier="hc-2", region=NEXT, asks="writer"))
    )
    found = {(one.failure, one.kind): one for one in counter_examples(checked)}
    stuck = found["automation silenced and region us-east-1 lost", "reads"]
    assert stuck.reason == "both unhealthy: Route 53 answers with the dark PRIMARY, us-east-1"
    assert stuck.spared, "the standby could have served reads"
    assert all(len(one.failure.split(" and ")) <= 2 for one in found.values())
    assert ("region us-east-1 lost", "reads") not in found


def test_what_cannot_be_kept_is_foretold_once_for_all_whom_it_befalls() -> None:
    (told,) = feasibility(replace(HARDENED, records=HARDENED.records[:1]), PATIENT).foretold(DARK)
    assert told.startswith("reads from america, replica reads from america, writes from america, reads from europe")
    assert told.endswith(": no SECONDARY record: Route 53 has nothing else to answer with")
    assert feasibility(HARDENED, PATIENT).foretold(DARK) == ()
