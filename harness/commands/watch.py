"""``gameday run --watch``: a run as it goes on, from a second terminal. Read-only: starts nothing, takes no lock."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.text import Text

from harness import timeline
from harness.clock import monotonic_nanoseconds, wall_seconds
from harness.console import line
from harness.errors import BadInput
from harness.events import PhaseBegan
from harness.following import Follower, Seen
from harness.record import HEADER_FILE
from harness.reporting import live, summary, telling
from harness.runs import folder_of
from harness.safety import keys, lease, lock
from harness.safety.keys import Keys
from harness.safety.lease import Lease
from harness.session import HOME, RUNS
from harness.verdicts import Exit, Outcome, Ruling, Verdict, exit_code, strongest, worst
from harness.view import PERIOD_REAL_SECONDS, View, drawable

LATEST = "latest"
_SILENT_SECONDS = 60
"""A run that nobody holds a lease of and that wrote nothing for so long (real time) goes on no more."""
_SECOND = 1_000_000_000


class Teller(Protocol):
    """Who tells what is seen of a run."""

    def watching(self) -> AbstractContextManager[object]:
        """Around one run."""

    def see(self, run: str, seen: Seen) -> None:
        """The run was looked at."""

    def judged(self, run: str, seen: Seen, verdicts: tuple[Verdict, ...]) -> None:
        """The run is over; without verdicts it was not judged."""

    def wait(self, words: str) -> None:
        """Between two runs."""


def watch(run_name: str, *, as_json: bool) -> Exit:
    """Follow a run until it ends, and its session too where ``run_name`` means one (``SESSION``, or ``latest``).

    Returns the exit code of what ended meanwhile; KEPT when it is left (Ctrl-C) while something still goes on. Raises
    ``BadInput`` for a run that there is not, and ``Unreadable`` for one that is damaged.
    """
    teller: Teller = _Objects() if as_json else _Lines()
    codes = []
    with _leaving() as left, Keys(keys.terminal()) as pressed:
        for folder in _runs(run_name, left, teller):
            code = _follow(folder, left, pressed, teller)
            if code is None:
                return Exit.KEPT
            codes.append(code)
        return Exit.KEPT if left.is_set() else strongest(codes)


@contextmanager
def _leaving() -> Iterator[threading.Event]:
    """INT, TERM and HUP only ask to leave, so that none of them comes between while the terminal is drawn on."""
    left = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        del number, frame
        left.set()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield left
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _runs(run_name: str, left: threading.Event, teller: Teller) -> Iterator[Path]:
    """The run that is meant, then those with which its session goes on, if the session is meant."""
    session, first = _meant(run_name)
    known = set(_begun(session)) if session is not None else set()
    if first is not None:
        yield first
    waits = False
    while session is not None and not left.is_set():
        going_on = _somebody_plays()
        fresh = [folder for folder in _begun(session) if folder not in known]
        if fresh:
            known.add(fresh[0])
            waits = False
            yield fresh[0]
        elif not going_on:
            return
        else:
            if not waits:
                teller.wait(f"waiting for the next run of {session.name}")
            waits = True
            left.wait(PERIOD_REAL_SECONDS)


def _meant(run_name: str) -> tuple[Path | None, Path | None]:
    """The session that is followed, and the run that is first; ``None`` where there is none."""
    if run_name == LATEST:
        sessions = (path for path in RUNS.glob("*") if path.is_dir())
        newest = max(sessions, default=None, key=lambda path: path.stat().st_mtime_ns)
        if newest is not None and not _begun(newest) and _somebody_plays():
            return newest, None  # its first platform still boots
        first = folder_of(LATEST)
        return first.parent, first
    session = RUNS / run_name
    if "/" in run_name.strip("/") or not session.is_dir():
        return None, folder_of(run_name)
    begun = _begun(session)
    if not begun and not _somebody_plays():
        raise BadInput("--watch", run_name, "no run of it began")
    return session, begun[-1] if begun else None


def _begun(session: Path) -> list[Path]:
    """The runs of a session, in the order in which they began."""
    found = {path.parent: path.parent.stat().st_mtime_ns for path in session.glob(f"*/{HEADER_FILE}")}
    return sorted(found, key=lambda folder: (found[folder], folder.name))


def _somebody_plays() -> bool:
    """Whether a process that took an environment's lock is still there."""
    return any(Lease.of(pid).alive for pid in lock.holders(HOME / ".gameday"))


