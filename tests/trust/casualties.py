"""`python -m tests.trust.casualties`: a real Locust that is killed, and one whose disk is full, in the midst of a run.

The same run without a casualty is kept: a second of outage, and six seconds in which it is seen to be over.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.judges.bench import judge
from harness.verdicts import Ruling, worst
from tests.trust.outages import MILLISECOND, Outage
from tests.trust.replay import Stage, replay

_OUTAGE = (Outage(0, "status", "status", (0, 1), ((1_000 * MILLISECOND, 2_000 * MILLISECOND),)),)
_CALM = 6_000 * MILLISECOND
_CASUALTIES: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "Locust is killed after 8 s": ("timeout", "--signal", "KILL", "8"),
    "the disk is full after 1,000 requests": ("prlimit", "--fsize=64064"),
}


def ruling(enter: tuple[str, ...], folder: Path) -> tuple[Ruling, str]:
    """What the harness says of the run, and why."""
    verdicts = judge(replay(folder, _OUTAGE, Stage(calm=_CALM, enter=enter)).record)
    return worst(one.ruling for one in verdicts), verdicts[0].reason


def main() -> int:
    """Print the table; exits 1 when a run with a casualty is kept, or the run without one is not."""
    failed = 0
    for name, enter in _CASUALTIES.items():
        with tempfile.TemporaryDirectory() as folder:
            found, reason = ruling(enter, Path(folder))
        wrong = (found is Ruling.KEPT) is bool(enter)
        failed += wrong
        print(f"{name:<40}{found.name:<10}{reason[:90]}{'  MISSED' if wrong else ''}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
