"""Do alarms ring when they must, for the right reason, and only then? Most of it is about the replica-lag alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.clock import ZERO, Duration, Instant, seconds
from harness.events import AlarmChanged, AlarmNotified, LagMeasured, WriterSeen
from harness.judges import windows
from harness.judges.windows import Window
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Number, Ruling, Verdict

PROMISE = "lag_alarm"
PERIOD = seconds(60)
"""A datapoint is dated by the beginning of its period, which is at most so long."""


@dataclass(frozen=True)
class Ringing:
    """The alarm in one fault window, beside the lag that it watches. ``None``: that did not happen."""

    window: Window
    crossed: LagMeasured | None
    """The first datapoint above the threshold while the fault stood."""
    rang: AlarmChanged | None
    notified: AlarmNotified | None
    cleared: AlarmChanged | None
    state_before: str | None
    rang_in_steady: AlarmChanged | None
    rang_again: AlarmChanged | None
    """The first ring after it had cleared for which there was no lag above the threshold."""
    astray: AlarmChanged | None
    """The first ring meanwhile of an alarm of that name in a region that the fault does not put behind."""

    @property
    def delay(self) -> Duration | None:
        """From the lag crossing the threshold to ALARM; zero when the alarm saw it first."""
        return None if self.rang is None or self.crossed is None else _delay(self.crossed, self.rang)


def lag_alarm(record: Record) -> Verdict:
    """The alarm is silent before, rings in time for the right reason, tells its topic, and is quiet again after.

    Definition, each part necessary: not in ALARM in the steady state; OK→ALARM within ``alarm_delay`` of the first lag
    datapoint above ``lag_threshold``; its reason is a lag metric of the replica (or region) that lags; a notification
    with ALARM arrives; ALARM→OK within ``alarm_clear`` of the undo; no ring after that without such lag. Where the
    region that falls behind has an alarm of that name, that is meant, and no other may ring while the fault stands.
    BROKEN as well when the alarm has no data, since it cannot ring whatever happens. UNKNOWN when the lag never crossed
    the threshold, or the run ended too early to say.
    Units: AWS seconds. Source: https://docs.aws.amazon.com/AmazonCloudWatch/
    latest/monitoring/AlarmThatSendsEmail.html (alarm evaluation)
    """
    name = record.header.lag_alarm
    if not name:
        return Verdict(PROMISE, Ruling.UNKNOWN, "the header names no lag alarm")
    found = [_ringing(record, window, name) for window in windows.windows(record)]
    if not found:
        return Verdict(PROMISE, Ruling.UNKNOWN, "no fault was injected: nothing could make it ring")
    judged = [(*_judge(record, one, name), one) for one in found]
    ruling, reason, one = max(judged, key=lambda item: item[0])
    return Verdict(PROMISE, ruling, reason, _figures(record, one), {"alarm": _history(record, name)})


def no_false_alarm(record: Record) -> Verdict:
    """The lag alarm keeps silent, and is able to ring: it has data.

    BROKEN by a change to ALARM at any time of the run, or by a ring from before it that does not end; UNKNOWN when the
    alarm was never seen, or in some region has no data, since what watches nothing is silent too. Units: rings.
    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/
    USER_PostgreSQL.Replication.ReadReplicas.html (a replica of an idle primary reports lag)
    """
    promise, name = "no_false_alarm", record.header.lag_alarm
    if not name:
        return Verdict(promise, Ruling.UNKNOWN, "the header names no lag alarm")
    changes = [event for event in of(record.events, AlarmChanged) if event.alarm == name]
    rang = [event for event in changes if event.new == "ALARM" and event.at >= windows.begin(record)]
    figures: dict[str, Number] = {"alarm": name, "rings": len(rang)}
    evidence = {"alarm": _history(record, name)}
    if rang:
        return Verdict(promise, Ruling.BROKEN, f"{name} rang and nothing lagged: {rang[0].reason}", figures, evidence)
    last = {event.region: event for event in changes}
    stuck = next((region for region, event in last.items() if event.new == "ALARM"), None)
    if stuck is not None:
        reason = f"{name} of {stuck} rang before anything began and never fell silent"
        return Verdict(promise, Ruling.BROKEN, reason, figures, evidence)
    blind = next((region for region, event in last.items() if event.new == "INSUFFICIENT_DATA"), None)
    if not last or blind is not None:
        where = f" of {blind}" if blind else ""
        reason = f"{name}{where} has no data: its silence says nothing"
        return Verdict(promise, Ruling.UNKNOWN, reason, figures, evidence)
    return Verdict(promise, Ruling.KEPT, f"{name} kept silent while nothing lagged", figures, evidence)


def alarm_rings(record: Record) -> Verdict:
    """The alarm that the scenario names rings for the fault, and its topic is told; how it falls silent is not judged.

    Definition: one of the alarms whose name holds the word was OK before the first fault, goes to ALARM at most
    ``alarm_delay`` after the last fault was proven to bite, and a notification of that arrives. BROKEN as well when
    there is no such alarm, or it has no data: then nobody can be told. UNKNOWN when no alarm at all was seen, or the
    record ends before the time is over. Units: AWS seconds. Source: https://docs.aws.amazon.com/AmazonCloudWatch/
    latest/monitoring/AlarmThatSendsEmail.html (alarm evaluation)
    """
    promise, word = "alarm_rings", record.header.alarm
    if not word:
        return Verdict(promise, Ruling.UNKNOWN, "the header names no alarm")
    seen = list(of(record.events, AlarmChanged))
    changes = [event for event in seen if word in event.alarm]
    if not seen:
        return Verdict(promise, Ruling.UNKNOWN, "no alarm at all was seen")
    if not changes:
        return Verdict(promise, Ruling.BROKEN, f"no alarm is named {word}: nobody is told")
    found = windows.windows(record)
    struck, origin = found[0].began, max(Instant(one.fault.bites_at) for one in found)
    rang = next((event for event in changes if event.new == "ALARM" and event.at >= struck), None)
    told = [one for one in of(record.events, AlarmNotified) if rang and _tells(one, rang)]
    ruling, reason = _told_of(record, word, [event for event in changes if event.at < struck], rang, origin)
    if ruling is Ruling.KEPT and not told:
        ruling, reason = Ruling.BROKEN, f"{word} rang, but no notification of it arrived"
    figures: dict[str, Number] = {
        "alarm": rang.alarm if rang else word,
        "alarm_delay_seconds": max(0.0, windows.span_seconds(origin, rang.at)) if rang else None,
        "notified_after_alarm_seconds": windows.span_seconds(rang.at, told[0].at) if rang and told else None,
        "allowed_delay_seconds": record.header.objectives.alarm_delay.seconds,
    }
    names = dict.fromkeys(event.alarm for event in changes)
    return Verdict(
        promise, ruling, reason, figures, {"alarm": [row for name in names for row in _history(record, name)]}
    )


def _told_of(
    record: Record, word: str, before: list[AlarmChanged], rang: AlarmChanged | None, origin: Instant
) -> tuple[Ruling, str]:
    """Of the named alarms: whether one rang out of OK in time; ``before`` is what they said before the fault."""
    states = {(event.alarm, event.region): event.new for event in before}
    allowed = record.header.objectives.alarm_delay
    if "ALARM" in states.values():
        return Ruling.BROKEN, f"{word} was in ALARM before anything had happened"
    if rang is None and "OK" not in states.values():
        return Ruling.BROKEN, f"{word} never rang: it has no data, so it watches nothing"
    if rang is None:
        watched = windows.end(record) - origin
        if watched <= allowed:
            return Ruling.UNKNOWN, f"{word} had not rung when the record ended, {watched} after the fault"
        return Ruling.BROKEN, f"{word} did not ring in {watched} (allowed: {allowed})"
    if rang.old != "OK":
        return Ruling.UNKNOWN, f"{word} rang out of {rang.old}, not out of OK: it was not watching before"
    delay = max(ZERO, rang.at - origin)
    late = Ruling.BROKEN if delay > allowed else Ruling.KEPT
    return late, f"{rang.alarm} in {rang.region} rang {delay} after the fault (allowed: {allowed})"


def _behind(record: Record, window: Window) -> str | None:
    """The region that the window's fault puts behind; ``None`` when its title does not say."""
    kind, _, target = window.fault.fault.partition(" ")
    if kind == "Lag":
        return target.rpartition(" of ")[2]
    if kind == "Cut":
        writers = [event.region for event in of(record.events, WriterSeen) if event.at <= window.began]
        ends = target.removeprefix("link ").split(" to ")
        return next((end for end in ends if writers and end != writers[-1]), None)
    return None


