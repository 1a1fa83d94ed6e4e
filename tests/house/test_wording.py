"""A verdict has one word, one colour and one sign, in terminal, Markdown, Allure and pages: those of verdicts.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.verdicts import Ruling

HOME = Path(__file__).resolve().parents[2]
SOURCE = HOME / "harness" / "verdicts.py"
OURS = [part for ruling in Ruling for part in (ruling.wording, ruling.colour)] + [Ruling.KEPT.sign, Ruling.BROKEN.sign]


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text of a module that is no docstring, with its line."""
    expressions = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in expressions:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", sorted((HOME / "harness").rglob("*.py")), ids=lambda path: str(path.relative_to(HOME)))
def test_nobody_else_has_a_word_or_a_colour_for_a_verdict(path: Path) -> None:
    if path != SOURCE:
        found = [(line, text) for line, text in texts(ast.parse(path.read_text())) if any(one in text for one in OURS)]
        assert found == []


def test_a_word_of_somebody_elses_would_be_found() -> None:
    told = f'"""{Ruling.KEPT.wording}"""\nSAID = f"{{1}} {Ruling.KEPT.wording}"\n'
    assert [line for line, text in texts(ast.parse(told)) if Ruling.KEPT.wording in text] == [2]
