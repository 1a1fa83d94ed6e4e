"""The words of CloudWatch: why an alarm is in its state, and what it tells its topic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import Instant
from harness.twin.api.cloudwatch.alarms import Alarm, Settings
from harness.twin.api.cloudwatch.composite import Composite
from harness.twin.api.cloudwatch.evaluation import State
from harness.twin.api.cloudwatch.functions import Series
from harness.twin.api.cloudwatch.metrics import Grid
from harness.twin.names import ACCOUNT

_REGION_TITLES = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
}
_COMPARED = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


@dataclass(frozen=True)
class Finding:
    """What an evaluation saw and concluded."""

    state: State
    reason: str
    data: Mapping[str, Any]


def finding(settings: Settings, before: State, state: State, grid: Grid, values: Series, at: Instant) -> Finding:
    """The conclusion ``state`` with AWS's StateReason and StateReasonData."""
    seen = [(grid.begin(index), value) for index, value in enumerate(values) if value is not None]
    recent = list(reversed(seen[-settings.evaluation_periods :]))
    return Finding(state, _reason(settings, before, state, recent), _data(settings, recent, values, at))


def composite_finding(state: State, child: Alarm) -> Finding:
    """The conclusion ``state`` of a composite alarm whose ``child`` was the last to change."""
    moment = child.transitioned.datetime
    reason = f"{child.settings.arn} transitioned to {child.state} at {moment:%A %d %B, %Y %H:%M:%S} UTC"
    changed = {"value": child.state, "timestamp": stamp(child.transitioned)}
    return Finding(state, reason, {"triggeringAlarms": [{"arn": child.settings.arn, "state": changed}]})


def subject(alarm: str, region: str, state: State) -> str:
    """The subject of a notification: at most 100 characters, as SNS demands."""
    return f'{state}: "{alarm}" in {_REGION_TITLES.get(region, region)}'[:100]


def notification(alarm: Alarm, before: State, at: Instant) -> str:
    """The JSON that CloudWatch publishes to SNS when an alarm changes its state."""
    settings = alarm.settings
    told: dict[str, Any] = {
        "AlarmName": settings.name,
        "AlarmDescription": settings.stated.get("AlarmDescription"),
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configured),
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": stamp(at),
        "Region": _REGION_TITLES.get(settings.region, settings.region),
        "AlarmArn": settings.arn,
        "OldStateValue": before,
        "OKActions": list(settings.actions("OK")),
        "AlarmActions": list(settings.actions("ALARM")),
        "InsufficientDataActions": list(settings.actions("INSUFFICIENT_DATA")),
    }
    if isinstance(settings, Settings):
        told["Trigger"] = _trigger(settings)
    if isinstance(settings, Composite):
        changed = json.loads(alarm.reason_data or "{}").get("triggeringAlarms", [])
        told["AlarmRule"] = settings.stated["AlarmRule"]
        told["TriggeringChildren"] = [
            {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
            for child in changed
        ]
    return json.dumps(told)


def configuration(verb: str, alarm: Alarm) -> Mapping[str, Any]:
    """HistoryData of a ConfigurationUpdate; ``verb`` is Create, Update or Delete."""
    settings = alarm.settings
    told = {
        **{name: value for name, value in settings.stated.items() if name != "Metrics"},
        "AlarmArn": settings.arn,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configured),
        "StateValue": alarm.state,
        "StateUpdatedTimestamp": stamp(alarm.updated),
        "ActionsEnabled": alarm.actions_enabled,
        **({"Metrics": settings.stated["Metrics"]} if "Metrics" in settings.stated else {}),
    }
    return {"version": "1.0", "type": verb, f"{verb.lower().rstrip('e')}edAlarm": _lowered(told)}


def _lowered(value: Any) -> Any:
    """Names as CloudWatch spells them inside HistoryData: ``alarmName``, ``okactions``."""
    if isinstance(value, Mapping):
        return {
            ("okactions" if name == "OKActions" else name[0].lower() + name[1:]): _lowered(item)
            for name, item in value.items()
        }
    return [_lowered(item) for item in value] if isinstance(value, list | tuple) else value


