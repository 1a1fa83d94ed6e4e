"""What a run's folder holds beside the verdicts, and how a page tells it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from harness.events import SightChanged
from harness.reporting import dossier, evidence, pages, summary
from harness.reporting.course import course
from harness.reporting.dossier import Dossier


def line(**values: Any) -> str:
    return json.dumps(values) + "\n"


def call(method: str, outcome: str = "ok", **values: Any) -> str:
    told = {"at": 1_700_000_090 * 10**9, "service": "ec2", "method": method, "operation": method.title(),
            "parameters": {"Id": "acl-1", "Long": "x" * 400}, "phase": "inject", "region": "us-east-1",
            "milliseconds": 4.0, "retries": 0, "outcome": outcome}  # fmt: skip
    return line(**{**told, **values})


def journal(folder: Path) -> None:
    act = {"service": "ec2", "region": "us-east-1", "operation": "ReplaceNetworkAclAssociation",
           "parameters": {"SubnetId": "subnet-1"}, "precondition": {"NetworkAclId": "acl-1"}}  # fmt: skip
    (folder / "undo.jsonl").write_text(
        line(state="armed", number=1, fault="Blackhole", act=act)
        + line(state="armed", number=2, fault="Blackhole", act=act)
        + line(state="undone", number=2)
    )


def test_calls_that_change_are_listed_and_those_that_look_are_summed(tmp_path: Path) -> None:
    text = call("create_network_acl") + call("describe_subnets") + call("describe_subnets", "Throttling")
    (tmp_path / "calls.jsonl").write_text(text + line(at=5, missing=3) + '{"torn')
    found = dossier.of(tmp_path)
    (change,) = found.changes
    assert (change["operation"], change["phase"], change["outcome"]) == ("Create_Network_Acl", "inject", "ok")
    assert len(str(change["parameters"])) <= dossier.LONG
    (look,) = found.looks
    assert (look["calls"], look["failed"], look["median_ms"]) == (2, 1, 4.0)
    told = " ".join(found.trouble)
    assert "3 calls are missing" in told
    assert "line 5 is torn" in told


def test_each_way_back_says_whether_it_was_gone(tmp_path: Path) -> None:
    journal(tmp_path)
    assert [row["done"] for row in dossier.of(tmp_path).undo] == ["pending", "undone"]


def test_of_an_empty_folder_everything_is_missing_and_nothing_raises(tmp_path: Path) -> None:
    found = dossier.of(tmp_path)
    assert not any((found.course, found.changes, found.looks, found.undo, found.configuration))
    assert found.trouble
    (tmp_path / "world-before.json").write_text("{")
    (tmp_path / "undo.jsonl").write_text("no json\n")
    assert len(dossier.of(tmp_path).trouble) == len(found.trouble) + 2


def test_the_configuration_has_a_row_for_each_thing_with_its_role(tmp_path: Path) -> None:
    told = {"things": {"DB instance a": {"MultiAZ": False}, "alarm b": {}}, "roles": {"DB instance a": "writer"}}
    (tmp_path / "world-before.json").write_text(json.dumps(told))
    rows = dossier.of(tmp_path).configuration
    assert rows[0] == {"thing": "DB instance a", "role": "writer", "configuration": "MultiAZ false"}


def test_the_course_tells_who_noticed_in_the_order_of_time(runs: Any) -> None:
    found = dossier.of(runs["lost"].folder)
    seconds = [float(row["seconds"] or 0) for row in found.course]
    assert seconds == sorted(seconds)
    told = {str(row["what"]): row for row in found.course}
    decided = next(row for words, row in told.items() if "fails the global cluster over" in words)
    assert (decided["who"], decided["seconds"]) == ("decision", 41.0)
    assert any("america is sent to eu-west-1" in words for words in told)
    assert any("the writer is aurora-eu-west-1-1" in words for words in told)


def page(run: Any, found: Dossier | None = None) -> str:
    told = summary.to_json([run.finished])["runs"][0]
    return evidence.html(told, found or dossier.of(run.folder), pages.about([told]), changes=True)


def test_a_page_answers_what_somebody_asks_who_was_not_there(runs: Any) -> None:
    text = page(runs["lost"])
    for answer in (
        "the writer moved, but nobody saw when it was promoted",
        "Lose us-east-1 at 2023-11-14T22:14:50.000Z, for 100 s, until it was undone",
        "api_key_stats from america: back after 37.3 s (−2.0 s), 60 s are owed",
        "create_trigger from",
        "health check: check of us-east-1 is unhealthy (hc-us-east-1)",
        "detection 25.0 s",
        "4 of 771 acknowledged writes",
        "runbook.html#code-3",
        "changes.html#active_passive",
        "Aurora Global Database",
    ):
        assert answer in text, answer


def test_a_page_tells_for_each_stream_how_long_it_was_down(runs: Any) -> None:
    text = page(runs["dark"])
    _, _, table = text.partition("Who was down, and for how long: Blackhole load balancer of us-east-1")
    assert "<th>america</th><th>europe</th><th>asia</th>" in table
    row = next(line for line in table.splitlines() if "<td>list_triggers</td>" in line)
    assert len(re.findall(r">[\d.]+ s \(−[\d.]+ s\)</b>", row)) == 2
    assert "not disturbed" in row, "asia is served by another region"
    assert "Who was down" not in page(runs["lagging"])


def test_a_page_does_not_say_that_nobody_noticed_what_could_not_be_seen(runs: Any) -> None:
    quiet = [row for row in dossier.of(runs["dark"].folder).course if row["who"] not in ("health check", "alarm")]
    assert "no alarm, no health check, nobody" in page(runs["dark"], Dossier(quiet))
    blind = SightChanged(runs["dark"].record.events[-1].at, "health checks", seen=False, why="no route to Route 53")
    told = course([*runs["dark"].record.events, blind])[-1]
    text = page(runs["dark"], Dossier([*quiet, told]))
    assert "nobody, as far as could be seen" in text
    assert "health checks cannot be seen: no route to Route 53" in text
    again = course([SightChanged(blind.at, "health checks", seen=True)])
    assert again[0]["what"] == "health checks can be seen again"


def test_each_lost_write_says_which_region_took_it(runs: Any) -> None:
    rows = [row for verdict in runs["lost"].verdicts for row in verdict.evidence.get("lost", ())]
    assert {(row["region"], row["standing"]) for row in rows} == {("us-east-1", "acknowledged")}


def test_a_page_of_what_is_pending_says_so(runs: Any, tmp_path: Path) -> None:
    journal(tmp_path)
    text = page(runs["dark"], dossier.of(tmp_path))
    assert "2 acts, 1 pending" in text
    assert "<td>pending</td>" in text


def test_killed_and_empty_runs_have_a_page_too(runs: Any) -> None:
    for kind in ("killed", "empty"):
        assert "cannot tell" in page(runs[kind])
    assert "still down after 19.8 s, 60 s are owed" in page(runs["killed"])
    assert "no fault was injected" in page(runs["empty"])
