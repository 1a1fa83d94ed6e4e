from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from harness.clock import seconds
from harness.configuration import Automation, Database, Service, Targets
from harness.judges.feasibility import cures, feasibility
from harness.judges.feasibility.changes import HELPFUL
from harness.judges.feasibility.cures import applied
from harness.verdicts import Ruling
from tests.unit.judges.feasibility.models import HARDENED, PATIENT, check, three
from tests.unit.judges.scripted import HOME, NEXT

WRITTEN = replace(
    HARDENED,
    health_checks=(check(30, 3),),
    records=(replace(HARDENED.records[0], alias=True),),
    nearest={"america": (HOME,)},
    databases=(
        Database("db", "multi_az_instance", HOME, (NEXT,), writes_from_everywhere=False),
        Database("copy", "replica", NEXT),
    ),
    alarms=(),
    automation=Automation(),
    services=(Service(HOME, 2), Service(NEXT, 2, cold=True)),
    targets=tuple(Targets(one, "/", seconds(5), 2) for one in (HOME, NEXT)),
)


def test_what_is_kept_needs_no_cure() -> None:
    found = cures(HARDENED, PATIENT)
    assert found.smallest is not None
    assert (found.smallest.changes, found.smallest.ruling, found.left) == ((), Ruling.KEPT, ())


def test_the_strategy_needs_these_changes_and_no_others() -> None:
    found = cures(WRITTEN, PATIENT).smallest
    assert found is not None
    assert [one.name for one in found.changes] == [
        "standby-record", "quick-checks", "short-ttl", "fast-database", "automation", "reads-fall-back", "able-standby",
    ]  # fmt: skip
    assert feasibility(applied(WRITTEN, found.changes), PATIENT).verdict is found.ruling is Ruling.KEPT


def test_no_smaller_set_of_changes_does() -> None:
    slow = replace(HARDENED, health_checks=(check(30, 3, disabled=True),), automation=Automation(), alarms=())
    found = cures(slow, PATIENT).smallest
    assert found is not None
    for fewer in range(len(found.changes)):
        for chosen in combinations(HELPFUL, fewer):
            assert feasibility(applied(slow, chosen), PATIENT).verdict is not Ruling.KEPT, chosen


@pytest.mark.parametrize("told", [HARDENED, three()], ids=["failover", "latency"])
def test_checks_that_ask_the_writer_are_worse_than_the_disease(told) -> None:
    (rejected,) = cures(told, PATIENT).rejected
    assert [one.name for one in rejected.changes] == ["checks-ask-the-writer"]
    assert rejected.ruling is Ruling.BROKEN
    assert any(
        words.startswith("reads from america with region us-east-1 lost: 43.0 s at worst before")
        for words in rejected.worse
    )


def test_what_no_change_mends_is_left() -> None:
    found = cures(HARDENED, replace(PATIENT, write_recovery_time=seconds(300)))
    assert found.smallest is not None
    assert found.smallest.ruling is Ruling.UNKNOWN
    assert found.left == ("writes with region us-east-1 lost: 4.3 min typically, 11.5 min at worst, owed 5.0 min",)
