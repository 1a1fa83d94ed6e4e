"""A sabotaged harness never says KEPT, and would if its guard were gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.judges.bench import judge
from harness.verdicts import Ruling, worst
from tests.trust.sabotage import SABOTAGES, Sabotage, _kept


def test_the_run_that_is_sabotaged_is_kept_as_long_as_nobody_does() -> None:
    assert worst(verdict.ruling for verdict in judge(_kept())) is Ruling.KEPT


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda one: one.name)
def test_a_sabotaged_harness_is_never_kept(sabotage: Sabotage, tmp_path: Path) -> None:
    assert sabotage.ruling(tmp_path) is not Ruling.KEPT


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda one: one.name)
def test_without_its_guard_the_sabotage_would_pass(sabotage: Sabotage, tmp_path: Path) -> None:
    with sabotage.removed():
        assert sabotage.ruling(tmp_path) is Ruling.KEPT
