"""What the documents name is there: files, commands with their options, modules, make targets, promises."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.cli import app
from harness.objectives import PROMISES
from harness.verdicts import Exit, Outcome, Ruling
from tests import tutorial

HOME = Path(__file__).resolve().parents[2]
PAGES = sorted([*HOME.glob("*.md"), *(HOME / "docs").rglob("*.md")])
MEASURING = (HOME / "docs" / "measuring.md").read_text()
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FENCED = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_ROOT: Any = typer.main.get_command(app)


def commands_in(text: str) -> Iterator[str]:
    """Every `gameday …` of a page: in running text, in blocks, and within `$(…)`."""
    for found in _FENCED.finditer(text):
        for line in found[1].splitlines():
            yield from re.findall(r"(?:^|\$\(|\s|/)(gameday [a-z][^#)|$]*)", line.partition("  #")[0])
    for found in _CODE.finditer(_FENCED.sub("", text)):
        if found[1].startswith("gameday ") and re.match(r"gameday [a-z-]", found[1]):
            yield found[1].partition(" $(")[0]


def wrong_with(words: str) -> str:
    """What of a command there is not; empty when all of it is there."""
    parts = shlex.split(words.replace("[", " ").replace("]", " ").replace('"', " "))[1:]
    command, path = _ROOT, "gameday"
    while parts and parts[0] in getattr(command, "commands", {}):
        command, path = command.commands[parts[0]], f"{path} {parts.pop(0)}"
    if hasattr(command, "commands") and not command.invoke_without_command:
        named = [part for part in parts[:1] if not part.startswith("-")]
        return f"{path} has no command {named[0]}" if named else ""
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for part in parts:
        if part == "--":
            break
        name = part.partition("=")[0]
        if re.match(r"--?[a-z]", name) and name not in {*options, "--help"}:
            return f"{path} has no option {name}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
    there = [(link, (page.parent / link).resolve()) for link in links]
    missing = [link for link, path in there if not path.exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_every_command_and_option_exists(page: Path) -> None:
    assert list(filter(None, map(wrong_with, commands_in(page.read_text())))) == []


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("gameday run --cadence nightly", ""),
        ("gameday twin enter asia -- dig --short", ""),
        ("gameday twin strike lose eu-west-1", ""),
        ("gameday rn", "gameday has no command rn"),
        ("gameday twin upp --speed 3", "gameday twin has no command upp"),
        ("gameday observe --life", "gameday observe has no option --life"),
    ],
)
def test_what_does_not_exist_is_found(words: str, wrong: str) -> None:
    assert wrong_with(words) == wrong


def test_commands_are_found_wherever_they_stand() -> None:
    page = 'Say `gameday list`.\n```\neval "$(gameday twin env)"  # gameday x\n.venv/bin/gameday doctor\n```\n'
    assert [words.strip() for words in commands_in(page)] == ["gameday twin env", "gameday doctor", "gameday list"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_every_file_and_make_target_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    named = re.findall(r"`((?:harness|tests|loadtests|scenarios|targets|infrastructure|\.github|\.ci)/[\w./-]+)`", text)
    made = {"targets/staging.toml", "scenarios/PHASE/"} | {block.file for block in tutorial.blocks(text)}
    assert [name for name in named if not (HOME / name).exists() and name not in made] == []
    targets = set(re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets


def test_every_promise_verdict_and_outcome_has_its_definition() -> None:
    assert [name for name in PROMISES if f"`{name}`" not in MEASURING] == []
    assert [one.name for one in Ruling if f"**{one.name}**" not in MEASURING and f"{one.name} <" not in MEASURING] == []
    assert [one.value for one in Outcome if one.value not in MEASURING] == []
    assert [int(code) for code in Exit if not re.search(rf"\b{int(code)} [a-z]", MEASURING)] == []


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = re.findall(r"^(\d+)\. \*\*2026", (HOME / "docs" / "decisions.md").read_text(), re.MULTILINE)
    assert numbers == [str(number + 1) for number in range(len(numbers))]


def test_the_licence_is_the_one_that_the_project_names() -> None:
    assert 'license = "Apache-2.0"' in (HOME / "pyproject.toml").read_text()
    assert "Apache License" in (HOME / "LICENSE").read_text()
