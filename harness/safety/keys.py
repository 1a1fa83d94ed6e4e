"""A key press that stops: the terminal is asked, never waited for, and left as it was found.

Only where a person sits: standard input is a terminal and this process is in its foreground. Anywhere else nothing is
read and nothing is set, since a background process that touches its terminal is stopped by the kernel.
"""

from __future__ import annotations

import os
import select
import signal
import termios
import tty
from types import TracebackType
from typing import Any

STOP = b"s"


def terminal() -> int | None:
    """A descriptor of the terminal on standard input, the caller's to close; ``None`` when it is none, or not ours."""
    try:
        return os.dup(0) if os.isatty(0) and _in_foreground(0) else None
    except OSError:
        return None


class Keys:
    """A context: keys are told at once and not shown (cbreak), Ctrl-C goes on to interrupt. Owns its descriptor."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._before: list[Any] = []

    @property
    def listening(self) -> bool:
        """Whether there is a terminal on which a key can be pressed."""
        return self._descriptor is not None

    def __enter__(self) -> Keys:
        if self._descriptor is not None:
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        # Moved to the background meanwhile, the kernel would stop us here, and the terminal would stay as it is.
        heard = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, self._before)
        finally:
            signal.signal(signal.SIGTTOU, heard)
            os.close(descriptor)

    def pressed(self) -> str | None:
        """In words, when the stop key was pressed since the last time; never blocks. Other keys are taken and lost."""
        if self._descriptor is None or not _in_foreground(self._descriptor):
            return None
        while select.select([self._descriptor], [], [], 0)[0]:
            key = os.read(self._descriptor, 1)
            if key.lower() == STOP:
                return f"{STOP.decode()} was pressed"
            if not key:
                return None
        return None


def _in_foreground(descriptor: int) -> bool:
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
