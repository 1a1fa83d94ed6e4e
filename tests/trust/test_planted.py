"""Planted histories, a few hundred; `make trust` checks ten thousand. And: would a difference be noticed?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.judges import loss, staleness
from tests.trust import planted
from tests.trust.histories import History

BLIND = property(lambda self: self.acknowledged & (self.rows > 9))
CALM = History(1.0, True, True, {}, {}, {}, ("once",), 0, 0)


def test_every_planted_anomaly_is_found_and_none_is_invented(tmp_path: Path) -> None:
    tally = planted.Tally()
    planted.every(200, tally, tmp_path, derandomize=True)()
    assert tally.histories >= 200
    assert all(tally.planted[name] for name in planted.SECTIONS), tally.table()
    assert tally.planted == tally.found


def test_a_history_without_anomalies_keeps_every_promise(tmp_path: Path) -> None:
    tally = planted.Tally()
    planted.check(CALM, tally, tmp_path)
    assert set(tally.rulings) == {
        f"{name} KEPT" for name in ("no_lost_writes", "single_writer", "jobs_exactly_once", "bounded_staleness")
    }
    assert tally.planted.total() == 0


@pytest.mark.parametrize(
    ("history", "owner", "name", "blind"),
    [
        (replace(CALM, writes={(0, 8): ("good", "absent")}), loss.Losses, "lost", BLIND),
        (replace(CALM, writes={(0, 8): ("good", "doubled")}), loss, "_not_as_told", lambda found: []),
        (replace(CALM, reads={(0, 20): "stale"}), staleness, "_rows", lambda record, found, numbers: []),
        (CALM, loss.Losses, "unrecorded", property(lambda self: frozenset({"f" * 32}))),
    ],
    ids=["blind to loss", "doubles forgiven", "blind to staleness", "rows invented"],
)
def test_a_judge_that_is_blind_or_invents_would_be_noticed(tmp_path, monkeypatch, history, owner, name, blind) -> None:
    planted.check(history, planted.Tally(), tmp_path)
    monkeypatch.setattr(owner, name, blind)
    (tmp_path / "again").mkdir()
    with pytest.raises(AssertionError):
        planted.check(history, planted.Tally(), tmp_path / "again")