def _ringing(record: Record, window: Window, name: str) -> Ringing:
    threshold = record.header.objectives.lag_threshold.seconds
    everywhere = [event for event in of(record.events, AlarmChanged) if event.alarm == name]
    region = _behind(record, window)
    changes = [event for event in everywhere if region in (None, event.region)] or everywhere
    elsewhere = [event for event in everywhere if event not in changes]
    astray = next((e for e in elsewhere if window.began <= e.at <= window.ended and e.new == "ALARM"), None)
    steady, struck = windows.calm(record)
    before = [event for event in changes if event.at < window.began]
    late = window.healed + record.header.objectives.alarm_clear
    rang = next((event for event in changes if window.began <= event.at <= late and event.new == "ALARM"), None)
    lags = list(of(record.events, LagMeasured))
    crossed = next((e for e in lags if window.began <= e.at <= window.healed and e.lag_seconds > threshold), None)
    told = of(record.events, AlarmNotified)
    notified = next((e for e in told if rang and _tells(e, rang)), None)
    cleared = _cleared(changes, late) if rang else None
    over = [event.at for event in lags if event.lag_seconds > threshold]
    again = _again(changes, rang, over) if rang else None
    in_steady = next((event for event in changes if event.new == "ALARM" and steady <= event.at < struck), None)
    state = before[-1].new if before else (changes[0].old if changes else None)
    return Ringing(window, crossed, rang, notified, cleared, state, in_steady, again, astray)


