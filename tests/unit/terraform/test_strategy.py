"""What is wrong in the strategy as written is found in its own Terraform, each with its evidence, and in time."""

from __future__ import annotations

import json
import time
from functools import cache

import pytest

from harness import objectives, outlook, session
from harness.clock import seconds
from harness.configuration import Configuration
from harness.errors import BadInput
from harness.judges.anatomy import STAGES
from harness.judges.feasibility import Survey, survey
from harness.objectives import PROMISES
from harness.terraform.configuration import client_of, configuration_of
from harness.terraform.plan import parse
from harness.verdicts import Exit, Ruling
from tests.unit.terraform import strategy
from tests.unit.terraform.rendering import Ref, Rendering

PLACES = {
    "america": (strategy.US, strategy.EU, strategy.AP),
    "europe": (strategy.EU, strategy.US, strategy.AP),
    "asia": (strategy.AP, strategy.EU, strategy.US),
}
TABLE = objectives.parse(session.OBJECTIVES.read_text(), "objectives.toml")
BUDGET = 5.0
"""Seconds of one core, for every state of a design."""


def read(plan: Rendering, host: str = "", **changes) -> Configuration:
    return configuration_of(parse(json.dumps(plan.document(**changes)), "plan.json"), PLACES, client_of(5, 5), host)


@cache
def surveyed(phase: str) -> tuple[Survey, float]:
    told = read(getattr(strategy, phase)())
    began = time.process_time()
    found = survey(told, outlook.owed(TABLE, "active_passive" if phase == "hardened" else phase))
    return found, time.process_time() - began


DOMAIN = "agentauri.example"
CACHES = "aws_elasticache_replication_group."
REPLICA_LAG = "aws_cloudwatch_metric_alarm.replica_lag"
FOUND = [
    # detection, alias, and what a minute leaves
    ("active_passive", "detection-too-slow", "aws_route53_health_check.us", "request_interval", 30),
    ("active_passive", "detection-too-slow", "aws_route53_record.primary", "alias", 60),
    ("active_active", "detection-too-slow", "aws_route53_record.eu", "alias", 60),
    # failover of the database within its region
    ("read_replicas", "multi-az-instance-too-slow", "aws_db_instance.primary", "multi_az", True),
    ("active_passive", "multi-az-instance-too-slow", "aws_db_instance.primary", "multi_az", True),
    # promotion in another region
    ("active_passive", "promotion-by-hand", "aws_db_instance.eu_replica", "replicate_source_db", "agentauri-db"),
    ("active_active", "global-failover-takes-minutes", "aws_rds_cluster.us", "secondary regions", ["eu-west-1"]),
    # the lag alarm: too late, for nothing, of nobody, of nothing
    ("read_replicas", "lag-alarm-late", REPLICA_LAG, "period", 60),
    ("read_replicas", "lag-alarm-idle", REPLICA_LAG, "metric_name", "ReplicaLag"),
    ("read_replicas", "lag-alarm-names-nobody", REPLICA_LAG, "dimensions.DBInstanceIdentifier", "read_replica"),
    ("active_passive", "lag-alarm-names-nobody", REPLICA_LAG, "dimensions.DBInstanceIdentifier", "read_replica"),
    ("active_active", "lag-alarm-blind", REPLICA_LAG, "metric_name", "AWS/RDS/ReplicaLag"),
    # what the health check asks
    ("active_passive", "check-asks-the-database", "aws_route53_health_check.us", "resource_path", strategy.PATH),
    # records that are missing, or lead nowhere
    ("active_passive", "no-secondary", "aws_route53_record.primary", "failover_routing_policy.type", "PRIMARY"),
    ("active_passive", "check-of-a-name-without-record", "aws_route53_health_check.us", "fqdn", "api-us." + DOMAIN),
    ("active_active", "region-not-built", "aws_route53_record.ap", "region", "ap-south-1"),
    # who decides
    ("active_passive", "nobody-decides", "aws_db_instance.primary", "writer's region", "us-east-1"),
    ("active_active", "nobody-decides", "aws_rds_cluster.us", "writer's region", "us-east-1"),
    # a standby that cannot start
    ("active_passive", "standby-without-redis", "aws_ecs_service.eu_api_gateway", "REDIS_HOST", None),
    # fail open
    ("read_replicas", "load-balancer-fails-open", "aws_lb_target_group.us", "health_check.path", strategy.PATH),
    # Global Datastore and Aurora Global on small classes
    ("active_active", "global-datastore-node-type", CACHES + "us", "node_type", "cache.t3.micro"),
    ("active_active", "global-datastore-is-read-only", CACHES + "eu", "global_replication_group_id",
     "aws_elasticache_global_replication_group.main"),
    ("active_active", "global-database-class", "aws_rds_cluster.us", "instance_class", "db.t3.medium"),
    # the alarm in the region that fails
    ("active_passive", "alarm-on-route53-metric", "aws_cloudwatch_metric_alarm.health", "region", "us-east-1"),
    ("active_active", "alarm-on-route53-metric", "aws_cloudwatch_metric_alarm.health", "region", "us-east-1"),
]  # fmt: skip


