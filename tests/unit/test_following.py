"""A folder that grows: however it is cut into looks, the same is known at the end, and a torn tail is no error."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import record
from harness.errors import Unreadable
from harness.events import PhaseBegan
from harness.following import KEPT, Follower, Seen
from harness.header import write_header
from harness.reporting import live
from harness.requests import SIZE
from harness.timeline import Timeline
from harness.undo import Act, Journal
from tests.unit.reporting import fabricated

ACT = Act("ec2", "us-east-1", "DeleteNetworkAcl", {"NetworkAclId": "acl-1"})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A short run with everything in it."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    events = [*fabricated.beginning(), *fabricated.fault("Blackhole", undone=12, begun=6), *fabricated.moved(8, 13)]
    fabricated.write(
        folder, fabricated.header(), events, lambda place, _, second: 6 < second < 9, end=20, readback=False
    )
    journal = Journal(folder / "undo.jsonl")
    journal.undone(journal.arm("Blackhole", ACT))
    journal.arm("Blackhole", replace(ACT, region="eu-west-1"))
    journal.close()
    return folder


def look(follower: Follower) -> Seen:
    seen = follower.look()
    assert seen is not None
    return seen


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_however_the_files_are_cut_into_looks_the_picture_is_the_same(whole, data):
    files = {path.name: path.read_bytes() for path in whole.glob("*") if path.suffix in (".bin", ".jsonl")}
    cuts = {name: sorted(data.draw(st.lists(st.integers(0, len(told)), max_size=3))) for name, told in files.items()}
    fresh = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        follower = Follower(folder)
        assert follower.look() is None
        write_header(folder / record.HEADER_FILE, fabricated.header(outcome=None))
        for turn in range(4):
            for file, told in files.items():
                if turn < len(cuts[file]):
                    (folder / file).write_bytes(told[: cuts[file][turn]])
                elif turn == 3:
                    (folder / file).write_bytes(told)
            if turn == 3:
                write_header(folder / record.HEADER_FILE, fabricated.header())
            seen = look(follower)
            fresh += seen.fresh
            assert seen.ended == (turn == 3)
        at_once = look(Follower(folder))
    loaded = record.load(whole)
    assert seen.record.events == at_once.record.events == loaded.events
    assert sorted(fresh, key=lambda event: event.at) == list(loaded.events)
    assert np.array_equal(seen.record.traffic, loaded.traffic)
    moment = fabricated.at(11)
    assert live.picture(replace(seen, at=moment)) == live.picture(replace(at_once, at=moment))
    assert [armed.act.region for armed in seen.pending or ()] == ["eu-west-1"]


def test_of_the_traffic_only_the_last_is_kept(tmp_path):
    found = fabricated.dark(tmp_path / "run")
    kept = look(Follower(tmp_path / "run")).record.traffic
    for index in range(len(found.header.locations)):
        rows = found.traffic[found.traffic["location"] == index]
        meant = rows[rows["done"] >= rows["done"].max() - KEPT.nanoseconds]
        assert np.array_equal(kept[kept["location"] == index], meant)


def test_what_is_not_there_yet_says_nothing(tmp_path):
    follower = Follower(tmp_path / "run")
    assert follower.look() is None
    fabricated.empty(tmp_path / "run")
    seen = look(follower)
    assert (seen.fresh, seen.pending, seen.ended) == ((), None, False)
    assert len(seen.record.traffic) == len(seen.record.parts) == 0


def test_a_killed_run_is_read_up_to_its_torn_ends_and_has_not_ended(tmp_path):
    found = fabricated.killed(tmp_path / "run")
    seen = look(Follower(tmp_path / "run"))
    assert seen.record.events == found.events
    assert not seen.ended


def test_a_header_that_is_amended_is_read_again(tmp_path):
    path = tmp_path / record.HEADER_FILE
    write_header(path, fabricated.header(outcome=None, rate_per_second={}))
    follower = Follower(tmp_path)
    assert not look(follower).record.header.rate_per_second
    write_header(path, fabricated.header(outcome=None))
    assert look(follower).record.header.rate_per_second


@pytest.mark.parametrize(("file", "says"), [("timeline.jsonl", "line 3 is damaged"), ("requests-asia.bin", "number 5")])
def test_damage_is_told_by_its_place_in_the_whole_file(tmp_path, file, says):
    write_header(tmp_path / record.HEADER_FILE, fabricated.header())
    timeline = Timeline(tmp_path / record.TIMELINE_FILE)
    for second in (1, 2):
        timeline.add(PhaseBegan(fabricated.at(second), "settle"))
    timeline.close()
    requests = fabricated.write(tmp_path / "other", fabricated.header(), [], end=10, readback=False).parts[2].path
    (tmp_path / "requests-asia.bin").write_bytes(requests.read_bytes()[: 6 * SIZE])
    follower = Follower(tmp_path)
    look(follower)
    with (tmp_path / file).open("ab") as damaged:
        damaged.write(b"x" * (SIZE - 1) + b"\n")
    with pytest.raises(Unreadable, match=says):
        follower.look()
