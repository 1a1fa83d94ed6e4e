"""Lines that stay, and on a terminal a picture below them; the terminal is left as it was found."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

from harness.clock import Clock, monotonic_nanoseconds, real_sleep
from harness.console import Console
from harness.view import PERIOD_REAL_SECONDS, View, drawable
from tests.unit.reporting import fabricated

SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"


class Terminal:
    """A terminal of its own; what was written to it is read by a thread, as a person would."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.text = ""

    def shows(self, words: str) -> None:
        for _ in range(6000):
            if words in self.text:
                return
            real_sleep(0.01)
        raise AssertionError(f"{words!r} is not in {self.text!r}")


@pytest.fixture
def terminal(monkeypatch) -> Iterator[Terminal]:
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "130"), ("LINES", "40")):
        monkeypatch.setenv(name, value)
    with _terminal() as made:
        yield made


@contextmanager
def _terminal() -> Iterator[Terminal]:
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as stream:
        made = Terminal(stream)

        def read() -> None:
            while True:
                try:
                    made.text += os.read(master, 65536).decode(errors="replace")
                except OSError:
                    return

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        yield made
    reader.join(5)
    os.close(master)


def test_where_there_is_no_terminal_there_are_the_plain_lines_and_nothing_else(tmp_path):
    fabricated.dark(tmp_path / "run")
    console = Console(fabricated.CLOCK, io.StringIO())
    with console.watching(tmp_path / "run"):
        console.say("steady", "calm for 20 s")
        console.glance("waiting for calm", "america 4.0/s")
        console.say("inject", "Blackhole")
    assert isinstance(console.stream, io.StringIO)
    assert [line[11:] for line in console.stream.getvalue().splitlines()] == [
        "steady    calm for 20 s",
        "inject    Blackhole",
    ]


def test_on_a_terminal_the_run_is_drawn_below_the_lines_and_nothing_is_left_of_it(tmp_path, terminal):
    fabricated.killed(tmp_path / "run")
    console = Console(Clock.start(10), terminal.stream, offer="s stops the experiment")
    with console.watching(tmp_path / "run"):
        console.say("inject", "a line that stays")
        console.glance("waiting for eu-west-1 to serve", "america 4.0/s, 0.0 bad")
        terminal.shows("waiting for eu-west-1 to serve")
        terminal.shows("s stops the experiment")
    console.say("verdict", "after it")
    terminal.shows("after it\r\n")
    assert "a line that stays\r\n" in terminal.text
    assert "america 4.0/s" not in terminal.text
    assert HIDDEN in terminal.text
    after = terminal.text.rpartition("eu-west-1 to serve")[2]
    assert SHOWN in after
    assert "\x1b[2K" in after


def test_an_error_in_drawing_is_told_in_one_line_and_plain_lines_go_on(tmp_path, terminal):
    fabricated.killed(tmp_path / "run")
    with (tmp_path / "run" / "timeline.jsonl").open("ab") as file:
        file.write(b"\nnot JSON\n")
    console = Console(Clock.start(10), terminal.stream)
    with console.watching(tmp_path / "run"):
        terminal.shows("the live view stopped, plain lines go on: Unreadable: ")
        console.say("inject", "goes on")
        terminal.shows("inject    goes on\r\n")
        assert terminal.text.rpartition("stopped")[0].endswith("the live view ")
    assert terminal.text.count("stopped") == 1
    assert SHOWN in terminal.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_whatever_ends_the_block_every_line_was_said_and_the_cursor_is_back(terminal, error):
    view = View(lambda width, height: "picture", terminal.stream)

    def end_badly() -> None:
        with view:
            terminal.shows("picture")
            view.say("the last words")
            raise error

    with pytest.raises(type(error)):
        end_badly()
    terminal.shows("the last words\r\n")
    assert SHOWN in terminal.text
    view.say("more")
    terminal.shows("more\r\n")


def test_a_glance_lasts_until_the_next_step(tmp_path, terminal):
    fabricated.killed(tmp_path / "run")
    console = Console(Clock.start(10), terminal.stream)
    with console.watching(tmp_path / "run"):
        console.glance("an old glance")
        console.say("read_back", "every write")
        assert console._glanced == ""


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(terminal, monkeypatch):
    assert drawable(terminal.stream)
    monkeypatch.setenv("TERM", "dumb")
    assert not drawable(terminal.stream)
    assert not drawable(io.StringIO())


def test_pictures_come_twice_a_second_at_most(terminal):
    painted: list[tuple[int, int]] = []
    began = monotonic_nanoseconds()
    with View(lambda width, height: painted.append((width, height)), terminal.stream) as view:
        for number in range(50):
            view.say(str(number))
        real_sleep(0.7)
    assert 1 <= len(painted) <= 1 + (monotonic_nanoseconds() - began) / 1e9 / PERIOD_REAL_SECONDS
    assert painted[0] == (130, 32)
