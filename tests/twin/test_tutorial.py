"""docs/writing-a-scenario.md is true: what it says to do, done in a copy of the checkout, comes out as it says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.twin import root
from tests import tutorial
from tests.workflows import copy_of_the_checkout

PAGE = Path(__file__).resolve().parents[2] / "docs" / "writing-a-scenario.md"


@pytest.mark.skipif(os.geteuid() != 0, reason="the twin needs root here")
@pytest.mark.timeout(180)
def test_the_tutorial_comes_out_as_it_says(tmp_path: Path) -> None:
    checkout = copy_of_the_checkout(tmp_path)
    # The copy has no .venv of its own: its modules come first on the path of this one.
    environment = {**os.environ, "GAMEDAY_HOME": str(checkout), "PYTHONPATH": str(checkout)}
    environment.pop("GITHUB_STEP_SUMMARY", None)

    def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        assert words[0] == "gameday"
        command = [sys.executable, "-m", "harness.cli", *words[1:]]
        return subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    try:
        tutorial.carry_out(tutorial.blocks(PAGE.read_text()), checkout, run)
    finally:
        root.shutdown(checkout)
