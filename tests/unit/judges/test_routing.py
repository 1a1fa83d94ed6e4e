from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from harness.clock import Duration, seconds
from harness.events import DnsAnswered
from harness.header import ClientPolicy, Stream
from harness.judges import windows
from harness.judges.bench import judge_one
from harness.judges.routing import failback, routing
from harness.objectives import Objectives
from harness.record import Record
from harness.verdicts import Ruling
from tests.unit.judges.places import MOVED, away, clients, objective, seen
from tests.unit.judges.scripted import (
    ADDRESS,
    DARK,
    HOME,
    NEXT,
    Arrival,
    Where,
    arrivals,
    at,
    home,
    run,
    story,
)


def one(record, promise: str = "routing"):
    return judge_one(record, promise)[0]


def moved(location: str, second: float) -> str:
    return NEXT if 60 <= second < 170 else HOME


def dark(location: str, operation: str, second: float) -> bool:
    return 30 <= second < 62


def test_clients_move_and_come_back() -> None:
    verdict = one(run(dark, where=moved))
    assert verdict.ruling is Ruling.KEPT
    assert 29.9 < verdict.figures["last_client_moved_seconds"] < 30.2
    assert verdict.figures["leaked_arrivals"] == 0
    back = one(run(dark, where=moved), "failback")
    assert back.ruling is Ruling.KEPT
    assert 19.9 < back.figures["failback_seconds"] < 20.2


def test_a_location_at_the_wrong_region_in_the_steady_state_breaks_it() -> None:
    record = run(where=lambda location, second: NEXT if location == "europe" else HOME)
    assert "europe was served by us-east-1 for only 0.0%" in one(record).reason


def test_a_location_that_never_moves_breaks_it() -> None:
    record = run(lambda location, operation, second: 30 <= second < 150, where=home)
    verdict = one(record)
    assert verdict.ruling is Ruling.BROKEN
    assert "had not moved" in verdict.reason


def test_moving_too_late_breaks_it() -> None:
    record = run(dark, where=lambda location, second: NEXT if 100 <= second < 170 else HOME)
    assert one(record).ruling is Ruling.BROKEN


def test_leakage_after_all_should_have_moved_breaks_it() -> None:
    """Europe moves, and then one second in six goes to the dark region again."""

    def leaky(location: str, second: float) -> str:
        astray = location == "europe" and 100 <= second < 150 and int(second) % 6 == 0
        return HOME if astray else moved(location, second)

    verdict = one(run(dark, where=leaky, objectives=Objectives(success_ratio=0.95, recovery_time=seconds(115))))
    assert verdict.ruling is Ruling.BROKEN
    assert verdict.figures["leaked_arrivals"] == 8 * 8


def test_of_several_faults_the_last_move_and_every_leak_count() -> None:
    events = [*story(struck=30, undone=90), *story(struck=150, undone=210)[5:]]

    def twice(location: str, second: float) -> str:
        return NEXT if 60 <= second < 95 or 160 <= second < 215 else HOME

    found = one(run(lambda location, operation, second: 30 <= second < 62 or 150 <= second < 162, where=twice,
                    events=events))  # fmt: skip
    assert found.figures["last_client_moved_seconds"] == pytest.approx(30, abs=0.2)
    assert found.figures["arrivals_after_move"] > 2 * 8 * 20 - 8  # what is left of the second window after 30 s
    stays = one(run(where=lambda location, second: NEXT if 160 <= second < 215 else HOME, events=events))
    assert stays.figures["last_client_moved_seconds"] is None


def test_addresses_of_no_known_region_make_it_unknown() -> None:
    events = [event for event in story() if event.kind != "addresses"]
    assert one(run(events=events)).ruling is Ruling.UNKNOWN


def test_a_fault_behind_the_front_door_must_move_nobody() -> None:
    events = story(fault="Stop database writer")
    assert one(run(events=events)).ruling is Ruling.KEPT
    assert one(run(events=events, where=moved)).ruling is Ruling.BROKEN


