"""The way back: when every location was home again, and what counts as a second outage or as flapping."""

from __future__ import annotations

from functools import cache

import pytest

from harness.clock import seconds
from harness.events import DnsAnswered
from harness.judges.routing import failback
from harness.record import Record
from harness.verdicts import Ruling
from tests.unit.judges.places import MOVED, away, objective, seen
from tests.unit.judges.scripted import ADDRESS, HOME, NEXT, Arrival, Bad, arrivals, at, never, story

BACK = "every location was back at its nearest region within 5.0 min of the undo"


def test_when_everybody_was_back() -> None:
    found = failback(seen(MOVED))
    assert (found.promise, found.ruling, found.reason) == ("failback", Ruling.KEPT, BACK)
    assert found.figures == {"failback_seconds": 20.25, "allowed_seconds": 300.0}
    assert found.evidence == {"failback": [
        {"location": place, "region": HOME, "back_seconds": 20.25, "dns_changes": 0} for place in ("america", "europe")
    ]}  # fmt: skip
    at_once = failback(seen(away((60, 150)), bad=never))
    assert [row["back_seconds"] for row in at_once.evidence["failback"]] == [0.0, 0.0]
    one = failback(seen(away((60, 200), place="europe")))
    assert [row["back_seconds"] for row in one.evidence["failback"]] == [0.0, 50.25]
    assert one.figures["failback_seconds"] == 50.25
    never_back = failback(seen(away((60, 240), place="europe"), nearest={"america": (HOME,)}))
    assert never_back.figures["failback_seconds"] is None
    assert [(row["region"], row["back_seconds"]) for row in never_back.evidence["failback"]] == [
        (HOME, 0.0),
        ("", None),
    ]


@cache
def down(since: float, until: float, what: str = "create_trigger", place: str = "america") -> Bad:
    return lambda location, operation, second: (location, operation) == (place, what) and since <= second < until


AGAIN = "create_trigger from america failed a second time after the undo"


@pytest.mark.parametrize(
    ("told", "ruling", "says"),
    [
        (seen(MOVED, **objective(failback_time=seconds(20.25))), Ruling.KEPT, BACK.replace("5.0 min", "20.2 s")),
        (seen(MOVED, **objective(failback_time=seconds(20.2))), Ruling.BROKEN,
         "america was back at its nearest region 20.2 s after the undo (allowed: 20.2 s)"),
        (seen(away((60, 240), place="europe"), **objective(failback_time=seconds(60))), Ruling.BROKEN,
         "europe was not back at its nearest region 89.8 s after the undo"),
        (seen(away((60, 240), place="europe")), Ruling.UNKNOWN,
         "europe was not back at its nearest region 89.8 s after the undo"),
        (seen(MOVED, nearest={"europe": (HOME, NEXT)}), Ruling.UNKNOWN,
         "america was not back at its nearest region 89.8 s after the undo"),
        # Within the ratio, and beyond it.
        (seen(away((60, 170), (200, 200.5))), Ruling.KEPT, BACK),
        (seen(away((60, 170), (200, 215)), **objective(success_ratio=0.5)), Ruling.KEPT, BACK),
        # A second outage: one bad arrival or two are a blip.
        (seen(MOVED, bad=down(180, 184)), Ruling.KEPT, BACK),
        (seen(MOVED, bad=down(180, 184), **objective(success_ratio=1.0)), Ruling.KEPT, BACK),
        (seen(MOVED, bad=down(150, 156)), Ruling.BROKEN, f"{AGAIN} (3 of 45 arrivals)"),
        (seen(MOVED, bad=down(180, 186)), Ruling.BROKEN, f"{AGAIN} (3 of 45 arrivals)"),
        (seen(MOVED, bad=down(60, 186)), Ruling.KEPT, BACK),
        (seen(MOVED, bad=down(60, 144)), Ruling.KEPT, BACK),
        (seen(MOVED, bad=down(60, 186, place="europe")), Ruling.KEPT, BACK),
    ],
)  # fmt: skip
def test_what_is_said_of_the_way_back(told: Record, ruling: Ruling, says: str) -> None:
    found = failback(told)
    assert (found.ruling, found.reason) == (ruling, says)


def test_a_stream_that_was_still_down_excuses_no_other() -> None:
    def bad(location: str, operation: str, second: float) -> bool:
        ill = {("america", "create_trigger"): 60, ("america", "list_triggers"): 180, ("europe", "create_trigger"): 180}
        return ill.get((location, operation), 999) <= second < 190

    found = failback(seen(MOVED, bad=bad))
    assert found.reason == "list_triggers from america failed a second time after the undo (5 of 45 arrivals)"


def test_without_traffic_after_an_undo_nobody_can_be_back() -> None:
    for told in (seen(MOVED, undone=239.750000001), arrivals(Arrival(5), events=story()[:5])):
        found = failback(told)
        assert (found.promise, found.ruling) == ("failback", Ruling.UNKNOWN)
        assert found.reason == "there was no traffic after an undo"
    assert failback(seen(MOVED, undone=239.75)).reason == BACK


def answers(*moments: float, location: str = "america") -> list[DnsAnswered]:
    """By turns the next region and home."""
    return [DnsAnswered(at(second), location, HOME if number % 2 else NEXT, (ADDRESS[NEXT],), 10)
            for number, second in enumerate(moments)]  # fmt: skip


def test_a_way_back_that_nobody_had_to_go_is_told_as_such() -> None:
    stayed = "no location had left its nearest region: nothing had to come back"
    for told in (seen(away()), seen(away((160, 161))), seen(away((10, 20))), seen(away((60, 60.5)))):
        found = failback(told)
        assert (found.ruling, found.reason) == (Ruling.KEPT, stayed)
    for told in (seen(away((140, 149))), seen(away((60, 150), place="europe"))):
        assert failback(told).reason == BACK


def test_an_answer_may_change_once_after_the_undo() -> None:
    def changes(*events: DnsAnswered) -> tuple[Ruling, str, list]:
        found = failback(seen(MOVED, *events))
        return found.ruling, found.reason, [row["dns_changes"] for row in found.evidence["failback"]]

    assert changes(*answers(58, 165)) == (Ruling.KEPT, BACK, [1, 0])
    assert changes(*answers(58, 100, 149, 150)) == (Ruling.KEPT, BACK, [0, 0])
    told = "the answer for america changed 2 times after the undo"
    assert changes(*answers(155, 165)) == (Ruling.BROKEN, told, [2, 0])
    assert changes(*answers(155), *answers(165)) == (Ruling.KEPT, BACK, [1, 0])
    europe = changes(*answers(58, 155, 160, 165, location="europe"))
    assert europe == (Ruling.BROKEN, "the answer for europe changed 3 times after the undo", [0, 3])
