"""`python -m tests.trust.damaged`: damaged records. One clear line or don't-know, never a traceback, never kept.

A good run that is kept is damaged in one place of one file, with and without its seal, and judged again through
``gameday rejudge``'s own code. Prints file × damages × how they ended; TRUST_DAMAGES (400) says how many.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness import cli, runner, seal
from harness.errors import GamedayError
from harness.header import write_header
from harness.verdicts import Exit
from tests.trust.histories import History, header, written

DAMAGES = 400
FILES = ("run.json", "timeline.jsonl", "readback.json", "requests-america.bin", "requests-europe.bin", "seal.json")
GOOD = History(1.0, True, True, {}, {}, {}, ("once", "once"), 0, 0)
PROMISES = ("no_lost_writes", "single_writer", "jobs_exactly_once", "bounded_staleness")
GARBAGE = (b"", b"{", b"[]", b"null", b"3", b"{}\n", b'{"version": 99}\n', b"\0" * 64, b"\xff\xfe" * 99, b"\n" * 5)
ALLOWED = (Exit.USAGE, Exit.UNKNOWN, Exit.REFUSED_OR_ABORTED)
"""A damaged record may be refused or told unknown; a header that says the run never ended makes it an aborted one."""


@dataclass(frozen=True)
class Damage:
    """What is done to one file. ``where``: 0 to 1, a place in it.

    Not ``sealed``: to a run of before there were seals, or one that was killed. There, what still reads as a record is
    judged for what it says; it must be told in one line or judged, and nothing may crash.
    """

    file: str
    kind: str
    where: float
    garbage: bytes
    sealed: bool

    def do(self, path: Path) -> bool:
        """Do it; whether the file is another one now."""
        data = path.read_bytes()
        place = min(len(data) - 1, int(self.where * len(data)))
        if self.kind == "delete":
            path.unlink()
            return True
        changed = {
            "truncate": data[:place],
            "flip": data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :],
            "cut out": data[: place - 30] + data[place:] if place > 30 else data[place:],
            "append": data + (self.garbage or b"\0" * 7),
            "replace": self.garbage,
            "newer": _newer(data, path.suffix),
        }[self.kind]
        path.write_bytes(changed)
        return changed != data


def _newer(data: bytes, suffix: str) -> bytes:
    """The same file of a later version; events have none, so one of an unknown kind is the nearest."""
    if suffix == ".bin":
        return data[:8] + b"\x02\x00" + data[10:]
    if suffix == ".jsonl":
        return data.replace(b'"kind":"fault.injected"', b'"kind":"fault.injected.2"')
    return json.dumps({**json.loads(data), "version": 99}).encode()


def damages() -> st.SearchStrategy[Damage]:
    """Any damage to any file."""
    kinds = st.sampled_from(("truncate", "truncate", "flip", "flip", "cut out", "append", "delete", "replace", "newer"))
    where = st.floats(0, 1, allow_nan=False)
    garbage = st.sampled_from(GARBAGE) | st.binary(max_size=80)
    return st.builds(Damage, st.sampled_from(FILES), kinds, where, garbage, st.booleans())


def good(home: Path, *, sealed: bool = True) -> Path:
    """The folder of a run that finished and kept its promises."""
    home.mkdir(parents=True)
    written(GOOD, home)
    write_header(home / "run.json", replace(header(GOOD.speed), promises=PROMISES, sealed=sealed))
    if sealed:
        seal.write(home)
    return home


def rejudged(folder: Path) -> tuple[int, str, str]:
    """The exit code of ``gameday rejudge FOLDER``, what it said on stderr, and a traceback if there was one."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return runner.rejudge(str(folder)), "", ""
        except GamedayError as error:
            return cli._code(error), str(error), ""
        except Exception:  # noqa: BLE001 - a traceback is what must not be, whatever its kind
            return -1, "", traceback.format_exc()


@dataclass
class Tally:
    """How the damages of each file ended."""

    ends: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in FILES})
    unsealed: Counter[str] = field(default_factory=Counter)

    def table(self) -> str:
        """The table that is printed."""
        ends = ("one line, exit 2", "unknown", "aborted")
        lines = [f"{'file':<24}{'damages':>9}" + "".join(f"{end:>20}" for end in ends)]
        lines += [
            f"{name:<24}{counts.total():>9}" + "".join(f"{counts[end]:>20}" for end in ends)
            for name, counts in self.ends.items()
        ]
        told = ", ".join(f"{end} {count}" for end, count in sorted(self.unsealed.items()))
        return "\n".join([*lines, f"without a seal: {told}"])


def check(damage: Damage, wholes: Path, folder: Path, tally: Tally) -> None:
    """Damage a copy of a good run and judge it; raises ``AssertionError`` where that is kept, broken or crashes."""
    shutil.copytree(wholes / ("sealed" if damage.sealed else "unsealed"), folder)
    if not (folder / damage.file).exists() or not damage.do(folder / damage.file):
        return
    code, line, crash = rejudged(folder)
    assert not crash, crash
    if code == Exit.USAGE:
        assert line, "nothing was said"
        assert "\n" not in line, line
        assert damage.file in line or folder.name in line, f"the file is not named: {line}"
    if not damage.sealed:
        tally.unsealed[Exit(code).name.lower()] += 1
        return
    assert code in ALLOWED, f"exit {code}"
    ends = {Exit.USAGE: "one line, exit 2", Exit.UNKNOWN: "unknown"}
    tally.ends[damage.file][ends.get(Exit(code), "aborted")] += 1


def every(count: int, tally: Tally, home: Path, *, derandomize: bool = False) -> Callable[[], None]:
    """So many damages, checked; calling it raises at the first that is not told, made as small as it can be."""
    good(home / "sealed")
    good(home / "unsealed", sealed=False)

    @settings(max_examples=count, deadline=None, database=None, derandomize=derandomize,
              phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(damages())
    def each(damage: Damage) -> None:
        with tempfile.TemporaryDirectory(dir=home) as folder:
            check(damage, home, Path(folder) / "run", tally)

    return each


def main() -> int:
    """All damages; prints the table."""
    count = int(os.environ.get("TRUST_DAMAGES", str(DAMAGES)))
    seed = int(os.environ.get("TRUST_SEED", str(time.time_ns() % 1_000_000)))
    tally, problem = Tally(), ""
    with tempfile.TemporaryDirectory(prefix="damaged-") as home:
        code = rejudged(good(Path(home) / "undamaged"))[0]
        try:
            hypothesis.seed(seed)(every(count, tally, Path(home)))()
        except AssertionError as error:
            problem = "\n".join([str(error), *getattr(error, "__notes__", ())])
    print(f"damaged records, seed {seed}; undamaged: {Exit(code).name}")
    print(tally.table())
    print(f"differs: {problem}" if problem else "each was told in one line or is unknown; none was kept, none crashed")
    return int(bool(problem) or code != Exit.KEPT)


if __name__ == "__main__":
    sys.exit(main())
