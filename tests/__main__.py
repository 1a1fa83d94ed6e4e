"""`python -m tests`: everything that must hold, side by side: what is measured in time, and what is not.

Lint, types and the tests without a platform take a core for a while; those with real processes and networks mostly
wait. The first go on in the background, with those of the others that measure no time, and are told at the end;
whatever fails in either fails the whole.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests import background

BIN = Path(sys.executable).parent
PATIENT = (
    "tests/trust/test_planted.py",
    "tests/trust/test_damaged.py",
    "tests/contract/test_moto.py",
    "tests/contract/test_front_door_fuzz.py",
    "tests/contract/test_ambiguous_roles.py",
    "tests/contract/test_aws_cli.py",
    "tests/twin/test_aws_calls.py",
    "tests/twin/test_dead_mans_switch.py",
    "tests/twin/test_inventory.py",
    "tests/twin/test_wrong_targets.py",
    "tests/torture",
)
"""What takes as long as it takes: nothing in it is late on a busy machine."""
PURE = ("tests/unit", "tests/house", "tests/browser", *PATIENT)
REAL = ("tests/contract", "tests/trust", "tests/twin", *(f"--ignore={path}" for path in PATIENT))


def _pytest(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *words]


def pure(group: Path | None) -> int:
    """Lint, types, and the tests that can wait, one after the other; the first failure ends it."""
    background.join(group)
    checks = ([str(BIN / "ruff"), "check", "."], [str(BIN / "ruff"), "format", "--check", "."], [str(BIN / "mypy")])
    for words in (*checks, _pytest(PURE)):
        code = subprocess.run(words, check=False).returncode
        if code:
            return code
    return 0


def main() -> int:
    """Both parts; 1 when either failed."""
    with background.leavings() as group, tempfile.TemporaryFile() as told:
        words = [sys.executable, "-m", "tests", "pure", *([str(group)] if group else [])]
        aside = subprocess.Popen(words, stdout=told, stderr=subprocess.STDOUT)
        try:
            code = subprocess.run(_pytest(REAL), check=False).returncode
            aside.wait()
        finally:
            aside.kill()
        told.seek(0)
        sys.stdout.write(told.read().decode(errors="replace"))
    return 1 if code or aside.returncode else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["pure", *group]:
            sys.exit(pure(Path(group[0]) if group else None))
        case _:
            sys.exit(main())
