"""The alarm on replica lag: when it can ring at the earliest, why it might never, and when it rings for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.configuration import Alarm, Configuration
from harness.judges.feasibility.arithmetic import alarm_rings
from harness.judges.feasibility.finding import Evidence, Finding
from harness.objectives import Objectives
from harness.timings import ALARMS, IDLE_LAG, Range
from harness.verdicts import Ruling

REPLICA_LAG = "AWS/RDS/ReplicaLag"
_RDS_METRICS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html"
_AURORA_METRICS = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html"
_REPLICATION = (
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PostgreSQL.Replication.ReadReplicas.Monitor.html"
)
_HEARTBEAT = (
    "Write a heartbeat row every second, publish its age on every reader as a high-resolution metric, and alarm on "
    "that: period 10 s, 2 periods, in the reader's region."
)
_BREAKS = ("lag_alarm", "alarm_rings", "no_false_alarm", "low_lag")
_DIMENSIONS = ("DBInstanceIdentifier", "DBClusterIdentifier")


@dataclass(frozen=True)
class LagAlarm:
    """What can be said of the lag alarm."""

    rings: Range | None
    ruling: Ruling
    findings: tuple[Finding, ...]


def lag_alarm(configuration: Configuration, owed: Objectives) -> LagAlarm:
    """The lag alarm of a configuration; KEPT where none must ring, since then nothing is owed."""
    name = configuration.lag_alarm
    if name is None:
        return LagAlarm(None, Ruling.KEPT, ())
    alarm = configuration.alarm(name)
    if alarm is None:
        words = f"there is no alarm {name}"
        return LagAlarm(
            None,
            Ruling.BROKEN,
            (Finding("lag-alarm-missing", words, (), words, _RDS_METRICS, _HEARTBEAT, breaks=_BREAKS),),
        )
    blind = tuple(_blind(configuration, alarm))
    idle = tuple(_idle(alarm))
    rings = alarm_rings(alarm)
    if blind:
        return LagAlarm(None, Ruling.BROKEN, (*blind, *_late(alarm, rings, owed), *idle))
    told = [*idle, *_silent(alarm), *_late(alarm, rings, owed)]
    ruling = _ruling(rings, owed) if alarm.actions else Ruling.BROKEN
    return LagAlarm(rings, ruling, tuple(told))


def _ruling(rings: Range, owed: Objectives) -> Ruling:
    if rings.worst <= owed.alarm_delay:
        return Ruling.KEPT
    return Ruling.BROKEN if rings.best > owed.alarm_delay else Ruling.UNKNOWN


def _late(alarm: Alarm, rings: Range, owed: Objectives) -> Iterator[Finding]:
    if rings.worst > owed.alarm_delay:
        yield Finding(
            "lag-alarm-late",
            f"{alarm.name} needs {alarm.needed} periods of {alarm.period}: it rings {rings.best} to {rings.worst} "
            f"after the lag is too high, owed {owed.alarm_delay}",
            (
                Evidence(alarm.where, "period", alarm.period.seconds),
                Evidence(alarm.where, "evaluation_periods", alarm.needed),
            ),
            "An alarm needs M whole periods that breach, and AWS's own metrics arrive minutes late.",
            ALARMS,
            _HEARTBEAT,
            breaks=_BREAKS,
        )  # fmt: skip


def _silent(alarm: Alarm) -> Iterator[Finding]:
    if not alarm.actions:
        yield Finding(
            "lag-alarm-silent",
            f"{alarm.name} has no action: nobody is told",
            (Evidence(alarm.where, "alarm_actions", []),),
            "An alarm tells only those whom its actions name.",
            ALARMS,
            "Name the SNS topic of the people on call in alarm_actions.",
            breaks=_BREAKS,
        )


def _idle(alarm: Alarm) -> Iterator[Finding]:
    if alarm.metric == REPLICA_LAG and alarm.threshold < IDLE_LAG.seconds:
        yield Finding(
            "lag-alarm-idle",
            f"{alarm.name} rings for nothing: with an idle PostgreSQL writer a healthy replica reports up to "
            f"{IDLE_LAG} of ReplicaLag; when the writer dies the metric goes on growing, and it ends at promotion",
            (Evidence(alarm.where, "metric_name", "ReplicaLag"), Evidence(alarm.where, "threshold", alarm.threshold)),
            "ReplicaLag is the age of the last replayed transaction, asked of the replica.",
            _REPLICATION,
            _HEARTBEAT,
            breaks=_BREAKS,
        )


def _blind(configuration: Configuration, alarm: Alarm) -> Iterator[Finding]:
    """Why the alarm watches nothing."""
    kinds = {database.kind for database in configuration.databases}
    metric = Evidence(alarm.where, "metric_name", alarm.metric)
    if alarm.metric == REPLICA_LAG and kinds & {"aurora", "aurora_global"}:
        yield Finding(
            "lag-alarm-blind",
            f"{alarm.name} watches ReplicaLag, which Aurora does not publish: it stays in INSUFFICIENT_DATA",
            (metric,),
            "Aurora publishes AuroraReplicaLag, AuroraGlobalDBReplicationLag and AuroraGlobalDBRPOLag, the latter two "
            "in the secondary region.",
            _AURORA_METRICS,
            _HEARTBEAT,
            breaks=_BREAKS,
        )
    homes = {
        name: database.writer_region
        for database in configuration.databases
        if database.kind == "replica" or not database.promotable_regions
        for name in (database.identifier, *database.identifiers)
    }
    known = homes.keys() | {
        name for database in configuration.databases for name in (database.identifier, *database.identifiers)
    }
    for dimension in _DIMENSIONS:
        name = alarm.dimensions.get(dimension)
        if name is None:
            continue
        evidence = (Evidence(alarm.where, f"dimensions.{dimension}", name), metric)
        if name not in known:
            yield Finding(
                "lag-alarm-names-nobody",
                f"{alarm.name} names {name}, which does not exist",
                evidence,
                "A metric without data leaves an alarm in INSUFFICIENT_DATA; it never rings.",
                ALARMS,
                f"Name a replica that is there ({', '.join(sorted(known)) or 'there is none'}), better: {_HEARTBEAT}",
                breaks=_BREAKS,
            )
        elif homes.get(name, alarm.region) != alarm.region:
            yield Finding(
                "lag-alarm-elsewhere",
                f"{alarm.name} is in {alarm.region}, and {name} publishes its metrics in {homes[name]}",
                evidence,
                "CloudWatch's metrics stay in the region of what they measure, and an alarm watches its own region's.",
                _RDS_METRICS,
                f"Put the alarm in {homes[name]}.",
                breaks=_BREAKS,
            )
