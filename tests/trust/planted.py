"""`python -m tests.trust.planted`: planted histories. Every planted anomaly is found, and none is invented.

Prints anomaly × planted × found × invented over TRUST_EXAMPLES (10,000) histories and exits 1 on any difference, with
the smallest history that shows it. TRUST_SEED chooses others.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from harness.judges.bench import judge_one
from harness.judges.guarantees import backward, own_writes_missed
from harness.judges.loss import losses
from harness.judges.staleness import bounded_staleness
from harness.record import Record
from harness.verdicts import Ruling
from tests.trust.histories import (
    LOCATIONS,
    PROMOTED,
    History,
    Slot,
    at,
    fate_of,
    histories,
    shown,
    slots,
    took,
    write_id,
    write_second,
    written,
)

EXAMPLES = 10_000
Found = Mapping[str, Iterable[object]]
SECTIONS = ("lost", "recovered", "unexpected", "duplicated", "stranded", "split_brain", "unrecorded", "disagreeing",
            "stale_reads", "backward_reads", "own_writes_missed", "lost_jobs", "doubled_jobs", "unexpected_jobs",
            "dead_letters", "waiting_events")  # fmt: skip


@dataclass
class Tally:
    """What was planted, found and invented, over all histories."""

    histories: int = 0
    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    invented: Counter[str] = field(default_factory=Counter)
    rulings: Counter[str] = field(default_factory=Counter)

    def table(self) -> str:
        """The table that is printed."""
        lines = [f"{'anomaly':<22}{'planted':>9}{'found':>9}{'invented':>10}"]
        lines += [
            f"{name.replace('_', ' '):<22}{self.planted[name]:>9}{self.found[name]:>9}{self.invented[name]:>10}"
            for name in SECTIONS
        ]
        told = ", ".join(f"{name} {count}" for name, count in sorted(self.rulings.items()))
        return "\n".join([*lines, f"verdicts as foreseen: {told}"])


def planted(history: History) -> dict[str, set[object]]:
    """What the plan put there, by the definitions of the judges' docstrings."""
    names: dict[str, set[object]] = {name: set() for name in SECTIONS}
    for slot in slots():
        ended, fate = fate_of(history, slot)
        key = write_id(slot).hex()
        absent = fate in ("absent", "stranded", "astray")
        sent_after = history.promoted and write_second(slot) > PROMOTED
        holds = {
            "lost": ended == "good" and absent,
            "recovered": ended == "unknown" and not absent,
            "unexpected": ended == "refused" and not absent,
            "duplicated": fate == "doubled",
            "stranded": fate in ("stranded", "astray"),
            "split_brain": _seen_apart(history, fate) or (ended == "good" and absent and sent_after),
        }
        for name, true in holds.items():
            if true:
                names[name].add(key)
    names["unrecorded"] = set(range(history.unrecorded))
    names["disagreeing"] = set(range(history.disagreeing))
    names["stale_reads"] = {_read(slot, 1.2) for slot, kind in history.reads.items() if kind == "stale"}
    names["backward_reads"] = {_read(slot, 1.2) for slot in history.reads if _goes_back(history, slot)}
    names["own_writes_missed"] = {
        _read(slot, 0.6) for slot, kind in history.own_reads.items() if kind == "missed" and _hides(history, slot)
    }
    kinds = {"lost": "lost_jobs", "doubled": "doubled_jobs", "ghost": "unexpected_jobs", "dead": "dead_letters",
             "waiting": "waiting_events", "unmarked": "waiting_events"}  # fmt: skip
    if any(kind != "ghost" for kind in history.jobs):
        for number, kind in enumerate(history.jobs, 1):
            if kind in kinds:
                names[kinds[kind]].add(str(number))
    return names


def _read(slot: Slot, later: float) -> tuple[str, str]:
    return LOCATIONS[slot[0]], str(at(write_second(slot) + later))


def _goes_back(history: History, slot: Slot) -> bool:
    """Whether an earlier read of the same location was answered and showed a newer event."""
    if history.reads[slot] == "unanswered":
        return False
    before = [(slot[0], number) for number in range(slot[1])]
    answered = [one for one in before if history.reads.get(one) != "unanswered"]
    return any(shown(history, one) > shown(history, slot) for one in answered)


def _hides(history: History, slot: Slot) -> bool:
    """Whether a write that the read should have shown was there at all, long enough before it."""
    for number in range(slot[1] + 1):
        one = slot[0], number
        ended, fate = fate_of(history, one)
        kept = ended == "good" and fate in ("present", "doubled", "late")
        if kept and write_second(one) + took(one, ended) <= write_second(slot) + 0.6:
            return True
    return False


