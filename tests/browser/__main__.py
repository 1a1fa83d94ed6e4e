"""`python -m tests.browser [SITE]`: look at a site in headless Chromium, keep pictures of it, say what is wrong.

Prints the size of the site, how long each phase's report takes to open, and every problem; 1 when there is one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.reporting.telling import VERDICT_FILE
from harness.session import HOME
from tests.browser.browser import CHROMIUM, chromium
from tests.browser.inspection import SHOTS, inspect

_LIMIT_MEGABYTES = 60
_OPENS_IN_SECONDS = 2.0


def main(words: Sequence[str]) -> int:
    """Look, and tell."""
    site = Path(words[0]) if words else HOME / "reports" / "site"
    if CHROMIUM() is None:
        sys.stderr.write("Chromium is missing: apt-get install -y --no-install-recommends chromium\n")
        return 2
    if not (site / VERDICT_FILE).exists():
        sys.stderr.write(f"{site}: no site of a session is here: gameday report\n")
        return 2
    told = json.loads((site / VERDICT_FILE).read_text())
    megabytes = sum(file.stat().st_size for file in site.rglob("*") if file.is_file() and SHOTS not in file.parts) / 1e6
    with chromium() as browser:
        seen = inspect(browser, site, told)
    problems = list(seen.problems)
    if megabytes > _LIMIT_MEGABYTES:
        problems.append(f"the site has {megabytes:.1f} MB, {_LIMIT_MEGABYTES} are allowed")
    problems += [f"{name}: its tests can be read after {took:.1f} s, {_OPENS_IN_SECONDS:g} s are allowed"
                 for name, took in seen.opening_seconds.items() if took > _OPENS_IN_SECONDS]  # fmt: skip
    opening = ", ".join(f"{name} {took:.2f} s" for name, took in seen.opening_seconds.items())
    print(f"{len(told['runs'])} runs, {megabytes:.1f} MB; {seen.pages} pages looked at; opened: {opening or 'none'}")
    print(f"{len(seen.pictures)} pictures in {site / SHOTS}")
    for problem in problems:
        print(f"problem: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
