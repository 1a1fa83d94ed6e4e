"""Does every event lead to exactly one execution of its action?"""

from __future__ import annotations

from harness.judges.loss import ROWS
from harness.record import Record
from harness.verdicts import Number, Ruling, Verdict


def jobs_exactly_once(record: Record) -> Verdict:
    """Every event that was marked processed has exactly one result.

    Lost: processed, no result, not in the dead-letter queue. Doubled: more than one result. A dead letter is a job
    that did not run: it breaks the promise too. UNKNOWN when events were still waiting at read-back, or when there
    were none. Units: events. Source: MISSION.md, fault 13.
    """
    promise = "jobs_exactly_once"
    if record.readback is None or not record.readback.jobs.events:
        return Verdict(promise, Ruling.UNKNOWN, "no event of the pipeline was read back")
    jobs = record.readback.jobs
    processed, dead = set(jobs.processed), set(jobs.dead_letters)
    waiting = [event for event in jobs.events if event not in processed and not jobs.results.get(event)]
    lost = sorted(event for event in processed - dead if not jobs.results.get(event))
    doubled = {event: count for event, count in jobs.results.items() if count > 1}
    figures: dict[str, Number] = {
        "events": len(jobs.events),
        "processed": len(processed),
        "lost_jobs": len(lost),
        "doubled_jobs": len(doubled),
        "dead_letters": len(dead),
        "waiting_events": len(waiting),
    }
    evidence: dict[str, list[dict[str, Number]]] = {
        "lost_jobs": [{"event": event} for event in lost[:ROWS]],
        "doubled_jobs": [{"event": event, "results": count} for event, count in list(doubled.items())[:ROWS]],
        "dead_letters": [{"event": event} for event in sorted(dead)[:ROWS]],
        "waiting_events": [{"event": event} for event in waiting[:ROWS]],
    }
    wrong = [(lost, "jobs are lost"), (doubled, "ran more than once"), (dead, "are in the dead-letter queue")]
    found = [f"{len(events)} {words}" for events, words in wrong if events]
    if found:
        told = f"of {len(processed)} processed events {', '.join(found)}"
        return Verdict(promise, Ruling.BROKEN, told, figures, evidence)
    if not record.readback.complete:
        return Verdict(promise, Ruling.UNKNOWN, "the read-back is incomplete", figures, evidence)
    if waiting:
        reason = f"{len(waiting)} of {len(jobs.events)} events were not yet processed when it was read back"
        return Verdict(promise, Ruling.UNKNOWN, reason, figures, evidence)
    return Verdict(promise, Ruling.KEPT, f"each of {len(processed)} events ran exactly once", figures, evidence)