@pytest.mark.parametrize("phase", ["read_replicas", "active_passive", "active_active"])
def test_what_is_found_says_which_stages_it_draws_out_or_what_else_it_breaks(phase: str) -> None:
    details = surveyed(phase)[0].singles.details
    assert {stage for one in details for stage in one.draws_out} <= set(STAGES)
    assert {promise for one in details for promise in one.breaks} <= set(PROMISES)
    assert [one.name for one in details if one.draws_out and one.breaks] == []
    untold = {one.name for one in details if not (one.draws_out or one.breaks or one.impossible)}
    assert untold <= {"check-of-a-name-without-record"}


@pytest.mark.parametrize(("phase", "name", "where", "attribute", "value"), FOUND)
def test_it_is_found_with_its_evidence(phase: str, name: str, where: str, attribute: str, value) -> None:
    told, _ = surveyed(phase)
    findings = [one for one in told.singles.details if one.name == name]
    assert (where, attribute, value) in [(e.where, e.attribute, e.value) for one in findings for e in one.evidence]
    assert all(one.source.startswith("https://docs.aws.amazon.com/") and one.why and one.change for one in findings)


@pytest.mark.parametrize("phase", ["read_replicas", "active_passive", "active_active"])
def test_the_promise_is_infeasible_and_nothing_is_unknown(phase: str) -> None:
    told, _ = surveyed(phase)
    assert (told.verdict, outlook.exit_code(told), told.singles.unknown) == (Ruling.BROKEN, Exit.BROKEN, ())
    assert outlook.phase_of(told.configuration) == phase


@pytest.mark.parametrize("phase", ["active_passive", "active_active"])
def test_the_tempting_cure_is_tried_and_found_worse(phase: str) -> None:
    told, _ = surveyed(phase)
    assert told.cures is not None
    (worse,) = told.cures.rejected
    assert [one.name for one in worse.changes] == ["checks-ask-the-writer"]
    assert any("with region us-east-1 lost: 43.0 s at worst before" in words for words in worse.worse)


@pytest.mark.parametrize("phase", ["read_replicas", "active_passive", "active_active", "hardened"])
def test_every_state_is_explored_in_time(phase: str) -> None:
    told, took = surveyed(phase)
    assert told.sets == told.faults * (told.faults + 1) / 2, "every single fault and every pair"
    assert took <= BUDGET


def test_the_smallest_change_of_the_strategy_is_what_hardening_does() -> None:
    told, _ = surveyed("active_passive")
    assert told.cures is not None
    assert told.cures.smallest is not None
    assert [one.name for one in told.cures.smallest.changes] == [
        "standby-record", "quick-checks", "short-ttl", "fast-database", "automation", "reads-fall-back", "able-standby",
        "heartbeat-alarm",
    ]  # fmt: skip


def test_the_hardened_plan_depends_on_awss_figures_alone() -> None:
    told, _ = surveyed("hardened")
    assert told.verdict is Ruling.UNKNOWN
    assert {row.failure for row in told.singles.rows if row.owed and row.ruling is not Ruling.KEPT} == {
        "region us-east-1 lost",
        "writer stopped",
    }


