"""The sabotages are what they say they are, and finding one is told from finding something else. No twin is started."""

from __future__ import annotations

import asyncio
import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from harness import catalogue, explanation, gameday
from harness.clock import Clock, Duration, seconds
from harness.objectives import PROMISES
from harness.phases import PHASES
from harness.reporting import chart, interactive
from harness.reporting.finished import Finished
from harness.twin.app import gateway
from harness.twin.app.database import DatabaseDown, Pool
from harness.twin.app.triggers import Triggers
from harness.twin.designs import catalogue as designs
from harness.twin.engines import apps
from harness.verdicts import Outcome, Ruling, Verdict
from tests.trust import sabotaged_app, sabotaged_designs, sabotaged_twin
from tests.trust.designs import MUTATIONS, UNTRIED, Mutation, _nobody

EVERY = pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
ONE = MUTATIONS["answers_that_live_for_an_hour"]
FOUND = Verdict(ONE.promise, ONE.ruling, f"it {ONE.phrase} again")


def run(*verdicts: Verdict, outcome: Outcome = Outcome.FINISHED) -> list[Finished]:
    return [Finished(Path("active_passive.the_primary_load_balancer_goes_dark"), outcome, verdicts)]


def test_there_are_enough_and_of_every_phase() -> None:
    assert len(MUTATIONS) >= 25
    assert {one.phase for one in MUTATIONS.values()} == set(PHASES)


def test_every_promise_is_broken_by_one_or_it_is_said_why_none_can() -> None:
    broken = {one.promise for one in MUTATIONS.values()}
    assert broken | set(UNTRIED) == set(PROMISES)
    assert not broken & set(UNTRIED)


@EVERY
def test_a_mutation_changes_exactly_what_it_says(mutation: Mutation) -> None:
    before = designs.design(mutation.phase, "hardened")
    after = mutation.change(before)
    assert {one.key for one in explanation.differences(before, after, {})} == set(mutation.fields)
    assert (before == after) is not bool(mutation.fields)
    assert mutation.fields or mutation.by_hand is not _nobody or mutation.app
    assert not mutation.app or callable(getattr(sabotaged_app, mutation.app))


@EVERY
def test_a_mutation_names_a_scenario_and_a_promise_of_its(mutation: Mutation) -> None:
    assert mutation.promise in catalogue.find(mutation.scenario).promises
    assert mutation.ruling is not Ruling.KEPT
    assert bool(mutation.honest) is (mutation.ruling is Ruling.UNKNOWN)


@EVERY
def test_the_twin_has_an_entry_for_it(mutation: Mutation) -> None:
    assert mutation.name.isidentifier()
    assert getattr(sabotaged_twin, mutation.name).args == (mutation,)


def test_there_is_no_entry_for_what_is_no_mutation() -> None:
    with pytest.raises(AttributeError, match="no mutation"):
        _ = sabotaged_twin.harmless


def test_what_is_expected_is_found() -> None:
    assert sabotaged_designs.wrong_in(ONE, run(FOUND, Verdict("routing", Ruling.BROKEN, "too"))) == ""


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ([], "left no record"),
        (run(replace(FOUND, ruling=Ruling.KEPT)), "recovery is KEPT, not BROKEN"),
        (run(replace(FOUND, ruling=Ruling.UNKNOWN)), "recovery is UNKNOWN, not BROKEN"),
        (run(replace(FOUND, reason="it rained")), f"recovery is BROKEN, not for `{ONE.phrase}`: it rained"),
        (run(replace(FOUND, promise="routing")), "nobody judged recovery"),
        (run(FOUND, outcome=Outcome.REFUSED), "refused"),
        (run(FOUND, outcome=Outcome.ABORTED), "aborted"),
        (run(FOUND, outcome=Outcome.UNDO_FAILED), "undo failed"),
    ],
)
def test_what_is_not_expected_is_not_found(runs: list[Finished], why: str) -> None:
    assert why in sabotaged_designs.wrong_in(ONE, runs)


def test_cannot_tell_is_found_only_where_it_is_honest() -> None:
    honest = MUTATIONS["a_heart_that_does_not_beat"]
    verdict = Verdict(honest.promise, Ruling.UNKNOWN, honest.phrase)
    assert sabotaged_designs.wrong_in(honest, run(verdict)) == ""
    assert sabotaged_designs.wrong_in(honest, run(replace(verdict, ruling=Ruling.BROKEN)))


def test_without_a_mutation_everything_must_be_kept() -> None:
    kept = Verdict("recovery", Ruling.KEPT, "")
    assert sabotaged_designs.wrong_without(run(kept)) == ""
    assert sabotaged_designs.wrong_without(run(kept, replace(kept, promise="conduct", ruling=Ruling.UNKNOWN)))
    assert sabotaged_designs.wrong_without(run(kept, outcome=Outcome.UNDO_FAILED))
    assert sabotaged_designs.wrong_without([])


