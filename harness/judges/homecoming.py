"""Is the writer home again, in time, and was nobody cut off for longer than planned?"""

from __future__ import annotations

from dataclasses import replace

from harness.clock import Instant
from harness.events import BEGAN, DONE, FAILED, FaultInjected, StepTaken, WriterSeen
from harness.judges import windows
from harness.judges.outage import Recovery, recoveries_in
from harness.judges.windows import Window
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Number, Ruling, Verdict, worst

PROMISE = "writer_home"
Finding = tuple[Ruling, str]
Rows = list[dict[str, Number]]


def writer_home(record: Record) -> Verdict:
    """After the undo the operators bring the writer home by runbook, and its move disturbs no longer than planned.

    Home: the region in which the writer was seen first. In time: from the undo to the first sight of the writer that
    stays home at most ``writer_home_time``. While a step that interrupts is taken, and until the traffic's end, every
    operation at every location is back within ``interruption_time`` of that step's beginning, as ``recovery`` counts.
    UNKNOWN when the writer never left home or nobody carried out a runbook. Units: AWS seconds.
    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
    """
    steps = list(of(record.events, StepTaken))
    writers = list(of(record.events, WriterSeen))
    after = windows.aftermath(record)
    evidence = {"runbook": _rows(steps)}
    if not writers or all(seen.region == writers[0].region for seen in writers):
        return Verdict(PROMISE, Ruling.UNKNOWN, "the writer never left its region", {}, evidence)
    if after is None or not steps:
        return Verdict(PROMISE, Ruling.UNKNOWN, "nobody carried out a runbook after the undo", {}, evidence)
    moves = [one for window in _interruptions(record, after[1]) for one in recoveries_in(record, window)]
    findings = [_at_home(record, writers, after[0]), *_steps(steps), *(_interruption(record, one) for one in moves)]
    ruling = worst(found for found, _ in findings)
    told = [text for found, text in findings if found is ruling]
    reason = "; ".join(dict.fromkeys(told)) if ruling is Ruling.KEPT else told[0]
    evidence["interruption"] = [one.row() for one in moves]
    return Verdict(PROMISE, ruling, reason, _figures(record, writers, after[0], moves), evidence)


def apart_from_plan(record: Record, began: Instant, ended: Instant) -> list[tuple[Instant, Instant]]:
    """The parts of a span outside the interruptions that were planned and are judged by ``writer_home``."""
    spans, start = [], began
    if PROMISE in record.header.promises:
        for window in _interruptions(record, ended):
            spans.append((start, max(start, window.began)))
            start = min(ended, window.began + record.header.objectives.interruption_time)
    return [*spans, (start, ended)]


def _interruptions(record: Record, ended: Instant) -> list[Window]:
    """From the beginning of each step that interrupts, as if it were a fault, to the end or the next such step."""
    began = [step for step in of(record.events, StepTaken) if step.interrupts and step.state == BEGAN]
    edges = [*(step.at for step in began), ended][1:]
    return [
        Window(FaultInjected(step.at, step.step, 0, 0, "faithful", step.sight), step.at, edge, "undone", edge)
        for step, edge in zip(began, edges, strict=True)
        if step.at < edge
    ]


def _at_home(record: Record, writers: list[WriterSeen], undone: Instant) -> Finding:
    home, limit = writers[0].region, record.header.objectives.writer_home_time
    arrived = _arrival(writers)
    if arrived is None:
        late = windows.end(record) - undone > limit
        return Ruling.BROKEN if late else Ruling.UNKNOWN, f"{writers[-1].region} still writes, not {home}"
    took = arrived - undone
    if took > limit:
        return Ruling.BROKEN, f"the writer was home in {home} only {took} after the undo (allowed: {limit})"
    return Ruling.KEPT, f"the writer was home in {home} {took} after the undo"


def _arrival(writers: list[WriterSeen]) -> Instant | None:
    """When the writer was first seen home for good; ``None`` when it is elsewhere."""
    away = [number for number, seen in enumerate(writers) if seen.region != writers[0].region]
    return writers[away[-1] + 1].at if away[-1] + 1 < len(writers) else None


def _steps(steps: list[StepTaken]) -> list[Finding]:
    failed = [step for step in steps if step.state == FAILED]
    return [(Ruling.UNKNOWN, f"{step.runbook} stopped at step {step.number}: {step.sight}") for step in failed]


def _interruption(record: Record, one: Recovery) -> Finding:
    """The outage of a stream while the writer moved, held against ``interruption_time`` for reads and writes alike."""
    planned = replace(one, objective=record.header.objectives.interruption_time)
    if planned.ruling is Ruling.KEPT:
        return Ruling.KEPT, f"no operation failed for longer than {planned.objective} while it moved"
    return planned.ruling, f"while the writer moved home, {planned.sentence()}"


def _rows(steps: list[StepTaken]) -> Rows:
    """Each step with how long it took: from its beginning, or nothing where nothing had to be done."""
    rows: Rows = []
    for step in steps:
        if step.state != BEGAN:
            start = next((each.at for each in reversed(steps) if _is_start(each, step)), step.at)
            rows.append({
                "runbook": step.runbook, "step": step.number, "what": step.step, "state": step.state,
                "began": str(start), "seconds": windows.span_seconds(start, step.at), "seen": step.sight,
            })  # fmt: skip
    return rows


def _is_start(each: StepTaken, step: StepTaken) -> bool:
    same = (each.runbook, each.number) == (step.runbook, step.number)
    return same and each.state == BEGAN and step.state in (DONE, FAILED) and each.at <= step.at


def _figures(record: Record, writers: list[WriterSeen], undone: Instant, moves: list[Recovery]) -> dict[str, Number]:
    arrived = _arrival(writers)
    objectives = record.header.objectives
    return {
        "writer_home_seconds": None if arrived is None else windows.span_seconds(undone, arrived),
        "allowed_seconds": objectives.writer_home_time.seconds,
        "interruption_seconds": round(max((one.down.seconds for one in moves), default=0.0), 3),
        "allowed_interruption_seconds": objectives.interruption_time.seconds,
    }
