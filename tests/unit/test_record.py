"""A run's folder, whole or as a killed run left it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import events, ledger, timeline
from harness.clock import Anchor, Clock, Instant, seconds
from harness.errors import Unreadable
from harness.events import Noted, PhaseBegan
from harness.header import ClientPolicy, Header, Stream, read_header, write_header
from harness.ledger import ReadBack
from harness.objectives import Objectives
from harness.record import load
from harness.requests import OPERATIONS, RequestWriter
from harness.timeline import Timeline
from harness.verdicts import Outcome

ANCHOR = Anchor(5_000, 1_700_000_000_000_000_000)
CLOCK = Clock(10.0, ANCHOR)
HEADER = Header(
    scenario="active_passive/dark", phase="active_passive", title="Dark.", story="Dark.\n\nMore.",
    design="active_passive", design_version="hardened", target="twin", speed=10.0, anchor=ANCHOR,
    promises=("recovery",), objectives=Objectives(recovery_time=seconds(30), lost_writes=2),
    locations=("america", "europe"), nearest={"america": ("us-east-1",), "europe": ("eu-west-1", "us-east-1")},
    regions=("us-east-1", "eu-west-1"), operations=OPERATIONS, writes=("create_trigger",), deadline=seconds(5),
    rate_per_second={"america": 4.0, "europe": 2.5}, mix={"create_trigger": 2},
    client=ClientPolicy("honoured", seconds(20)),
    outcome=Outcome.FINISHED, lag_alarm="lag", declared_lag=seconds(90), undisturbed=(Stream("*", "europe"),),
    unmeasured=("europe",), clock_error={"america": seconds(0.02)},
)  # fmt: skip


def folder(path: Path, header: Header = HEADER) -> Path:
    write_header(path / "run.json", header)
    timeline = Timeline(path / "timeline.jsonl")
    timeline.add(PhaseBegan(CLOCK.at(6_000), "steady"))
    timeline.add(Noted(CLOCK.at(9_000), "later"))
    timeline.close()
    for code, location in enumerate(header.locations):
        with RequestWriter(path / f"requests-{location}.bin", CLOCK, code) as writer:
            for number in range(20):
                intended = 10_000 + number * 100 + code
                writer.write(intended, 0 if number == 3 else intended, intended + 50, number % 4, 0, 200)
    ledger.write(path / "readback.json", ReadBack(True))
    return path


@pytest.mark.parametrize("outcome", [None, *Outcome])
def test_a_header_survives_the_disk(tmp_path: Path, outcome: Outcome | None) -> None:
    header = replace(HEADER, outcome=outcome)
    write_header(tmp_path / "run.json", header)
    assert read_header(tmp_path / "run.json") == header
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    "field", ["version", "speed", "anchor", "objectives", "locations", "deadline_seconds", "nearest"]
)
@pytest.mark.parametrize("damage", ["missing", "wrong"])
def test_a_damaged_field_is_named(tmp_path: Path, field: str, damage: str) -> None:
    path = tmp_path / "run.json"
    write_header(path, HEADER)
    values = json.loads(path.read_text())
    if damage == "missing":
        del values[field]
    else:
        values[field] = ["unheard", 7]
    path.write_text(json.dumps(values))
    with pytest.raises(Unreadable, match=f"run.json: {field}: "):
        read_header(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_what_is_no_header_is_unreadable(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(Unreadable, match=r"run\.json"):
        load(tmp_path)


def test_a_whole_run_loads_in_aws_time(tmp_path: Path) -> None:
    record = load(folder(tmp_path))
    assert record.damage == ()
    assert record.readback == ReadBack(True)
    assert len(record.traffic) == 40
    assert record.traffic["intended"][0] == CLOCK.at(10_000).nanoseconds
    assert record.traffic["location"][:2].tolist() == [0, 1]
    assert (record.traffic["sent"] == 0).sum() == 2
    assert [event.kind for event in record.events] == ["phase", "note"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["requests-america.bin", "timeline.jsonl"]), st.integers(1, 1300))
def test_a_killed_run_loads_however_its_files_end(
    tmp_path_factory: pytest.TempPathFactory, name: str, cut: int
) -> None:
    path = folder(tmp_path_factory.mktemp("run"), replace(HEADER, outcome=None))
    (path / "readback.json").unlink()
    whole = (path / name).read_bytes()
    left = whole[: max(0, len(whole) - cut)]
    (path / name).write_bytes(left)
    record = load(path)
    assert record.header.outcome is None
    assert record.readback is None
    assert len(record.traffic) >= 20
    torn = len(whole[: -cut or None]) % 64 if name.startswith("requests") else left and not left.endswith(b"\n")
    assert not torn or record.damage


def test_missing_files_are_told(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "requests-europe.bin").unlink()
    (path / "timeline.jsonl").unlink()
    record = load(path)
    assert len(record.damage) == 2
    assert record.events == ()


@pytest.mark.parametrize(
    ("header", "field"),
    [
        (replace(HEADER, speed=1.0), "clock"),
        (replace(HEADER, locations=("europe", "america")), "location"),
        (replace(HEADER, operations=("create_trigger",)), "operation"),
    ],
)
def test_requests_of_another_run_are_refused(tmp_path: Path, header: Header, field: str) -> None:
    path = folder(tmp_path)
    write_header(path / "run.json", header)
    with pytest.raises(Unreadable, match=field):
        load(path)


def test_a_damaged_record_is_unreadable(tmp_path: Path) -> None:
    path = folder(tmp_path) / "requests-america.bin"
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(Unreadable, match="damaged"):
        load(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        '{"at":"1","kind":"note","text":"x"}',
        '{"at":-1,"kind":"note","text":"x"}',
        '{"at":99999999999999999999,"kind":"note","text":"x"}',
        '{"at":true,"kind":"unheard of"}',
        '{"at":1,"kind":"note"}',
        '{"at":1,"kind":"note","text":7}',
        '{"at":1,"kind":"lag","replica":"r","region":"e","lag_seconds":NaN}',
        '{"at":1,"kind":"lag","replica":"r","region":"e","lag_seconds":true}',
        '{"at":1,"kind":"addresses","region":"e","addresses":[1]}',
        '{"at":1,"kind":"addresses","region":"e","addresses":"10.1.10.80"}',
        "[]",
        "null",
    ],
)
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: str) -> None:
    path = folder(tmp_path) / "timeline.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(Unreadable, match=r"timeline\.jsonl: line 1 is damaged"):
        load(tmp_path)


def test_an_event_of_a_later_kind_and_a_whole_number_of_lag_are_read(tmp_path: Path) -> None:
    path = folder(tmp_path) / "timeline.jsonl"
    path.write_text(
        '{"at":1,"kind":"eclipse","of":"moon"}\n{"at":2,"kind":"lag","replica":"","region":"e","lag_seconds":1}\n'
    )
    kinds = [event.kind for event in load(tmp_path).events]
    assert kinds == ["note", "lag"]


def test_an_empty_timeline_is_damage(tmp_path: Path) -> None:
    (folder(tmp_path) / "timeline.jsonl").write_bytes(b"")
    assert "timeline.jsonl is empty: nothing is known but the traffic" in load(tmp_path).damage


def test_a_figure_beyond_all_time_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_header(path, HEADER)
    path.write_text(json.dumps({**json.loads(path.read_text()), "deadline_seconds": float("inf")}))
    with pytest.raises(Unreadable, match=r"run\.json: deadline_seconds: "):
        read_header(path)


SAMPLES = {
    "Instant": Instant(10**18), "str": "words", "int": 3, "float": 1.5, "bool": True, "tuple[str, ...]": ("a", "b"),
    "Mapping[str, int]": {"list_triggers": 4},
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(events.KINDS))
def test_every_kind_of_event_is_read_as_it_was_written(tmp_path: Path, kind: str) -> None:
    cls = events.KINDS[kind]
    event = cls(**{field.name: SAMPLES[str(field.type)] for field in fields(cls)})
    written = Timeline(tmp_path / "timeline.jsonl")
    written.add(event)
    written.close()
    assert timeline.read(tmp_path / "timeline.jsonl") == [event]
