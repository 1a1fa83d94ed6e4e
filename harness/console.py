"""Progress for people: a line for each step, and while something is awaited one line that keeps changing."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO

from harness.clock import Clock


@dataclass
class Console:
    """Writes to the terminal past pytest's capture; plain lines, fewer of them, when it is not a terminal."""

    clock: Clock
    stream: TextIO = field(default_factory=lambda: sys.__stderr__ or sys.stderr)
    _fleeting: bool = False

    def say(self, phase: str, text: str) -> None:
        """One line that stays."""
        self._wipe()
        self.stream.write(f"  {self._time()} {phase:<9} {text}\n")
        self.stream.flush()

    def glance(self, text: str) -> None:
        """One line that the next one replaces; nothing when this is not a terminal."""
        if not self.stream.isatty():
            return
        self._wipe()
        self.stream.write(f"  {self._time()} {text}"[:140])
        self.stream.flush()
        self._fleeting = True

    def _wipe(self) -> None:
        if self._fleeting:
            self.stream.write("\r\x1b[K")
            self._fleeting = False

    def _time(self) -> str:
        return str(self.clock.now())[11:19]
