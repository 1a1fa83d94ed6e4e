"""The short form of `make torture`: some of the blows at step boundaries, of two faults on one twin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.__main__ import PARTS
from tests.torture.boundaries import FAULTS

HOME = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun")
@pytest.mark.timeout(120)
def test_a_blow_at_a_step_boundary_leaves_nothing_behind() -> None:
    words = [sys.executable, "-m", "tests.torture.boundaries", "dark", "stop", "--every", "41"]
    told = subprocess.run(words, capture_output=True, text=True, check=False, cwd=HOME)
    assert told.returncode == 0, told.stdout + told.stderr
    assert ", 0 left something behind" in told.stdout


def test_every_fault_has_its_part() -> None:
    assert {part.split()[0] for part in PARTS} == set(FAULTS)