def _follow(folder: Path, left: threading.Event, pressed: Keys, teller: Teller) -> Exit | None:
    """Tell a run until it is judged; ``None`` when it was left before."""
    run, follower = f"{folder.parent.name}/{folder.name}", Follower(folder)
    with teller.watching():
        while True:
            seen = follower.look()
            if seen is not None:
                teller.see(run, seen)
            if seen is not None and (seen.ended or _abandoned(folder)):
                break
            pressed.pressed()  # what is typed here is meant for nobody
            if left.wait(PERIOD_REAL_SECONDS):
                return None
    verdicts = _verdicts(folder, left) if seen.ended else ()
    if verdicts is None:
        return None
    teller.judged(run, seen, verdicts)
    return _code(seen, verdicts)


def _code(seen: Seen, verdicts: tuple[Verdict, ...]) -> Exit:
    outcome = seen.record.header.outcome or Outcome.ABORTED
    return exit_code(outcome, worst(verdict.ruling for verdict in verdicts))


def _abandoned(folder: Path) -> bool:
    """Whether nobody writes this run any more, though it never ended: it was killed."""
    held = lease.read(folder / lease.FILE)
    return (held is None or not held.alive) and _silent(folder)


def _silent(folder: Path) -> bool:
    newest = 0.0
    for path in (folder, *folder.glob("*")):
        with suppress(FileNotFoundError):  # some are there for a moment only, until they are put in their place
            newest = max(newest, path.stat().st_mtime)
    return wall_seconds() - newest > _SILENT_SECONDS


def _verdicts(folder: Path, left: threading.Event) -> tuple[Verdict, ...] | None:
    """The verdicts of a run that ended, once they are there; none when nobody judges it, ``None`` when it was left."""
    while True:
        verdicts = telling.saved(folder)
        if verdicts is not None:
            return verdicts
        if _silent(folder):
            return ()
        if left.wait(PERIOD_REAL_SECONDS):
            return None


class _Lines:
    """For people: the live view on a terminal, and the lines that the run's own terminal shows."""

    def __init__(self) -> None:
        self._seen: Seen | None = None
        self._view: View | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._seen = None
        if not drawable(sys.stdout):
            yield
            return
        with View(self._paint, sys.stdout) as self._view:
            yield
        self._view = None

    def see(self, run: str, seen: Seen) -> None:
        if self._seen is None:
            self._say(f"{run}: {seen.record.header.title}")
        self._seen = seen
        for event in seen.fresh:
            words = live.told(event)
            if words is not None:
                self._say(line(event.at, *words))

    def judged(self, run: str, seen: Seen, verdicts: tuple[Verdict, ...]) -> None:
        told = Text(summary.lines(seen.record, verdicts).rstrip("\n"))
        for ruling in Ruling:
            told.highlight_regex(rf"(?m)^ +{re.escape(ruling.name)}\b", ruling.colour)
        if not verdicts:
            told.append(f"\n  it was not judged: `gameday rejudge {run}`")
        if drawable(sys.stdout):
            Console(highlight=False).print(told, soft_wrap=True)
        else:
            self._say(told.plain)

    def wait(self, words: str) -> None:
        self._say(words)

    def _say(self, words: str) -> None:
        if self._view is not None:
            self._view.say(words)
        else:
            sys.stdout.write(f"{words}\n")
            sys.stdout.flush()

    def _paint(self, width: int, height: int) -> RenderableType | None:
        seen = self._seen
        if seen is None or seen.ended:
            return None
        return live.render(live.picture(seen), width, height)


class _Objects:
    """For machines: one JSON object a line, phases as on the timeline, the state once a second, the verdicts."""

    def __init__(self) -> None:
        self._told = 0

    def watching(self) -> AbstractContextManager[object]:
        return nullcontext()

    def see(self, run: str, seen: Seen) -> None:
        for event in timeline.of(seen.fresh, PhaseBegan):
            self._put(run, timeline.to_json(event))
        now = monotonic_nanoseconds()
        if not seen.ended and now - self._told >= _SECOND:
            self._told = now
            self._put(run, live.picture(seen).to_json())

    def judged(self, run: str, seen: Seen, verdicts: tuple[Verdict, ...]) -> None:
        for verdict in verdicts:
            plain = {"promise": verdict.promise, "ruling": verdict.ruling.name, "reason": verdict.reason}
            self._put(run, {"kind": "verdict", **plain, "figures": dict(verdict.figures)})
        outcome, ruling = seen.record.header.outcome, worst(verdict.ruling for verdict in verdicts)
        ended = {"outcome": outcome.value if outcome else None, "ruling": ruling.name}
        self._put(run, {"kind": "ended", **ended, "exit_code": int(_code(seen, verdicts))})

    def wait(self, words: str) -> None:
        """A machine needs no such words."""

    def _put(self, run: str, told: dict[str, Any]) -> None:
        sys.stdout.write(f"{json.dumps({'run': run, **told})}\n")
        sys.stdout.flush()