def test_staying_away_is_no_failback() -> None:
    stays = run(dark, where=lambda location, second: NEXT if second >= 60 else HOME)
    assert one(stays, "failback").ruling is Ruling.UNKNOWN
    assert one(stays).ruling is Ruling.UNKNOWN
    hasty = run(dark, where=lambda location, second: NEXT if second >= 60 else HOME,
                objectives=Objectives(failback_time=seconds(60)))  # fmt: skip
    assert one(hasty, "failback").ruling is Ruling.BROKEN
    assert one(hasty).ruling is Ruling.BROKEN


def test_a_second_outage_on_the_way_back_breaks_failback() -> None:
    record = run(lambda location, operation, second: 30 <= second < 62 or 170 <= second < 180, where=moved)
    assert "failed a second time" in one(record, "failback").reason


def test_an_outage_that_only_ends_with_the_undo_is_not_a_second_one() -> None:
    record = run(lambda location, operation, second: 30 <= second < 153)
    assert one(record, "failback").ruling is Ruling.KEPT


def test_an_answer_that_flaps_breaks_failback() -> None:
    answers = [(58, NEXT), (160, HOME), (165, NEXT), (170, HOME)]
    flaps = [DnsAnswered(at(t), "america", region, (ADDRESS[region],), 10) for t, region in answers]
    assert "changed 3 times" in one(run(dark, where=moved, events=[*story(), *flaps]), "failback").reason


def test_what_should_not_notice_does_not() -> None:
    asia = (Stream("list_triggers", "europe"),)
    assert one(run(undisturbed=asia), "undisturbed").ruling is Ruling.KEPT
    assert one(run(dark, undisturbed=asia), "undisturbed").ruling is Ruling.BROKEN
    elsewhere = run(lambda location, operation, second: location == "america" and 30 <= second < 60, undisturbed=asia)
    assert one(elsewhere, "undisturbed").ruling is Ruling.KEPT
    assert one(run(), "undisturbed").ruling is Ruling.UNKNOWN


def test_one_bad_arrival_among_too_few_is_unknown() -> None:
    def bad(location: str, operation: str, second: float) -> bool:
        return location == "europe" and operation == "list_triggers" and 40 <= second < 40.5

    record = run(bad, events=story(undone=50), undisturbed=(Stream("list_triggers", "europe"),))
    assert one(record, "undisturbed").ruling is Ruling.UNKNOWN


STEADY, DURING, AFTER = "in the steady state", f"during {DARK}", "after the catch-up"
ALWAYS = f"every location was served by its nearest region {STEADY}"
FINALLY = f"every location was served by its nearest region {AFTER}"
APART = {"america": (HOME, NEXT), "europe": (NEXT, HOME)}


@cache
def abroad(*spans: tuple[float, float]) -> Where:
    """Each location at its own nearest region, america at the other one within each span."""
    return lambda location, second: NEXT if location == "europe" or any(a <= second < b for a, b in spans) else HOME


def leaks(count: int, of_total: int, word: str = "leaked to the dark region") -> str:
    return f"{count} of {of_total} arrivals {word}"


STILL = "still went to the dark region when all should have moved"
ARRIVED = "every location was served by its nearest healthy region; the last moved after 30.2 s"


def test_where_everybody_was_served() -> None:
    found = routing(seen(MOVED))
    assert (found.promise, found.ruling) == ("routing", Ruling.KEPT)
    assert found.reason == "; ".join((ALWAYS, ARRIVED, leaks(0, 240), FINALLY))
    assert found.figures == {"unmapped_arrivals": 0, "last_client_moved_seconds": 30.25, "leaked_arrivals": 0,
                             "arrivals_after_move": 240}  # fmt: skip
    places = ("america", "europe")
    assert found.evidence == {"routing": [
        *({"when": STEADY, "location": place, "region": HOME, "share": 1.0} for place in places),
        *({"when": DURING, "location": place, "moved_seconds": 30.25} for place in places),
        *({"when": AFTER, "location": place, "region": HOME, "share": 1.0} for place in places),
    ]}  # fmt: skip


