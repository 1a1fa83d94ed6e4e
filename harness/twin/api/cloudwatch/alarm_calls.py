"""The calls about alarms: put, describe, history, delete, set state, enable and disable actions, tags.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from harness.clock import Instant
from harness.twin.api.cloudwatch import queries
from harness.twin.api.cloudwatch.alarms import Alarm, Settings, settings_of
from harness.twin.api.cloudwatch.composite import composite_of
from harness.twin.api.cloudwatch.history import History
from harness.twin.api.cloudwatch.messages import Finding
from harness.twin.api.cloudwatch.watch import Watch
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.names import arn

_ALARM_PAGE, _HISTORY_PAGE = 50, 100
_MOST_TAGS = 50
_OF_PARENTS = ("AlarmName", "AlarmArn")
_OF_CHILDREN = (*_OF_PARENTS, "StateValue", "StateUpdatedTimestamp")


class AlarmCalls:
    """Handlers over the alarms and their history."""

    def __init__(self, watch: Watch, history: History) -> None:
        self._watch = watch
        self._history = history

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by their AWS names."""
        return {
            "PutMetricAlarm": self._put,
            "PutCompositeAlarm": self._put_composite,
            "DescribeAlarms": self._describe,
            "DescribeAlarmsForMetric": self._describe_for_metric,
            "DescribeAlarmHistory": self._describe_history,
            "DeleteAlarms": self._delete,
            "SetAlarmState": self._set_state,
            "EnableAlarmActions": self._enable,
            "DisableAlarmActions": self._disable,
            "ListTagsForResource": self._list_tags,
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    def _put(self, call: Call) -> Mapping[str, Any]:
        settings = settings_of(call.region, call.parameters)
        self._watch.put(settings, _tags(call), actions_enabled=call.get("ActionsEnabled", True))
        return {}

    def _put_composite(self, call: Call) -> Mapping[str, Any]:
        settings = composite_of(call.region, call.parameters)
        self._watch.put(settings, _tags(call), actions_enabled=call.get("ActionsEnabled", True))
        return {}

    def _describe(self, call: Call) -> Mapping[str, Any]:
        if call.get("AlarmNames") and call.get("AlarmNamePrefix"):
            raise AwsError("ValidationError", "AlarmNamePrefix cannot be combined with AlarmNames.")
        for member, shown in (("ChildrenOfAlarmName", _OF_CHILDREN), ("ParentsOfAlarmName", _OF_PARENTS)):
            if call.get(member):
                return self._relatives(call, member, shown)
        types = call.get("AlarmTypes") or (Settings.kind,)
        found = self._watch.described(call.region, lambda alarm: alarm.settings.kind in types and _matches(alarm, call))
        return _alarms(call, found)

    def _relatives(self, call: Call, member: str, shown: Collection[str]) -> Mapping[str, Any]:
        others = sorted(set(call.parameters) - {member, "MaxRecords", "NextToken"})
        if others:
            raise AwsError("ValidationError", f"{others[0]} cannot be combined with {member}.")
        look = self._watch.children if member == "ChildrenOfAlarmName" else self._watch.parents
        names = look(call.region, call.parameters[member])
        found = self._watch.described(call.region, lambda alarm: alarm.settings.name in names)
        return _alarms(call, found, shown)

    def _describe_for_metric(self, call: Call) -> Mapping[str, Any]:
        dimensions = tuple(sorted(queries.dimensions_of(call.get("Dimensions")).items()))

        def wanted(alarm: Alarm) -> bool:
            source = alarm.settings.source if isinstance(alarm.settings, Settings) else None
            if source is None:
                return False
            metric = source.metric
            return (
                (metric.namespace, metric.name) == (call.parameters["Namespace"], call.parameters["MetricName"])
                and metric.dimensions == dimensions
                and source.statistic == call.get("Statistic", call.get("ExtendedStatistic", source.statistic))
                and source.period == call.get("Period", source.period)
                and source.unit == call.get("Unit", source.unit)
            )

        return {"MetricAlarms": self._watch.described(call.region, wanted)}

    def _describe_history(self, call: Call) -> Mapping[str, Any]:
        start, end = call.get("StartDate"), call.get("EndDate")
        items = self._history.select(
            call.region,
            call.get("AlarmName"),
            call.get("HistoryItemType"),
            Instant.of(start) if start else None,
            Instant.of(end) if end else None,
            call.get("AlarmTypes") or (Settings.kind,),
        )
        if call.get("ScanBy", "TimestampDescending") == "TimestampDescending":
            items = items[::-1]
        size = call.get("MaxRecords") or _HISTORY_PAGE
        chosen, token = page(items, call.get("NextToken"), size, error="InvalidNextToken")
        answer: dict[str, Any] = {"AlarmHistoryItems": [item.described() for item in chosen]}
        return answer | ({"NextToken": token} if token else {})

    def _delete(self, call: Call) -> Mapping[str, Any]:
        self._watch.delete(call.region, list(call.parameters["AlarmNames"]))
        return {}

    def _set_state(self, call: Call) -> Mapping[str, Any]:
        text = call.get("StateReasonData") or "{}"
        try:
            data = json.loads(text)
        except ValueError:
            raise AwsError("InvalidFormat", "StateReasonData was not syntactically valid JSON.") from None
        found = Finding(call.parameters["StateValue"], call.parameters["StateReason"], data)
        self._watch.force(call.region, call.parameters["AlarmName"], found)
        return {}

    def _enable(self, call: Call) -> Mapping[str, Any]:
        self._watch.switch(call.region, list(call.parameters["AlarmNames"]), actions_enabled=True)
        return {}

    def _disable(self, call: Call) -> Mapping[str, Any]:
        self._watch.switch(call.region, list(call.parameters["AlarmNames"]), actions_enabled=False)
        return {}

    def _list_tags(self, call: Call) -> Mapping[str, Any]:
        listed: dict[str, str] = {}
        self._edit(call, lambda alarm: listed.update(alarm.tags))
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(listed.items())]}

    def _tag(self, call: Call) -> Mapping[str, Any]:
        added = _tags(call)

        def edit(alarm: Alarm) -> None:
            _check_count(alarm.tags | added)
            alarm.tags |= added

        self._edit(call, edit)
        return {}

    def _untag(self, call: Call) -> Mapping[str, Any]:
        def edit(alarm: Alarm) -> None:
            alarm.tags = {key: value for key, value in alarm.tags.items() if key not in call.parameters["TagKeys"]}

        self._edit(call, edit)
        return {}

    def _edit(self, call: Call, edit: Callable[[Alarm], None]) -> None:
        """Edit the alarm of ``ResourceARN``; the calls about tags have a code of their own for what is not there."""
        resource = str(call.parameters["ResourceARN"])
        head, _, name = resource.partition(":alarm:")
        if not head.startswith("arn:aws:cloudwatch:") or not name:
            raise AwsError("InvalidParameterValue", f"{resource} is no ARN of an alarm.")
        if resource != arn("cloudwatch", call.region, f"alarm:{name}") or not self._watch.state(call.region, name):
            raise AwsError("ResourceNotFoundException", f"{resource} does not exist.", 404)
        self._watch.change(call.region, name, edit)


