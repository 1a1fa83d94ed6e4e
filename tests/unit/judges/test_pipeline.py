"""Every event's job: which of its fates is told in which words, and which of several decides."""

from __future__ import annotations

import pytest

from harness.judges.pipeline import jobs_exactly_once
from harness.ledger import Jobs, ReadBack
from harness.verdicts import Ruling, Verdict
from tests.unit.judges.scripted import told

BOTH = ("1", "2")


def judged(jobs: Jobs, complete: bool = True) -> Verdict:
    return jobs_exactly_once(told(readback=ReadBack(complete, jobs=jobs)))


@pytest.mark.parametrize(
    ("jobs", "complete", "ruling", "says"),
    [
        (Jobs(BOTH, BOTH, {"1": 1, "2": 1}), True, Ruling.KEPT, "each of 2 events ran exactly once"),
        (Jobs(BOTH, BOTH, {"1": 1, "2": 1}), False, Ruling.UNKNOWN, "the read-back is incomplete"),
        (Jobs((), BOTH, {"1": 2}), True, Ruling.UNKNOWN, "no event of the pipeline was read back"),
        (Jobs(BOTH, BOTH, {"1": 1}), True, Ruling.BROKEN, "of 2 processed events 1 jobs are lost"),
        (Jobs(BOTH, BOTH, {"1": 1, "2": 0}), True, Ruling.BROKEN, "of 2 processed events 1 jobs are lost"),
        (Jobs(BOTH, BOTH, {"1": 1, "2": 2}), False, Ruling.BROKEN, "of 2 processed events 1 ran more than once"),
        (Jobs(BOTH, BOTH, {"1": 1}, ("2",)), True, Ruling.BROKEN,
         "of 2 processed events 1 are in the dead-letter queue"),
        (Jobs(BOTH, BOTH, {"1": 1, "2": 1, "3": 1}), True, Ruling.BROKEN, "of 2 processed events 1 ran for no event"),
        (Jobs(BOTH, BOTH, {"1": 1, "2": 1, "3": 0}), True, Ruling.KEPT, "each of 2 events ran exactly once"),
        (Jobs(("1", "2", "3"), BOTH, {"4": 3}, ("2",)), True, Ruling.BROKEN,
         "of 2 processed events 1 jobs are lost, 1 ran more than once, 1 are in the dead-letter queue, "
         "1 ran for no event"),
        (Jobs(BOTH, ("1",), {"1": 1}), True, Ruling.UNKNOWN,
         "1 of 2 events were not yet processed when it was read back"),
        (Jobs(BOTH, (), {"1": 1, "2": 1}), False, Ruling.UNKNOWN, "the read-back is incomplete"),
        (Jobs(BOTH, (), {"1": 1}, ("2",)), True, Ruling.BROKEN, "of 0 processed events 1 are in the dead-letter queue"),
    ],
)  # fmt: skip
def test_what_is_said_of_jobs(jobs: Jobs, complete: bool, ruling: Ruling, says: str) -> None:
    found = judged(jobs, complete)
    assert (found.promise, found.ruling, found.reason) == ("jobs_exactly_once", ruling, says)


def test_without_a_read_back_nothing_is_said_of_jobs() -> None:
    found = jobs_exactly_once(told())
    assert found == Verdict("jobs_exactly_once", Ruling.UNKNOWN, "no event of the pipeline was read back")


EVENTS = ("1", "2", "3", "4", "5", "6", "7")
COUNTS = {"events": 7, "processed": 5, "lost_jobs": 2, "doubled_jobs": 1, "unexpected_jobs": 2, "dead_letters": 1,
          "waiting_events": 2}  # fmt: skip


def test_the_figures_and_rows_of_jobs() -> None:
    broken = judged(Jobs(EVENTS, ("2", "1", "3", "4", "5"), {"3": 1, "4": 2, "9": 1, "8": 1}, ("5",)))
    assert broken.figures == COUNTS
    assert broken.evidence == {
        "lost_jobs": [{"event": "1", "results": 0}, {"event": "2", "results": 0}],
        "doubled_jobs": [{"event": "4", "results": 2}],
        "unexpected_jobs": [{"event": "8", "results": 1}, {"event": "9", "results": 1}],
        "dead_letters": [{"event": "5", "results": 0}],
        "waiting_events": [{"event": "6", "results": 0}, {"event": "7", "results": 0}],
    }
    many = tuple(str(number) for number in range(1000, 1201))
    assert [len(rows) for rows in judged(Jobs(many, many)).evidence.values()] == [200, 0, 0, 0, 0]
    for found in (judged(Jobs(("1",), ("1",), {"1": 1})), judged(Jobs(("1",), ("1",), {"1": 1}), complete=False)):
        assert {name: count for name, count in found.figures.items() if count} == {"events": 1, "processed": 1}
        assert list(found.evidence) == list(COUNTS)[2:]
    waiting = judged(Jobs(("1",), (), {}))
    assert waiting.figures == dict.fromkeys(COUNTS, 0) | {"events": 1, "waiting_events": 1}
    assert waiting.evidence["waiting_events"] == [{"event": "1", "results": 0}]