def _cleared(changes: Sequence[AlarmChanged], late: Instant) -> AlarmChanged | None:
    """How the last ring until ``late`` ended; there is one."""
    rang = [event.at for event in changes if event.new == "ALARM" and event.at <= late][-1]
    return next((event for event in changes if event.at > rang and event.new == "OK"), None)


def _again(changes: Sequence[AlarmChanged], rang: AlarmChanged, over: Sequence[Instant]) -> AlarmChanged | None:
    """The first ring after the alarm had cleared with no lag above the threshold to ring for."""
    clear = next((event.at for event in changes if event.at > rang.at and event.new == "OK"), None)
    if clear is None:
        return None
    rings = (event for event in changes if event.new == "ALARM" and event.at > clear)
    return next((ring for ring in rings if not any(clear.back(PERIOD) <= at <= ring.at for at in over)), None)


def _delay(crossed: LagMeasured, rang: AlarmChanged) -> Duration:
    return max(ZERO, rang.at - crossed.at)


def _tells(note: AlarmNotified, rang: AlarmChanged) -> bool:
    same = (note.alarm, note.region, note.new) == (rang.alarm, rang.region, rang.new)
    return same and note.at >= rang.at


def _judge(record: Record, one: Ringing, name: str) -> tuple[Ruling, str]:
    if one.rang_in_steady:
        return Ruling.BROKEN, f"{name} rang in the steady state: {one.rang_in_steady.reason}"
    if one.state_before == "ALARM":
        return Ruling.BROKEN, f"{name} was in ALARM before anything lagged"
    if one.astray:
        return Ruling.BROKEN, f"{name} of {one.astray.region} rang, where nothing lagged: {one.astray.reason}"
    if one.rang is None and one.state_before == "INSUFFICIENT_DATA":
        return Ruling.BROKEN, f"{name} never rang: it has no data (INSUFFICIENT_DATA), so it watches nothing"
    if one.crossed is None:
        return Ruling.UNKNOWN, "the lag was never seen above its threshold: there was nothing to ring for"
    if one.rang is None:
        return _silent(record, one, one.crossed, name)
    if one.rang.old != "OK":
        return Ruling.UNKNOWN, f"{name} rang out of {one.rang.old}, not out of OK: it was not watching before"
    wrong = _wrong_reason(record, one, one.rang)
    if wrong:
        return Ruling.BROKEN, f"{name} rang for another reason: {wrong}"
    return _punctual(record, one, _delay(one.crossed, one.rang), name)


