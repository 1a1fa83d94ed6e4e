"""What may be said of a run that only watched: nobody knows what the fault was, and seldom when it began or ended."""

from __future__ import annotations

from dataclasses import replace

from harness.judges import windows
from harness.record import Record
from harness.verdicts import Ruling, Verdict

NO_CLIENT = "no client of ours recorded anything then"
_FROM_AWS = ("lag_alarm", "alarm_rings", "no_false_alarm", "low_lag", "automatic")
"""The promises of which AWS's own word tells something without any traffic."""
_KIND = "nobody told what the fault was, and so which region should have served or grown"
_RANG = "nobody told what happened, so a true cause cannot be excluded"
_BEGIN = "nobody told when the fault began: counted from its first bad arrival, it lasted at least so long"
_END = "nobody told when the fault was over: it may have healed by itself"


def nothing(record: Record) -> str:
    """Why there is nothing to judge in a run that only watched and saw no fault; empty for a run of our own."""
    if not windows.observed(record):
        return ""
    if not len(record.traffic):
        return f"{NO_CLIENT}, and nobody told when a fault began"
    return "nothing happened while we watched: there was nothing to judge"


def weigh(record: Record, verdict: Verdict) -> Verdict:
    """The verdict, as far as somebody else's fault allows it; of a run of our own as it is.

    A recovery that counts from the first bad arrival is the least that it can have been: longer than the objective it
    is BROKEN all the same, shorter it is UNKNOWN. What is not sound without knowing the fault, its beginning or its end
    becomes UNKNOWN, with the reason and with what would have been said.
    """
    if not windows.observed(record):
        return verdict
    if not len(record.traffic) and verdict.promise not in _FROM_AWS:
        return replace(verdict, ruling=Ruling.UNKNOWN, reason=NO_CLIENT)
    if verdict.ruling is Ruling.UNKNOWN:
        return verdict
    why = _unsound(record, verdict.promise, verdict.ruling)
    if why:
        return replace(verdict, ruling=Ruling.UNKNOWN, reason=f"{why} (else: {verdict.reason})")
    if verdict.promise == "recovery" and not _told(record)[0]:
        return replace(verdict, reason=f"{verdict.reason}; {_BEGIN}")
    return verdict


def _told(record: Record) -> tuple[bool, bool]:
    """Whether somebody told of every fault when it began, and when it was over."""
    found = windows.windows(record)
    return all(one.begin_told for one in found), all(one.end_told for one in found)


def _unsound(record: Record, promise: str, ruling: Ruling) -> str:
    """Why a promise cannot be called so here; empty when it can."""
    kept, fault = ruling is Ruling.KEPT, bool(windows.windows(record))
    begin_told, end_told = _told(record)
    if promise in ("routing", "ready_standby"):
        return "" if kept and not fault else _KIND
    if promise in ("no_false_alarm", "low_lag"):
        return "" if kept else _RANG
    if promise == "automatic":
        return "AWS's events do not tell whether a person ordered it" if kept else ""
    if promise in ("lag_alarm", "alarm_rings") and not kept:
        return _RANG
    if promise == "bounded_loss" and not kept and record.header.objectives.loss_span.nanoseconds:
        return (
            "" if begin_told else "nobody told when the fault began, and how far back a loss reaches counts from there"
        )
    if promise in ("recovery", "lag_alarm", "alarm_rings", "undisturbed") and kept:
        return "; ".join(doubt for doubt, told in ((_BEGIN, begin_told), (_END, end_told)) if not told)
    return ""
