"""The alarms of all regions, evaluated as AWS time passes; a change of state is remembered and told to the topics."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.clock import Clock, Duration, Instant, seconds
from harness.twin.api.cloudwatch import queries
from harness.twin.api.cloudwatch.alarms import Alarm, Settings, Stated
from harness.twin.api.cloudwatch.composite import Composite
from harness.twin.api.cloudwatch.evaluation import EXTRA_PERIODS, State, decide
from harness.twin.api.cloudwatch.functions import Series
from harness.twin.api.cloudwatch.history import History, Item
from harness.twin.api.cloudwatch.messages import (
    Finding,
    composite_finding,
    configuration,
    finding,
    notification,
    performed,
    subject,
)
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

    def put(self, settings: Stated, tags: Mapping[str, str], *, actions_enabled: bool) -> None:
        """Create an alarm in INSUFFICIENT_DATA, or give one new settings; its state and tags then stay as they are.

        Raises ``AwsError`` when the name is an alarm of the other kind, or when a rule names alarms that are not there.
        """
        now = self._clock.now()
        with self._lock:
            key = (settings.region, settings.name)
            known = self._alarms.get(key)
            self._check_put(settings, known)
            if known is None:
                alarm = Alarm(settings, now, now, now, actions_enabled=actions_enabled, tags=dict(tags))
                self._alarms[key] = alarm
            else:
                alarm = known
                alarm.settings, alarm.configured, alarm.actions_enabled = settings, now, actions_enabled
                alarm.judged = False
            self._configured("Create" if known is None else "Update", alarm, now)

    def delete(self, region: str, names: list[str]) -> None:
        """Delete alarms. Unknown names do not keep the others; they raise ``AwsError`` ResourceNotFound at the end.

        Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html
        """
        now = self._clock.now()
        with self._lock:
            found = {name: self._alarms[region, name] for name in names if (region, name) in self._alarms}
            self._check_delete(region, found)
            for name, alarm in found.items():
                del self._alarms[region, name]
                self._configured("Delete", alarm, now)
        unknown = [name for name in dict.fromkeys(names) if name not in found]
        if unknown:
            raise AwsError("ResourceNotFound", f"Unknown alarms: {', '.join(unknown)}", 404)

    def _check_put(self, settings: Stated, known: Alarm | None) -> None:
        if known is not None and known.settings.kind != settings.kind:
            raise AwsError("ValidationError", f"{settings.name} is the name of an alarm of another type.")
        if isinstance(settings, Composite):
            absent = [name for name in settings.rule.children if (settings.region, name) not in self._alarms]
            if absent:
                listed = ", ".join(absent)
                problem = f"Could not save the composite alarm as alarms [{listed}] in the alarm rule do not exist"
                raise AwsError("ValidationError", problem)

    def _check_delete(self, region: str, found: Mapping[str, Alarm]) -> None:
        if sum(alarm.settings.kind == Composite.kind for alarm in found.values()) > 1:
            raise AwsError("ValidationError", "You can delete one composite alarm at most in one call.")
        held = [
            name for name in found if any(parent.settings.name not in found for parent in self._parents(region, name))
        ]
        if held:
            them = "it" if len(held) == 1 else "them"
            raise AwsError(
                "ValidationError",
                f"Cannot delete {','.join(held)} as there are composite alarm(s) depending on {them}.",
            )

    def _parents(self, region: str, name: str) -> list[Alarm]:
        """The composite alarms whose rules name an alarm."""
        return [
            alarm
            for (home, _), alarm in self._alarms.items()
            if home == region and isinstance(alarm.settings, Composite) and name in alarm.settings.rule.children
        ]

    def _configured(self, verb: str, alarm: Alarm, now: Instant) -> None:
        settings = alarm.settings
        summary = f'Alarm "{settings.name}" {verb.lower().rstrip("e")}ed'
        self._remember(alarm, now, "ConfigurationUpdate", summary, configuration(verb, alarm))

    def _remember(self, alarm: Alarm, now: Instant, kind: str, summary: str, data: Mapping[str, Any]) -> None:
        settings = alarm.settings
        self._history.add(Item(settings.region, settings.name, now, kind, summary, data, settings.kind))

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
        """Edit an alarm (its tags); raises ``AwsError`` ResourceNotFound."""
        with self._lock:
            edit(self.get(region, name))

    def switch(self, region: str, names: list[str], *, actions_enabled: bool) -> None:
        """Enable or disable the actions of alarms; names that are unknown are passed over, as on AWS."""
        now = self._clock.now()
        with self._lock:
            for alarm in [self._alarms[region, name] for name in names if (region, name) in self._alarms]:
                alarm.actions_enabled, alarm.configured = actions_enabled, now
                self._configured("Update", alarm, now)

    def children(self, region: str, name: str) -> list[str]:
        """The alarms that a composite alarm's rule names; raises ``AwsError`` ResourceNotFound."""
        with self._lock:
            settings = self.get(region, name).settings
            return list(settings.rule.children) if isinstance(settings, Composite) else []

    def parents(self, region: str, name: str) -> list[str]:
        """The composite alarms whose rules name an alarm; raises ``AwsError`` ResourceNotFound."""
        with self._lock:
            self.get(region, name)
            return [alarm.settings.name for alarm in self._parents(region, name)]

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
        """Judge every alarm whose period ends at ``tick``: short ones each 10 seconds, the others each minute.

        A composite alarm is judged when one of its children changes, and here once after it was put.
        """
        whole_minute = tick.nanoseconds % _MINUTE.nanoseconds == 0
        with self._lock:
            due = [alarm for (region, _), alarm in self._alarms.items() if region not in self._suspended]
            watched = [
                (alarm, settings)
                for alarm in due
                if isinstance(settings := alarm.settings, Settings)
                and (whole_minute or settings.period < _MINUTE.seconds)
            ]
            fresh = [alarm for alarm in due if isinstance(alarm.settings, Composite) and not alarm.judged]
        for metric_alarm, settings in watched:
            self._judge(metric_alarm, settings, tick)
        for alarm in fresh:
            with self._lock:
                told = self._settle(alarm, None, ())
            self._tell(told)

    def _judge(self, alarm: Alarm, settings: Settings, tick: Instant) -> None:
        """One alarm's failure must not leave the others unjudged."""
        grid = _grid(settings, tick)
        try:
            values = queries.evaluate(self._store, settings.queries, settings.watched, grid)
        except AwsError:
            _LOG.exception("the alarm %s cannot be evaluated", settings.name)
            return
        enough = self._enough(settings, grid)
        told: list[_Told] = []
        with self._lock:
            current = self._alarms.get((settings.region, settings.name)) is alarm and alarm.settings is settings
            if current and enough:
                alarm.judged = True
                state = _state(settings, values, alarm.state)
                if state != alarm.state:
                    now = self._clock.now()
                    found = finding(settings, alarm.state, state, grid, values, now)
                    told = self._enter(alarm, found, now)
        self._tell(told)

    def _enough(self, settings: Settings, grid: Grid) -> bool:
        """Whether a percentile has samples enough to be significant, where the alarm asks for that."""
        if settings.source is None or not settings.fewest_samples:
            return True
        judged = Grid.ending(grid.begin(grid.count), grid.period, settings.evaluation_periods)
        cells = self._store.read(settings.source.metric, judged, settings.source.unit)
        return sum(sum(cell.weights) for cell in cells if cell is not None) >= settings.fewest_samples

    def _enter(self, alarm: Alarm, found: Finding, now: Instant, path: tuple[Alarm, ...] = ()) -> list[_Told]:
        """Put the alarm into its new state, and the composite alarms that hang on it; what is to be told."""
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
        self._remember(alarm, now, "StateUpdate", summary, data)
        told: list[_Told] = []
        if alarm.actions_enabled:
            message = notification(alarm, before, now)
            title = subject(settings.name, settings.region, found.state)
            told = [_Told(alarm, now, topic, title, message) for topic in settings.actions(found.state)]
        for parent in self._parents(settings.region, settings.name):
            if parent not in path:  # AWS stops where rules lead in a circle
                told += self._settle(parent, alarm, (*path, alarm))
        return told

    def _settle(self, alarm: Alarm, child: Alarm | None, path: tuple[Alarm, ...]) -> list[_Told]:
        """Judge a composite alarm because of ``child``, or because it is new."""
        settings = alarm.settings
        if not isinstance(settings, Composite):
            return []
        family = [self._alarms[settings.region, name] for name in settings.rule.children]
        states = {relative.settings.name: relative.state for relative in family}
        state = settings.judge(states.__getitem__)
        alarm.judged = True
        if state == alarm.state:
            return []
        latest = child or max(family, key=lambda relative: relative.transitioned, default=alarm)
        return self._enter(alarm, composite_finding(state, latest), self._clock.now(), path)

    def _tell(self, told: list[_Told]) -> None:
        for item in told:
            region, error = item.alarm.settings.region, None
            summary = f"Successfully executed action {item.topic}"
            try:
                self._notify(region, item.topic, item.title, item.message)
            except AwsError as failed:
                # AWS keeps the alarm's state and notes the failed action in its history.
                error = str(failed)
                summary = f"Failed to execute action {item.topic}. Received error: {error}"
            data = performed(item.topic, item.message, item.at, error)
            self._remember(item.alarm, self._clock.now(), "Action", summary, data)


@dataclass(frozen=True, eq=False)
class _Told:
    """A notification that goes out once the lock is released, for the change of state at ``at``."""

    alarm: Alarm
    at: Instant
    topic: str
    title: str
    message: str


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