def _silent(record: Record, one: Ringing, crossed: LagMeasured, name: str) -> tuple[Ruling, str]:
    limit = record.header.objectives.alarm_delay
    watched = windows.end(record) - crossed.at
    stood = one.window.healed - crossed.at
    if min(stood, watched) <= limit:
        return Ruling.UNKNOWN, f"{name} had not rung when the lag ended, {min(stood, watched)} after it was too high"
    return Ruling.BROKEN, f"{name} did not ring in {stood} of lag above the threshold (allowed: {limit})"


def _wrong_reason(record: Record, one: Ringing, rang: AlarmChanged) -> str:
    if "lag" not in rang.metric.lower():
        return f"{rang.metric} is no measure of lag"
    threshold = record.header.objectives.lag_threshold.seconds
    lags = of(record.events, LagMeasured)
    behind = [e for e in lags if one.window.began <= e.at <= one.window.healed and e.lag_seconds > threshold]
    names = {event.replica for event in behind} | {event.region for event in behind}
    if not any(word and word in rang.dimensions for word in names) and rang.region not in {e.region for e in behind}:
        return f"its metric is of {rang.dimensions or 'no resource'}, and {', '.join(sorted(names))} lagged"
    return ""


def _punctual(record: Record, one: Ringing, delay: Duration, name: str) -> tuple[Ruling, str]:
    objectives = record.header.objectives
    if delay > objectives.alarm_delay:
        return Ruling.BROKEN, f"{name} rang {delay} after the lag was too high (allowed: {objectives.alarm_delay})"
    if one.notified is None:
        return Ruling.BROKEN, f"{name} rang, but no notification of it arrived"
    if one.rang_again:
        return Ruling.BROKEN, f"{name} rang again after it had cleared, and nothing lagged: {one.rang_again.reason}"
    cleared = one.cleared
    patience = windows.end(record) - one.window.ended
    if cleared is None and patience <= objectives.alarm_clear:
        return Ruling.UNKNOWN, f"{name} was still in ALARM when the record ended, {patience} after the undo"
    if cleared is None or cleared.at - one.window.ended > objectives.alarm_clear:
        late = "never" if cleared is None else f"{cleared.at - one.window.ended} after the undo"
        return Ruling.BROKEN, f"{name} was OK again {late} (allowed: {objectives.alarm_clear})"
    reason = f"{name} rang {delay} after the lag was too high (allowed: {objectives.alarm_delay})"
    return Ruling.KEPT, f"{reason}, told its topic and is OK again"


def _figures(record: Record, one: Ringing) -> dict[str, Number]:
    def since(at: Instant | None, origin: Instant | None) -> float | None:
        return None if at is None or origin is None else windows.span_seconds(origin, at)

    rang_at = one.rang.at if one.rang else None
    lags = [event.lag_seconds for event in of(record.events, LagMeasured) if event.at >= one.window.began]
    return {
        "alarm": record.header.lag_alarm,
        "alarm_delay_seconds": None if one.delay is None else round(one.delay.seconds, 3),
        "alarm_after_fault_seconds": since(rang_at, one.window.began),
        "notified_after_alarm_seconds": since(one.notified.at if one.notified else None, rang_at),
        "clear_after_undo_seconds": since(one.cleared.at if one.cleared else None, one.window.ended),
        "lag_crossed_after_fault_seconds": since(one.crossed.at if one.crossed else None, one.window.began),
        "max_lag_seconds": max(lags, default=None),
        "threshold_seconds": record.header.objectives.lag_threshold.seconds,
        "allowed_delay_seconds": record.header.objectives.alarm_delay.seconds,
    }


def _history(record: Record, name: str) -> list[dict[str, Number]]:
    rows: list[dict[str, Number]] = []
    for event in record.events:
        if isinstance(event, AlarmChanged) and event.alarm == name:
            rows.append({
                "at": str(event.at), "old": event.old, "new": event.new, "metric": event.metric,
                "dimensions": event.dimensions, "reason": event.reason,
            })  # fmt: skip
        if isinstance(event, AlarmNotified) and event.alarm == name:
            rows.append({"at": str(event.at), "old": None, "new": event.new, "reason": "notification arrived"})
    return rows
