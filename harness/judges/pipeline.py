"""Does every event lead to exactly one execution of its action?"""

from __future__ import annotations

from harness.judges.loss import ROWS
from harness.record import Record
from harness.verdicts import Number, Ruling, Verdict

_WRONG = {
    "lost_jobs": "jobs are lost",
    "doubled_jobs": "ran more than once",
    "dead_letters": "are in the dead-letter queue",
    "unexpected_jobs": "ran for no event",
}


def jobs_exactly_once(record: Record) -> Verdict:
    """Every event's job ran exactly once, and the event is marked processed.

    Lost: marked processed, with no result and no dead letter: nothing will run it any more. Doubled: more than one
    result. Unexpected: a result of an event that was never fed in. A dead letter is a job that did not run to its end:
    each of these breaks the promise. UNKNOWN when events were still waiting (no result, or a result without the mark,
    so that the next poll runs it again), when the read-back is incomplete, or when there were no events. Units: events.
    Source: MISSION.md, fault 13; https://redis.io/docs/latest/commands/lmove/ (a popped job is lost with its worker)
    """
    promise = "jobs_exactly_once"
    if record.readback is None or not record.readback.jobs.events:
        return Verdict(promise, Ruling.UNKNOWN, "no event of the pipeline was read back")
    jobs = record.readback.jobs
    processed, dead, ran = set(jobs.processed), set(jobs.dead_letters), {key for key, n in jobs.results.items() if n}
    found = {
        "lost_jobs": sorted(processed - dead - ran),
        "doubled_jobs": sorted(event for event, count in jobs.results.items() if count > 1),
        "unexpected_jobs": sorted(ran - set(jobs.events)),
        "dead_letters": sorted(dead),
        "waiting_events": sorted(set(jobs.events) - processed - dead),
    }
    figures: dict[str, Number] = {"events": len(jobs.events), "processed": len(processed)}
    figures |= {name: len(events) for name, events in found.items()}
    evidence: dict[str, list[dict[str, Number]]] = {
        name: [{"event": event, "results": jobs.results.get(event, 0)} for event in events[:ROWS]]
        for name, events in found.items()
    }
    wrong = [f"{len(found[name])} {words}" for name, words in _WRONG.items() if found[name]]
    if wrong:
        told = f"of {len(processed)} processed events {', '.join(wrong)}"
        return Verdict(promise, Ruling.BROKEN, told, figures, evidence)
    if not record.readback.complete:
        return Verdict(promise, Ruling.UNKNOWN, "the read-back is incomplete", figures, evidence)
    if found["waiting_events"]:
        waiting = len(found["waiting_events"])
        reason = f"{waiting} of {len(jobs.events)} events were not yet processed when it was read back"
        return Verdict(promise, Ruling.UNKNOWN, reason, figures, evidence)
    return Verdict(promise, Ruling.KEPT, f"each of {len(processed)} events ran exactly once", figures, evidence)
