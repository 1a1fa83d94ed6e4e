"""How far the replicas are behind when nothing is wrong."""

from __future__ import annotations

from harness.clock import seconds
from harness.events import LagMeasured
from harness.judges import windows
from harness.record import Record
from harness.timeline import of
from harness.verdicts import Number, Ruling, Verdict

HEARTBEAT = seconds(1)
"""Heartbeats are at most so far apart."""


def low_lag(record: Record) -> Verdict:
    """In the steady state no replica is further behind than ``calm_lag``.

    A heartbeat's age is the lag and up to one heartbeat more, so what it says is the most that the lag can have been:
    KEPT when that is within the limit, BROKEN when even a heartbeat less is not, UNKNOWN between, and without a
    datapoint. Units: AWS seconds, as the platform's own lag metric has them; real work counts ``speed`` times.
    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database.html (typically less
    than a second)
    """
    promise, (began, ended) = "low_lag", windows.calm(record)
    lags = [event for event in of(record.events, LagMeasured) if began <= event.at < ended]
    if not lags:
        return Verdict(promise, Ruling.UNKNOWN, "no lag was measured in the steady state")
    highest = max(lags, key=lambda event: event.lag_seconds)
    limit = record.header.objectives.calm_lag
    figures: dict[str, Number] = {
        "max_lag_seconds": round(highest.lag_seconds, 3),
        "allowed_seconds": limit.seconds,
        "datapoints": len(lags),
    }
    told = f"{highest.replica or highest.region} was {highest.lag_seconds:.2f} s behind at most (allowed: {limit})"
    ruling = Ruling.UNKNOWN
    if highest.lag_seconds <= limit.seconds:
        ruling = Ruling.KEPT
    elif highest.lag_seconds > (limit + HEARTBEAT).seconds:
        ruling = Ruling.BROKEN
    return Verdict(promise, ruling, told, figures)
