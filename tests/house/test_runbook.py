"""The night shift's page speaks of every exit code, and of nothing that there is not."""

from __future__ import annotations

import re

from harness.safety.watchdog import LEASE_SECONDS
from harness.verdicts import Exit
from tests.house.test_floors import HOME

PAGE = (HOME / "docs" / "runbook.md").read_text()


def test_every_exit_code_has_its_row_and_its_section() -> None:
    codes = [str(int(code)) for code in Exit]
    assert re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE) == codes
    assert re.findall(r"^## (\d):", PAGE, re.MULTILINE) == codes


def test_the_lease_is_the_watchdogs() -> None:
    assert f"its lease of {LEASE_SECONDS:g} seconds" in PAGE
