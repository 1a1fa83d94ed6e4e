"""CloudWatch as a service of the twin: its handlers, its clockwork and the sink of the twin's own metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.clock import Clock, Instant
from harness.twin.api.cloudwatch.alarm_calls import AlarmCalls
from harness.twin.api.cloudwatch.alarms import planned, settings_of
from harness.twin.api.cloudwatch.evaluation import State
from harness.twin.api.cloudwatch.history import History
from harness.twin.api.cloudwatch.metric_calls import MetricCalls
from harness.twin.api.cloudwatch.metrics import Metric, Sample, Store
from harness.twin.api.cloudwatch.watch import INGESTION, SHORT_TICK, Notify, Watch
from harness.twin.calls import Handler
from harness.twin.designs.model import Design
from harness.twin.schedule import Scheduler


class CloudWatch:
    """Stores metrics, evaluates alarms each 10 seconds of AWS time, tells their topics through ``notify``.

    The design's alarms exist from the start, in INSUFFICIENT_DATA, with the design's tags. Implements ``MetricSink``
    and ``Service``. ``notify`` gets region, topic ARN, subject and message, and raises ``AwsError`` when it fails.
    """

    name = "cloudwatch"

    def __init__(self, clock: Clock, scheduler: Scheduler, design: Design, notify: Notify) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._store = Store()
        history = History()
        self._watch = Watch(clock, self._store, history, notify)
        self._handlers = {
            **MetricCalls(clock, self._store).handlers(),
            **AlarmCalls(self._watch, history).handlers(),
        }
        for plan in design.alarms:
            self._watch.put(settings_of(plan.region, planned(plan)), design.tags, actions_enabled=True)
        scheduler.every(SHORT_TICK, self._tick, "cloudwatch alarms")

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built."""
        return self._handlers

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """The region's alarms."""
        return self._watch.tags(region)

    def publish(
        self,
        region: str,
        namespace: str,
        metric: str,
        dimensions: Mapping[str, str],
        value: float,
        *,
        at: Instant | None = None,
        unit: str = "None",
        high_resolution: bool = False,
    ) -> None:
        """Add one datapoint at ``at`` (default: now); ``value`` must be finite."""
        sample = Sample(at or self._clock.now(), float(value), high_resolution=high_resolution)
        self._store.add(Metric.of(region, namespace, metric, dimensions), unit, [sample])

    def state(self, region: str, alarm: str) -> State | None:
        """An alarm's state now, or ``None`` when there is no such alarm."""
        return self._watch.state(region, alarm)

    def suspend(self, region: str) -> None:
        """The region is lost: none of its alarms is evaluated until ``resume``."""
        self._watch.suspend(region)

    def resume(self, region: str) -> None:
        """Undo ``suspend``; the alarms catch up at their next tick."""
        self._watch.resume(region)

    def evaluate(self, tick: Instant) -> None:
        """Judge the alarms whose period ends at ``tick``, a multiple of 10 seconds; the clockwork calls this."""
        self._watch.evaluate(tick)

    def _tick(self) -> None:
        now = self._clock.now()
        tick = Instant(now.nanoseconds - now.nanoseconds % SHORT_TICK.nanoseconds)
        self._scheduler.later(INGESTION, lambda: self.evaluate(tick), "cloudwatch evaluation")
