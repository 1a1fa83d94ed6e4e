"""The hardened designs sabotaged: each mutation breaks one promise, and names the scenario that must tell.

Most are what a design says (records, alarms, parameters, the application's manners); some are what somebody did by hand
afterwards, as calls to AWS; a few are an application that behaves worse than any design may ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.clock import seconds
from harness.cloud import orders
from harness.cloud.session import GLOBAL_REGION, Cloud
from harness.twin import names
from harness.twin.api.ecs.task import CLUSTER
from harness.twin.designs.common import AP, EU, US
from harness.twin.designs.model import Design, RegionPlan
from harness.twin.designs.multi_region import cluster_name
from harness.verdicts import Ruling

Change = Callable[[Design], Design]
ByHand = Callable[[Cloud], None]


def _as_it_is(design: Design) -> Design:
    return design


def _nobody(cloud: Cloud) -> None:
    del cloud


@dataclass(frozen=True)
class Mutation:
    """One sabotage. ``name`` is what the command line calls it; ``breaks`` says in one line what is wrong.

    ``scenario`` guards ``promise``, which must be ruled ``ruling`` for a reason that holds ``phrase``. ``honest``: why
    not even a perfect judge could say more than UNKNOWN.
    """

    name: str
    breaks: str
    scenario: str
    promise: str
    phrase: str
    change: Change = _as_it_is
    fields: tuple[str, ...] = ()
    """The fields of the design that ``change`` changes, as `gameday explain` calls them."""
    by_hand: ByHand = _nobody
    app: str = ""
    """The function of ``tests.trust.sabotaged_app`` that makes the application worse."""
    ruling: Ruling = Ruling.BROKEN
    honest: str = ""

    @property
    def phase(self) -> str:
        """The design that is sabotaged."""
        return self.scenario.partition("/")[0]


def _app(*regions: str, **values: Any) -> Change:
    """The application's manners, in these regions or in all."""

    def change(design: Design) -> Design:
        chosen = regions or tuple(design.app)
        return replace(design, app={
            region: replace(one, **values) if region in chosen else one for region, one in design.app.items()
        })  # fmt: skip

    return change


def _records(region: str, **values: Any) -> Change:
    def change(design: Design) -> Design:
        return replace(
            design, records=tuple(replace(one, **values) if one.region == region else one for one in design.records)
        )

    return change


def _without_record(region: str) -> Change:
    return lambda design: replace(design, records=tuple(one for one in design.records if one.region != region))


def _without_cache(region: str) -> Change:
    return lambda design: replace(design, caches=tuple(one for one in design.caches if one.region != region))


def _check(region: str, **values: Any) -> Change:
    def change(design: Design) -> Design:
        checks = tuple(replace(one, **values) if one.region == region else one for one in design.health_checks)
        return replace(design, health_checks=checks)

    return change


def _lag_alarm(*regions: str, **values: Any) -> Change:
    """The lag alarm of these regions, or of all."""

    def change(design: Design) -> Design:
        return replace(design, alarms=tuple(
            replace(one, **values) if "replica-lag" in one.name and one.region in (regions or (one.region,)) else one
            for one in design.alarms
        ))  # fmt: skip

    return change


def _automation(**values: Any) -> Change:
    return lambda design: replace(design, automation=replace(design.automation, **values))


def _apart(region: RegionPlan) -> Change:
    """The region's cluster is in no global database: it takes its own region's writes, and nobody asks for its lag."""

    def change(design: Design) -> Design:
        own, everybody = cluster_name(region), design.global_cluster
        assert everybody is not None
        members = tuple(name for name in everybody.clusters if name != own)
        return replace(
            design,
            clusters=tuple(
                replace(one, global_cluster=None) if one.identifier == own else one for one in design.clusters
            ),
            global_cluster=replace(everybody, clusters=members),
            alarms=tuple(one for one in design.alarms if one.region != region.name or "replica-lag" not in one.name),
        )

    return _all_of(change, _app(region.name, writer_endpoint=names.cluster_endpoint(cluster_name(region), region.name)))


