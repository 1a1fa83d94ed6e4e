"""What the twin claims of AWS is said with its source, and held by a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
PAGES = sorted((HOME / "docs" / "twin-fidelity").glob("*.md"))
CONTRACT = HOME / "tests" / "contract"
HEAD = ["operation", "what really happens", "AWS source", "known difference", "test"]


def rows(page: Path) -> list[list[str]]:
    lines = [line for line in page.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if row != HEAD and not set("".join(row)) <= {"-", ":"}]


def names_in(name: str) -> set[str]:
    path = CONTRACT / name
    if not path.exists():
        return set()
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_there_is_a_page_for_every_service():
    index = (HOME / "docs" / "twin-fidelity.md").read_text()
    assert PAGES
    assert [page.name for page in PAGES if f"twin-fidelity/{page.name}" not in index] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_row_has_its_source_and_a_test_that_exists(page):
    found = rows(page)
    assert found, "a page without a table claims nothing"
    for row in found:
        assert len(row) == len(HEAD), f"{page.name}: {row[0]}: {len(row)} cells"
        operation, _, source, _, test = row
        # What AWS has no words for, acts of nature mostly, says so in as many words.
        assert "https://" in source or source.startswith("none"), f"{page.name}: {operation}: no source"
        named = re.findall(r"(test_\w+\.py)::(test_\w+)", test)
        assert named, f"{page.name}: {operation}: no test"
        for file, name in named:
            assert name in names_in(file), f"{page.name}: {operation}: {file} has no {name}"
