"""For how long a region may go on believing a role that was changed in another."""

from __future__ import annotations

import pytest

from harness.clock import seconds
from harness.events import Event, RoleChanged, RoleSeen
from harness.judges.bench import judge_one
from harness.judges.roles import fresh_roles
from harness.objectives import Objectives
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT, at, refuge, run, story, told

CHANGED = RoleChanged(at(40), HOME, "viewer")


def seen(region: str, until: float, last: float = 120) -> list[Event]:
    return [RoleSeen(at(t), region, "member" if t < until else "viewer") for t in range(35, int(last))]


def verdict(*events: Event):
    told = [*story(), *events]
    return judge_one(run(events=told, where=refuge, objectives=Objectives(role_staleness=seconds(30))), "fresh_roles")[
        0
    ]


def test_an_old_role_may_be_acted_on_until_the_limit_and_no_longer() -> None:
    kept = verdict(CHANGED, *seen(HOME, 40), *seen(NEXT, 71))
    assert kept.ruling is Ruling.KEPT
    assert kept.figures["stale_for_seconds"] == 30
    broken = verdict(CHANGED, *seen(HOME, 40), *seen(NEXT, 72))
    assert broken.ruling is Ruling.BROKEN
    assert f"{NEXT} still acted on the old role 31.0 s after {HOME}" in broken.reason


def test_what_was_not_heard_is_unknown() -> None:
    assert verdict(*seen(HOME, 40), *seen(NEXT, 40)).ruling is Ruling.UNKNOWN
    assert verdict(CHANGED, *seen(HOME, 40)).ruling is Ruling.UNKNOWN
    assert verdict(CHANGED, *seen(HOME, 40), *seen(NEXT, 40, last=60)).ruling is Ruling.UNKNOWN


def asked(*moments: float, region: str = HOME, role: str = "viewer") -> list[Event]:
    return [RoleSeen(at(second), region, role) for second in moments]


@pytest.mark.parametrize(
    ("events", "ruling", "says"),
    [
        ([], Ruling.UNKNOWN, "no role was changed"),
        ([CHANGED, *asked(71), *asked(70.1, region=NEXT)], Ruling.KEPT,
         "no region acted on the old role later than 0 ms after the change (allowed: 30.0 s)"),
        ([CHANGED, *asked(71), *asked(70, region=NEXT)], Ruling.UNKNOWN,
         f"{NEXT} was not heard later than 30.0 s after the change"),
        ([CHANGED, *asked(50)], Ruling.UNKNOWN, f"{HOME} was not heard later than 30.0 s after the change"),
        ([CHANGED, *asked(71), *asked(41, 70, region=NEXT, role="member"), *asked(80, region=NEXT)], Ruling.KEPT,
         "no region acted on the old role later than 30.0 s after the change (allowed: 30.0 s)"),
        ([CHANGED, *asked(71), *asked(41, 70.1, region=NEXT, role="member")], Ruling.BROKEN,
         f"{NEXT} still acted on the old role 30.1 s after {HOME} had changed it (allowed: 30.0 s)"),
        ([CHANGED, *asked(72, role="member"), *asked(72, region=NEXT, role="member")], Ruling.BROKEN,
         f"{HOME} still acted on the old role 32.0 s after {HOME} had changed it (allowed: 30.0 s)"),
        ([CHANGED, *asked(39, 40, role="member"), *asked(71, region=NEXT), *asked(71)], Ruling.KEPT,
         "no region acted on the old role later than 0 ms after the change (allowed: 30.0 s)"),
        ([CHANGED, RoleChanged(at(75), HOME, "owner"), *asked(71), *asked(71, region=NEXT)], Ruling.KEPT,
         "no region acted on the old role later than 0 ms after the change (allowed: 30.0 s)"),
    ],
)  # fmt: skip
def test_what_is_said_of_roles(events, ruling: Ruling, says: str) -> None:
    found = fresh_roles(told(*story(), *events))
    assert (found.promise, found.ruling, found.reason) == ("fresh_roles", ruling, says)


def test_what_was_seen_at_the_change_itself_is_no_answer_to_it() -> None:
    found = fresh_roles(told(*story(), CHANGED, *asked(39, 40, role="member"), *asked(40.1, 71)))
    assert found.evidence["roles"][0]["answers"] == 2


def test_the_figures_and_rows_of_roles() -> None:
    old = [*asked(60.0006, role="member"), *asked(50, region=NEXT, role="member")]
    rows = [
        {"region": HOME, "answers": 2, "stale_for_seconds": 20.001},
        {"region": NEXT, "answers": 1, "stale_for_seconds": 10.0},
    ]
    for late, ruling in (([], Ruling.UNKNOWN), (asked(90, region=NEXT), Ruling.KEPT)):
        found = fresh_roles(told(*story(), CHANGED, *old, *asked(75), *late))
        assert found.ruling is ruling
        assert found.figures == {"stale_for_seconds": 20.001, "allowed_seconds": 30.0}
        assert found.evidence == {"roles": [rows[0], rows[1] | {"answers": 1 + len(late)}]}
    broken = fresh_roles(told(*story(), CHANGED, *asked(75, role="member")))
    assert broken.figures == {"stale_for_seconds": 35.0, "allowed_seconds": 30.0}
    assert broken.evidence["roles"][1] == {"region": NEXT, "answers": 0, "stale_for_seconds": 0.0}
