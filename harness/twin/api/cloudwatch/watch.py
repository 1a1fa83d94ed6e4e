"""The alarms of all regions, evaluated as AWS time passes; a change of state is remembered and told to the topics."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from harness.clock import Clock, Duration, Instant, seconds
from harness.twin.api.cloudwatch import queries
from harness.twin.api.cloudwatch.alarms import Alarm, Settings
from harness.twin.api.cloudwatch.evaluation import EXTRA_PERIODS, State, decide
from harness.twin.api.cloudwatch.functions import Series
from harness.twin.api.cloudwatch.history import History, Item
from harness.twin.api.cloudwatch.messages import Finding, finding, notification, stamp, subject
from harness.twin.api.cloudwatch.metrics import Grid, Store
from harness.twin.calls import AwsError

INGESTION = seconds(2)
"""How long after the end of a period its datapoint is judged. AWS publishes no figure."""

SHORT_TICK = seconds(10)
_MINUTE = seconds(60)
_LOG = logging.getLogger("twin.cloudwatch")

Notify = Callable[[str, str, str, str], None]
"""Region, topic ARN, subject and message."""


class Watch:
    """Holds the alarms; thread-safe. Notifications go out after the lock is released."""

    def __init__(self, clock: Clock, store: Store, history: History, notify: Notify) -> None:
        self._clock = clock
        self._store = store
        self._history = history
        self._notify = notify
        self._alarms: dict[tuple[str, str], Alarm] = {}
        self._suspended: frozenset[str] = frozenset()
        self._lock = threading.RLock()

    def put(self, settings: Settings, tags: Mapping[str, str], *, actions_enabled: bool) -> None:
        """Create an alarm in INSUFFICIENT_DATA, or give one new settings; its state and tags then stay as they are."""
        now = self._clock.now()
        with self._lock:
            key = (settings.region, settings.name)
            known = self._alarms.get(key)
            if known is None:
                self._alarms[key] = Alarm(settings, now, now, now, actions_enabled=actions_enabled, tags=dict(tags))
            else:
                known.settings, known.configured, known.actions_enabled = settings, now, actions_enabled
        verb = "created" if known is None else "updated"
        data = {"version": "1.0", "type": "Create" if known is None else "Update"}
        self._history.add(
            Item(settings.region, settings.name, now, "ConfigurationUpdate", f'Alarm "{settings.name}" {verb}', data)
        )

    def delete(self, region: str, names: list[str]) -> None:
        """Delete alarms, all or none; raises ``AwsError`` ResourceNotFound."""
        now = self._clock.now()
        with self._lock:
            for name in names:
                self.get(region, name)
            for name in dict.fromkeys(names):
                del self._alarms[region, name]
        for name in dict.fromkeys(names):
            data = {"version": "1.0", "type": "Delete"}
            self._history.add(Item(region, name, now, "ConfigurationUpdate", f'Alarm "{name}" deleted', data))

    def get(self, region: str, name: str) -> Alarm:
        """An alarm; raises ``AwsError`` ResourceNotFound."""
        with self._lock:
            alarm = self._alarms.get((region, name))
        if alarm is None:
            raise AwsError("ResourceNotFound", f"Unknown alarm: {name}", 404)
        return alarm

    def state(self, region: str, name: str) -> State | None:
        """An alarm's state, or ``None`` when there is no such alarm."""
        with self._lock:
            alarm = self._alarms.get((region, name))
            return alarm.state if alarm else None

    def described(self, region: str, wanted: Callable[[Alarm], bool]) -> list[dict[str, Any]]:
        """The alarms of a region that are wanted, by name, as DescribeAlarms shows them."""
        with self._lock:
            chosen = [alarm for (home, _), alarm in self._alarms.items() if home == region and wanted(alarm)]
            return [alarm.described() for alarm in sorted(chosen, key=lambda alarm: alarm.settings.name)]

    def change(self, region: str, name: str, edit: Callable[[Alarm], None]) -> None:
        """Edit an alarm (its tags, whether its actions are enabled); raises ``AwsError`` ResourceNotFound."""
        with self._lock:
            edit(self.get(region, name))

    def tags(self, region: str) -> list[tuple[str, dict[str, str]]]:
        """ARN and tags of every alarm of a region."""
        with self._lock:
            return [(a.settings.arn, dict(a.tags)) for (home, _), a in self._alarms.items() if home == region]

    def suspend(self, region: str) -> None:
        """Evaluate nothing in a region that is lost; harmless when it is suspended already."""
        with self._lock:
            self._suspended |= {region}

    def resume(self, region: str) -> None:
        """Undo ``suspend``."""
        with self._lock:
            self._suspended -= {region}

    def force(self, region: str, name: str, found: Finding) -> None:
        """SetAlarmState: the state lasts until the next evaluation. Raises ``AwsError`` ResourceNotFound."""
        with self._lock:
            alarm = self.get(region, name)
            told = self._enter(alarm, found, self._clock.now())
        self._tell(told)

    def evaluate(self, tick: Instant) -> None:
        """Judge every alarm whose period ends at ``tick``: short ones each 10 seconds, the others each minute."""
        whole_minute = tick.nanoseconds % _MINUTE.nanoseconds == 0
        with self._lock:
            due = [
                alarm
                for (region, _), alarm in self._alarms.items()
                if region not in self._suspended and (whole_minute or alarm.settings.period < _MINUTE.seconds)
            ]
            watched = [(alarm, alarm.settings) for alarm in due]
        for alarm, settings in watched:
            self._judge(alarm, settings, tick)

    def _judge(self, alarm: Alarm, settings: Settings, tick: Instant) -> None:
        """One alarm's failure must not leave the others unjudged."""
        grid = _grid(settings, tick)
        try:
            values = queries.evaluate(self._store, settings.queries, settings.watched, grid)
        except AwsError:
            _LOG.exception("the alarm %s cannot be evaluated", settings.name)
            return
        told: list[tuple[str, str, str, Alarm]] = []
        with self._lock:
            current = self._alarms.get((settings.region, settings.name)) is alarm and alarm.settings is settings
            if current:
                state = _state(settings, values, alarm.state)
                if state != alarm.state:
                    now = self._clock.now()
                    found = finding(settings, alarm.state, state, grid, values, now)
                    told = self._enter(alarm, found, now)
        self._tell(told)

    def _enter(self, alarm: Alarm, found: Finding, now: Instant) -> list[tuple[str, str, str, Alarm]]:
        """Put the alarm into its new state; what is to be told, as topic, subject, message and alarm."""
        before, old = alarm.state, _version(alarm)
        alarm.state, alarm.reason = found.state, found.reason
        alarm.reason_data = json.dumps(found.data) if found.data else None
        alarm.updated = now
        if before == found.state:
            return []
        alarm.transitioned = now
        settings = alarm.settings
        summary = f"Alarm updated from {before} to {found.state}"
        data = {"version": "1.0", "oldState": old, "newState": _version(alarm)}
        self._history.add(Item(settings.region, settings.name, now, "StateUpdate", summary, data))
        if not alarm.actions_enabled:
            return []
        message = notification(alarm, before, now)
        title = subject(settings.name, settings.region, found.state)
        return [(topic, title, message, alarm) for topic in settings.actions(found.state)]

    def _tell(self, told: list[tuple[str, str, str, Alarm]]) -> None:
        for topic, title, message, alarm in told:
            settings = alarm.settings
            data: dict[str, Any] = {"actionState": "Succeeded", "notificationResource": topic}
            summary = f"Successfully executed action {topic}"
            try:
                self._notify(settings.region, topic, title, message)
            except AwsError as error:
                # AWS keeps the alarm's state and notes the failed action in its history.
                data = {"actionState": "Failed", "notificationResource": topic, "error": str(error)}
                summary = f"Failed to execute action {topic}. Received error: {error}"
            now = self._clock.now()
            data |= {"stateUpdateTimestamp": stamp(now), "publishedMessage": json.loads(message)}
            self._history.add(Item(settings.region, settings.name, now, "Action", summary, data))


def _grid(settings: Settings, tick: Instant) -> Grid:
    """The evaluation range: whole periods up to the tick; periods over a minute slide, a minute at a time."""
    step = seconds(min(settings.period, 60))
    end = Instant(tick.nanoseconds - tick.nanoseconds % step.nanoseconds)
    return Grid.ending(end, Duration(settings.period * 1_000_000_000), settings.evaluation_periods + EXTRA_PERIODS)


def _state(settings: Settings, values: Series, current: State) -> State:
    points = [None if value is None else settings.breaches(value) for value in values]
    return decide(points, settings.evaluation_periods, settings.datapoints_to_alarm, settings.treat, current)


def _version(alarm: Alarm) -> dict[str, Any]:
    version: dict[str, Any] = {"stateValue": alarm.state, "stateReason": alarm.reason}
    if alarm.reason_data is not None:
        version["stateReasonData"] = json.loads(alarm.reason_data)
    return version