def _tags(call: Call) -> dict[str, str]:
    tags = {item["Key"]: item["Value"] for item in call.get("Tags") or ()}
    _check_count(tags)
    return tags


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise AwsError("InvalidParameterValue", f"A resource can have {_MOST_TAGS} tags at most.")


def _alarms(call: Call, found: Sequence[Mapping[str, Any]], shown: Collection[str] = ()) -> Mapping[str, Any]:
    """A page of alarms of both kinds, with the members ``shown`` only (none: all of them)."""
    chosen, token = page(found, call.get("NextToken"), call.get("MaxRecords") or _ALARM_PAGE, error="InvalidNextToken")
    answer: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
    for alarm in chosen:
        kind = "CompositeAlarms" if "AlarmRule" in alarm else "MetricAlarms"
        answer[kind].append({name: value for name, value in alarm.items() if not shown or name in shown})
    return answer | ({"NextToken": token} if token else {})


def _matches(alarm: Alarm, call: Call) -> bool:
    settings = alarm.settings
    if call.get("AlarmNames") and settings.name not in call.parameters["AlarmNames"]:
        return False
    if not settings.name.startswith(call.get("AlarmNamePrefix") or ""):
        return False
    if call.get("StateValue", alarm.state) != alarm.state:
        return False
    prefix = call.get("ActionPrefix")
    actions = [*settings.actions("OK"), *settings.actions("ALARM"), *settings.actions("INSUFFICIENT_DATA")]
    return not prefix or any(action.startswith(prefix) for action in actions)