def test_a_twin_that_does_not_boot_has_found_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def launch(*_: object, **__: object) -> None:
        raise sabotaged_designs.TwinFault("The twin ended before it was ready.")

    monkeypatch.setattr(sabotaged_designs.root, "launch", launch)
    row = sabotaged_designs.sabotage(sabotaged_designs.Stage(tmp_path, 10), ONE)
    assert row.wrong
    assert row.cells()[""] == "DIFFERS"


def test_names_that_are_no_mutation_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        sabotaged_designs.main(["harmless"])
    assert caught.value.code == 2
    assert "no such mutation: harmless" in capsys.readouterr().err


def test_the_list_says_what_each_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert sabotaged_designs.main(["--list"]) == 0
    told = capsys.readouterr().out
    assert all(one.name in told and one.breaks in told for one in MUTATIONS.values())


def test_what_will_not_come_is_waited_for_longer_than_the_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((gameday, "_BEYOND"), (gameday, "_PATIENCE"), (chart, "draw"), (interactive, "page")):
        monkeypatch.setattr(module, name, getattr(module, name))
    usual = gameday._BEYOND, gameday._PATIENCE
    importlib.reload(importlib.import_module("tests.trust.hasty"))
    assert usual > (gameday._BEYOND, gameday._PATIENCE)
    assert seconds(60) <= gameday._BEYOND
    owed = [entry.objectives.get("failback_time") for entry in catalogue.entries()]
    assert max(one for one in owed if isinstance(one, Duration)) <= gameday._PATIENCE


def test_tasks_are_forked_from_the_sabotaged_application() -> None:
    program = sabotaged_twin.launch("retry_blindly").splitlines()
    assert program[-2:] == ["sabotaged_app.retry_blindly()", "main()"]
    assert [line for line in program if "sabotaged" not in line] == apps._LAUNCH.splitlines()


def test_errors_are_told_as_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_down", gateway._down)
    sabotaged_app.swallow_errors()
    told = {method: asyncio.run(gateway._down(request(method), DatabaseDown("away"))) for method in ("GET", "POST")}
    assert (told["GET"].status_code, json.loads(bytes(told["GET"].body))) == (200, {"data": []})
    assert told["POST"].status_code == 201
    made = json.loads(bytes(told["POST"].body))["data"]
    assert made["name"] == "one"
    assert made["id"]


@pytest.mark.parametrize(
    ("sql", "real_seconds", "sent"),
    [("insert into triggers", 0.05, 2), ("insert into triggers", 0.0, 1), ("select 1", 0.05, 1)],
)
def test_a_write_that_is_slow_is_sent_again(
    monkeypatch: pytest.MonkeyPatch, sql: str, real_seconds: float, sent: int
) -> None:
    seen: list[str] = []

    async def fetch(self: object, sql: str, parameters: object = ()) -> list[tuple[int]]:
        seen.append(sql)
        await asyncio.sleep(real_seconds)
        return [(len(seen),)]

    monkeypatch.setattr(Pool, "fetch", fetch)
    sabotaged_app.retry_blindly()
    asyncio.run(Pool.fetch(pool(), sql))
    assert len(seen) == sent


def test_a_write_is_acknowledged_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Triggers, "create", Triggers.create)
    sabotaged_app.acknowledge_early()
    shared = Shared()

    async def story() -> tuple[int, int, int]:
        answer = await Triggers(shared).create(request("POST"))  # type: ignore[arg-type]
        at_once = len(shared.writer.sent)
        await asyncio.sleep(shared.clock.real_seconds(sabotaged_app.MEMORY) * 1.5)
        return answer.status_code, at_once, len(shared.writer.sent)

    assert asyncio.run(story()) == (201, 0, 1)


class Writer:
    def __init__(self) -> None:
        self.sent: list[str] = []

    async def fetch(self, sql: str, parameters: object) -> list[object]:
        self.sent.append(sql)
        return []


class Shared:
    """What of the gateway the route needs."""

    def __init__(self) -> None:
        self.clock = Clock.start(100)
        self.writer = Writer()
        self.settings = SimpleNamespace(region="us-east-1")

    async def acting(self, request: Request, *, edits: bool) -> tuple[None, str]:
        return None, "organization"


def pool() -> Any:
    return SimpleNamespace(_clock=Clock.start(10))


def request(method: str) -> Request:
    body = json.dumps({"name": "one", "chain_id": 1, "registry": "reputation", "enabled": False}).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "method": method, "path": "/", "headers": [], "query_string": b""}, receive)
