"""Progress for people: a line for each step, and while something is awaited one line that keeps changing.

On a terminal a run is drawn live below those lines; anywhere else there are the lines alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rich.console import RenderableType

from harness.clock import Clock, Instant
from harness.following import Follower
from harness.reporting import live
from harness.view import View, drawable


@dataclass
class Console:
    """Writes to the terminal past pytest's capture; plain lines, fewer of them, when it is not a terminal."""

    clock: Clock
    stream: TextIO = field(default_factory=lambda: sys.__stderr__ or sys.stderr)
    offer: str = ""
    """What a key press does now, in words; the live view shows it."""
    _fleeting: bool = False
    _glanced: str = ""
    _view: View | None = None

    def say(self, phase: str, text: str) -> None:
        """One line that stays."""
        told = line(self.clock.now(), phase, text)
        self._glanced = ""
        if self._view is not None:
            self._view.say(told)
            return
        self._wipe()
        self.stream.write(f"{told}\n")
        self.stream.flush()

    def glance(self, text: str, traffic: str = "") -> None:
        """One line that the next one replaces; nothing when this is not a terminal.

        ``traffic``: how the clients fare, which the live view shows by itself.
        """
        if self._view is not None:
            self._glanced = text
            return
        if not self.stream.isatty():
            return
        self._wipe()
        told = "  ".join(part for part in (text, traffic) if part)
        self.stream.write(f"  {_time(self.clock.now())} {told}"[:140])
        self.stream.flush()
        self._fleeting = True

    @contextmanager
    def watching(self, folder: Path) -> Iterator[None]:
        """Draw the run in ``folder`` live until the block is left; nothing when this is not a terminal."""
        if not drawable(self.stream):
            yield
            return
        self._wipe()
        follower = Follower(folder)

        def paint(width: int, height: int) -> RenderableType | None:
            seen = follower.look()
            if seen is None:
                return None
            return live.render(live.picture(seen, self._glanced, self.offer), width, height)

        with View(paint, self.stream) as self._view:
            try:
                yield
            finally:
                self._view = None

    def _wipe(self) -> None:
        if self._fleeting:
            self.stream.write("\r\x1b[K")
            self._fleeting = False


def line(at: Instant, phase: str, text: str) -> str:
    """A line of progress."""
    return f"  {_time(at)} {phase:<9} {text}"


def _time(at: Instant) -> str:
    return str(at)[11:19]
