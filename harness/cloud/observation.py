"""What AWS says of itself during a run, in our own values: alarms, their history, events, metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import Clock, Duration, Instant
from harness.cloud import services
from harness.cloud.session import GLOBAL_REGION, Cloud
from harness.events import AlarmChanged, AlarmNotified, DatabaseEvent, LagMeasured, TasksCounted
from harness.probes.health import Probed


@dataclass(frozen=True)
class AlarmSeen:
    """An alarm as described now."""

    name: str
    region: str
    state: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    threshold: float
    period_seconds: int
    evaluation_periods: int
    reason: str
    actions: tuple[str, ...] = ()
    """What is told when it rings: ARNs of topics."""
    acts: bool = True
    """Its actions are enabled."""

    @property
    def watches(self) -> str:
        """Namespace and metric, e.g. ``AWS/RDS/ReplicaLag``."""
        return f"{self.namespace}/{self.metric}"


def alarms(cloud: Cloud, region: str) -> list[AlarmSeen]:
    """Every metric alarm of a region."""
    return [
        AlarmSeen(
            item["AlarmName"],
            region,
            item["StateValue"],
            item.get("Namespace", ""),
            item.get("MetricName", ""),
            {dimension["Name"]: dimension["Value"] for dimension in item.get("Dimensions", [])},
            float(item["Threshold"]),
            int(item.get("Period", 60)),
            int(item["EvaluationPeriods"]),
            item.get("StateReason", ""),
            tuple(item.get("AlarmActions", ())),
            bool(item.get("ActionsEnabled", True)),
        )
        for item in cloud.pages("cloudwatch", region, "describe_alarms", "MetricAlarms")
    ]


def states(cloud: Cloud, region: str, names: Sequence[str]) -> dict[str, str]:
    """The state of each of these alarms, metric or composite, that a region has; asks nobody when none is named."""
    if not names:
        return {}
    kinds = ["MetricAlarm", "CompositeAlarm"]
    told = cloud.call("cloudwatch", region, "describe_alarms", AlarmNames=list(names), AlarmTypes=kinds)
    return {item["AlarmName"]: item["StateValue"] for kind in kinds for item in told.get(f"{kind}s", ())}


def alarm_history(cloud: Cloud, alarm: AlarmSeen, since: Instant) -> list[AlarmChanged]:
    """The alarm's state changes since then, oldest first, by AWS's own timestamps."""
    items = cloud.pages(
        "cloudwatch",
        alarm.region,
        "describe_alarm_history",
        "AlarmHistoryItems",
        AlarmName=alarm.name,
        HistoryItemType="StateUpdate",
        StartDate=since.datetime,
    )
    return sorted((_changed(alarm, item) for item in items), key=lambda event: event.at)


def first_seen(alarm: AlarmSeen, at: Instant) -> AlarmChanged:
    """The state that an alarm was found in; what it was before that is not known."""
    return AlarmChanged(at, alarm.name, alarm.region, "", alarm.state, alarm.reason, alarm.watches, _words(alarm))


def _words(alarm: AlarmSeen) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(alarm.dimensions.items()))


def _changed(alarm: AlarmSeen, item: Mapping[str, Any]) -> AlarmChanged:
    data = json.loads(item["HistoryData"])
    return AlarmChanged(
        Instant.of(item["Timestamp"]),
        alarm.name,
        alarm.region,
        data.get("oldState", {}).get("stateValue", ""),
        data.get("newState", {}).get("stateValue", ""),
        data.get("newState", {}).get("stateReason", ""),
        alarm.watches,
        _words(alarm),
    )


def service_counts(cloud: Cloud, region: str, arns: Sequence[str], now: Instant) -> list[TasksCounted]:
    """The desired and running tasks of these services (ARNs) of a region."""
    known = ((arn.split("/")[1], arn) for arn in arns)
    return [
        TasksCounted(now, region, item["serviceName"], int(item["desiredCount"]), int(item["runningCount"]))
        for _, item in services.described(cloud, region, known)
    ]


@dataclass(frozen=True)
class HealthCheckSeen:
    """A health check that probes an endpoint."""

    identifier: str
    host: str
    threshold: int


def health_checks(cloud: Cloud) -> list[HealthCheckSeen]:
    """The health checks that probe an endpoint by name."""
    found = cloud.pages("route53", GLOBAL_REGION, "list_health_checks", "HealthChecks")
    configs = [(item["Id"], item["HealthCheckConfig"]) for item in found]
    return [
        HealthCheckSeen(identifier, config["FullyQualifiedDomainName"], config["FailureThreshold"])
        for identifier, config in configs
        if "FullyQualifiedDomainName" in config and "FailureThreshold" in config
    ]


def probes(cloud: Cloud, check: str) -> list[Probed]:
    """What each checker of a health check saw last; checkers of one address are told apart by their order."""
    told = cloud.call("route53", GLOBAL_REGION, "get_health_check_status", HealthCheckId=check)
    return [
        Probed(
            f"{item['IPAddress']} {number}",
            Instant.of(item["StatusReport"]["CheckedTime"]),
            item["StatusReport"]["Status"].startswith("Success"),
        )
        for number, item in enumerate(told["HealthCheckObservations"])
    ]


def notifications(cloud: Cloud, region: str, queue: str, clock: Clock) -> list[AlarmNotified]:
    """Take what the alarms' queue holds, by when it was received; each message is deleted once it is in our hands."""
    taken = []
    answer = cloud.call("sqs", region, "receive_message", QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0)
    now = clock.now()
    for message in answer.get("Messages", []):
        body = json.loads(message["Body"])
        alarm = json.loads(body["Message"]) if "Message" in body else body
        taken.append(AlarmNotified(now, alarm.get("AlarmName", ""), region, alarm.get("NewStateValue", "")))
        cloud.call("sqs", region, "delete_message", QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return taken


def database_events(cloud: Cloud, region: str, since: Instant, until: Instant) -> list[DatabaseEvent]:
    """RDS's events of a region in that span, oldest first."""
    items = cloud.pages("rds", region, "describe_events", "Events", StartTime=since.datetime, EndTime=until.datetime)
    return sorted(
        (
            DatabaseEvent(
                Instant.of(item["Date"]),
                item["SourceIdentifier"],
                region,
                item["Message"],
                tuple(item.get("EventCategories", ())),
            )
            for item in items
        ),
        key=lambda event: event.at,
    )


def lag_datapoints(cloud: Cloud, alarm: AlarmSeen, since: Instant, until: Instant) -> list[LagMeasured]:
    """The datapoints that the lag alarm sees, at its own period."""
    span: Duration = until - since
    points = cloud.call(
        "cloudwatch",
        alarm.region,
        "get_metric_statistics",
        Namespace=alarm.namespace,
        MetricName=alarm.metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in alarm.dimensions.items()],
        StartTime=since.datetime,
        EndTime=(since + span).datetime,
        Period=alarm.period_seconds,
        Statistics=["Average"],
    )["Datapoints"]
    replica = ",".join(alarm.dimensions.values())
    return sorted(
        (LagMeasured(Instant.of(p["Timestamp"]), replica, alarm.region, float(p["Average"])) for p in points),
        key=lambda event: event.at,
    )
