"""The tutorial's blocks, and how they are carried out: files are made, commands run, what they print is compared.

A block's first line says what it is: ``python FILE`` makes the file, ``toml FILE`` adds to it, ``sh`` holds commands,
each with the exit code that it promises, and ``text`` right after it what all of them together must print.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMISED = re.compile(r"(.*\S)\s+# exit (\d)")

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Block:
    """One block of the page; ``file`` is empty where it is none."""

    kind: str
    file: str
    text: str

    @property
    def commands(self) -> list[tuple[list[str], int]]:
        """The words of each command, and the exit code that it promises."""
        found = [_PROMISED.fullmatch(line) for line in self.text.splitlines()]
        assert all(found), f"a command promises no exit code: {self.text}"
        return [(shlex.split(one[1]), int(one[2])) for one in found if one]


def blocks(page: str) -> list[Block]:
    """Every block of a page that has a kind."""
    return [Block(*(part or "" for part in one.groups())) for one in _BLOCK.finditer(page)]


def carry_out(page: Sequence[Block], checkout: Path, run: Run) -> None:
    """Do what the page says, in its order; ``AssertionError`` where something comes out otherwise."""
    said = ""
    for block in page:
        if block.kind == "python":
            path = checkout / block.file
            assert not path.exists(), f"{block.file} is there already"
            path.write_text(block.text)
        elif block.kind == "toml":
            path = checkout / block.file
            path.write_text(f"{path.read_text()}\n{block.text}")
        elif block.kind == "sh":
            said = "".join(_told(run, words, code) for words, code in block.commands)
        elif block.kind == "text":
            for line in block.text.splitlines():
                assert is_in(line, said), f"{line!r} was not printed, but:\n{said}"


def is_in(line: str, said: str) -> bool:
    """Whether some line of what was said holds this one, with anything where it has an ellipsis."""
    wanted = re.compile(".*".join(re.escape(part) for part in line.strip().split("…")))
    return any(wanted.search(one) for one in said.splitlines())


def _told(run: Run, words: Sequence[str], code: int) -> str:
    done = run(words)
    assert done.returncode == code, f"{shlex.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
