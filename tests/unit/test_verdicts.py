from __future__ import annotations

import pytest

from harness.verdicts import Exit, Outcome, Ruling, exit_code, strongest, worst


def test_the_worst_wins_and_nothing_judged_proves_nothing():
    assert worst([Ruling.KEPT, Ruling.BROKEN, Ruling.UNKNOWN]) is Ruling.BROKEN
    assert worst([Ruling.KEPT, Ruling.UNKNOWN]) is Ruling.UNKNOWN
    assert worst([]) is Ruling.UNKNOWN


@pytest.mark.parametrize(
    ("outcome", "ruling", "code"),
    [
        (Outcome.FINISHED, Ruling.KEPT, Exit.KEPT),
        (Outcome.FINISHED, Ruling.UNKNOWN, Exit.UNKNOWN),
        (Outcome.FINISHED, Ruling.BROKEN, Exit.BROKEN),
        (Outcome.ABORTED, Ruling.KEPT, Exit.REFUSED_OR_ABORTED),
        (Outcome.ABORTED, Ruling.BROKEN, Exit.BROKEN),
        (Outcome.REFUSED, Ruling.UNKNOWN, Exit.REFUSED_OR_ABORTED),
        (Outcome.UNDO_FAILED, Ruling.KEPT, Exit.UNDO_FAILED),
    ],
)
def test_exit_codes_follow_from_outcome_and_ruling(outcome, ruling, code):
    assert exit_code(outcome, ruling) is code


def test_the_strongest_code_of_several_runs():
    assert strongest([Exit.KEPT, Exit.UNKNOWN]) is Exit.UNKNOWN
    assert strongest([Exit.BROKEN, Exit.REFUSED_OR_ABORTED]) is Exit.BROKEN
    assert strongest([Exit.BROKEN, Exit.UNDO_FAILED]) is Exit.UNDO_FAILED
    assert strongest([]) is Exit.UNKNOWN
