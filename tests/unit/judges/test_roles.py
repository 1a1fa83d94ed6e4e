"""For how long a region may go on believing a role that was changed in another."""

from __future__ import annotations

from harness.clock import seconds
from harness.judges.bench import judge_one
from harness.objectives import Objectives
from harness.timeline import Event, RoleChanged, RoleSeen
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT, at, refuge, run, story

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