def _parameters(group: str, values: Mapping[str, str]) -> Change:
    def change(design: Design) -> Design:
        groups = tuple(
            replace(one, parameters={**one.parameters, **values}) if one.name == group else one
            for one in design.parameter_groups
        )
        return replace(design, parameter_groups=groups)

    return change


def _all_of(*changes: Change) -> Change:
    def change(design: Design) -> Design:
        for one in changes:
            design = one(design)
        return design

    return change


def _nobody_subscribes(region: str) -> ByHand:
    """Whatever is subscribed to the region's alerts is unsubscribed."""

    def by_hand(cloud: Cloud) -> None:
        topic = names.arn("sns", region, "agentauri-alerts")
        for one in cloud.call("sns", region, "list_subscriptions_by_topic", TopicArn=topic)["Subscriptions"]:
            cloud.call("sns", region, "unsubscribe", SubscriptionArn=one["SubscriptionArn"])

    return by_hand


def _disable_the_primarys_check(cloud: Cloud) -> None:
    check = names.health_check_id(f"api-{US.name}")
    cloud.call("route53", GLOBAL_REGION, "update_health_check", HealthCheckId=check, Disabled=True)


def _stop_the_standby(cloud: Cloud) -> None:
    orders.set_desired(EU.name, CLUSTER, "api-gateway", 0).give(cloud)


_WRITER = names.cluster_endpoint("agentauri", US.name)
_DARK = "active_passive/the_primary_load_balancer_goes_dark"
_LOST = "active_passive/the_primary_region_is_lost"
_BEHIND = "read_replicas/the_replica_falls_behind"
_STOPPED = "read_replicas/the_primary_database_stops"
_PAUSED = "read_replicas/redis_pauses"
_SMALL = "active_passive/the_standby_is_too_small"
_AWAY = "active_active/a_session_goes_on_in_another_region"
_CALM = "active_active/calm_weather"

READ_REPLICAS = (
    Mutation(
        "reads_pinned_to_the_writer",
        "the services read where they write: the replica is paid for and never asked",
        "read_replicas/reads_go_to_the_replica", "split_reads", "not on the replica",
        _app(reader_endpoint=_WRITER, reader_must_follow=False), ("app.reader_endpoint", "app.reader_must_follow"),
    ),
    Mutation(
        "reads_without_a_fallback",
        "reads fail while the replica is away, though the writer could answer them",
        "read_replicas/the_replica_stops", "undisturbed", "noticed the fault",
        _app(reads_fall_back=False), ("app.reads_fall_back",),
    ),
    Mutation(
        "a_replica_that_applies_late",
        "the replica applies everything half a minute late: recovery_min_apply_delay in its group",
        _BEHIND, "bounded_staleness", "missed an event",
        _parameters("agentauri-replica", {"recovery_min_apply_delay": "30000"}), ("parameter_groups.parameters",),
    ),
    Mutation(
        "commits_that_wait_for_nobody",
        "synchronous_commit off in the cluster's group: acknowledged before the standbys have it",
        _STOPPED, "no_lost_writes", "acknowledged writes are lost",
        _parameters("agentauri-cluster", {"synchronous_commit": "off", "wal_writer_delay": "10000"}),
        ("parameter_groups.parameters",),
    ),
    Mutation(
        "jobs_taken_for_good",
        "a worker takes its job off the queue before it ran: what it cannot run is nobody's",
        "read_replicas/new_workers_meet_a_dark_database", "jobs_exactly_once", "jobs are lost",
        _app(acknowledge_after_run=False), ("app.acknowledge_after_run",),
    ),
    Mutation(
        "errors_told_as_success",
        "the application answers 201 for what its database refused",
        _STOPPED, "no_lost_writes", "acknowledged writes are lost", app="swallow_errors",
    ),
    Mutation(
        "events_marked_before_they_are_queued",
        "an event whose job Redis did not take is never looked at again",
        _PAUSED, "jobs_exactly_once", "jobs are lost", _app(queue_before_mark=False), ("app.queue_before_mark",),
    ),
    Mutation(
        "workers_that_never_reconnect",
        "workers keep a dead connection to Redis and idle from then on",
        _PAUSED, "jobs_exactly_once", "jobs are lost", _app(reconnect_cache=False), ("app.reconnect_cache",),
    ),
    Mutation(
        "an_alarm_on_the_wrong_replica",
        "the lag alarm names a region that has no replica",
        _BEHIND, "lag_alarm", "it has no data", _lag_alarm(dimensions={"Region": EU.name}), ("alarms.dimensions",),
    ),
    Mutation(
        "an_alarm_that_waits_for_ten_minutes_of_lag",
        "the lag alarm's threshold is 600 s instead of 60",
        _BEHIND, "lag_alarm", "did not ring", _lag_alarm(threshold=600), ("alarms.threshold",),
    ),
    Mutation(
        "an_alarm_that_nobody_hears",
        "nothing is subscribed to the alarm's topic",
        _BEHIND, "lag_alarm", "no notification of it arrived", by_hand=_nobody_subscribes(US.name),
    ),
    Mutation(
        "an_alarm_that_takes_silence_for_lag",
        "the lag alarm watches RDS's own metric, and no heartbeat tells an idle writer from a replica behind it",
        "read_replicas/the_writer_is_idle", "no_false_alarm", "rang and nothing lagged",
        _all_of(
            _lag_alarm(
                namespace="AWS/RDS", metric="ReplicaLag", dimensions={"DBInstanceIdentifier": "agentauri-replica"},
                period=60,
            ),
            _automation(heartbeat=False),
        ),
        ("alarms.namespace", "alarms.metric", "alarms.dimensions", "alarms.period", "automation.heartbeat"),
    ),
)  # fmt: skip

