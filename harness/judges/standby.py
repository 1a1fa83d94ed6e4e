"""Could the standby take over, and did it grow to what it took over?"""

from __future__ import annotations

from harness.clock import Instant
from harness.events import TasksCounted
from harness.judges import windows
from harness.judges.windows import Window
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Number, Ruling, Verdict

PROMISE = "ready_standby"
FRONT = "api-gateway"
"""The service that clients meet."""

Finding = tuple[Ruling, str, float | None]


def ready_standby(record: Record) -> Verdict:
    """A region that serves nobody yet runs its tasks, and once called up as many as the region that it stands in for.

    Definition: before the first fault every service of a standby runs what it desires, the one that clients meet at
    least one task; and from ``scale_time`` after a fault that darkens the region that serves on, the standby runs as
    many of the latter as that region did. UNKNOWN when no region stands by, or its tasks were not counted.
    Units: tasks, AWS seconds. Source: https://docs.aws.amazon.com/whitepapers/latest/disaster-recovery-workloads-on-aws/
    disaster-recovery-options-in-the-cloud.html (warm standby)
    """
    homes = {near[0] for near in record.header.nearest.values() if near}
    standbys = [region for region in record.header.regions if region not in homes]
    if not standbys:
        return Verdict(PROMISE, Ruling.UNKNOWN, "no region stands by: each of them serves somebody")
    found = windows.windows(record)
    struck = min((window.began for window in found), default=windows.end(record))
    findings: list[Finding] = [finding for region in standbys for finding in _before(record, region, struck)]
    for window in found:
        for home in windows.dark_regions(window.fault) & homes:
            findings += [_called_up(record, window, home, region) for region in standbys]
    ruling = max(finding[0] for finding in findings)
    told = [text for worst, text, _ in findings if worst is ruling]
    reason = told[-1] if ruling is Ruling.KEPT else told[0]
    spans = [span for _, _, span in findings if span is not None]
    figures: dict[str, Number] = {
        "scale_seconds": max(spans, default=None),
        "allowed_seconds": record.header.objectives.scale_time.seconds,
    }
    return Verdict(PROMISE, ruling, reason, figures, {"tasks": _rows(record, standbys)})


def _before(record: Record, region: str, struck: Instant) -> list[Finding]:
    """What the region was before anything happened, a finding for each of its services."""
    counts = _counts(record, region)
    if FRONT not in counts or counts[FRONT][0].at > struck:
        return [(Ruling.UNKNOWN, f"nobody counted the tasks of {FRONT} in {region}", None)]
    found: list[Finding] = []
    for service in sorted(counts, key=lambda name: name != FRONT):
        last = [one for one in counts[service] if one.at <= struck][-1:]
        for one in last:
            wanted = max(one.desired, 1) if service == FRONT else one.desired
            told = f"{region} runs {one.running} of {wanted} tasks of {service} before it is called up"
            found.append((Ruling.BROKEN if one.running < wanted else Ruling.KEPT, told, None))
    return found


def _called_up(record: Record, window: Window, home: str, region: str) -> Finding:
    """How long after the fault the region had grown to what the one that went dark had been.

    Only while the fault stood: what came with its undo may be the undo's doing.
    """
    had = [one for one in _counts(record, home).get(FRONT, []) if one.at <= window.began]
    has = _counts(record, region).get(FRONT, [])
    now = [one for one in has if one.at <= window.began][-1:]
    series = [*now, *(one for one in has if window.began < one.at <= window.ended)]
    if not had or not series:
        return Ruling.UNKNOWN, f"nobody counted the tasks of {FRONT} in {region if had else home}", None
    need, allowed = had[-1].running, record.header.objectives.scale_time
    short = [number for number, one in enumerate(series) if one.running < need]
    grown = series[short[-1] + 1 if short else 0 :]
    if not grown:
        watched = min(max(has[-1].at, window.began), window.ended) - window.began
        ran = series[-1].running
        told = f"{region} ran {ran} of the {need} tasks that {home} had, {watched} after it was called up"
        late = watched > allowed
        return (Ruling.BROKEN if late else Ruling.UNKNOWN), f"{told} (allowed: {allowed})", None
    span = max(grown[0].at, window.began) - window.began
    told = f"{region} had the {need} tasks that {home} had {span} after it was called up (allowed: {allowed})"
    return (Ruling.BROKEN if span > allowed else Ruling.KEPT), told, round(span.seconds, 3)


def _counts(record: Record, region: str) -> dict[str, list[TasksCounted]]:
    found: dict[str, list[TasksCounted]] = {}
    for event in of(record.events, TasksCounted):
        if event.region == region:
            found.setdefault(event.service, []).append(event)
    return found


def _rows(record: Record, regions: list[str]) -> list[dict[str, Number]]:
    return [
        {"at": str(one.at), "region": one.region, "service": one.service, "ran": one.running, "wanted": one.desired}
        for one in of(record.events, TasksCounted)
        if one.region in regions
    ]
