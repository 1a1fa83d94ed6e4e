"""The calls about alarms: put, describe, history, delete, set state, enable and disable actions, tags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.clock import Instant
from harness.twin.api.cloudwatch import queries
from harness.twin.api.cloudwatch.alarms import Alarm, settings_of
from harness.twin.api.cloudwatch.history import History
from harness.twin.api.cloudwatch.messages import Finding
from harness.twin.api.cloudwatch.watch import Watch
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call, Handler

_ALARM_PAGE, _HISTORY_PAGE = 50, 100
_MOST_TAGS = 50


class AlarmCalls:
    """Handlers over the alarms and their history."""

    def __init__(self, watch: Watch, history: History) -> None:
        self._watch = watch
        self._history = history

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by their AWS names."""
        return {
            "PutMetricAlarm": self._put,
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
        tags = {item["Key"]: item["Value"] for item in call.get("Tags") or ()}
        self._watch.put(settings, tags, actions_enabled=call.get("ActionsEnabled", True))
        return {}

    def _describe(self, call: Call) -> Mapping[str, Any]:
        for name in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
            if call.get(name):
                raise AwsError("NotImplementedByTwin", "The twin does not implement composite alarms.", 501)
        if call.get("AlarmNames") and call.get("AlarmNamePrefix"):
            raise AwsError("ValidationError", "AlarmNamePrefix cannot be combined with AlarmNames.")
        if "MetricAlarm" not in (call.get("AlarmTypes") or ("MetricAlarm",)):
            return {"MetricAlarms": [], "CompositeAlarms": []}
        found = self._watch.described(call.region, lambda alarm: _matches(alarm, call))
        chosen, token = page(
            found, call.get("NextToken"), call.get("MaxRecords") or _ALARM_PAGE, error="InvalidNextToken"
        )
        answer: dict[str, Any] = {"MetricAlarms": chosen, "CompositeAlarms": []}
        return answer | ({"NextToken": token} if token else {})

    def _describe_for_metric(self, call: Call) -> Mapping[str, Any]:
        dimensions = tuple(sorted(queries.dimensions_of(call.get("Dimensions")).items()))

        def wanted(alarm: Alarm) -> bool:
            source = alarm.settings.source
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
        if "MetricAlarm" not in (call.get("AlarmTypes") or ("MetricAlarm",)):
            return {"AlarmHistoryItems": []}
        start, end = call.get("StartDate"), call.get("EndDate")
        items = self._history.select(
            call.region,
            call.get("AlarmName"),
            call.get("HistoryItemType"),
            Instant.of(start) if start else None,
            Instant.of(end) if end else None,
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
        return self._switch(call, enabled=True)

    def _disable(self, call: Call) -> Mapping[str, Any]:
        return self._switch(call, enabled=False)

    def _switch(self, call: Call, *, enabled: bool) -> Mapping[str, Any]:
        def edit(alarm: Alarm) -> None:
            alarm.actions_enabled, alarm.configured = enabled, call.at

        for name in call.parameters["AlarmNames"]:
            if self._watch.state(call.region, name) is not None:
                self._watch.change(call.region, name, edit)
        return {}

    def _list_tags(self, call: Call) -> Mapping[str, Any]:
        alarm = self._watch.get(call.region, _name(call))
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(alarm.tags.items())]}

    def _tag(self, call: Call) -> Mapping[str, Any]:
        added = {item["Key"]: item["Value"] for item in call.parameters["Tags"]}

        def edit(alarm: Alarm) -> None:
            if len(alarm.tags | added) > _MOST_TAGS:
                raise AwsError("InvalidParameterValue", f"A resource can have {_MOST_TAGS} tags at most.")
            alarm.tags |= added

        self._watch.change(call.region, _name(call), edit)
        return {}

    def _untag(self, call: Call) -> Mapping[str, Any]:
        def edit(alarm: Alarm) -> None:
            alarm.tags = {key: value for key, value in alarm.tags.items() if key not in call.parameters["TagKeys"]}

        self._watch.change(call.region, _name(call), edit)
        return {}


def _name(call: Call) -> str:
    head, _, name = str(call.parameters["ResourceARN"]).partition(":alarm:")
    if not head.startswith("arn:aws:cloudwatch:") or not name:
        raise AwsError("InvalidParameterValue", "ResourceARN is no ARN of an alarm.")
    return name


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
