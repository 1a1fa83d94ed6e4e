"""The bench: one judge for each promise, and the rules that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from harness.judges import observed, sanity, windows
from harness.judges.alarms import alarm_rings, lag_alarm, no_false_alarm
from harness.judges.calm import undisturbed
from harness.judges.conduct import conduct
from harness.judges.homecoming import writer_home
from harness.judges.lag import low_lag
from harness.judges.loss import bounded_loss, no_lost_writes
from harness.judges.pipeline import jobs_exactly_once
from harness.judges.reads import split_reads
from harness.judges.recovery import recovery
from harness.judges.roles import fresh_roles
from harness.judges.routing import failback, routing
from harness.judges.sessions import sessions
from harness.judges.staleness import bounded_staleness
from harness.judges.standby import ready_standby
from harness.judges.world import world
from harness.judges.writers import automatic, single_writer
from harness.objectives import breaks
from harness.record import Record
from harness.verdicts import Ruling, Verdict


@dataclass(frozen=True)
class Judge:
    """A judge, and what it cannot do without.

    ``by_traffic``: it believes the traffic, so unfit traffic leaves it nothing to say, neither kept nor broken.
    ``of_a_fault``: without a fault there is nothing to judge.
    """

    judge: Callable[[Record], Verdict | list[Verdict]]
    by_traffic: bool = False
    of_a_fault: bool = True


PROMISES: Mapping[str, Judge] = {
    "recovery": Judge(recovery, by_traffic=True),
    "no_lost_writes": Judge(no_lost_writes),
    "bounded_loss": Judge(bounded_loss),
    "lag_alarm": Judge(lag_alarm),
    "bounded_staleness": Judge(bounded_staleness, by_traffic=True, of_a_fault=False),
    "routing": Judge(routing, by_traffic=True, of_a_fault=False),
    "failback": Judge(failback, by_traffic=True),
    "undisturbed": Judge(undisturbed, by_traffic=True),
    "jobs_exactly_once": Judge(jobs_exactly_once, of_a_fault=False),
    "automatic": Judge(automatic),
    "single_writer": Judge(single_writer),
    "no_false_alarm": Judge(no_false_alarm, of_a_fault=False),
    "low_lag": Judge(low_lag, of_a_fault=False),
    "sessions": Judge(sessions, by_traffic=True, of_a_fault=False),
    "writer_home": Judge(writer_home, by_traffic=True),
    "alarm_rings": Judge(alarm_rings),
    "split_reads": Judge(split_reads, by_traffic=True, of_a_fault=False),
    "ready_standby": Judge(ready_standby, of_a_fault=False),
    "fresh_roles": Judge(fresh_roles, of_a_fault=False),
}
"""Every promise of :data:`harness.objectives.PROMISES` and the function that judges it."""


def judge(record: Record) -> list[Verdict]:
    """The verdicts of the promises that the run's header names, in that order.

    A judge that fails, a promise that nobody can judge and evidence that is not fit to judge from are UNKNOWN, each
    with its reason. A run that did not finish keeps nothing; what it proves broken stays broken.
    """
    promised = [verdict for promise in record.header.promises for verdict in judge_one(record, promise)]
    broken = [_inverted(verdict) for promise in record.header.breaking for verdict in judge_one(record, promise)]
    return promised + broken + conduct(record) + world(record)


def _inverted(verdict: Verdict) -> Verdict:
    """Of a promise that cannot be kept: that it breaks is what had to be shown."""
    promise = breaks(verdict.promise)
    if verdict.ruling is Ruling.BROKEN:
        return replace(verdict, promise=promise, ruling=Ruling.KEPT, reason=f"as it must: {verdict.reason}")
    if verdict.ruling is Ruling.KEPT:
        return replace(verdict, promise=promise, ruling=Ruling.BROKEN, reason=f"it did not: {verdict.reason}")
    return replace(verdict, promise=promise)


def judge_one(record: Record, promise: str) -> list[Verdict]:
    """The verdicts of one promise, under the rules of :func:`judge`."""
    one = PROMISES.get(promise)
    if one is None:
        return [Verdict(promise, Ruling.UNKNOWN, "no judge knows this promise")]
    try:
        return _heard(record, promise, one)
    except Exception as error:  # noqa: BLE001 - a bug in one judge must neither pass nor silence the others
        reason = f"the judge itself failed: {type(error).__name__}: {error}"
        return [Verdict(promise, Ruling.UNKNOWN, reason)]


def _heard(record: Record, promise: str, one: Judge) -> list[Verdict]:
    if one.of_a_fault and not windows.windows(record):
        nothing = observed.nothing(record) or "no fault was injected: there was nothing to judge"
        doubt = "; ".join([nothing, *sanity.of_the_run(record), *sanity.starved(record)])
        return [Verdict(promise, Ruling.UNKNOWN, doubt)]
    fidelity = windows.fidelity(record)
    answer = one.judge(record)
    verdicts = answer if isinstance(answer, list) else [answer]
    unfit = sanity.of_the_traffic(record)
    doubts = sanity.of_the_run(record) + unfit
    bound = [_bounded(verdict, doubts, unfit if one.by_traffic else []) for verdict in verdicts]
    bound = [observed.weigh(record, verdict) for verdict in bound]
    return [replace(verdict, fidelity=fidelity) for verdict in bound]


def _bounded(verdict: Verdict, doubts: list[str], unfit: list[str]) -> Verdict:
    """The verdict under doubt: unfit evidence proves nothing at all, other doubts only forbid KEPT."""
    if unfit:
        reason = f"{_listed(unfit)} (else: {verdict.reason})"
        return replace(verdict, ruling=Ruling.UNKNOWN, reason=reason)
    if doubts and verdict.ruling is Ruling.KEPT:
        return replace(verdict, ruling=Ruling.UNKNOWN, reason=f"{_listed(doubts)} (else: {verdict.reason})")
    return verdict


def _listed(doubts: list[str]) -> str:
    more = len(doubts) - 3
    return "; ".join(doubts[:3]) + (f"; and {more} more" if more > 0 else "")
