"""A session in another region: whose answers count, and when a refusal is the region's own."""

from __future__ import annotations

import pytest

from harness.judges.sessions import ANSWERED, ENOUGH, WITHOUT, Stay, sessions
from harness.objectives import Objectives
from harness.requests import Outcome
from harness.verdicts import Ruling, Verdict
from tests.unit.judges.scripted import ADDRESS, HOME, NEXT, Arrival, arrivals, story

NO = Outcome.UNAUTHORIZED
THIRD = "ap-south-1"
REGIONS = {"regions": (HOME, NEXT, THIRD), "operations": ("create_trigger", "list_triggers", "ponder_events",
                                                          "api_key_stats", "ponder_status", "create_api_key",
                                                          "log_in")}  # fmt: skip


def asks(
    count: int, told: Outcome = Outcome.GOOD, *, since: float = 40, operation: str = "list_triggers",
    region: str = NEXT, location: str = "america",
) -> list[Arrival]:  # fmt: skip
    return [Arrival(since + number / 10, operation, location, told, ADDRESS.get(region, region))
            for number in range(count)]  # fmt: skip


SIGNED_IN = asks(1, since=1, region=HOME)


def judged(*rows: list[Arrival], **changes) -> Verdict:
    return sessions(
        arrivals(*(one for each in (SIGNED_IN, *rows) for one in each), events=story(), **REGIONS, **changes)
    )


def refused(count: int, of_all: int) -> str:
    return f"{NEXT} refused {count} of {of_all} answers of america, signed in at {HOME}"


@pytest.mark.parametrize(
    ("rows", "ruling", "says"),
    [
        ([asks(100)], Ruling.KEPT, refused(0, 100)),
        ([asks(2, NO), asks(98, since=50)], Ruling.KEPT, refused(2, 100)),
        ([asks(98), asks(2, NO, since=60)], Ruling.KEPT, refused(2, 100)),
        # It accepts the token for good later: often enough to be sure, or not.
        ([asks(30, NO), asks(ENOUGH, since=50)], Ruling.KEPT, refused(30, 50)),
        ([asks(30, NO), asks(ENOUGH - 1, since=50)], Ruling.UNKNOWN, refused(30, 49)),
        ([asks(ENOUGH), asks(30, NO, since=50)], Ruling.BROKEN, refused(30, 50)),
        # Refused throughout: where its public read works too, it is no outage.
        ([asks(30, NO)], Ruling.BROKEN, refused(30, 30)),
        *(([asks(30, NO), asks(public, Outcome.WRONG_BODY, operation="ponder_events")], Ruling.UNKNOWN, refused(30, 30))
          for public in (1, 5)),
        ([asks(30, NO), asks(5, Outcome.WRONG_BODY, operation="ponder_events"),
          asks(1, since=45, operation="ponder_events")], Ruling.BROKEN, refused(30, 30)),
        ([asks(30, NO), asks(5, Outcome.WRONG_BODY, operation="ponder_events"),
          asks(1, NO, since=45, operation="ponder_events")], Ruling.BROKEN, refused(30, 30)),
        ([asks(30, NO), asks(5, Outcome.WRONG_BODY, operation="ponder_events"), asks(1, since=42.95),
          asks(30, NO, since=43)], Ruling.BROKEN, refused(60, 61)),
        ([asks(30, NO), asks(5, operation="ponder_events", region=HOME)], Ruling.BROKEN, refused(30, 30)),
        # What carries no token does not count, nor what nobody answered; what came broken does.
        *(([asks(100), asks(50, NO, since=60, operation=each)], Ruling.KEPT, refused(0, 100)) for each in WITHOUT),
        *(([asks(10, NO), asks(10, each, since=60)], Ruling.BROKEN, refused(10, 10))
          for each in Outcome if each not in ANSWERED),
        ([asks(1, NO), asks(50, Outcome.WRONG_STATUS, since=60), asks(50, Outcome.WRONG_BODY, since=70)], Ruling.KEPT,
         refused(1, 101)),
    ],
)  # fmt: skip
def test_what_is_said_of_a_session(rows, ruling: Ruling, says: str) -> None:
    found = judged(*rows)
    assert (found.promise, found.ruling, found.reason) == ("sessions", ruling, says)


def test_as_many_refusals_as_the_ratio_allows_are_no_refusal_of_the_region() -> None:
    half = {"objectives": Objectives(success_ratio=0.5)}
    assert judged(asks(30), asks(30, NO, since=60), **half).ruling is Ruling.KEPT
    assert judged(asks(30), asks(31, NO, since=60), **half).ruling is Ruling.BROKEN


def test_no_session_that_moved_says_nothing() -> None:
    nobody = Verdict("sessions", Ruling.UNKNOWN, "no session was taken to a second region",
                     {"sessions_moved": 0, "refused": 0})  # fmt: skip
    assert judged() == judged(asks(5, region=HOME)) == judged(asks(9, operation="ponder_events")) == nobody
    assert judged(asks(9, region="")) == judged(asks(9, region="10.9.9.9")) == nobody
    assert sessions(arrivals(events=story())) == nobody


def test_each_location_signs_in_where_it_was_served_first_and_every_other_region_is_held_to_it() -> None:
    events = [*story()]
    there = next(event for event in story() if event.kind == "addresses")
    events.append(type(there)(there.at, THIRD, ("10.3.10.80",)))
    rows = [*asks(1, since=0.5, region=""), *asks(1, since=1, region=HOME), *asks(50), *asks(3, NO, since=50),
            *asks(50, region="10.3.10.80", since=60), *asks(1, NO, since=66, region="10.3.10.80"),
            *asks(1, since=1, region=NEXT, location="europe"), *asks(40, region=HOME, location="europe"),
            *asks(10, NO, since=50, region=HOME, location="europe")]  # fmt: skip
    found = sessions(arrivals(*rows, events=events, **REGIONS))
    assert found.figures == {"sessions_moved": 3, "refused": 14}
    assert found.reason == f"{HOME} refused 10 of 50 answers of europe, signed in at {NEXT}"
    assert found.evidence == {"sessions": [
        {"location": "america", "signed_in": HOME, "served_by": NEXT, "answers": 53, "refused": 3, "ruling": "BROKEN"},
        {"location": "america", "signed_in": HOME, "served_by": THIRD, "answers": 51, "refused": 1, "ruling": "KEPT"},
        {"location": "europe", "signed_in": NEXT, "served_by": HOME, "answers": 50, "refused": 10, "ruling": "BROKEN"},
    ]}  # fmt: skip


def test_of_equal_rulings_the_greater_share_of_refusals_is_told() -> None:
    assert Stay("a", HOME, NEXT, 50, 10, Ruling.BROKEN).sentence() == (
        f"{NEXT} refused 10 of 50 answers of a, signed in at {HOME}"
    )
    many = judged(asks(100), asks(100, NO, since=60), asks(1, since=1, region=NEXT, location="europe"),
                  asks(9, NO, region=HOME, location="europe"))  # fmt: skip
    assert many.reason == f"{HOME} refused 9 of 9 answers of europe, signed in at {NEXT}"
    few = judged(asks(9, NO), asks(1, since=1, region=NEXT, location="europe"),
                 asks(100, region=HOME, location="europe"))  # fmt: skip
    assert few.reason == refused(9, 9)
