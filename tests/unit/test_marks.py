"""What people say reaches the run that watches, and nobody believes to have spoken to one that is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clock import Instant
from harness.errors import Refused
from harness.events import DECIDED, FAULT, NOTE, Decided, Event, Marked
from harness.marks import MARKS_FILE, Marks, is_watching, mark, watching

SAID = [Marked(Instant(5), NOTE, "coffee"), Marked(Instant(7), FAULT, "FIS EXP1: disrupt-connectivity")]


def test_what_is_said_is_put_on_the_timeline_once(tmp_path: Path) -> None:
    noted: list[Event] = []
    with Marks(tmp_path, noted.append) as marks:
        assert marks.take() == []
        mark(tmp_path, SAID[0])
        assert marks.take() == SAID[:1]
        mark(tmp_path, SAID[1])
        assert marks.take() == SAID[1:]
        assert marks.take() == []
    assert noted == SAID


def test_the_last_word_before_the_end_counts(tmp_path: Path) -> None:
    noted: list[Event] = []
    with Marks(tmp_path, noted.append):
        mark(tmp_path, SAID[0])
    assert noted == SAID[:1]


def test_who_says_that_a_person_decided_puts_the_decision_on_record(tmp_path: Path) -> None:
    noted: list[Event] = []
    with Marks(tmp_path, noted.append):
        mark(tmp_path, Marked(Instant(9), DECIDED, "failover ordered"))
    assert noted[1] == Decided(Instant(9), "operator", "failover ordered")


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    with Marks(tmp_path, lambda event: None) as marks:
        mark(tmp_path, SAID[0])
        path = tmp_path / MARKS_FILE
        line = path.read_bytes()
        path.write_bytes(line[:9])
        assert marks.take() == []
        path.write_bytes(line)
        assert marks.take() == SAID[:1]


def test_nobody_is_spoken_to_who_does_not_watch(tmp_path: Path) -> None:
    gone, there = tmp_path / "1" / "active_passive.observe", tmp_path / "2" / "active_passive.observe"
    for folder in (gone, there):
        folder.mkdir(parents=True)
    with pytest.raises(Refused, match="nobody watches now"):
        watching(tmp_path)
    with Marks(gone, lambda event: None):
        assert watching(tmp_path) == gone
    with pytest.raises(Refused, match=r"nobody watches in active_passive\.observe any more"):
        mark(gone, SAID[0])
    with Marks(there, lambda event: None):
        assert is_watching(there)
        assert watching(tmp_path) == there
    assert not is_watching(there)
