"""Looking back: what AWS still tells of a span in which nobody of ours watched, as a run to be judged and told."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from harness import flight, record, seal
from harness.clock import Instant, minutes, seconds
from harness.cloud import kept, observation
from harness.cloud.estate import Estate
from harness.console import Console
from harness.errors import BadInput, CloudFault
from harness.events import (
    AlarmChanged,
    DatabaseEvent,
    Event,
    FaultNoticed,
    FaultUndone,
    HealthChanged,
    LagMeasured,
    Marked,
    MetricSeen,
    Noted,
    PhaseBegan,
)
from harness.flight import Order
from harness.header import write_header
from harness.timeline import Timeline
from harness.verdicts import Outcome

_AGO = re.compile(r"-(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": seconds(1), "m": minutes(1), "h": minutes(60), "d": minutes(24 * 60)}
LIMITS = (
    "nobody of ours watched then: no request, no write and no notification is on record",
    "AWS keeps no DNS answers, and of health checks only a minute's metric",
)
"""What a look back can never tell."""
Row = dict[str, str]


def moment(option: str, text: str, now: Instant) -> Instant:
    """The instant of an ISO 8601 time (UTC where it names no zone), or of so long ago, like ``-30m``.

    ``now``: AWS time, which on a twin is ahead of the wall. Raises ``BadInput`` that names the option.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return now.back(float(ago[1]) * _UNITS[ago[2]])
    try:
        return Instant.of(datetime.fromisoformat(text))
    except ValueError:
        raise BadInput(option, text, "is no time", "Like 2026-11-29T22:35:00Z, or -30m (s, m, h, d).") from None


def look_back(estate: Estate, order: Order, since: Instant, until: Instant) -> Path:
    """Record what AWS still tells of that span, and return the run's folder. Only reads. Raises ``BadInput``."""
    now = estate.clock.now()
    if not since < until <= now:
        raise BadInput("--since", str(since), f"must be before --until {until}, and that not after now, {now}")
    told = flight.header(estate, replace(order, traffic=False))
    path, console = flight.folder(told.phase), Console(estate.clock)
    path.mkdir(parents=True)
    write_header(path / record.HEADER_FILE, told)
    timeline = Timeline(path / record.TIMELINE_FILE)
    try:
        timeline.add(PhaseBegan(since, "observe", "looking back"))
        timeline.add(PhaseBegan(since, "steady", "what AWS still tells"))
        for event in [*_told(estate, since, until), *order.told()]:
            timeline.add(event)
        timeline.add(PhaseBegan(until, "verdict"))
        flight.note(timeline, path, console)
    finally:
        timeline.close()
    write_header(path / record.HEADER_FILE, replace(told, outcome=Outcome.FINISHED, sealed=True))
    seal.write(path)
    return path


def _told(estate: Estate, since: Instant, until: Instant) -> Iterator[Event]:
    """Everything; what cannot be read is noted, and nothing is made of it."""
    cloud, now = estate.cloud, estate.clock.now()
    looks: list[tuple[str, Callable[[], Iterable[Event]]]] = []
    for region, balancer in estate.platform.load_balancers.items():
        looks += [
            (f"alarms of {region}", partial(kept.alarm_changes, cloud, region, since, until)),
            (f"databases of {region}", partial(kept.database_events, cloud, region, since, until, now)),
            (f"lag of {region}", partial(kept.lags, cloud, region, since, until)),
            (f"load balancer of {region}", partial(kept.front, cloud, region, balancer, since, until)),
        ]
    looks.append(("health checks", partial(_health, estate, since, until)))
    for what, look in looks:
        try:
            yield from look()
        except CloudFault as error:
            yield Noted(until, f"{what}: not known: {error.message}")


def _health(estate: Estate, since: Instant, until: Instant) -> list[Event]:
    names = {seen.dns_name.lower(): region for region, seen in estate.platform.load_balancers.items()}
    return [
        event
        for check in observation.health_checks(estate.cloud)
        for event in kept.health(estate.cloud, check, names.get(check.host.lower(), ""), since, until)
    ]


def rows(events: Sequence[Event]) -> list[Row]:
    """The timeline as a table: what happened, in order; what metrics say, in sums, at the end."""
    told = [_row(event) for event in sorted(events, key=lambda event: event.at)]
    return [*(row for row in told if row), *_sums(events)]


def _row(event: Event) -> Row | None:
    if isinstance(event, AlarmChanged) and event.old:
        return _cells(event.at, event.region, f"alarm {event.alarm}", f"{event.old} to {event.new}: {event.reason}")
    if isinstance(event, AlarmChanged):
        return _cells(event.at, event.region, f"alarm {event.alarm}", f"{event.new} at first")
    if isinstance(event, DatabaseEvent):
        return _cells(event.at, event.region, event.source, event.message)
    if isinstance(event, HealthChanged):
        return _cells(event.at, event.region, f"health check {event.check}", "well" if event.healthy else "failing")
    if isinstance(event, Marked):
        return _cells(event.at, "", event.meaning, event.words)
    if isinstance(event, FaultNoticed | FaultUndone):
        return _cells(event.at, "", event.fault, event.proof)
    return _cells(event.at, "", "not known", event.text) if isinstance(event, Noted) else None


def _sums(events: Sequence[Event]) -> Iterator[Row]:
    series: dict[tuple[str, str], list[tuple[float, Instant]]] = defaultdict(list)
    for event in events:
        if isinstance(event, MetricSeen):
            series[event.region, f"{event.metric.rpartition('/')[2]} of {event.resource}"].append(
                (event.value, event.at)
            )
        elif isinstance(event, LagMeasured):
            series[event.region, f"lag of {event.replica} in seconds"].append((event.lag_seconds, event.at))
    for (region, what), points in sorted(series.items()):
        highest, at = max(points)
        lowest, _ = min(points)
        seen = f"{lowest:g} to {highest:g}, {len(points)} datapoints; the highest here"
        yield _cells(at, region, what, seen)


def _cells(at: Instant, region: str, what: str, seen: str) -> Row:
    return {"at": str(at), "region": region, "what": what, "seen": " ".join(seen.split())}
