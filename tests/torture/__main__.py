"""`python -m tests.torture`: blows at every step boundary, two twins side by side; then whole runs, alone."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

PARTS = ("dark --every 2", "dark --every 2 --from 1", "silence", "stop", "lag", "pause")
"""Every case of every fault, in parts of a few minutes, the longest first."""
_SIDE_BY_SIDE = 2
"""A twin at this speed takes half a core by itself: a third one would only take it from the others."""


def _play(part: str) -> int:
    """A part of the blows on a twin of its own, its table in one piece."""
    words = [sys.executable, "-m", "tests.torture.boundaries", *part.split()]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(done.stdout)
    sys.stdout.flush()
    return done.returncode


def main() -> int:
    """Print the tables; 1 when anything was left behind or any verdict was wrong."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as crew:
        codes = list(crew.map(_play, PARTS))
    codes.append(subprocess.run([sys.executable, "-m", "tests.torture.instants"], check=False).returncode)
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
