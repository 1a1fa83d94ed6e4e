"""A picture that keeps changing at the bottom of a terminal, below the lines that stay.

It is drawn by a thread of its own, so that whoever waits for something else is never held up by it, and no signal can
come between: the terminal is left as it was found.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

PERIOD_REAL_SECONDS = 0.5
"""Between two pictures: twice a second is as often as a person reads figures."""
LEFT_FREE = 8
"""So many lines of the terminal are left for what was said last."""
_END_REAL_SECONDS = 2.0

Paint = Callable[[int, int], RenderableType | None]
"""The picture for so many columns and lines; ``None``: there is nothing to show yet."""


def drawable(stream: TextIO) -> bool:
    """Whether a picture can be drawn there: it is a terminal that can move its cursor."""
    console = Console(file=stream)
    return stream.isatty() and console.is_terminal and not console.is_dumb_terminal


class View:
    """A context: paints twice a second until it is left. An error in painting ends the picture, says so, and no more.

    ``stream`` is the terminal; nobody else may write to it meanwhile.
    """

    def __init__(self, paint: Paint, stream: TextIO) -> None:
        self._paint = paint
        self._stream = stream
        self._said: deque[str] = deque()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = threading.Thread(target=self._run, name="view", daemon=True)

    def __enter__(self) -> View:
        assert self._thread is not None
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        thread = self._thread
        self._over.set()
        if thread is not None:
            # A terminal that takes nothing any more must not keep a run from its end.
            thread.join(_END_REAL_SECONDS)

    def say(self, line: str) -> None:
        """A line that stays, above the picture, with the next one; at once when there is none any more."""
        with self._lock:
            self._said.append(line)
            if self._thread is None:
                self._write()

    def _run(self) -> None:
        trouble = ""
        try:
            self._draw()
        except Exception as error:  # noqa: BLE001 - whatever drawing meets, it may not harm the run
            trouble = f"  the live view stopped, plain lines go on: {type(error).__name__}: {error}"
        with self._lock:
            self._thread = None
            if trouble:
                self._said.append(trouble)
            self._write()

    def _draw(self) -> None:
        console = Console(file=self._stream, highlight=False)
        bottom = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
        with bottom:
            while not self._over.is_set():
                picture = self._paint(console.width, max(1, console.height - LEFT_FREE))
                bottom.update(picture if picture is not None else Text())
                lines = self._take()
                if lines:
                    console.print(Text("\n".join(lines)), soft_wrap=True)
                else:
                    bottom.refresh()
                self._over.wait(PERIOD_REAL_SECONDS)

    def _take(self) -> list[str]:
        with self._lock:
            lines = list(self._said)
            self._said.clear()
            return lines

    def _write(self) -> None:
        while self._said:
            self._stream.write(f"{self._said.popleft()}\n")
        self._stream.flush()