def performed(topic: str, message: str, at: Instant, error: str | None) -> Mapping[str, Any]:
    """HistoryData of an Action: what was published to ``topic`` for the change of state at ``at``."""
    return {
        "actionState": "Succeeded" if error is None else "Failed",
        "stateUpdateTimestamp": at.nanoseconds // 1_000_000,
        "notificationResource": topic,
        "publishedMessage": json.dumps({"default": message}),
        "error": error,
    }


def stamp(at: Instant) -> str:
    """An instant as CloudWatch writes it inside JSON, e.g. ``2026-11-23T19:00:19.123+0000``."""
    return at.datetime.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.datetime.microsecond // 1000:03d}+0000"


def _reason(settings: Settings, before: State, state: State, recent: Sequence[tuple[Instant, float]]) -> str:
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {settings.evaluation_periods - len(recent)} datapoints were unknown."
    absent = settings.evaluation_periods - len(recent)
    treated = ""
    if absent and settings.treat in ("breaching", "notBreaching"):
        word = "Breaching" if settings.treat == "breaching" else "NonBreaching"
        treated = f"{absent} missing datapoint{_s(absent)} treated as [{word}]"
    if not recent:
        received = f"no datapoints were received for {absent} period{_s(absent, 's', '')}"
        return f"Threshold Crossed: {received} and {treated or 'the state was retained'}."
    is_alarm = state == "ALARM"
    matching = [pair for pair in recent if settings.breaches(pair[1]) is is_alarm]
    listed = ", ".join(f"{value} ({at.datetime:%d/%m/%y %H:%M:%S})" for at, value in matching)
    many = len(matching) != 1
    verb = ("were" if many else "was") + ("" if is_alarm else " not")
    least = settings.datapoints_to_alarm
    least = least if is_alarm else settings.evaluation_periods - least + 1
    counted = f"{len(matching)} out of the last {len(recent)} datapoint{'s' if len(recent) > 1 else ''} [{listed}]"
    compared = f"{verb} {_COMPARED[settings.comparison]} the threshold ({settings.threshold})"
    minimum = f"(minimum {least} datapoint{'s' if least > 1 else ''} for {before} -> {state} transition)"
    return f"Threshold Crossed: {counted} {compared}{f' and {treated}' if treated else ''} {minimum}."


def _s(count: int, many: str = "s were", one: str = " was") -> str:
    return many if count != 1 else one


def _data(
    settings: Settings, recent: Sequence[tuple[Instant, float]], values: Series, at: Instant
) -> Mapping[str, Any]:
    data: dict[str, Any] = {"version": "1.0", "queryDate": stamp(at)}
    if recent:
        data["startDate"] = stamp(recent[-1][0])
    if settings.source is not None:
        data["statistic"] = settings.source.statistic
        if settings.source.unit:
            data["unit"] = settings.source.unit
    data |= {
        "period": settings.period,
        "recentDatapoints": [value for value in values if value is not None],
        "threshold": settings.threshold,
        "evaluatedDatapoints": [{"timestamp": stamp(begin), "value": value} for begin, value in recent],
    }
    return data


def _trigger(settings: Settings) -> Mapping[str, Any]:
    trigger: dict[str, Any] = {
        "Period": settings.period,
        "EvaluationPeriods": settings.evaluation_periods,
        "DatapointsToAlarm": settings.datapoints_to_alarm,
        "ComparisonOperator": settings.comparison,
        "Threshold": settings.threshold,
        "TreatMissingData": settings.treat,
        "EvaluateLowSampleCountPercentile": settings.stated.get("EvaluateLowSampleCountPercentile", ""),
    }
    source = settings.source
    if source is None:
        return trigger | {"Metrics": settings.stated.get("Metrics", [])}
    extended = "ExtendedStatistic" in settings.stated
    return trigger | {
        "MetricName": source.metric.name,
        "Namespace": source.metric.namespace,
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        "ExtendedStatistic" if extended else "Statistic": source.statistic if extended else source.statistic.upper(),
        "Unit": source.unit,
        "Dimensions": [{"value": value, "name": name} for name, value in source.metric.dimensions],
    }
