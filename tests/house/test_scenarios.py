"""Every scenario of the catalogue is one that pytest can play, two of one name in different phases too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness import catalogue

HOME = Path(__file__).resolve().parents[2]


def test_pytest_collects_the_whole_catalogue():
    command = [sys.executable, "-m", "pytest", "scenarios", "--collect-only", "-q"]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    missing = [entry.path for entry in catalogue.entries() if f"scenarios/{entry.path}.py::" not in done.stdout]
    assert missing == []
