"""Did what should not notice the fault, not notice it?"""

from __future__ import annotations

from harness.judges import windows
from harness.judges.streams import Flags, Times, excess, streams, tolerance
from harness.record import Record
from harness.verdicts import Number, Ruling, Verdict, worst

Finding = tuple[Ruling, str]


def undisturbed(record: Record) -> Verdict:
    """The operations and locations that the header lists do not notice the fault.

    Each keeps at least ``success_ratio`` from the fault to its undo, with no stretch dense enough to be an outage. A
    single bad arrival among too few to tell is UNKNOWN. Units: shares 0 to 1; AWS seconds. Source: DESIGN.md, 5.
    """
    patterns = record.header.undisturbed
    if not patterns:
        return Verdict("undisturbed", Ruling.UNKNOWN, "the header names nothing that should be undisturbed")
    rows: list[dict[str, Number]] = []
    findings: list[Finding] = []
    for window in windows.windows(record):
        for stream in streams(record, window.began, window.ended):
            if any(pattern.matches(stream.location, stream.operation) for pattern in patterns):
                name = f"{stream.operation} from {stream.location}"
                findings.append(_unmoved(record, name, stream.times, stream.good))
                bad = int((~stream.good).sum())
                rows.append({"location": stream.location, "operation": stream.operation, "bad": bad,
                             "arrivals": len(stream.good), "success_ratio": round(stream.ratio(), 6)})  # fmt: skip
    if not findings:
        return Verdict("undisturbed", Ruling.UNKNOWN, "nothing of what the header names was seen in a fault window")
    ruling = worst(found for found, _ in findings)
    reason = next(text for found, text in findings if found is ruling)
    lowest = min(row["success_ratio"] for row in rows if isinstance(row["success_ratio"], float))
    return Verdict("undisturbed", ruling, reason, {"lowest_success_ratio": lowest}, {"undisturbed": rows})


def _unmoved(record: Record, name: str, times: Times, flags: Flags) -> Finding:
    objective = record.header.objectives.success_ratio
    if not len(flags):
        return Ruling.UNKNOWN, f"there was no arrival of {name} while the fault stood"
    bad = int((~flags).sum())
    dense = excess(flags, objective)[0] > tolerance(times)
    if dense or (bad > 1 and flags.mean() < objective):
        return Ruling.BROKEN, f"{name} noticed the fault: {bad} of {len(flags)} arrivals were bad"
    if flags.mean() < objective:
        return Ruling.UNKNOWN, f"{name} had one bad arrival in {len(flags)}: too few to tell"
    return Ruling.KEPT, "nothing that should be undisturbed noticed the fault"