def dns(second: float, ttl: int) -> DnsAnswered:
    return DnsAnswered(at(second), "america", NEXT, (ADDRESS[NEXT],), ttl)


@pytest.mark.parametrize(
    ("told", "ruling", "says"),
    [
        # In the steady state one arrival in sixty elsewhere is within the ratio, two are not.
        (seen(away((10, 10.5), (60, 170), place="america"), nearest={"america": (HOME, NEXT)}), Ruling.UNKNOWN,
         f"nothing is known of where europe was served {STEADY}"),
        (seen(away((10, 10.5), (60, 170))), Ruling.KEPT, "; ".join((ALWAYS, ARRIVED, leaks(0, 240), FINALLY))),
        (seen(away((10, 11), (60, 170))), Ruling.BROKEN,
         f"america was served by {HOME} for only 96.7% of its arrivals {STEADY}"),
        (seen(away((10, 25), (60, 170)), **objective(success_ratio=0.5)), Ruling.KEPT,
         "; ".join((ALWAYS, ARRIVED, leaks(0, 240), FINALLY))),
        (seen(MOVED, nearest={"america": (), "europe": (HOME, NEXT)}), Ruling.UNKNOWN,
         f"nothing is known of where america was served {STEADY}"),
        # To the next region: in time, too near to its limit to say, too late, never.
        (seen(MOVED, **objective(recovery_time=seconds(30.25))), Ruling.KEPT,
         "; ".join((ALWAYS, ARRIVED, leaks(0, 240), FINALLY))),
        (seen(MOVED, **objective(recovery_time=seconds(30.2))), Ruling.UNKNOWN,
         "america reached its next region after about 30.2 s: too close to 30.2 s to say"),
        (seen(MOVED, **objective(recovery_time=seconds(29.75))), Ruling.UNKNOWN,
         "america reached its next region after about 30.2 s: too close to 29.8 s to say"),
        (seen(MOVED, **objective(recovery_time=seconds(29.7))), Ruling.BROKEN,
         "america reached its next region only after 30.2 s (allowed: 29.7 s)"),
        (seen(away((30, 170)), **objective(recovery_time=seconds(0.2))), Ruling.BROKEN,
         "america reached its next region only after 250 ms (allowed: 200 ms)"),
        (seen(away((60, 170), place="america")), Ruling.BROKEN,
         "europe had not moved to its next region when the fault was undone, after 2.0 min"),
        (seen(away((60, 170), place="america"), **objective(recovery_time=seconds(120))), Ruling.BROKEN,
         leaks(120, 240, STILL)),
        (seen(away(), **objective(recovery_time=seconds(120))), Ruling.UNKNOWN,
         "america had not moved to its next region when the fault was undone, after 2.0 min"),
        (seen(away(), **objective(recovery_time=seconds(119.9))), Ruling.BROKEN,
         "america had not moved to its next region when the fault was undone, after 2.0 min"),
        (seen(MOVED, nearest=dict.fromkeys(("america", "europe"), (HOME,))), Ruling.BROKEN,
         "america had not moved to its next region when the fault was undone, after 2.0 min"),
        # Those whose own region is not dark stay where they are.
        (seen(abroad((60, 170)), nearest=APART), Ruling.KEPT,
         "; ".join((ALWAYS, ARRIVED, f"every location was served by its nearest region {DURING}", leaks(0, 120),
                    FINALLY))),
        (seen(away((0, 30), (60, 149), (150, 240), place="europe"), nearest=APART, **objective(recovery_time=seconds(
            120))), Ruling.BROKEN, f"europe was served by {NEXT} for only 74.2% of its arrivals {DURING}"),
        # A fault behind the front door moves nobody.
        (seen(away(), fault="Stop database writer"), Ruling.KEPT,
         "; ".join((ALWAYS, "every location was served by its nearest region during Stop database writer", FINALLY))),
        (seen(away((30, 40)), fault="Stop database writer"), Ruling.BROKEN,
         f"america was served by {HOME} for only 91.7% of its arrivals during Stop database writer"),
        # In the end, once the time for it is over: the last ten seconds count.
        (seen(away((60, 240), place="america"), **objective(failback_time=seconds(60))), Ruling.BROKEN,
         "europe had not moved to its next region when the fault was undone, after 2.0 min"),
        (seen(away((60, 240)), **objective(failback_time=seconds(60))), Ruling.BROKEN,
         f"america was served by {HOME} for only 0.0% of its arrivals {AFTER}"),
        (seen(away((60, 240))), Ruling.UNKNOWN, f"america was served by {HOME} for only 0.0% of its arrivals {AFTER}"),
        (seen(away((60, 230))), Ruling.KEPT, "; ".join((ALWAYS, ARRIVED, leaks(0, 240), FINALLY))),
        (seen(away((60, 230.5))), Ruling.UNKNOWN,
         f"america was served by {HOME} for only 95.0% of its arrivals {AFTER}"),
        (seen(away((60, 170), (239.5, 240))), Ruling.UNKNOWN,
         f"america was served by {HOME} for only 95.0% of its arrivals {AFTER}"),
        (seen(away((60, 235)), undone=235, **objective(failback_time=seconds(4))), Ruling.KEPT,
         "; ".join((ALWAYS, ARRIVED, leaks(0, 580), FINALLY))),
    ],
)  # fmt: skip
def test_what_is_said_of_the_routing(told: Record, ruling: Ruling, says: str) -> None:
    found = routing(told)
    assert (found.ruling, found.reason) == (ruling, says)


