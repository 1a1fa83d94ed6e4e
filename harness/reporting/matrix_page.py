"""The measured decision matrix as Markdown for the terminal and as a page of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from harness.matrix import Cell, Line, Matrix
from harness.phases import PHASES, title
from harness.reporting import markup

MATRIX_FILE = "matrix.html"
_CAPTION = (
    "From the newest finished run of each scenario; where several speak of the same, the worst is told, and what was "
    "measured in most phases comes first. Recovery time: from the fault to the first request from which the service "
    "stays good, in brackets by how much it may have been shorter; runs under which no platform can recover are left "
    "out. Times are AWS time. Latency: the steady state at speed 1."
)


def markdown(matrix: Matrix) -> str:
    """The matrix as a table; each cell is followed by the number of its runs, which are listed below."""
    numbers = _numbers(matrix)
    heads = ["", "", *map(title, PHASES)]
    lines = [f"## Decision matrix, measured ({matrix.version})", "", _row(heads), "|---" * len(heads) + "|"]
    for group, line in _grouped(matrix):
        cells = [f"{cell.text}{_marks(cell, numbers)}" for cell in line.cells.values()]
        lines.append(_row([group, line.what, *cells]))
    lines += ["", _CAPTION, ""]
    lines += [f"- {note}" for note in matrix.notes]
    lines += [f"- [{number}] {name}" for name, number in numbers.items()]
    return "\n".join(lines) + "\n"


def html(matrix: Matrix, pages: Mapping[str, str] = MappingProxyType({})) -> str:
    """The matrix as a page of the site; ``pages``: the addresses of the runs that have a page of their own there."""
    return markup.beneath("Decision matrix", content(matrix, pages))


def content(matrix: Matrix, pages: Mapping[str, str]) -> list[str]:
    """The page without its frame."""
    heads = "".join(f"<th>{head}</th>" for head in ("", "", *map(title, PHASES)))
    rows = "\n".join(
        f"<tr><td>{markup.escape(group)}</td><td>{markup.escape(line.what)}</td>"
        f"{''.join(_cell(cell, pages) for cell in line.cells.values())}</tr>"
        for group, line in _grouped(matrix)
    )
    notes = "".join(f"<li>{markup.escape(note)}</li>" for note in matrix.notes)
    return [
        f"<h1>Decision matrix, measured</h1><p class='faint'>{markup.escape(matrix.version.replace('_', ' '))}</p>",
        f'<div class="wide"><table><tr>{heads}</tr>\n{rows}</table></div>',
        f'<p class="faint">{markup.escape(_CAPTION)}</p><ul>{notes}</ul>',
    ]


def _grouped(matrix: Matrix) -> Iterator[tuple[str, Line]]:
    """Each line with its group's name, which is only written where the group begins."""
    before = ""
    for line in matrix.lines:
        yield ("" if line.group == before else line.group), line
        before = line.group


def _numbers(matrix: Matrix) -> dict[str, int]:
    names = dict.fromkeys(name for line in matrix.lines for cell in line.cells.values() for name in cell.sources)
    return {name: number for number, name in enumerate(names, 1)}


def _marks(cell: Cell, numbers: dict[str, int]) -> str:
    return "".join(f" [{numbers[name]}]" for name in cell.sources)


def _cell(cell: Cell, pages: Mapping[str, str]) -> str:
    if not cell.sources:
        return f'<td class="faint">{markup.escape(cell.text)}</td>'
    sources = "<br>".join(_source(name, pages.get(name, "")) for name in cell.sources)
    return f'<td>{markup.escape(cell.text)}<br><span class="faint">{sources}</span></td>'


def _source(name: str, page: str) -> str:
    """A run by its scenario's name; the whole name shows where one points at it."""
    shown = name.rpartition("/")[2].partition(".")[2].replace("_", " ") or name
    inside = f'<span title="{markup.escape(name)}">{markup.escape(shown)}</span>'
    return f'<a href="{page}">{inside}</a>' if page else inside


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', '/') for cell in cells)} |"
