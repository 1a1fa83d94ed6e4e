"""Why the hardened designs differ from the strategy as written: one line for each change, under the field's own name.

``COLLECTION.FIELD`` is a field that changed, ``COLLECTION`` what was added or taken away. A design's own line goes
before the one for all. A change without a line, and a line without a change, fail a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """``words``: what changes, as AWS (or the application) calls it. ``why``: one line."""

    words: str
    why: str


_ALARM = Reason(
    "CloudWatch alarm on the replica's lag",
    "The alarm names an instance that does not exist and so never has data; a heartbeat row measures lag on any engine "
    "every 10 s, rings for no idle writer, and falls silent after a promotion.",
)
_ALARMS = Reason(
    "CloudWatch alarms, in each region",
    f"{_ALARM.why} A second alarm, on whether the writer can be reached, tells the automation when to fail over.",
)
_AURORA = Reason(
    "RDS instances",
    "A cross-region read replica is promoted by hand, in minutes and with a reboot; Aurora fails over by itself. "
    "Global databases need memory-optimised classes, so t3 cannot be kept.",
)

EVERYWHERE: Mapping[str, Reason] = {
    "load_balancers.interval": Reason(
        "ALB target group HealthCheckIntervalSeconds",
        "A task that died is taken out of service after 10 s instead of a minute.",
    ),
    "load_balancers.timeout": Reason(
        "ALB target group HealthCheckTimeoutSeconds", "It must be shorter than the interval between two checks."
    ),
    "load_balancers.deregistration_delay": Reason(
        "ALB target group deregistration_delay.timeout_seconds",
        "No request takes longer than its deadline: waiting five minutes for a leaving task only delays the next one.",
    ),
    "app.health": Reason(
        "what /api/v1/health looks at",
        "A check that asks the database makes ECS replace healthy tasks while it is away, and makes every region look "
        "dead when the one writer dies; routing needs to know of the region alone.",
    ),
    "app.cache_required_to_start": Reason(
        "a service without Redis", "A task that refuses to start without Redis turns a lost cache into a lost service."
    ),
    "app.queue_before_mark": Reason(
        "event-processor: LPUSH before the event is marked as processed",
        "Marked first, an event whose job could not be queued is never looked at again.",
    ),
    "app.acknowledge_after_run": Reason(
        "action-workers: a job is acknowledged after it ran",
        "A worker that dies after BRPOP takes its job with it.",
    ),
    "app.reconnect_cache": Reason(
        "action-workers: reconnect to Redis",
        "After a pause or a failover a worker that keeps its dead connection idles.",
    ),
    "app.reads_fall_back": Reason(
        "reads fall back to the other store", "Older data, or a busier writer, is better than no answer."
    ),
    "app.database_timeout": Reason(
        "the services' time-out on the database", "Below the clients' own 5 s, or they give up before the answer."
    ),
    "app.connection_age": Reason(
        "the services' maximum age of a database connection",
        "A connection kept for ever never follows the endpoint's name to the new writer.",
    ),
    "records.alias": Reason(
        "Route 53 record: ELB alias or CNAME",
        "An alias has a fixed TTL of 60 s, which alone uses up the minute that is promised.",
    ),
    "records.ttl": Reason("Route 53 record TTL", "Clients ask again after 10 s instead of 60 s."),
    "records.evaluate_target_health": Reason(
        "Route 53 record EvaluateTargetHealth", "A CNAME cannot evaluate it: each record has a health check of its own."
    ),
    "health_checks.interval": Reason(
        "Route 53 health check RequestInterval",
        "30 s × 3 takes 97 to 102 s to see a dark endpoint, 10 s × 2 at most 28 s. It cannot be changed: "
        "make a new check.",
    ),
    "health_checks.threshold": Reason(
        "Route 53 health check FailureThreshold", "10 s × 3 detects in up to 42 s, which leaves nothing for DNS."
    ),
    "caches.node_type": Reason(
        "ElastiCache node type", "A cache that the region can do without needs no more, and one is paid in each region."
    ),
    "automation.heartbeat": Reason(
        "the platform writes a heartbeat row every second",
        "Lag measured on an idle writer is a false alarm; with a write every second it is the replica's true age.",
    ),
    "automation.switches_region": Reason(
        "the platform fails the global cluster over by itself (ARC Region switch)",
        "The strategy calls failover automatic, and nothing in it promotes the database.",
    ),
    "global_cluster": Reason(
        "Aurora Global Database", "Replication across regions below a second, and a failover that one API call orders."
    ),
    "instances": _AURORA,
    "clusters": Reason("RDS DB clusters", "A cluster's endpoint moves with its writer, without a hand on the records."),
    "parameter_groups": Reason(
        "RDS parameter groups", "Aurora has a family of its own; default groups cannot be changed."
    ),
    "alarms": _ALARMS,
}

OWN: Mapping[str, Mapping[str, Reason]] = {
    "read_replicas": {
        "instances": Reason(
            "RDS instances",
            "A Multi-AZ instance takes 60 to 120 s to fail over, a Multi-AZ DB cluster typically under 35 s; it has no "
            "t3 classes, cannot be converted in place and does not replicate across regions: 7.2 migrates again.",
        ),
        "clusters": Reason("RDS DB clusters", "Two readable standbys, the more advanced of which becomes the writer."),
        "parameter_groups": Reason(
            "RDS parameter groups",
            "The replica's delay can only be set in a custom group that is attached already, and in one of its own it "
            "touches no other instance.",
        ),
        "alarms": _ALARM,
        "app.writer_endpoint": Reason("where the services write", "The cluster's endpoint, which follows its writer."),
        "app.reader_endpoint": Reason("where the services read", "The replica of the cluster, under its new name."),
        "app.reader_must_follow": Reason(
            "the services read from a server in recovery only (target_session_attrs=standby)",
            "A replica that was promoted answers under the same name, and what it tells grows older for ever.",
        ),
    },
    "active_passive": {
        "caches": Reason(
            "ElastiCache replication groups",
            "A standby with a cold Redis cannot start a task, so it stands by for nothing.",
        ),
        "records": Reason(
            "Route 53 records",
            "With a PRIMARY alone there is nothing to fail over to. The SECONDARY has no check: when both look dead, "
            "Route 53 would answer with the dark one.",
        ),
        "automation.scales_standby": Reason(
            "the platform brings the standby to full size by itself (ECS service scaling of ARC Region switch)",
            "A standby that is too small for the load refuses a part of it until somebody is awake.",
        ),
        "health_checks": Reason(
            "Route 53 health checks",
            "Nobody notices a standby that is gone until it is needed: its check is for an alarm, on no record.",
        ),
        "alarms": Reason(
            _ALARMS.words, f"{_ALARMS.why} A third, on the standby's health check, tells that the standby is gone."
        ),
        "app.writer_endpoint": Reason(
            "where the services write", "The global endpoint, which follows the writer's region."
        ),
        "app.reader_endpoint": Reason("where the services read", "The region's own reader instead of the writer."),
    },
    "active_active": {
        "caches.global_datastore": Reason(
            "ElastiCache Global Datastore",
            "Its secondaries are read-only, so LPUSH and rate limits fail there, and it has no automatic failover.",
        ),
        "caches.zones": Reason(
            "the zones of a region's cache",
            "A queue of one node is gone with it: a replica in another zone has a copy.",
        ),
        "caches.automatic_failover": Reason(
            "ElastiCache automatic failover",
            "The replica takes over by itself within seconds, in its own region; no other region's cache is needed.",
        ),
        "global_datastore": Reason(
            "ElastiCache Global Datastore", "The strategy's node types cannot have it, and each region caches alone."
        ),
        "app.role_life": Reason(
            "how long a role stays in a region's cache",
            "A region is not told what another one wrote: who lost a role there keeps it here until the entry ends.",
        ),
        "app.jwt_secret": Reason(
            "the secret that signs JWTs", "A token is only stateless where every region can check its signature."
        ),
    },
}


def reasons(design: str) -> Mapping[str, Reason]:
    """The lines for a design: its own before those for all. Some of the latter may concern other designs only."""
    return {**EVERYWHERE, **OWN.get(design, {})}