ACTIVE_PASSIVE = (
    Mutation(
        "a_health_check_that_is_switched_off",
        "the primary's health check is disabled: Route 53 takes it for healthy whatever happens",
        _DARK, "recovery", "never came", by_hand=_disable_the_primarys_check,
    ),
    Mutation(
        "answers_that_live_for_an_hour",
        "the PRIMARY record's TTL is 3600 s: clients go on asking the dark region",
        _DARK, "recovery", "never came", _records(US.name, ttl=3600), ("records.ttl",),
    ),
    Mutation(
        "a_health_check_as_slow_as_the_strategys",
        "30 s × 3 instead of 10 s × 2: detection alone takes longer than the minute",
        _DARK, "recovery", "later than 60.0 s; detection took most of it", _check(US.name, interval=30, threshold=3),
        ("health_checks.interval", "health_checks.threshold"),
    ),
    Mutation(
        "clients_that_never_come_home",
        "the SECONDARY record's TTL is 3600 s: whoever was failed over stays there",
        _DARK, "failback", "was not back at its nearest region", _records(EU.name, ttl=3600), ("records.ttl",),
    ),
    Mutation(
        "writes_that_are_sent_again",
        "the application sends a write that is not answered at once a second time, with no key to tell them apart",
        _DARK, "no_lost_writes", "are there more than once", app="retry_blindly",
    ),
    Mutation(
        "a_standby_that_does_not_grow",
        "nothing brings a standby that is too small to full size",
        _SMALL, "ready_standby", "of the 2 tasks",
        _automation(scales_standby=False), ("automation.scales_standby",),
    ),
    Mutation(
        "a_standby_without_tasks",
        "somebody set the standby's service to zero, and nothing brings it back",
        _DARK, "recovery", "reconnect never came",
        _automation(scales_standby=False), ("automation.scales_standby",), _stop_the_standby,
    ),
    Mutation(
        "a_standby_with_a_cold_cache",
        "no task starts without Redis, and the standby has none",
        _SMALL, "ready_standby", "eu-west-1 runs 0 of 2 tasks of api-gateway before it is called up",
        _all_of(_app(cache_required_to_start=True), _without_cache(EU.name)), ("app.cache_required_to_start", "caches"),
    ),
    Mutation(
        "a_database_that_nobody_promotes",
        "nothing fails the global cluster over, whatever rings",
        _LOST, "automatic", "nobody decided", _automation(switches_region=False), ("automation.switches_region",),
    ),
    Mutation(
        "writes_acknowledged_from_memory",
        "the application answers 201 at once and commits ten seconds later",
        _LOST, "bounded_loss", "acknowledged writes are lost", app="acknowledge_early",
    ),
    Mutation(
        "a_lost_region_that_nobody_hears_of",
        "nothing is subscribed to the alarms of the standby's region, the only one that is left",
        _LOST, "alarm_rings", "no notification of it arrived", by_hand=_nobody_subscribes(EU.name),
    ),
)  # fmt: skip

