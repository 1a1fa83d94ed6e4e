"""`python -m tests.torture`: blows at every step boundary, on two twins side by side; then whole runs, alone."""

from __future__ import annotations

import subprocess
import sys

BOUNDARIES = (("dark", "pause"), ("lag", "stop", "silence"))


def main() -> int:
    """Print both tables; 1 when anything was left behind or any verdict was wrong."""
    words = [sys.executable, "-m", "tests.torture.boundaries"]
    side_by_side = [subprocess.Popen([*words, *faults], stdout=subprocess.PIPE, text=True) for faults in BOUNDARIES]
    codes = []
    for process in side_by_side:
        told, _ = process.communicate()
        sys.stdout.write(told)
        sys.stdout.flush()
        codes.append(process.returncode)
    codes.append(subprocess.run([sys.executable, "-m", "tests.torture.instants"], check=False).returncode)
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
