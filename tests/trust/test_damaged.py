"""Damaged records, a few; `make trust` damages hundreds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import seal
from harness.errors import Unreadable
from harness.reporting import telling
from harness.verdicts import Exit
from tests.trust import damaged


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return damaged.good(tmp_path / "run")


def test_damage_is_told_in_one_line_or_unknown_and_never_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(telling.chart, "draw", lambda *_: b"")  # half a second each; `make trust` draws them all
    tally = damaged.Tally()
    damaged.every(60, tally, tmp_path, derandomize=True)()
    assert sum(counts.total() for counts in tally.ends.values()) >= 20
    assert tally.unsealed.total() >= 20


def test_the_undamaged_run_is_kept(run: Path) -> None:
    assert damaged.rejudged(run) == (Exit.KEPT, "", "")


@pytest.mark.parametrize("name", damaged.FILES)
def test_a_file_that_is_gone_or_empty_is_named(run: Path, name: str) -> None:
    (run / name).write_bytes(b"")
    code, line, _ = damaged.rejudged(run)
    assert (code, name in line) == (Exit.USAGE, True), line
    (run / name).unlink()
    code, line, _ = damaged.rejudged(run)
    assert (code, name in line or "no such run" in line) == (Exit.USAGE, True), line


@pytest.mark.parametrize("name", ["run.json", "readback.json", "seal.json"])
def test_a_later_version_is_named_with_what_to_do(run: Path, name: str) -> None:
    values = json.loads((run / name).read_text())
    (run / name).write_text(json.dumps({**values, "version": 99}))
    if name == "readback.json":  # the seal must vouch for it, or its own words are never read
        seal.write(run)
    line = damaged.rejudged(run)[1]
    assert f"{name}: version: 99 is not" in line
    assert "Judge it with the gameday that wrote it." in line


def test_a_whole_record_cut_off_a_file_of_requests_is_noticed(run: Path) -> None:
    path = run / "requests-europe.bin"
    path.write_bytes(path.read_bytes()[:-64])
    assert "requests-europe.bin: not as the run left it" in damaged.rejudged(run)[1]


def test_a_file_that_appears_later_is_noticed(run: Path) -> None:
    (run / "requests-asia.bin").write_bytes(b"")
    with pytest.raises(Unreadable, match=r"requests-asia\.bin: was not there when the run ended"):
        seal.check(run, sealed=True)


def test_a_run_that_was_never_sealed_has_nothing_to_break(run: Path) -> None:
    (run / "seal.json").unlink()
    seal.check(run, sealed=False)
    with pytest.raises(Unreadable, match=r"seal\.json: missing"):
        seal.check(run, sealed=True)