def test_the_time_for_coming_back_must_be_over_before_staying_away_breaks_it() -> None:
    left = windows.traffic_end(seen(MOVED)) - at(150)
    for limit, ruling in ((left, Ruling.BROKEN), (left + Duration(1), Ruling.UNKNOWN)):
        assert routing(seen(away((60, 240)), **objective(failback_time=limit))).ruling is ruling
    for limit, ruling in ((left, Ruling.UNKNOWN), (left - Duration(1), Ruling.BROKEN)):
        assert failback(seen(away((60, 240)), **objective(failback_time=limit))).ruling is ruling


def test_times_are_told_to_the_millisecond() -> None:
    told = replace(clients(MOVED), events=tuple(story(struck=29.9996, undone=149.9996)))
    assert [row["moved_seconds"] for row in routing(told).evidence["routing"][2:4]] == [30.25, 30.25]
    assert failback(told).evidence["failback"][0]["back_seconds"] == 20.25


def every_other(location: str, second: float) -> str:
    return NEXT if 60 <= second < 170 and int(second * 2) % 2 == 0 else HOME


@pytest.mark.parametrize(
    ("where", "events", "changes", "leaked", "total", "ruling"),
    [
        (abroad((60, 100), (100.5, 115), (115.5, 170)), (), {"nearest": APART}, 2, 120, Ruling.KEPT),
        (abroad((60, 100), (100.5, 115), (115.5, 130), (130.5, 170)), (), {"nearest": APART}, 3, 120, Ruling.BROKEN),
        (every_other, (), {"objectives": Objectives(success_ratio=0.5)}, 120, 240, Ruling.KEPT),
        (away((60, 170)), (dns(100, 30), dns(150, 40), dns(151, 90)), {}, 0, 120, Ruling.KEPT),
        (away((60, 170)), (), {"client": ClientPolicy("honoured", None)}, 0, 320, Ruling.KEPT),
        (away((60, 170)), (), {"client": ClientPolicy("honoured", seconds(100))}, 0, 0, Ruling.KEPT),
        (away((60, 90), (90.5, 170)), (), {}, 2, 240, Ruling.KEPT),
    ],
)  # fmt: skip
def test_what_still_goes_to_the_dark_region_once_all_should_have_moved(
    where, events, changes, leaked: int, total: int, ruling: Ruling
) -> None:
    found = routing(seen(where, *events, **changes))
    assert (found.figures["leaked_arrivals"], found.figures["arrivals_after_move"]) == (leaked, total)
    assert found.ruling is ruling
    assert leaks(leaked, total, STILL if ruling is Ruling.BROKEN else "leaked to the dark region") in found.reason