ACTIVE_ACTIVE = (
    Mutation(
        "a_secret_of_its_own",
        "eu-west-1 signs its tokens with another secret than the other regions",
        _AWAY, "sessions", "refused", _app(EU.name, jwt_secret=f"secret-of-{EU.name}"), ("app.jwt_secret",),
    ),
    Mutation(
        "a_record_without_a_health_check",
        "Route 53 goes on leading Europe to its dark region",
        _AWAY, "recovery", "dns never came", _records(EU.name, health_check=None), ("records.health_check",),
    ),
    Mutation(
        "roles_that_live_for_five_minutes",
        "a region acts on a role for five minutes after another changed it",
        "active_active/a_role_changes_in_another_region", "fresh_roles", "still acted on the old role",
        _app(role_life=seconds(300)), ("app.role_life",),
    ),
    Mutation(
        "a_region_without_a_record",
        "ap-south-1 is built and paid for, and no record leads to it",
        _CALM, "routing", "for only 0.0% of its arrivals in the steady state", _without_record(AP.name), ("records",),
    ),
    Mutation(
        "a_heart_that_does_not_beat",
        "no heartbeat is written: nobody can say how far the replicas are behind",
        _CALM, "low_lag", "no lag was measured", _automation(heartbeat=False), ("automation.heartbeat",),
        ruling=Ruling.UNKNOWN, honest="without a datapoint the replicas may be behind or not",
    ),
    Mutation(
        "one_regions_alarm_that_watches_nothing",
        "the lag alarm of ap-south-1 names a region that does not exist; the others are as they should be",
        _CALM, "no_false_alarm", "of ap-south-1 has no data",
        _lag_alarm(AP.name, dimensions={"Region": "ap-south-2"}), ("alarms.dimensions",),
        ruling=Ruling.UNKNOWN, honest="what watches nothing is silent, and may have had a reason to ring or not",
    ),
    Mutation(
        "a_region_that_goes_its_own_way",
        "eu-west-1 left the global database, and its services write to the cluster that they have to themselves",
        "active_active/a_secondary_is_cut_off_from_the_writer", "single_writer", "that the writer does not have",
        _apart(EU), ("app.writer_endpoint", "clusters.global_cluster", "global_cluster.clusters", "alarms"),
    ),
    Mutation(
        "three_regions_that_each_take_the_event",
        "look, mark, queue: regions that look at the same moment all queue the event, and what comes twice runs twice",
        "active_active/one_event_runs_once", "jobs_exactly_once", "ran more than once",
        _app(queue_before_mark=False, acknowledge_after_run=False),
        ("app.queue_before_mark", "app.acknowledge_after_run"),
    ),
    Mutation(
        "a_health_check_that_asks_the_writer",
        "SELECT 1 on the writer: with the writer's region gone all regions look dead, and DNS leads into the dark one",
        "active_active/the_writers_region_is_lost", "recovery", "later than 60.0 s",
        _app(health="select_1"), ("app.health",),
    ),
)  # fmt: skip

MUTATIONS = {one.name: one for one in (*READ_REPLICAS, *ACTIVE_PASSIVE, *ACTIVE_ACTIVE)}

UNTRIED: Mapping[str, str] = {
    "writer_home": "how long a switchover takes is AWS's: nothing in a design makes it longer than it may be",
}
"""The promises that no mutation breaks, and why. Records made for it try their judges (``tests.trust.planted``,
``tests.unit.judges.test_homecoming``)."""
