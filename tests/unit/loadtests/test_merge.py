"""Records of several machines become one, by the dates that their machines told."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clock import Anchor, Clock
from harness.errors import BadInput
from harness.requests import RequestWriter, read
from loadtests.merge import merge

DATE = 1_700_000_000_000_000_000
HERE, THERE = Clock(1.0, Anchor(5_000, DATE)), Clock(1.0, Anchor(900_000, DATE + 100))


def record(path: Path, clock: Clock, *since: int, location: int = 1) -> Path:
    """Requests that began so many ns after the date and took 50 ns; the second was never sent."""
    with RequestWriter(path, clock, location) as writer:
        for number, one in enumerate(since):
            at = clock.monotonic(HERE.at(HERE.anchor.monotonic_nanoseconds + one))
            writer.write(at, 0 if number == 1 else at, at + 50, 0, 0, 201, write_id=bytes([number]) * 16)
    return path


def test_the_requests_of_all_are_there_by_one_clock_in_the_order_in_which_they_ended(tmp_path):
    parts = [record(tmp_path / "a.bin", HERE, 1000, 3000), record(tmp_path / "b.bin", THERE, 2000, 4000)]
    assert merge(tmp_path / "m.bin", parts) == 4
    found = read(tmp_path / "m.bin")
    assert found.clock == HERE
    assert (found.rows["intended"] - HERE.anchor.monotonic_nanoseconds).tolist() == [1000, 2000, 3000, 4000]
    assert (found.rows["sent"] == 0).tolist() == [False, False, True, True]
    assert found.aws("done").tolist() == [DATE + one + 50 for one in (1000, 2000, 3000, 4000)]


def test_what_does_not_belong_together_is_refused(tmp_path):
    parts = [record(tmp_path / "a.bin", HERE, 1000), record(tmp_path / "b.bin", HERE, 2000, location=2)]
    with pytest.raises(BadInput, match=r"b\.bin: location"):
        merge(tmp_path / "m.bin", parts)
    with pytest.raises(BadInput, match="never overwritten"):
        merge(tmp_path / "a.bin", parts[:1])
