"""Does a session that began in one region go on in another?"""

from __future__ import annotations

import numpy as np

from harness.judges import addresses
from harness.record import Record
from harness.requests import Outcome
from harness.verdicts import Number, Ruling, Verdict


def sessions(record: Record) -> Verdict:
    """A token that one region gave is accepted by every other that its holder is sent to.

    Each location signs in once, at the region that serves it first. Definition: of the arrivals that another region
    answered, at most 1 − ``success_ratio`` were told 401. A database that is away makes the service say 401 as well, so
    a breach names where it was; UNKNOWN when no location was served by a second region. Units: arrivals.
    Source: https://www.rfc-editor.org/rfc/rfc7519 (a token is valid for whoever has the secret)
    """
    promise = "sessions"
    served = addresses.regions_of(record, record.traffic)
    rows: list[dict[str, Number]] = []
    for code, location in enumerate(record.header.locations):
        mine = (record.traffic["location"] == code) & (served >= 0)
        if not mine.any():
            continue
        home = int(served[mine][0])
        for other in sorted({int(region) for region in served[mine]} - {home}):
            there = mine & (served == other)
            refused = int((record.traffic["outcome"][there] == Outcome.UNAUTHORIZED).sum())
            rows.append({
                "location": location, "signed_in": record.header.regions[home],
                "served_by": record.header.regions[other], "arrivals": int(there.sum()), "refused": refused,
            })  # fmt: skip
    figures: dict[str, Number] = {"sessions_moved": len(rows), "refused": sum(int(row["refused"] or 0) for row in rows)}
    if not rows:
        return Verdict(promise, Ruling.UNKNOWN, "no session was taken to a second region", figures)
    limit = 1 - record.header.objectives.success_ratio
    shares = np.array([int(row["refused"] or 0) / int(row["arrivals"] or 1) for row in rows])
    worst = rows[int(shares.argmax())]
    told = f"{worst['served_by']} refused {worst['refused']} of {worst['arrivals']} arrivals"
    told += f" of {worst['location']}, signed in at {worst['signed_in']}"
    ruling = Ruling.BROKEN if shares.max() > limit else Ruling.KEPT
    return Verdict(promise, ruling, told, figures, {"sessions": rows})