def test_without_an_answer_on_record_nobody_has_to_wait_for_its_time_to_live() -> None:
    record = seen(MOVED)
    bare = replace(record, events=tuple(event for event in record.events if not isinstance(event, DnsAnswered)))
    assert routing(bare).figures["arrivals_after_move"] == 280


def test_of_several_windows_the_longest_move_and_all_leaks_are_told() -> None:
    def twice(*moves: tuple[float, float]):
        second = story(struck=180, undone=220)[5:-1]
        told = sorted([*story(undone=150), *second], key=lambda event: event.at)
        return routing(replace(clients(away(*moves)), events=tuple(told)))

    assert twice((60, 155), (190, 225)).figures["last_client_moved_seconds"] == 30.25
    assert twice((40, 155), (200, 225)).figures["last_client_moved_seconds"] == 20.25
    never_first = twice((190, 225))
    assert never_first.figures["last_client_moved_seconds"] is None
    assert twice((30.5, 155), (180, 225)).figures["last_client_moved_seconds"] == 0.75
    assert twice((60, 155)).figures["last_client_moved_seconds"] is None
    assert twice((60, 155), (180, 225)).figures["arrivals_after_move"] == 240 + 40
    one_stays = routing(seen(away((60, 170), place="america")))
    assert one_stays.figures["last_client_moved_seconds"] is None


def test_a_few_arrivals_at_addresses_of_no_known_region_are_left_out() -> None:
    def strangers(count: int):
        rows = [Arrival(second + 0.5, address="10.9.9.9" if second < count else ADDRESS[HOME]) for second in range(25)]
        rows += [Arrival(second + 0.5) for second in range(30, 104)]
        rows += [Arrival(110, location="europe"), Arrival(2, address=""), Arrival(3, address="")]
        return routing(arrivals(*rows, events=story()[:3], **objective(success_ratio=0.9)))

    told = f"every location was served by its nearest region {STEADY}"
    assert (strangers(2).ruling, strangers(2).reason) == (Ruling.KEPT, told)
    assert strangers(2).figures == {"unmapped_arrivals": 2}
    three = strangers(3)
    assert (three.ruling, three.reason) == (Ruling.UNKNOWN, "3 of 100 arrivals went to addresses of no known region")
    assert (three.promise, three.figures) == ("routing", {})
    nothing = routing(arrivals(events=story()))
    assert nothing.reason == "0 of 0 arrivals went to addresses of no known region"
    assert nothing.ruling is Ruling.UNKNOWN


def test_without_arrivals_of_a_location_its_end_is_unknown() -> None:
    rows = [Arrival(number / 2) for number in range(100)]
    found = routing(arrivals(*rows, events=story(fault="Stop database writer", struck=20, undone=30)))
    assert found.ruling is Ruling.UNKNOWN
    assert found.reason == f"nothing is known of where europe was served {STEADY}"
    assert found.evidence["routing"][-1] == {"when": AFTER, "location": "america", "region": HOME, "share": 1.0}
    rows = [Arrival(number / 2 + (number == 79) / 1e9, address=ADDRESS[NEXT if number == 79 else HOME])
            for number in range(100)]  # fmt: skip
    rows += [Arrival(number / 2, location="europe") for number in range(200)]
    early = routing(arrivals(*rows, events=story(fault="Stop database writer", struck=20, undone=30)))
    assert early.evidence["routing"][-2] == {"when": AFTER, "location": "america", "region": HOME, "share": 0.952381}
    thirds = [Arrival(number / 3, address=ADDRESS[NEXT if number % 3 else HOME]) for number in range(90)]
    rounded = routing(arrivals(*thirds, events=story(struck=29)))
    assert rounded.evidence["routing"][0]["share"] == 0.333333