def test_what_is_only_known_after_apply_never_passes() -> None:
    plan = strategy.hardened()
    check = next(one for one in plan.changes if one["type"] == "aws_route53_health_check")
    del check["change"]["after"]["request_interval"]
    check["change"]["after_unknown"]["request_interval"] = True
    (unknown,) = read(plan).unknowns
    assert (unknown.where, unknown.attribute) == ("aws_route53_health_check.us", "request_interval")
    (deferred,) = read(strategy.hardened(), complete=False).unknowns
    assert deferred.attribute == "complete"


def test_regions_come_from_the_provider_the_resource_or_its_zone() -> None:
    plan = Rendering()
    plan.add("aws_lb.a", {"name": "a"})
    plan.add("aws_lb.b", {"name": "b"}, "aws.eu")
    plan.add("aws_lb.c", {"name": "c", "region": "ap-south-1"})
    plan.add("aws_lb.d", {"name": "d"}, "module.x:aws.eu")
    plan.add("aws_db_instance.e", {"identifier": "e", "availability_zone": "sa-east-1b", "multi_az": True}, "aws.none")
    told = read(plan)
    assert told.fronts == ("us-east-1", "eu-west-1", "ap-south-1")
    assert told.databases[0].writer_region == "sa-east-1"
    plan.add("aws_lb.f", {"name": "f"}, "aws.none")
    assert [(one.where, one.attribute) for one in read(plan).unknowns] == [("aws_lb.f", "region")]


def test_which_name_is_the_apis_is_asked_where_it_cannot_be_told() -> None:
    plan = strategy.read_replicas()
    plan.add(
        "aws_route53_record.www", {"name": "www.agentauri.example", "type": "A", "alias": strategy.alias("aws_lb.us")}
    )
    with pytest.raises(BadInput, match=r"which is the API's name: api.agentauri.example, www.agentauri.example\?"):
        read(plan)
    assert read(plan, host="api.agentauri.example").records[0].where == "aws_route53_record.api"
    with pytest.raises(BadInput, match=r"no record of nobody\.example"):
        read(plan, host="nobody.example")


def test_a_value_of_the_wrong_type_and_an_empty_plan_are_bad_input() -> None:
    plan = strategy.hardened()
    next(one for one in plan.changes if one["type"] == "aws_route53_health_check")["change"]["after"][
        "failure_threshold"
    ] = "many"
    with pytest.raises(BadInput, match=r"aws_route53_health_check.us: failure_threshold: must be a number, not 'many'"):
        read(plan)
    with pytest.raises(BadInput, match="neither a record of an API nor a database"):
        read(Rendering())


def test_routing_that_is_not_modelled_is_said_to_be_unknown() -> None:
    plan = strategy.hardened()
    record = next(one for one in plan.changes if one["address"] == "aws_route53_record.us")
    record["change"]["after"] |= {"failover_routing_policy": [], "geolocation_routing_policy": [{"continent": "EU"}]}
    assert "geolocation_routing_policy" in [one.attribute for one in read(plan).unknowns]


def test_a_person_who_decides_is_counted_and_is_not_the_platform() -> None:
    told = outlook.Assumptions(decides_seconds=600).applied(read(strategy.hardened()))
    assert (told.automation.kind, told.automation.assumed) == ("operator", seconds(600))
    found = survey(told, outlook.owed(TABLE, "active_passive"))
    assert found.verdict is Ruling.BROKEN
    assert "a-person-decides" in [one.name for one in found.singles.details]


def test_an_alarm_that_names_a_resource_by_reference_is_followed() -> None:
    plan = strategy.read_replicas()
    alarm = next(one for one in plan.changes if one["type"] == "aws_cloudwatch_metric_alarm")
    plan.changes.remove(alarm)
    plan.root["resources"] = [one for one in plan.root["resources"] if one["type"] != "aws_cloudwatch_metric_alarm"]
    named = {"DBInstanceIdentifier": Ref("aws_db_instance.replica.identifier")}
    plan.add(
        "aws_cloudwatch_metric_alarm.lag", {**alarm["change"]["after"], "alarm_actions": ["arn:x"], "dimensions": named}
    )
    assert read(plan).alarms[0].dimensions == {"DBInstanceIdentifier": "agentauri-db-replica"}
    names = [one.name for one in survey(read(plan), outlook.owed(TABLE, "read_replicas")).singles.details]
    assert "lag-alarm-names-nobody" not in names
    assert "lag-alarm-late" in names
