"""What to change: what bears on the trouble of a run comes first, each change once."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judges.feasibility import Finding
from harness.reporting import advice


def finding(change: str, words: str, *stages: str, breaks: tuple[str, ...] = ()) -> dict[str, Any]:
    return Finding("", words, (), "", "", change, draws_out=stages, breaks=breaks).to_json()


SLOW = finding("checks of 10 s", "the record of us-east-1 is slow", "detection", "dns")
AGAIN = finding("checks of 10 s", "the record of eu-west-1 is slow", "detection", "dns")
ALARM = finding("a heartbeat", "the alarm sees nothing", breaks=("lag_alarm", "alarm_rings"))
QUEUE = finding("a cache in each region", "it takes no writes", breaks=("jobs_exactly_once",))


def run(
    *ill: str, found: tuple[dict[str, Any], ...] = (ALARM, SLOW, QUEUE, AGAIN), slowest: str = "dns", **more: Any
) -> dict[str, Any]:
    verdicts = [{"promise": promise, "ruling": "BROKEN"} for promise in ill]
    verdicts.append({"promise": "bounded_loss", "ruling": "KEPT"})
    feasibility = {"details": list(found), **more}
    anatomy = [{"stage": "detection", "seconds": 10.0}, {"stage": slowest, "seconds": 90.0}]
    ruling = "BROKEN" if ill else "KEPT"
    return {"verdicts": verdicts, "ruling": ruling, "feasibility": feasibility, "anatomy": anatomy}


@pytest.mark.parametrize(
    ("ill", "first"),
    [
        (("recovery",), ["checks of 10 s"]),
        (("automatic", "conduct"), ["checks of 10 s"]),
        (("lag_alarm",), ["a heartbeat"]),
        (("jobs_exactly_once",), ["a cache in each region"]),
        (("recovery", "lag_alarm"), ["checks of 10 s", "a heartbeat"]),
        (("conduct",), []),
        ((), []),
    ],
)
def test_what_bears_on_the_trouble_comes_first(ill: tuple[str, ...], first: list[str]) -> None:
    bears, rest = advice.changes(run(*ill))
    assert [one.what for one in bears] == first
    assert {one.what for one in (*bears, *rest)} == {str(one["change"]) for one in (ALARM, SLOW, QUEUE)}


def test_a_change_is_told_once_with_all_that_asks_for_it() -> None:
    (one,) = advice.changes(run("recovery", found=(SLOW, AGAIN)))[0]
    assert one.because == ("the record of us-east-1 is slow", "the record of eu-west-1 is slow")
    assert advice.told(run("recovery", found=(SLOW, AGAIN))).count("checks of 10 s") == 1


def test_what_does_not_bear_on_it_is_folded_away() -> None:
    text = advice.told(run("recovery"))
    assert text.index("checks of 10 s") < text.index("<details>") < text.index("a heartbeat")
    assert "2 more" in text
    assert advice.told(run()).startswith("nothing<details>")


def test_without_details_the_findings_are_told_or_that_there_are_none() -> None:
    assert advice.told(run("recovery", found=(), findings=["a < b"])) == "a &lt; b"
    assert advice.told(run(found=())) == "nothing"
    assert "does not tell" in advice.told(run("recovery", found=()))


def test_what_the_slowest_stage_asks_for_comes_before_the_rest() -> None:
    nobody = finding("an automation", "nobody decides", "decision")
    cold = finding("start without it", "its tasks refuse to start", "reconnect")

    def order(*ill: str, slowest: str) -> list[str]:
        return [one.what for one in advice.changes(run(*ill, found=(cold, SLOW, nobody), slowest=slowest))[0]]

    assert order("recovery", slowest="dns") == ["checks of 10 s", "start without it", "an automation"]
    assert order("recovery", slowest="reconnect") == ["start without it", "checks of 10 s", "an automation"]
    assert order("recovery", slowest="decision")[0] == "an automation"
    assert order("automatic", slowest="reconnect") == ["start without it", "an automation", "checks of 10 s"]
    without = {**run("recovery", found=(cold, SLOW)), "anatomy": []}
    assert [one.what for one in advice.changes(without)[0]] == ["start without it", "checks of 10 s"]


def test_a_record_of_before_findings_knew_what_they_draw_out_is_told_in_their_order() -> None:
    old = [{key: one[key] for key in ("change", "words")} for one in (ALARM, SLOW)]
    assert [one.what for one in advice.changes(run("recovery", found=tuple(old)))[0]] == [
        "a heartbeat",
        "checks of 10 s",
    ]
