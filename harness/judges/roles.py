"""For how long does a region go on believing a role that was changed in another?"""

from __future__ import annotations

from harness.clock import ZERO
from harness.events import RoleChanged, RoleSeen
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Number, Ruling, Verdict


def fresh_roles(record: Record) -> Verdict:
    """No region acts on a role later than ``role_staleness`` after it was changed, wherever that was.

    Broken by an answer with another role to a question that was asked later than that. UNKNOWN when no role was
    changed, or a region was not asked after its time was up. Units: AWS seconds, from the acknowledged change to the
    question. Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Strategies.html (adding TTL)
    """
    promise, limit = "fresh_roles", record.header.objectives.role_staleness
    change = next(of(record.events, RoleChanged), None)
    if change is None:
        return Verdict(promise, Ruling.UNKNOWN, "no role was changed")
    rows: list[dict[str, Number]] = []
    oldest, where, unheard = ZERO, "", []
    for region in record.header.regions:
        seen = [event for event in of(record.events, RoleSeen) if event.region == region and event.at > change.at]
        stale = [event.at - change.at for event in seen if event.role != change.role]
        longest = max(stale, default=ZERO)
        rows.append({"region": region, "answers": len(seen), "stale_for_seconds": round(longest.seconds, 3)})
        if longest > oldest:
            oldest, where = longest, region
        if not any(event.at - change.at > limit for event in seen):
            unheard.append(region)
    figures: dict[str, Number] = {"stale_for_seconds": round(oldest.seconds, 3), "allowed_seconds": limit.seconds}
    evidence = {"roles": rows}
    if oldest > limit:
        reason = f"{where} still acted on the old role {oldest} after {change.region} had changed it (allowed: {limit})"
        return Verdict(promise, Ruling.BROKEN, reason, figures, evidence)
    if unheard:
        reason = f"{unheard[0]} was not heard later than {limit} after the change"
        return Verdict(promise, Ruling.UNKNOWN, reason, figures, evidence)
    reason = f"no region acted on the old role later than {oldest} after the change (allowed: {limit})"
    return Verdict(promise, Ruling.KEPT, reason, figures, evidence)