def found(record: Record) -> dict[str, set[object]]:
    """What the judges found of each."""
    told = losses(record)
    assert told is not None
    names: dict[str, set[object]] = {
        name: {told.ledger.ids[number] for number in mask.nonzero()[0].tolist()} for name, mask in told.kinds.items()
    }
    names["unrecorded"] = set(range(len(told.unrecorded)))
    names["disagreeing"] = set(range(told.disagreeing))
    stale = bounded_staleness(record).evidence.get("stale_reads", [])
    names["stale_reads"] = {(row["location"], row["at"]) for row in stale}
    names["backward_reads"] = {(place, n) for place, one in backward(record).items() for n in range(one.reads)}
    names["own_writes_missed"] = {(one.location, str(one.at)) for one in own_writes_missed(record) or []}
    jobs = judge_one(record, "jobs_exactly_once")[0]
    for name in ("lost_jobs", "doubled_jobs", "unexpected_jobs", "dead_letters", "waiting_events"):
        names[name] = {row["event"] for row in jobs.evidence.get(name, [])}
    return names


def foreseen(history: History, there: Mapping[str, set[object]]) -> dict[str, Ruling]:
    """What each promise must come out as."""
    proven = there["lost"] if history.complete else there["lost"] & there["stranded"]
    writes = Ruling.KEPT
    if proven or there["duplicated"] or there["unexpected"]:
        writes = Ruling.BROKEN
    elif not history.complete or history.unrecorded or history.disagreeing:
        writes = Ruling.UNKNOWN
    late = there["split_brain"] if history.complete else _seen_late(history)
    single = Ruling.BROKEN if late else Ruling.KEPT if history.complete or not history.promoted else Ruling.UNKNOWN
    jobs = Ruling.KEPT if history.complete else Ruling.UNKNOWN
    if not any(kind != "ghost" for kind in history.jobs):
        jobs = Ruling.UNKNOWN
    elif any(there[name] for name in ("lost_jobs", "doubled_jobs", "unexpected_jobs", "dead_letters")):
        jobs = Ruling.BROKEN
    elif there["waiting_events"]:
        jobs = Ruling.UNKNOWN
    stale = Ruling.BROKEN if there["stale_reads"] or there["own_writes_missed"] else Ruling.KEPT
    return {"no_lost_writes": writes, "single_writer": single, "jobs_exactly_once": jobs, "bounded_staleness": stale}


def _seen_late(history: History) -> set[object]:
    return {write_id(slot).hex() for slot in slots() if _seen_apart(history, fate_of(history, slot)[1])}


def _seen_apart(history: History, fate: str) -> bool:
    """Whether a node is seen to have taken that write beside the writer; a replica has none of its own to be ahead."""
    return fate in ("late", "astray") or (fate == "stranded" and not history.promoted)


def check(history: History, tally: Tally, folder: Path) -> None:
    """Write, load and judge one history; raises ``AssertionError`` where planted and found differ."""
    record = written(history, folder)
    there, told = planted(history), found(record)
    tally.histories += 1
    wrong = []
    for name in SECTIONS:
        if name == "backward_reads":  # the judge counts them by location
            counts = [Counter(place for place, _ in one[name]) for one in (there, told)]
            hit, more = (counts[0] & counts[1]).total(), (counts[1] - counts[0]).total()
        else:
            hit, more = len(there[name] & told[name]), len(told[name] - there[name])
        tally.planted[name] += len(there[name])
        tally.found[name] += hit
        tally.invented[name] += more
        if hit != len(there[name]) or more:
            wrong.append(f"{name}: planted {len(there[name])}, found {hit}, invented {more}")
    for promise, ruling in foreseen(history, there).items():
        verdict = bounded_staleness(record) if promise == "bounded_staleness" else judge_one(record, promise)[0]
        tally.rulings[f"{promise} {ruling.name}"] += verdict.ruling is ruling
        coarse = promise == "bounded_staleness" and "unanswered" in history.reads.values()
        if coarse and (verdict.ruling, ruling) == (Ruling.UNKNOWN, Ruling.KEPT):
            continue  # too few reads may be left to tell whether one was in time: honest, and no pass
        if verdict.ruling is not ruling:
            wrong.append(f"{promise} is {verdict.ruling.name} instead of {ruling.name}: {verdict.reason}")
    assert not wrong, "; ".join(wrong)


def every(examples: int, tally: Tally, home: Path, *, derandomize: bool = False) -> Callable[[], None]:
    """So many histories, checked; calling it raises at the first that differs, made as small as it can be."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=derandomize,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def each(history: History) -> None:
        with tempfile.TemporaryDirectory(dir=home) as folder:
            check(history, tally, Path(folder))

    return each


def main() -> int:
    """All histories; prints the table."""
    examples = int(os.environ.get("TRUST_EXAMPLES", str(EXAMPLES)))
    seed = int(os.environ.get("TRUST_SEED", str(time.time_ns() % 1_000_000)))
    tally, began, problem = Tally(), time.monotonic(), ""
    with tempfile.TemporaryDirectory(prefix="planted-") as home:
        try:
            hypothesis.seed(seed)(every(examples, tally, Path(home)))()
        except AssertionError as error:
            problem = "\n".join([str(error), *getattr(error, "__notes__", ())])
    print(f"planted histories, seed {seed}: {tally.histories} in {time.monotonic() - began:.0f} s")
    print(tally.table())
    print(f"differs: {problem}" if problem else "every planted anomaly was found, none was invented")
    return int(bool(problem))


if __name__ == "__main__":
    sys.exit(main())
