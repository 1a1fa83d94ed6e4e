"""Everything that is open while a run lasts: its folder, header, timeline, journal, audit log, observers, watchdog."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from harness import seal
from harness.clock import Instant
from harness.cloud.estate import Estate
from harness.cloud.trail import Trail, kept
from harness.console import Console
from harness.events import PhaseBegan
from harness.header import Header, write_header
from harness.load import Load
from harness.probes.observers import Observers
from harness.probes.processors import Processors
from harness.record import CALLS_FILE, HEADER_FILE, TIMELINE_FILE
from harness.safety import lease
from harness.safety.watchdog import Watchdog
from harness.timeline import Timeline
from harness.undo import JOURNAL_FILE, Journal, Mirror
from harness.verdicts import Outcome


@dataclass
class Experiment:
    """A context: opened before anything is touched, closed when the world is back and everything is seen."""

    folder: Path
    estate: Estate
    header: Header
    console: Console
    target_file: Path | None = None
    """What a watchdog undoes by; ``None``: nothing is changed, so there is neither a journal nor a watchdog."""
    mirror: Mirror | None = None
    timeline: Timeline = field(init=False)
    journal: Journal = field(init=False)
    trail: Trail = field(init=False)
    observers: Observers = field(init=False)
    watchdog: Watchdog = field(init=False)
    began: Instant = field(init=False)
    outcome: Outcome = Outcome.FINISHED
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Experiment:
        self.folder.mkdir(parents=True)
        self.began = self.estate.clock.now()
        write_header(self.folder / HEADER_FILE, self.header)
        self.timeline = Timeline(self.folder / TIMELINE_FILE)
        self._stack.callback(self.timeline.close)
        self.trail = self._stack.enter_context(self._trail())
        if self.target_file is not None:
            self._arm(self.target_file)
        self.observers = Observers(self.estate, self.timeline)
        self._stack.enter_context(self.observers)
        # Last, since what fails before has nobody who would take the live view off the terminal again.
        self._stack.enter_context(self.console.watching(self.folder))
        return self

    def _arm(self, target_file: Path) -> None:
        """Open what puts the world back, whatever becomes of this process."""
        self.journal = Journal(self.folder / JOURNAL_FILE, self.mirror)
        self._stack.callback(self.journal.close)
        undo = [sys.executable, "-m", "harness.cli", "undo", self.run, "--target", str(target_file)]
        self.watchdog = Watchdog(self.folder / lease.FILE, undo, lambda: bool(self.journal.pending()))
        self._stack.enter_context(self.watchdog)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stack.close()
        finally:
            write_header(self.folder / HEADER_FILE, replace(self.header, outcome=self.outcome, sealed=True))
            seal.write(self.folder)

    @contextmanager
    def told_by(self, tell: Callable[[Experiment], None]) -> Iterator[None]:
        """Around the experiment: once it was opened it is told, however it ended, from what it left on disk."""
        try:
            yield
        finally:
            if (self.folder / HEADER_FILE).exists() and hasattr(self, "began"):
                tell(self)

    def amend(self, **changes: Any) -> None:
        """Change what the header says, on disk too, so that a killed run still tells what it was doing."""
        self.header = replace(self.header, **changes)
        write_header(self.folder / HEADER_FILE, self.header)

    @contextmanager
    def under(self, load: Load) -> Iterator[None]:
        """Around the traffic: the header says how far the times of what comes from other machines may be off."""
        with load:
            load.start()
            self._note_clocks(load)
            try:
                with Processors(load.processes, self.estate.clock, self.timeline):
                    yield
            finally:
                load.stop()
                self._note_clocks(load)

    def _note_clocks(self, load: Load) -> None:
        errors = load.clock_errors()
        if errors:
            self.amend(clock_error=errors)

    def enter_phase(self, phase: str, text: str) -> None:
        """Note the phase on the timeline and tell it on the terminal."""
        self.trail.phase = phase
        self.timeline.add(PhaseBegan(self.estate.clock.now(), phase, text))
        self.console.say(phase, text)

    @property
    def run(self) -> str:
        """``SESSION/SCENARIO``, as on the command line."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def _trail(self) -> AbstractContextManager[Trail]:
        estate, path = self.estate, self.folder / CALLS_FILE
        return kept(estate.cloud, estate.platform.regions[0].name, path, estate.clock, self.header.scenario)
