"""Tables for the terminal: drawn by rich where somebody looks, plain columns where a program reads."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = "  "
SHORT = 14
"""A column whose cells are no longer than this is never broken into lines."""


def show(rows: Sequence[Mapping[str, str]], colours: Mapping[str, str] | None = None) -> None:
    """Print rows that all have the same columns. ``colours``: the hex colour of a cell with that very text."""
    if sys.stdout.isatty():
        Console().print(_drawn(rows, colours or {}))
    else:
        sys.stdout.write(plain(rows))


def plain(rows: Sequence[Mapping[str, str]]) -> str:
    """The rows as aligned columns, the heads above them; empty for no rows."""
    if not rows:
        return ""
    heads = list(rows[0])
    lines = [heads, *([row[head] for head in heads] for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(heads))]
    padded = (GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(f"{line.rstrip()}\n" for line in padded)


def _drawn(rows: Sequence[Mapping[str, str]], colours: Mapping[str, str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in rows[0] if rows else ():
        short = max(len(row[head]) for row in rows) <= SHORT
        table.add_column(head, overflow="fold", no_wrap=short)
    for row in rows:
        table.add_row(*(Text(cell, style=colours.get(cell, "")) for cell in row.values()))
    return table
